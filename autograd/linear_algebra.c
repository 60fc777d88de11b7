/* linear_algebra.c: factorisations, equations and determinants as ops, over batches of matrices. What is computed is
 * LAPACK's (linear_algebra_kernels.c); the derivatives are ordinary ops. */
#include <stdio.h>

#include "linear_algebra_kernels.h"

static const char *missing_lapack(void)
{
    return rg_has_lapack() ? NULL : "there is no LAPACK here (Debian package liblapack3)";
}

/* ---- What they cost --------------------------------------------------------------------------------------------- */

/* Operations on floating-point numbers: a polynomial in n, in sixths, as LAPACK's routines have it [Blackford and Dongarra,
 * LAPACK Working Note 41], and n^2 for each right-hand side of a triangle. */
static double cost(const rg_call *call, const double *of_factors, double of_sides)
{
    const double n = (double)rg_matrix_size(call), m = of_sides != 0 ? (double)rg_row_elements(call) : 0;
    return n * (of_factors[1] + n * (of_factors[2] + n * of_factors[3])) / 6 + of_sides * n * n * m;
}

static int64_t work_of(double operations)
{
    const double at_once = 8, most = 0x1p60, work = operations / at_once + 64;
    return work < most ? (int64_t)work : (int64_t)most;
}

#define COST(name, of_sides, ...)                                                                                  \
    static double one_##name(const rg_call *call)                                                                  \
    {                                                                                                              \
        return cost(call, (const double[]){ 0, __VA_ARGS__ }, of_sides);                                           \
    }                                                                                                              \
    static double name##_operations(const rg_call *call)                                                           \
    {                                                                                                              \
        return (double)rg_matrices(call) * one_##name(call);                                                       \
    }                                                                                                              \
    static int64_t name##_work(const rg_call *call)                                                                \
    {                                                                                                              \
        return work_of(one_##name(call));                                                                          \
    }
/* Right-hand sides; n, n^2, n^3. Cofactors are a factorisation, an inverse of a triangle, and a triangle with n sides. */
COST(cholesky, 0, 1, 3, 2)
COST(cholesky_adjoint, 0, -1, 9, 4)
COST(cholesky_tangent, 0, 2, 6, 4)
COST(triangular_solve, 1, 0, 0, 0)
COST(solve, 2, 5, -3, 4)
COST(inverse, 0, 15, -9, 12)
COST(determinant, 0, 11, -3, 4)
COST(cofactors, 0, 15, -3, 12)

/* ---- Shapes ----------------------------------------------------------------------------------------------------- */

/* What all of them ask of a. */
static rg_status square_shape(rg_shape_call *call)
{
    const rg_shape *a = call->in[0];
    call->dtype = call->in_dtype[0];
    call->like = 1;
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "takes f32 or f64");
    if (a->rank < 2) return rg_refuse(call, RG_E_SHAPE, "takes matrices");
    if (a->size[a->rank - 1] != a->size[a->rank - 2]) return rg_refuse(call, RG_E_SHAPE, "the matrix is not square");
    if (a->size[a->rank - 1] > INT32_MAX) return rg_refuse(call, RG_E_SHAPE, "the matrix is too large for LAPACK");
    return RG_OK;
}

static rg_status determinant_shape(rg_shape_call *call)
{
    rg_status status = square_shape(call);
    if (status) return status;
    call->like = 0;
    call->shape = *call->in[0];
    call->shape.rank -= 2;
    return RG_OK;
}

/* Two operands with matrices of their own; the result has the second one's. */
static rg_status with_square_shape(rg_shape_call *call)
{
    const rg_shape *a = call->in[0], *b = call->in[1];
    rg_shape batch_a = *a, batch_b = *b;
    if (call->in_dtype[1] != call->in_dtype[0]) return rg_refuse(call, RG_E_DTYPE, "dtypes differ");
    rg_status status = square_shape(call);
    if (status) return status;
    if (b->rank < 2) return rg_refuse(call, RG_E_SHAPE, "takes matrices");
    if (b->size[b->rank - 2] != a->size[a->rank - 1])
        return rg_refuse(call, RG_E_SHAPE, "as many rows on the right as in the matrix are needed");
    if (b->size[b->rank - 1] > INT32_MAX) return rg_refuse(call, RG_E_SHAPE, "the matrix is too large for LAPACK");
    batch_a.rank -= 2;
    batch_b.rank -= 2;
    if (!rg_broadcast(&batch_a, &batch_b, &call->shape))
        return rg_refuse(call, RG_E_SHAPE, "leading sizes do not broadcast");
    call->like = 0;
    call->shape.size[call->shape.rank++] = b->size[b->rank - 2];
    call->shape.size[call->shape.rank++] = b->size[b->rank - 1];
    return RG_OK;
}

static rg_status cholesky_adjoint_shape(rg_shape_call *call)
{
    rg_status status = with_square_shape(call);
    const int rank = call->shape.rank;
    if (status == RG_OK && call->shape.size[rank - 1] != call->shape.size[rank - 2])
        return rg_refuse(call, RG_E_SHAPE, "the cotangent is not square");
    return status;
}

static rg_status equations_shape(rg_shape_call *call)
{
    const int64_t how = *(const int64_t *)call->attributes;
    if (how & ~(int64_t)(RG_UPPER | RG_TRANSPOSED | RG_UNIT_DIAGONAL))
        return rg_refuse(call, RG_E_ARGUMENT, "an unknown way to read the matrix: %lld", (long long)how);
    return with_square_shape(call);
}

/* ---- Derivatives ---------------------------------------------------------------------------------------------------
 * One call records at a time: the order in which C evaluates two arguments is the compiler's choice. */

static rg_tensor cholesky_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in;
    const rg_tensor with[] = { y, g };
    return rg_apply(&rg_op_cholesky_adjoint, NULL, 2, with);
}

/* x, of a result's shape up to its last size, for a product that is to be summed over what a matrix of the shape `like` was
 * repeated along: that joins x's last dimension, the product's inner one. */
static rg_tensor inner_joined(rg_tensor x, rg_shape like)
{
    const rg_shape shape = rg_shape_of(x);
    const int rows = shape.rank - 2, missing = shape.rank - like.rank;
    rg_axes order = { .count = shape.rank };
    bool kept[RG_MAX_RANK];
    int at = 0;
    for (int i = 0; i < rows; i++) {
        kept[i] = i >= missing && like.size[i - missing] == shape.size[i];
        if (kept[i]) order.axis[at++] = i;
    }
    if (at == rows) return x;
    order.axis[at++] = rows;
    like.size[like.rank - 2] = shape.size[rows];
    like.size[like.rank - 1] = shape.size[rows + 1];
    for (int i = 0; i < rows; i++) {
        if (kept[i]) continue;
        order.axis[at++] = i;
        like.size[like.rank - 1] *= shape.size[i];
    }
    order.axis[at] = rows + 1;
    return rg_reshape(rg_permute(x, order), like);
}

/* a b', summed over what a matrix like that was repeated along. */
static rg_tensor product_for(rg_tensor like, rg_tensor a, rg_tensor b)
{
    rg_tensor left = inner_joined(a, rg_shape_of(like)), right = inner_joined(b, rg_shape_of(like));
    return rg_matmul(left, rg_transpose(right));
}

/* The adjoint A of g and the tangent T of w are two sides of one form: <A(L, g), w> = <g, T(L, w)>, in lower triangles. So
 * each is the other's cotangent; and if L moves by dL, as w and g stay, T moves by T(L, -(T dL' + dL T')), so the form by
 * -<A + A', dL T'>: that of L is in both cases the lower triangle of -(A + A') T. */
static rg_tensor factor_cotangent(rg_tensor l, rg_tensor adjoint, rg_tensor tangent)
{
    rg_tensor both = rg_add(adjoint, rg_transpose(adjoint));
    return rg_neg(rg_tril(product_for(l, both, rg_transpose(tangent)), 0));
}

static rg_tensor cholesky_adjoint_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    const rg_tensor with[] = { in[0], g };
    rg_tensor tangent = rg_apply(&rg_op_cholesky_tangent, NULL, 2, with);
    return k == 1 ? tangent : factor_cotangent(in[0], y, tangent);
}

static rg_tensor cholesky_tangent_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    const rg_tensor with[] = { in[0], g };
    rg_tensor adjoint = rg_apply(&rg_op_cholesky_adjoint, NULL, 2, with);
    return k == 1 ? adjoint : factor_cotangent(in[0], adjoint, y);
}

/* The cotangent of b, and for k == 0 what it owes to all of a. */
static rg_tensor equations_vjp(int k, const rg_tensor *in, rg_tensor x, rg_tensor g, int64_t how)
{
    const bool transposed = how & RG_TRANSPOSED;
    const int64_t other = how ^ RG_TRANSPOSED;
    const rg_tensor with[] = { in[0], g };
    rg_tensor of_b = rg_apply(rg_op_of(x), &other, 2, with);
    if (k == 1) return of_b;
    return rg_neg(transposed ? product_for(in[0], x, of_b) : product_for(in[0], of_b, x));
}

static rg_tensor solve_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    return equations_vjp(k, in, y, g, *(const int64_t *)rg_attributes_of(y));
}

static rg_tensor triangular_solve_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    const int64_t how = *(const int64_t *)rg_attributes_of(y);
    rg_tensor c = equations_vjp(k, in, y, g, how);
    const bool unit = how & RG_UNIT_DIAGONAL;
    if (k == 1) return c;
    return how & RG_UPPER ? rg_triu(c, unit ? 1 : 0) : rg_tril(c, unit ? -1 : 0);
}

static rg_tensor inverse_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in;
    rg_tensor transposed = rg_transpose(y);
    return rg_neg(rg_matmul(rg_matmul(transposed, g), transposed));
}

/* A number for each matrix, as a matrix of one element. */
static rg_tensor as_matrices(rg_tensor c)
{
    rg_shape shape = rg_shape_of(c);
    shape.size[shape.rank++] = 1;
    shape.size[shape.rank++] = 1;
    return rg_reshape(c, shape);
}

static rg_tensor determinant_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)y;
    rg_tensor cofactors = rg_apply(&rg_op_cofactors, NULL, 1, &in[k]);
    return rg_mul(as_matrices(g), cofactors);
}

/* Where C is d a'^-1: dC = <a'^-1, da> C - C da' a'^-1. The only cofactor of one number is 1. */
static rg_tensor cofactors_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    const rg_shape shape = rg_shape_of(y);
    if (shape.size[shape.rank - 1] == 1) return (rg_tensor){ 0 };
    rg_tensor inner = rg_sum_axes(rg_mul(g, y), RG_AXES(-2, -1), true), scaled = rg_mul(inner, y);
    rg_tensor left = rg_matmul(y, rg_transpose(g)), difference = rg_sub(scaled, rg_matmul(left, y));
    return rg_div(difference, as_matrices(rg_determinant(in[k])));
}

static rg_tensor log_determinant_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)y;
    rg_tensor inverse = rg_inverse(in[k]);
    return rg_mul(as_matrices(g), rg_transpose(inverse));
}

/* ---- The table's entries ---------------------------------------------------------------------------------------- */

#define S(...) { RG_COUNT_INT64(__VA_ARGS__), { __VA_ARGS__ } }
/* Far enough from singular, and positive definite. */
#define SQUARE(shift, ...) { .shape = S(__VA_ARGS__), .low = -1, .high = 1, .diagonal = shift }
#define OF(...) { .operands = 1, .in = { __VA_ARGS__ } }
static const rg_sample square_samples[] = {
    OF(SQUARE(4, 3, 3)), OF(SQUARE(2, 1, 1)), OF(SQUARE(4, 2, 1, 4, 4)), OF(SQUARE(0, 2, 0, 0)),
    { .operands = 1, .in = { { .shape = S(3, 4) } }, .refuse = RG_E_SHAPE },
    { .operands = 1, .in = { { .dtype = RG_I32, .shape = S(3, 3) } }, .refuse = RG_E_DTYPE }, { .operands = 0 },
};

#define ADJOINT(shape_) { .operands = 2, .in = { shape_, shape_ } }
static const rg_sample adjoint_samples[] = {
    ADJOINT(SQUARE(2, 3, 3)), ADJOINT(SQUARE(2, 2, 4, 4)), ADJOINT(SQUARE(2, 0, 0)),
    { .operands = 2, .in = { SQUARE(2, 2, 2, 2), SQUARE(0, 2, 2) } },
    { .operands = 2, .in = { SQUARE(2, 3, 3), { .same_as = 1 } } },
    { .operands = 2, .in = { SQUARE(2, 3, 3), SQUARE(2, 2, 2) }, .refuse = RG_E_SHAPE },
    { .operands = 2, .in = { SQUARE(2, 3, 3), { .dtype = RG_F32, .shape = S(3, 3) } }, .refuse = RG_E_DTYPE },
    { .operands = 0 },
};

static const int64_t plainly = 0, transposed = RG_TRANSPOSED, upper = RG_UPPER, unknown = 8,
                     all_three = RG_UPPER | RG_TRANSPOSED | RG_UNIT_DIAGONAL;
#define EQUATIONS(how, a, ...) { .operands = 2, .in = { a, { .shape = S(__VA_ARGS__) } }, .attributes = how }
#define REFUSED_EQUATIONS(status, how, a, ...)                                                                     \
    { .operands = 2, .in = { a, { __VA_ARGS__ } }, .attributes = how, .refuse = status }
/* The first few with what only triangles have. */
static const rg_sample equation_samples[] = {
    EQUATIONS(&upper, SQUARE(4, 3, 3), 3, 2), EQUATIONS(&all_three, SQUARE(4, 2, 3, 3), 3, 2),
    EQUATIONS(&plainly, SQUARE(4, 3, 3), 2, 3, 2), EQUATIONS(&transposed, SQUARE(4, 2, 1, 3, 3), 2, 3, 1),
    EQUATIONS(&plainly, SQUARE(2, 1, 1), 1, 1), EQUATIONS(&plainly, SQUARE(0, 0, 0), 0, 2),
    EQUATIONS(&plainly, SQUARE(4, 3, 3), 2, 3, 0),
    { .operands = 2, .in = { SQUARE(4, 3, 3), { .same_as = 1 } }, .attributes = &plainly },
    REFUSED_EQUATIONS(RG_E_SHAPE, &plainly, SQUARE(4, 3, 3), .shape = S(2, 3)),
    REFUSED_EQUATIONS(RG_E_SHAPE, &plainly, SQUARE(4, 2, 3, 3), .shape = S(3, 3, 1)),
    REFUSED_EQUATIONS(RG_E_DTYPE, &plainly, SQUARE(4, 3, 3), .dtype = RG_F32, .shape = S(3, 3)),
    REFUSED_EQUATIONS(RG_E_ARGUMENT, &unknown, SQUARE(4, 3, 3), .shape = S(3, 3)), { .operands = 0 },
};
enum { OF_TRIANGLES = 2 };

static void describe_equations(const void *attributes, char *text, size_t size)
{
    const int64_t how = *(const int64_t *)attributes;
    snprintf(text, size, "%s%s%s", how & RG_UPPER ? "upper" : "lower", how & RG_TRANSPOSED ? ", transposed" : "",
             how & RG_UNIT_DIAGONAL ? ", unit diagonal" : "");
}

static void describe_solve(const void *attributes, char *text, size_t size)
{
    snprintf(text, size, "%s", *(const int64_t *)attributes & RG_TRANSPOSED ? "transposed" : "");
}

#define MATRIX_OP(name_, arity_, shape_, cost_, elements_, ...)                                                    \
    const rg_op rg_op_##name_ = { .name = #name_, .arity = arity_, .kind = RG_ITEMS, .shape = shape_,              \
                                  .f32 = rg_matrix_##name_, .f64 = rg_matrix_##name_,                              \
                                  .complex_f64 = rg_matrix_##name_##_complex, .items = rg_matrices,                \
                                  .item_work = cost_##_work, .item_elements = elements_,                           \
                                  .operations = cost_##_operations, .prepared_size = sizeof(rg_matrix_job),        \
                                  .prepare = rg_matrix_prepare, .missing = missing_lapack, .batch = rg_batch_matrices,       \
                                  __VA_ARGS__ };
MATRIX_OP(cholesky, 1, square_shape, cholesky, rg_matrix_elements, .vjp = cholesky_vjp, .samples = square_samples,
          .doc = "L with L L' = x, of which the lower triangle is read")
MATRIX_OP(cholesky_adjoint, 2, cholesky_adjoint_shape, cholesky_adjoint, rg_matrix_elements, .vjp = cholesky_adjoint_vjp,
          .samples = adjoint_samples, .doc = "the cotangent of x, from that of its cholesky")
MATRIX_OP(cholesky_tangent, 2, cholesky_adjoint_shape, cholesky_tangent, rg_matrix_elements, .vjp = cholesky_tangent_vjp,
          .samples = adjoint_samples, .doc = "the tangent of the cholesky of x, from that of x")
MATRIX_OP(triangular_solve, 2, equations_shape, triangular_solve, rg_matrix_elements, .attribute_size = sizeof(int64_t),
          .vjp = triangular_solve_vjp, .samples = equation_samples, .describe = describe_equations,
          .doc = "x with a x = b, for a triangle of a")
MATRIX_OP(solve, 2, equations_shape, solve, rg_matrix_elements, .attribute_size = sizeof(int64_t), .scratch = rg_matrix_scratch,
          .vjp = solve_vjp, .samples = equation_samples + OF_TRIANGLES, .describe = describe_solve,
          .doc = "x with a x = b")
MATRIX_OP(inverse, 1, square_shape, inverse, rg_matrix_elements, .scratch = rg_matrix_scratch, .vjp = inverse_vjp,
          .samples = square_samples, .doc = "the inverse matrix")
MATRIX_OP(cofactors, 1, square_shape, cofactors, rg_matrix_elements, .scratch = rg_matrix_scratch, .vjp = cofactors_vjp,
          .samples = square_samples, .doc = "the cofactor of each element, the derivative of the determinant")
/* Singular matrices: no kinks, but what a rule that divides by the determinant or by a pivot knows nothing of. The last pivot of
 * the one is 0, and the first of the other. */
#define SINGULAR(n, values_, ...)                                                                                  \
    { .operands = 1, .in = { { S(n, n), (const double[]){ __VA_ARGS__ }, (const double[]) values_ } } }
#define VALUES(...) { __VA_ARGS__ }
static const rg_kink singular_matrices[] = {
    SINGULAR(2, VALUES(4, -2, -2, 1), 1, 2, 2, 4),
    SINGULAR(3, VALUES(0, 0, 0, 0, 0, 0, 6, 0, 0), 0, 2, 0, 0, 0, 3, 0, 0, 0), { .operands = 0 },
};
#define DETERMINANT_OP(name, ...)                                                                                  \
    MATRIX_OP(name, 1, determinant_shape, determinant, rg_one_element, .scratch = rg_matrix_scratch,                     \
              .samples = square_samples, __VA_ARGS__)
DETERMINANT_OP(determinant, .vjp = determinant_vjp, .kinks = singular_matrices, .doc = "the determinant")
DETERMINANT_OP(logdet, .vjp = log_determinant_vjp, .doc = "ln of the determinant")
DETERMINANT_OP(log_abs_determinant, .vjp = log_determinant_vjp, .doc = "ln of the determinant's absolute value")
DETERMINANT_OP(sign_determinant, .no_gradient = 1, .doc = "the determinant's sign; no gradient")

/* ---- Recording -------------------------------------------------------------------------------------------------- */

/* A vector on the right is a column, and its extra dimension goes again. */
static rg_tensor equations(const char *site, const rg_op *op, int64_t how, rg_tensor a, rg_tensor b)
{
    rg_tensor in[] = { a, b };
    const rg_tape *tape = rg_operands_checked(site, op->name, 2, in);
    if (!tape) return (rg_tensor){ 0 };
    const rg_shape sa = *tape->nodes[a.node].shape, sb = *tape->nodes[b.node].shape;
    if (sb.rank != 1 || sa.rank < 2) return rg_apply_at(site, op, &how, 2, in);
    if (sa.size[sa.rank - 1] != sb.size[0])
        return rg_fail_op(a.tape, site, RG_E_SHAPE, op->name, "the vector's size is not the matrix's", 2, in);
    in[1] = rg_reshape_at(site, b, RG_SHAPE(sb.size[0], 1));
    rg_tensor x = rg_apply_at(site, op, &how, 2, in);
    rg_shape shape = rg_shape_of(x);
    if (rg_is_null(x)) return x;
    shape.rank--;
    return rg_reshape_at(site, x, shape);
}

rg_tensor rg_triangular_solve_at(const char *site, rg_tensor a, rg_tensor b, int how)
{
    return equations(site, &rg_op_triangular_solve, how, a, b);
}

rg_tensor rg_solve_at(const char *site, rg_tensor a, rg_tensor b)
{
    return equations(site, &rg_op_solve, 0, a, b);
}

/* The op reads one triangle; the gradient of a symmetric matrix is symmetric. */
rg_tensor rg_cholesky_at(const char *site, rg_tensor a)
{
    const rg_node *node = rg_node_checked(site, "cholesky", a);
    const rg_shape *shape = node ? node->shape : NULL;
    const bool square = shape && shape->rank >= 2 && shape->size[shape->rank - 1] == shape->size[shape->rank - 2];
    if (!square || !rg_dtype_is_float((rg_dtype)node->dtype)) return rg_apply_at(site, &rg_op_cholesky, NULL, 1, &a);
    rg_tensor sum = rg_add_at(site, a, rg_transpose_at(site, a)), symmetric = rg_scale_at(site, sum, 0.5);
    return rg_apply_at(site, &rg_op_cholesky, NULL, 1, &symmetric);
}

/* One vector for a batch of matrices is solved for as a column: half of the way there is one for each matrix. */
rg_tensor rg_cholesky_solve_at(const char *site, rg_tensor l, rg_tensor b)
{
    const bool vector = rg_shape_of(b).rank == 1 && rg_shape_of(l).rank > 2;
    rg_tensor half = rg_triangular_solve_at(site, l, vector ? rg_unsqueeze_at(site, b, 1) : b, RG_LOWER);
    rg_tensor x = rg_triangular_solve_at(site, l, half, RG_LOWER | RG_TRANSPOSED);
    return vector ? rg_squeeze_at(site, x, -1) : x;
}

rg_tensor rg_slogdet_at(const char *site, rg_tensor a, rg_tensor *sign)
{
    rg_tensor log = rg_apply_at(site, &rg_op_log_abs_determinant, NULL, 1, &a);
    if (sign) *sign = rg_apply_at(site, &rg_op_sign_determinant, NULL, 1, &a);
    return log;
}

#define OF_ONE_MATRIX(name)                                                                                        \
    rg_tensor rg_##name##_at(const char *site, rg_tensor a)                                                        \
    {                                                                                                              \
        return rg_apply_at(site, &rg_op_##name, NULL, 1, &a);                                                      \
    }
OF_ONE_MATRIX(inverse)
OF_ONE_MATRIX(determinant)
OF_ONE_MATRIX(logdet)
