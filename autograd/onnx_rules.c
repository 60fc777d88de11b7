/* onnx_rules.c: the table of what ONNX calls our ops, and how it says those that it does not have. */
#include "onnx_rules.h"

#include <string.h>

#include "ops.h"

/* ---- Letters that take more than a glance at the attributes: these are whole words, in the order of each op's own  */

/* A list that the letter stands for; NULL, and the call has failed, when out of memory. */
static int64_t *list(rg_onnx_call *call, char letter, int64_t count)
{
    size_t bytes;
    const bool fits = count <= INT32_MAX && rg_size_mul((size_t)count, sizeof(int64_t), &bytes);
    int64_t *numbers = fits ? rg_arena_take(call->arena, bytes) : NULL;
    call->failed = call->failed || !numbers;
    call->letter[letter - 'a'] = (rg_onnx_variable){ .kind = RG_ONNX_LIST, .list = numbers, .count = (int)count };
    return numbers;
}

static void one(rg_onnx_call *call, char letter, int64_t number)
{
    int64_t *numbers = list(call, letter, 1);
    if (numbers) *numbers = number;
}

static void shape(rg_onnx_call *call, char letter, const rg_shape *of)
{
    int64_t *size = list(call, letter, of->rank);
    for (int i = 0; size && i < of->rank; i++) size[i] = of->size[i];
}

static void integer(rg_onnx_call *call, char letter, int64_t number)
{
    call->letter[letter - 'a'] = (rg_onnx_variable){ .kind = RG_ONNX_INTEGER, .integer = number };
}

static void numbers(rg_onnx_call *call, double p, double q)
{
    call->letter['p' - 'a'] = (rg_onnx_variable){ .kind = RG_ONNX_NUMBER, .number = p };
    call->letter['q' - 'a'] = (rg_onnx_variable){ .kind = RG_ONNX_NUMBER, .number = q };
}

static void order_of_axes(rg_onnx_call *call)
{
    const int64_t *order = call->attributes;
    int64_t *to = list(call, 'i', order[0]);
    if (to) memcpy(to, order + 1, (size_t)order[0] * sizeof *to);
}

/* Nothing to reduce: without axes ONNX would reduce them all. */
static void reduced_axes(rg_onnx_call *call)
{
    const int64_t *of = call->attributes, first = of[0], last = of[1];
    int64_t *axes = list(call, 'i', last - first);
    for (int64_t i = first; axes && i < last; i++) axes[i - first] = i;
    integer(call, 'k', of[2]);
    if (first == last) call->formula = "Identity";
}

/* An end in front of the first element would be counted from the other end by ONNX: so it is the least there is. */
static void slice_bounds(rg_onnx_call *call)
{
    const int64_t *of = call->attributes, start = of[1], count = of[2], step = count > 1 ? of[3] : 1;
    const int64_t end = count == 0 ? start : start + (count - 1) * step + (step < 0 ? -1 : 1);
    one(call, 'i', start);
    one(call, 'j', end < 0 ? INT64_MIN : end);
    one(call, 'k', of[0]);
    one(call, 'l', step);
}

/* So much before and after along one axis, and nothing along the others. */
static void pads(rg_onnx_call *call, int64_t axis, int64_t before, int64_t after)
{
    const int rank = call->out->rank;
    int64_t *all = list(call, 'i', 2 * rank);
    for (int i = 0; all && i < rank; i++) {
        all[i] = i == axis ? before : 0;
        all[rank + i] = i == axis ? after : 0;
    }
}

static void padding(rg_onnx_call *call)
{
    const int64_t *of = call->attributes;
    double value;
    memcpy(&value, of + 3, sizeof value);
    numbers(call, value, 0);
    pads(call, of[0], of[1], of[2]);
}

static void part(rg_onnx_call *call)
{
    const int64_t *of = call->attributes, axis = of[0], start = of[1];
    pads(call, axis, start, call->out->size[axis] - start - call->in[1]->size[axis]);
}

/* i: the places of all windows' elements, one window after the other. */
static void places(rg_onnx_call *call, int64_t windows, int64_t size, int64_t step)
{
    int64_t *place = list(call, 'i', windows * size);
    for (int64_t w = 0; place && w < windows; w++)
        for (int64_t i = 0; i < size; i++) place[w * size + i] = w * step + i;
}

/* The axis behind that of the windows becomes the last. */
static void windows_taken(rg_onnx_call *call)
{
    const int64_t *of = call->attributes, axis = of[0];
    const int rank = call->out->rank;
    places(call, call->out->size[axis], of[1], of[2]);
    int64_t *order = list(call, 'j', rank);
    for (int i = 0; order && i < rank; i++) order[i] = i <= axis ? i : i < rank - 1 ? i + 1 : axis + 1;
    int64_t *grid = list(call, 'k', 2);
    if (grid) grid[0] = call->out->size[axis], grid[1] = of[1];
}

/* The other way round: the last axis comes behind that of the windows, and both become one. */
static void windows_added(rg_onnx_call *call)
{
    const int64_t *of = call->attributes, axis = of[0];
    const int rank = call->in[0]->rank;
    const int64_t windows = call->in[0]->size[axis], size = call->in[0]->size[rank - 1];
    rg_shape joined = *call->out, column = { .rank = rank - 1 - (int)axis };
    places(call, windows, size, of[2]);
    int64_t *order = list(call, 'j', rank);
    for (int i = 0; order && i < rank; i++) order[i] = i <= axis ? i : i == axis + 1 ? rank - 1 : i - 1;
    joined.size[axis] = column.size[0] = windows * size;
    for (int i = 1; i < column.rank; i++) column.size[i] = 1;
    shape(call, 'k', &column);
    shape(call, 'l', &joined);
}

static void pi(rg_onnx_call *call)
{
    numbers(call, 3.14159265358979323846, -3.14159265358979323846);
}

static void selu_numbers(rg_onnx_call *call)
{
    numbers(call, 1.0507009873554804934, 1.0507009873554804934 * 1.6732632423543772848);
}

/* 1 / sqrt 2, and the density of the normal distribution at 0. */
static void gelu_numbers(rg_onnx_call *call)
{
    numbers(call, 0.70710678118654752440, 0.39894228040143267794);
}

static void gelu_tanh_numbers(rg_onnx_call *call)
{
    numbers(call, 1.5957691216057307117, 1.5957691216057307117 * 0.044715);
}

static void whole_row(rg_onnx_call *call)
{
    one(call, 'i', call->out->size[call->out->rank - 1]);
}

static const struct {
    const rg_op *op;
    void (*prepare)(rg_onnx_call *call);
} preparations[] = {
    { &rg_op_atan2, pi }, { &rg_op_selu, selu_numbers }, { &rg_op_gelu, gelu_numbers },
    { &rg_op_gelu_slope, gelu_numbers }, { &rg_op_gelu_tanh, gelu_tanh_numbers },
    { &rg_op_gelu_tanh_slope, gelu_tanh_numbers }, { &rg_op_sum, reduced_axes }, { &rg_op_max, reduced_axes },
    { &rg_op_min, reduced_axes }, { &rg_op_prod, reduced_axes }, { &rg_op_argsort, whole_row },
    { &rg_op_permute, order_of_axes }, { &rg_op_slice, slice_bounds }, { &rg_op_pad, padding },
    { &rg_op_add_part, part }, { &rg_op_unfold, windows_taken }, { &rg_op_overlap_add, windows_added },
};

void rg_onnx_prepare(const rg_op *op, rg_onnx_call *call)
{
    for (size_t i = 0; i < sizeof preparations / sizeof *preparations; i++)
        if (preparations[i].op == op) preparations[i].prepare(call);
}

/* ---- The table --------------------------------------------------------------------------------------------------- */

/* e^x - 1 = tanh(x/2) (e^x + 1), which keeps the digits of small ones. */
#define EXPM1(x) "Mul(Tanh(Div(" x ",2)),Add(Exp(" x "),1))"
/* Zero stays zero. */
#define UNLESS_ZERO(x, otherwise) "Where(Equal(" x ",0)," x "," otherwise ")"
#define ZEROS "Expand(0,y)"

#define RULE(name, formula) { &rg_op_##name, formula }

/* What is said of an op. */
typedef struct {
    const rg_op *op;
    const char *text;
} saying;

static const char *find(const saying *sayings, size_t count, const rg_op *op)
{
    for (size_t i = 0; i < count; i++)
        if (sayings[i].op == op) return sayings[i].text;
    return NULL;
}

static const saying formulas[] = {
    RULE(add, "Add"), RULE(sub, "Sub"), RULE(mul, "Mul"), RULE(div, "Div"), RULE(neg, "Neg"), RULE(exp, "Exp"),
    RULE(log, "Log"), RULE(sqrt, "Sqrt"), RULE(square, "Mul(a,a)"), RULE(sin, "Sin"), RULE(cos, "Cos"),
    RULE(erf, "Erf"), RULE(tanh, "Tanh"), RULE(sigmoid, "Sigmoid"), RULE(relu, "Relu"), RULE(softplus, "Softplus"),
    RULE(power, "Pow(a,p)"), RULE(maximum, "Max"), RULE(minimum, "Min"), RULE(scale, "Mul(a,p)"),
    RULE(shift, "Add(a,p)"), RULE(one_minus, "Sub(1,a)"),
    RULE(greater, "Cast(Greater(a,b))"), RULE(equal, "Cast(Equal(a,b))"), RULE(where, "Where(Bool(a),b,c)"),
    RULE(full, "Expand(p,y)"), RULE(dropout, "Dropout(a,p)"), RULE(gate, "Where(Greater(b,0),a,0)"),
    RULE(share, "Where(Greater(b,c),a,Where(Equal(b,c),Div(a,2),0))"),
    RULE(tanh_adjoint, UNLESS_ZERO("a", "Mul(a,Sub(1,Mul(b,b)))")),
    RULE(sigmoid_adjoint, UNLESS_ZERO("a", "Mul(a,Mul(b,Sub(1,b)))")),
    RULE(logistic_loss, "Add(Sub(Max(a,0),Mul(a,b)),Softplus(Neg(Abs(a))))"),

    RULE(abs, "Abs"), RULE(reciprocal, "Reciprocal"), RULE(rsqrt, "Reciprocal(Sqrt(a))"), RULE(pow, "Pow"),
    RULE(expm1, EXPM1("a")),
    /* u = 1 + x as rounded; ln(u) x / (u - 1) has the digits that u has lost [Kahan]. */
    RULE(log1p, "u=Add(a,1);Where(Equal(u,1),a,Div(Mul(Log(u),a),Sub(u,1)))"),
    RULE(sign, "Sign"), RULE(floor, "Floor"), RULE(ceil, "Ceil"), RULE(round, "Round"),
    RULE(mod, "u=Mod{fmod=1}(a,b);Where(Less(Mul(u,b),0),Add(u,b),u)"),
    RULE(clamp, "Clip(a,p,q)"), RULE(hard_tanh, "Clip(a,p,q)"),
    RULE(within, "Cast(And(GreaterOrEqual(a,p),LessOrEqual(a,q)))"), RULE(greater_equal, "Cast(GreaterOrEqual(a,b))"),
    RULE(less, "Cast(Less(a,b))"), RULE(less_equal, "Cast(LessOrEqual(a,b))"), RULE(not_equal, "Cast(Not(Equal(a,b)))"),
    RULE(logical_and, "Cast(And(Bool(a),Bool(b)))"), RULE(logical_or, "Cast(Or(Bool(a),Bool(b)))"),
    RULE(logical_xor, "Cast(Xor(Bool(a),Bool(b)))"), RULE(logical_not, "Cast(Equal(a,0))"),
    RULE(is_finite, "u=Sub(a,a);Cast(Equal(u,u))"), RULE(is_nan, "Cast(IsNaN(a))"),

    RULE(tan, "Tan"), RULE(asin, "Asin"), RULE(acos, "Acos"), RULE(atan, "Atan"),
    RULE(atan2, "Add(Atan(" UNLESS_ZERO("a", "Div(a,b)") "),Where(Less(b,0),Where(Less(a,0),q,p),0))"),
    RULE(hypot, "u=Max(Abs(a),Abs(b));v=Div(Min(Abs(a),Abs(b)),u);" UNLESS_ZERO("u", "Mul(u,Sqrt(Add(Mul(v,v),1)))")),
    RULE(sinh, "Sinh"), RULE(cosh, "Cosh"), RULE(erfc, "Sub(1,Erf(a))"),

    RULE(leaky_relu, "Where(Greater(a,0),a,Mul(p,a))"),
    RULE(elu, "Where(Greater(a,0),a,Mul(p," EXPM1("a") "))"),
    RULE(elu_slope, "Where(Greater(a,0),1,Mul(p,Exp(a)))"),
    RULE(selu, "Where(Greater(a,0),Mul(p,a),Mul(q," EXPM1("a") "))"),
    RULE(silu, "Mul(a,Sigmoid(a))"), RULE(silu_slope, "u=Sigmoid(a);Mul(u,Add(1,Mul(a,Sub(1,u))))"),
    RULE(gelu, "Mul(Div(a,2),Add(1,Erf(Mul(a,p))))"),
    RULE(gelu_slope, "Add(Div(Add(1,Erf(Mul(a,p))),2),Mul(Mul(a,q),Exp(Div(Mul(a,a),-2))))"),
    RULE(gelu_tanh, "Mul(a,Sigmoid(Mul(a,Add(p,Mul(q,Mul(a,a))))))"),
    RULE(gelu_tanh_slope,
         "u=Mul(a,a);v=Sigmoid(Mul(a,Add(p,Mul(q,u))));Mul(v,Add(1,Mul(Mul(a,Sub(1,v)),Add(p,Mul(3,Mul(q,u))))))"),
    RULE(log_sigmoid, "Neg(Softplus(Neg(a)))"), RULE(softsign, "Div(a,Add(1,Abs(a)))"),
    RULE(adjoint_mul, UNLESS_ZERO("a", "Mul(a,b)")), RULE(adjoint_div, UNLESS_ZERO("a", "Div(a,b)")),
    RULE(adjoint_both, UNLESS_ZERO("a", UNLESS_ZERO("b", "Mul(a,b)"))),
    RULE(cast, "Cast(a)"),

    RULE(sum, "ReduceSum{keepdims=k}(a,i)"),
    RULE(max, "ReduceMax{axes=i,keepdims=k}"),
    RULE(min, "ReduceMin{axes=i,keepdims=k}"),
    RULE(prod, "ReduceProd{axes=i,keepdims=k}"),
    RULE(logsumexp, "ReduceLogSumExp{axes=[-1],keepdims=0}"), RULE(softmax, "Softmax{axis=-1}"),
    RULE(log_softmax, "LogSoftmax{axis=-1}"),
    RULE(cross_entropy_rows, "Neg(Squeeze(GatherElements{axis=-1}(LogSoftmax{axis=-1}(a),Unsqueeze(b,[-1])),[-1]))"),
    RULE(argmax, "ArgMax{axis=-1,keepdims=0}"), RULE(argmin, "ArgMin{axis=-1,keepdims=0}"),
    RULE(cumsum, "CumSum{reverse=n}(a,#-1)"),
    RULE(argsort, "*TopK{axis=-1,largest=n}(a,i)"), RULE(matmul, "MatMul"), RULE(determinant, "Det"),

    RULE(permute, "Transpose{perm=i}"), RULE(reshape, "Reshape{allowzero=1}(a,y)"),
    RULE(expand, "Expand(a,y)"), RULE(slice, "Slice(a,i,j,k,l)"),
    RULE(pad, "Pad(a,i,p)"), RULE(add_part, "Add(a,Pad(b,i))"),
    RULE(concat, "Concat{axis=n}"), RULE(stop_gradient, "Identity"), RULE(recompute, "Identity"),
    RULE(contiguous, "Identity"), RULE(tril, "Trilu{upper=0}(a,n)"), RULE(triu, "Trilu{upper=1}(a,n)"),
    RULE(unfold, "Transpose{perm=j}(Gather{axis=n}(a,Reshape(i,k)))"),
    RULE(overlap_add, "ScatterElements{axis=n,reduction=add}(" ZEROS
                      ",Expand(Reshape(i,k),l),Reshape{allowzero=1}(Transpose{perm=j}(a),l))"),

    RULE(gather_rows, "Gather{axis=0}"),
    RULE(scatter_rows, "ScatterND{reduction=add}(" ZEROS ",Unsqueeze(Int(b),[-1]),a)"),
    RULE(one_hot, "Cast(Equal(Unsqueeze(Int(a),[-1]),Range(#0,n,#1)))"), RULE(gather, "GatherElements{axis=n}"),
    RULE(scatter_add, "ScatterElements{axis=n,reduction=add}(" ZEROS ",b,a)"),
};

const char *rg_onnx_formula_of(const rg_op *op)
{
    return find(formulas, sizeof formulas / sizeof *formulas, op);
}

/* ---- What ONNX cannot say ---------------------------------------------------------------------------------------- */

static const char random_numbers[] = "it draws random numbers, and ONNX has no such generator";
static const char factors[] = "ONNX has no factorisation of matrices";
static const char gamma_function[] = "ONNX has no gamma function";
static const char small_determinant[] = "ONNX has only the determinant, which leaves the range of floats";
static const char recurrence[] = "ONNX has no linear recurrence, nor running products";

static const saying refusals[] = {
    { &rg_op_lgamma, gamma_function }, { &rg_op_digamma, gamma_function }, { &rg_op_polygamma, gamma_function },
    { &rg_op_uniform, random_numbers }, { &rg_op_standard_normal, random_numbers },
    { &rg_op_bernoulli, random_numbers }, { &rg_op_permutation, random_numbers },
    { &rg_op_linear_recurrence, recurrence }, { &rg_op_cholesky, factors }, { &rg_op_cholesky_adjoint, factors },
    { &rg_op_cholesky_tangent, factors }, { &rg_op_cofactors, factors },
    { &rg_op_triangular_solve, factors }, { &rg_op_solve, factors }, { &rg_op_inverse, factors },
    { &rg_op_logdet, small_determinant }, { &rg_op_log_abs_determinant, small_determinant },
    { &rg_op_sign_determinant, small_determinant },
};

const char *rg_onnx_refusal_of(const rg_op *op)
{
    const char *why = find(refusals, sizeof refusals / sizeof *refusals, op);
    return why ? why : "it is an op that ONNX does not know";
}
