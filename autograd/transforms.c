/* transforms.c: products with Jacobians, and whole ones, made of the gradient transform and of vmap. */
#define RG_NO_SITES
#include "ops.h"
#include "transform.h"

rg_tape *rg_tape_among(int n, const rg_tensor *in)
{
    for (int i = 0; in && i < n; i++)
        if (in[i].tape) return in[i].tape;
    return NULL;
}

static void forget(rg_tensor *out, int n)
{
    for (int i = 0; out && i < n; i++) out[i] = (rg_tensor){ 0 };
}

/* What every call begins and ends with: whose line is named, and scratch memory. */
typedef struct {
    rg_tape *tape;
    const char *site;
    rg_arena scratch;
} visit;

static bool enter(visit *v, const char *site, const char *what, rg_tape *tape, bool places)
{
    if (!tape || tape->error.status) return false;
    if (!places) {
        rg_fail(tape, site, RG_E_NULL, "%s: no place for tensors or results", what);
        return false;
    }
    *v = (visit){ tape, rg_set_site(tape, site ? site : tape->site), tape->scratch };
    return true;
}

static rg_status leave(const visit *v, rg_tensor *out, int n)
{
    if (v->tape->error.status) forget(out, n);
    rg_arena_return(&v->tape->scratch, &v->scratch);
    rg_set_site(v->tape, v->site);
    return v->tape->error.status;
}

static rg_status refused(const rg_tape *tape)
{
    return tape ? tape->error.status : RG_E_NULL;
}

static rg_tensor *tensors(rg_tape *tape, int n)
{
    rg_tensor *all = rg_arena_take_zeroed(&tape->scratch, (size_t)(n > 0 ? n : 1) * sizeof *all);
    if (!all) rg_fail(tape, NULL, RG_E_MEMORY, "out of memory for a transform");
    return all;
}

static rg_tensor zeros_like(rg_tensor t)
{
    return rg_full(t.tape, rg_dtype_of(t), rg_shape_of(t), 0);
}

static bool refuse(const char *what, rg_status status, const char *reason, int n, const rg_tensor *in)
{
    rg_fail_op(in[0].tape, NULL, status, what, reason, n, in);
    return false;
}

static bool all_floats(const char *what, const rg_tensor *in, int n)
{
    for (int i = 0; i < n; i++)
        if (!rg_dtype_is_float(rg_dtype_of(in[i])))
            return refuse(what, RG_E_GRADIENT, "only f32 and f64 have derivatives", 1, &in[i]);
    return true;
}

/* Each direction must be like the variable it belongs to. */
static bool all_like(const char *what, rg_tensor y, const rg_tensor *variables, const rg_tensor *directions, int n)
{
    for (int i = 0; i < n; i++) {
        const rg_tensor all[] = { y, variables[i], directions[i] };
        if (!rg_operands_checked(NULL, what, 3, all)) return false;
        if (rg_dtype_of(directions[i]) != rg_dtype_of(variables[i]))
            return refuse(what, RG_E_DTYPE, "dtypes of a variable and its direction differ", 2, all + 1);
        if (!rg_shape_equal(rg_shape_of(directions[i]), rg_shape_of(variables[i])))
            return refuse(what, RG_E_SHAPE, "shapes of a variable and its direction differ", 2, all + 1);
    }
    return all_floats(what, variables, n);
}

/* ---- Forward mode -------------------------------------------------------------------------------------- */

/* u -> J'u is linear in u, so that its vjp with cotangent v is J v, which no longer depends on u: nodes that compute
 * J'u are dead. They must be no constants, even where what comes out shall be one. */
static void push(const rg_tensor *y, int outputs, const rg_tensor *wrt, const rg_tensor *tangents, int n, rg_tensor *out)
{
    rg_tape *tape = y[0].tape;
    rg_tensor *u = tensors(tape, outputs), *pulled = tensors(tape, n);
    if (!u || !pulled) return;
    const bool constant = rg_no_grad(tape, false);
    for (int j = 0; j < outputs; j++) u[j] = zeros_like(y[j]);
    rg_vjp_many(y, u, outputs, wrt, n, pulled);
    rg_no_grad(tape, constant);
    rg_vjp_many(pulled, tangents, n, u, outputs, out);
}

rg_status rg_jvp_many_at(const char *site, const rg_tensor *y, int outputs, const rg_tensor *wrt,
                         const rg_tensor *tangents, int n, rg_tensor *out)
{
    visit v;
    rg_tape *tape = rg_tape_among(outputs, y);
    forget(out, outputs);
    if (!enter(&v, site, "jvp", tape, n > 0 && out && wrt && tangents)) return refused(tape);
    const bool can_be = rg_operands_checked(NULL, "jvp", outputs, y) && all_floats("jvp", y, outputs);
    if (can_be && all_like("jvp", y[0], wrt, tangents, n)) push(y, outputs, wrt, tangents, n, out);
    return leave(&v, out, outputs);
}

rg_status rg_jvp_at(const char *site, rg_tensor y, const rg_tensor *wrt, const rg_tensor *tangents, int n, rg_tensor *out)
{
    return rg_jvp_many_at(site, &y, 1, wrt, tangents, n, out);
}

/* The vjp of the gradient: the Hessian is its own transpose. */
rg_status rg_hvp_at(const char *site, rg_tensor y, const rg_tensor *wrt, const rg_tensor *direction, int n, rg_tensor *out)
{
    visit v;
    forget(out, n);
    if (!enter(&v, site, "hvp", y.tape, n > 0 && wrt && direction && out)) return refused(y.tape);
    rg_tensor *slopes = tensors(y.tape, n);
    const bool constant = rg_no_grad(y.tape, false);
    if (slopes && all_like("hvp", y, wrt, direction, n)) rg_grad(y, wrt, n, slopes);
    rg_no_grad(y.tape, constant);
    if (!y.tape->error.status) rg_vjp_many(slopes, direction, n, wrt, n, out);
    return leave(&v, out, n);
}

/* ---- Whole Jacobians ----------------------------------------------------------------------------------- */

static rg_shape joined(rg_shape a, rg_shape b)
{
    rg_shape both = a;
    for (int i = 0; i < b.rank; i++) both.size[both.rank++] = b.size[i];
    return both;
}

/* Every unit vector of that shape, along a new leading dimension. */
static rg_tensor identity(rg_tape *tape, rg_dtype dtype, rg_shape shape)
{
    const int64_t n = rg_shape_count(shape);
    const size_t item = rg_dtype_size(dtype);
    size_t bytes;
    char *numbers = rg_size_mul((size_t)n, item, &bytes) ? rg_arena_take(&tape->scratch, bytes) : NULL;
    if (!numbers) return rg_fail(tape, NULL, RG_E_MEMORY, "jacobian: out of memory");
    for (int64_t i = 0; i < n; i++) {
        if (dtype == RG_F32) ((float *)(void *)numbers)[i] = (float)i;
        else ((double *)(void *)numbers)[i] = (double)i;
    }
    rg_tensor number = rg_constant(tape, dtype, RG_SHAPE(n), numbers);
    return rg_reshape(rg_equal(rg_reshape(number, RG_SHAPE(n, 1)), number), joined(RG_SHAPE(n), shape));
}

static void by_rows(rg_tensor y, const rg_tensor *wrt, int n, rg_tensor *out)
{
    rg_tape *tape = y.tape;
    rg_tensor u = zeros_like(y), *pulled = tensors(tape, n), *rows = tensors(tape, n);
    if (!pulled || !rows || rg_vjp(y, u, wrt, n, pulled)) return;
    const rg_tensor all = identity(tape, rg_dtype_of(y), rg_shape_of(y));
    if (rg_vmap(pulled, n, &u, &all, 1, rows)) return;
    for (int i = 0; i < n; i++) out[i] = rg_reshape(rows[i], joined(rg_shape_of(y), rg_shape_of(wrt[i])));
}

static void by_columns(rg_tensor y, const rg_tensor *wrt, int n, rg_tensor *out)
{
    for (int i = 0; i < n && !y.tape->error.status; i++) {
        const rg_tensor v = zeros_like(wrt[i]), all = identity(y.tape, rg_dtype_of(v), rg_shape_of(v));
        rg_tensor pushed, columns;
        if (rg_jvp(y, &wrt[i], &v, 1, &pushed) || rg_vmap(&pushed, 1, &v, &all, 1, &columns)) return;
        rg_axes column_last = { .count = 0 };
        const int rank = rg_shape_of(y).rank;
        for (int axis = 0; axis < rank; axis++) column_last.axis[column_last.count++] = 1 + axis;
        column_last.axis[column_last.count++] = 0;
        out[i] = rg_reshape(rg_permute(columns, column_last), joined(rg_shape_of(y), rg_shape_of(v)));
    }
}

/* Whether there can be Jacobians, and how many columns they have together. */
static bool fits(rg_tensor y, const rg_tensor *wrt, int n, int64_t *columns)
{
    *columns = 0;
    for (int i = 0; i < n; i++) {
        const rg_tensor both[] = { y, wrt[i] };
        if (!rg_operands_checked(NULL, "jacobian", 2, both)) return false;
        if (!all_floats("jacobian", both, 2)) return false;
        if (rg_shape_of(y).rank + rg_shape_of(wrt[i]).rank > RG_MAX_RANK)
            return refuse("jacobian", RG_E_SHAPE, "too many dimensions", 2, both);
        if (__builtin_add_overflow(*columns, rg_shape_count(rg_shape_of(wrt[i])), columns)) *columns = INT64_MAX;
    }
    return true;
}

rg_status rg_jacobian_at(const char *site, rg_tensor y, const rg_tensor *wrt, int n, rg_tensor *out)
{
    visit v;
    int64_t columns;
    forget(out, n);
    if (!enter(&v, site, "jacobian", y.tape, n > 0 && wrt && out)) return refused(y.tape);
    if (fits(y, wrt, n, &columns))
        (rg_shape_count(rg_shape_of(y)) <= columns ? by_rows : by_columns)(y, wrt, n, out);
    return leave(&v, out, n);
}

rg_status rg_hessian_at(const char *site, rg_tensor y, const rg_tensor *wrt, int n, rg_tensor *out)
{
    visit v;
    forget(out, n > 0 && n < INT32_MAX / n ? n * n : 0);
    if (!enter(&v, site, "hessian", y.tape, n > 0 && wrt && out)) return refused(y.tape);
    rg_tensor *slopes = tensors(y.tape, n);
    const bool constant = rg_no_grad(y.tape, false);
    if (slopes) rg_grad(y, wrt, n, slopes);
    rg_no_grad(y.tape, constant);
    for (int i = 0; i < n && !y.tape->error.status; i++) rg_jacobian(slopes[i], wrt, n, out + (size_t)i * (size_t)n);
    return leave(&v, out, n * n);
}
