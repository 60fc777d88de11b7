"""The cases of test_parity.c, for whoever computes them: for each op, how its parameters and operands are drawn.

Nothing here knows PyTorch. Numbers of operands come from (stream, index), here as in test_parity.c."""
import math


# ---- Inputs ----------------------------------------------------------------------------------------------------------

def philox(seed, stream, index):
    low = 0xFFFFFFFF
    c = [index & low, index >> 32, stream & low, stream >> 32]
    k = [seed & low, seed >> 32]
    for _ in range(10):
        p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(q >> 32) ^ c[1] ^ k[0], q & low, (p >> 32) ^ c[3] ^ k[1], p & low]
        k = [(k[0] + 0x9E3779B9) & low, (k[1] + 0xBB67AE85) & low]
    return c[1] << 32 | c[0]


def uniform(stream, index):
    return (philox(0, stream, index) >> 11) * 2.0 ** -53


class Floats:
    def __init__(self, shape, low=-2.0, high=2.0, step=0.0, diagonal=0.0):
        self.shape, self.low, self.high, self.step, self.diagonal = tuple(shape), low, high, step, diagonal

    def numbers(self, stream):
        out = []
        for i in range(math.prod(self.shape)):
            u = uniform(stream, i)
            if self.step:
                x = self.low + self.step * math.floor(u * ((self.high - self.low) / self.step + 1))
            else:
                x = self.low + (self.high - self.low) * u
            if self.diagonal and i // self.shape[-1] % self.shape[-2] == i % self.shape[-1]:
                x += self.diagonal
            out.append(x)
        return out

    def line(self):
        return f"float {written(self.shape)} {self.low!r} {self.high!r} {self.step!r} {self.diagonal!r}"


class Indices:
    def __init__(self, shape, count):
        self.shape, self.count = tuple(shape), count

    def numbers(self, stream):
        return [math.floor(uniform(stream, i) * self.count) for i in range(math.prod(self.shape))]

    def line(self):
        return f"index {written(self.shape)} {self.count}"


def written(shape):
    return "x".join(map(str, shape)) or "-"


# ---- Cases: (parameters, operands) -----------------------------------------------------------------------------------

CASES_OF = {}


def a_shape(rng, least=0, most=3, elements=12):
    while True:
        shape = [rng.choice([1, 2, 2, 3, 3, 4, 5]) for _ in range(rng.randint(least, most))]
        if math.prod(shape) <= elements:
            return shape


def two_shapes(rng):
    shape, pair = a_shape(rng), []
    for _ in range(2):
        own = [1 if rng.random() < 0.25 else n for n in shape]
        pair.append(own[rng.randint(0, len(own)):] if rng.random() < 0.3 else own)
    return pair


def cases(names, draw):
    for name in names.split():
        CASES_OF[name] = draw


def one(names, low=-2.0, high=2.0, step=0.0, parameters=lambda rng: [], **shape):
    """Of one operand. With a step every other case is on the grid, where kinks and ties are."""
    cases(names, lambda rng: (parameters(rng), [Floats(a_shape(rng, **shape), low, high, step * rng.randint(0, 1))]))


def two(names, ranges=((-2.0, 2.0), (-2.0, 2.0)), step=0.0):
    def draw(rng):
        grid = step * rng.randint(0, 1)
        return [], [Floats(shape, *ends, grid) for shape, ends in zip(two_shapes(rng), ranges)]
    cases(names, draw)


def some_axes(rng, shape):
    axes = rng.sample(range(len(shape)), rng.randint(0, len(shape)))
    return [a - len(shape) if rng.random() < 0.3 else a for a in axes]


def over_axes(names, low=-2.0, high=2.0, step=0.0, first=lambda rng: [], least=0):
    """Parameters: those of `first`, keepdims, axes (none: all)."""
    def draw(rng):
        shape = a_shape(rng, least)
        operand = Floats(shape, low, high, step * rng.randint(0, 1))
        return first(rng) + [rng.randint(0, 1)] + some_axes(rng, shape), [operand]
    cases(names, draw)


def along_axis(names, low=-2.0, high=2.0, step=0.0, more=lambda rng, n: [], least=1, elements=12):
    """Parameters: the axis, and those of `more`, which is given its size."""
    def draw(rng):
        shape = a_shape(rng, least, 3, elements)
        axis = rng.randrange(len(shape))
        parameters = [axis - len(shape) if rng.random() < 0.3 else axis] + more(rng, shape[axis])
        return parameters, [Floats(shape, low, high, step * rng.randint(0, 1))]
    cases(names, draw)


one("neg exp square erf erfc sinh cosh expm1 one_minus gelu gelu_tanh cast stop_gradient", -3.0, 3.0)
one("tanh sigmoid log_sigmoid silu softsign atan", -8.0, 8.0)
one("softplus", -12.0, 12.0)
one("sin cos", -20.0, 20.0)
one("log sqrt rsqrt", 0.05, 6.0)
one("reciprocal", 0.2, 5.0)
one("log1p", -0.9, 4.0)
one("tan", -1.4, 1.4)
one("asin acos", -0.95, 0.95)
one("lgamma digamma", 0.1, 8.0)
one("polygamma", 0.3, 6.0, parameters=lambda rng: [rng.randint(0, 4)])
one("abs relu", step=0.5)
one("selu sign floor ceil round")
one("leaky_relu", step=0.5, parameters=lambda rng: [rng.choice([0.01, 0.2, 0.5])])
one("elu", parameters=lambda rng: [rng.choice([0.3, 1.0, 1.7])])
one("clamp hard_tanh", step=0.5, parameters=lambda rng: [-rng.choice([0.5, 1.0]), rng.choice([0.5, 1.0, 1.5])])
one("power", 0.2, 3.0, parameters=lambda rng: [rng.choice([-2.0, -0.5, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0])])
one("scale shift", parameters=lambda rng: [rng.choice([-3.0, -0.7, 0.3, 1.9])])

two("add sub mul atan2 hypot adjoint_mul")
two("div adjoint_div", ((-2.0, 2.0), (0.3, 3.0)))
two("pow", ((0.2, 3.0), (-2.0, 3.0)))
two("mod", ((-6.0, 6.0), (0.4, 2.5)))
two("maximum minimum", step=1.0)


@lambda draw: cases("where", draw)
def _(rng):
    shapes = two_shapes(rng)
    return [], [Floats(rng.choice(shapes), 0.0, 1.0, 1.0)] + [Floats(s) for s in shapes]


over_axes("sum mean logsumexp", -3.0, 3.0)
over_axes("prod max min", step=1.0, least=1)
over_axes("norm", first=lambda rng: [rng.choice([1.0, 2.0, 3.0, 2.5, math.inf])], least=1)


@lambda draw: cases("var std", draw)
def _(rng):
    shape = [rng.randint(2, 3) for _ in range(rng.randint(1, 3))]
    return [rng.choice([0.0, 1.0]), rng.randint(0, 1)] + some_axes(rng, shape), [Floats(shape)]


along_axis("softmax log_softmax", -4.0, 4.0)
along_axis("cumsum")
along_axis("cumprod", step=1.0)
along_axis("sort", more=lambda rng, n: [rng.randint(0, 1)])
along_axis("top_k", more=lambda rng, n: [rng.randint(1, n), rng.randint(0, 1)])


def loss(name, low, high):
    def draw(rng):
        shape = a_shape(rng)
        return [], [Floats(shape, -4.0, 4.0), Floats(shape, low, high)]
    cases(name, draw)


loss("mse", -4.0, 4.0)
loss("binary_cross_entropy", 0.0, 1.0)


@lambda draw: cases("cross_entropy cross_entropy_rows", draw)
def _(rng):
    rows, classes = a_shape(rng, 0, 2, 4), rng.randint(1, 5)
    return [], [Floats(rows + [classes], -4.0, 4.0), Indices(rows, classes)]


# Shape
one("transpose", least=2)
one("tril triu", parameters=lambda rng: [rng.randint(-2, 2)], least=2)
one("diag", parameters=lambda rng: [rng.randint(-2, 2)], least=1, most=2, elements=4)
along_axis("slice", more=lambda rng, n: (lambda start: [start, rng.randint(start + 1, n)])(rng.randrange(n)))
along_axis("pad", more=lambda rng, n: [rng.randint(0, 2), rng.randint(0, 2)])
along_axis("pad_value", more=lambda rng, n: [rng.randint(0, 2), rng.randint(0, 2), 1.5])
along_axis("roll", more=lambda rng, n: [rng.randint(-4, 4)])
along_axis("repeat", more=lambda rng, n: [rng.randint(1, 3)])
along_axis("unfold", more=lambda rng, n: [rng.randint(1, n), rng.randint(1, 2)])


@lambda draw: cases("slice_step", draw)
def _(rng):
    shape = a_shape(rng, 1)
    axis = rng.randrange(len(shape))
    places = list(range(shape[axis]))[::rng.choice([-2, -1, 1, 2, 3])]
    step = places[1] - places[0] if len(places) > 1 else rng.choice([-1, 1])
    return [axis, places[0], len(places), step], [Floats(shape)]


@lambda draw: cases("diagonal", draw)
def _(rng):
    shape = a_shape(rng, 2)
    return [rng.randint(1 - shape[-2], shape[-1] - 1)], [Floats(shape)]


@lambda draw: cases("permute", draw)
def _(rng):
    shape = a_shape(rng, 1)
    return rng.sample(range(len(shape)), len(shape)), [Floats(shape)]


@lambda draw: cases("flip", draw)
def _(rng):
    shape = a_shape(rng, 1)
    return rng.sample(range(len(shape)), rng.randint(1, len(shape))), [Floats(shape)]


@lambda draw: cases("reshape", draw)
def _(rng):
    shape, other = a_shape(rng), a_shape(rng)
    while math.prod(other) != math.prod(shape):
        other = a_shape(rng)
    return other, [Floats(shape)]


@lambda draw: cases("squeeze", draw)
def _(rng):
    shape = a_shape(rng, 0, 2)
    axis = rng.randint(0, len(shape))
    return [axis], [Floats(shape[:axis] + [1] + shape[axis:])]


@lambda draw: cases("unsqueeze", draw)
def _(rng):
    shape = a_shape(rng, 0, 2)
    return [rng.randint(0, len(shape))], [Floats(shape)]


@lambda draw: cases("expand", draw)
def _(rng):
    shape = a_shape(rng)
    own = [1 if rng.random() < 0.5 else n for n in shape]
    return shape, [Floats(own[rng.randint(0, 1):])]


@lambda draw: cases("tile", draw)
def _(rng):
    shape = a_shape(rng, 0, 2, 8)
    return [rng.randint(1, 2) for _ in range(rng.randint(len(shape), 3))], [Floats(shape)]


@lambda draw: cases("concat", draw)
def _(rng):
    shape = a_shape(rng, 1, 3, 8)
    axis = rng.randrange(len(shape))
    parts = [shape[:axis] + [rng.randint(1, 2)] + shape[axis + 1:] for _ in range(rng.randint(1, 3))]
    return [axis], [Floats(part) for part in parts]


@lambda draw: cases("stack", draw)
def _(rng):
    shape = a_shape(rng, 0, 2, 6)
    return [rng.randint(0, len(shape))], [Floats(shape) for _ in range(rng.randint(1, 3))]


@lambda draw: cases("split", draw)
def _(rng):
    sizes = [rng.randint(1, 3) for _ in range(rng.randint(1, 3))]
    shape = a_shape(rng, 0, 2, 4)
    axis = rng.randint(0, len(shape))
    return [axis, rng.randrange(len(sizes))] + sizes, [Floats(shape[:axis] + [sum(sizes)] + shape[axis:])]


@lambda draw: cases("overlap_add", draw)
def _(rng):
    size, step, n = rng.randint(1, 3), rng.randint(1, 3), rng.randint(3, 6)
    before, after = a_shape(rng, 0, 1, 2), a_shape(rng, 0, 1, 2)
    return [len(before), n, step], [Floats(before + [(n - size) // step + 1] + after + [size])]


# Indexing
@lambda draw: cases("gather_rows", draw)
def _(rng):
    rows = rng.randint(1, 4)
    return [], [Floats([rows] + a_shape(rng, 0, 1, 4)), Indices(a_shape(rng, 0, 2, 4), rows)]


@lambda draw: cases("scatter_rows", draw)
def _(rng):
    index, rows = a_shape(rng, 0, 2, 6), rng.randint(1, 4)
    return [rows], [Floats(index + a_shape(rng, 0, 1, 4)), Indices(index, rows)]


@lambda draw: cases("segment_sum", draw)
def _(rng):
    n, count = rng.randint(1, 6), rng.randint(1, 4)
    return [count], [Floats([n] + a_shape(rng, 0, 1, 4)), Indices([n], count)]


@lambda draw: cases("index_select", draw)
def _(rng):
    shape = a_shape(rng, 1)
    axis = rng.randrange(len(shape))
    return [axis], [Floats(shape), Indices([rng.randint(1, 4)], shape[axis])]


@lambda draw: cases("gather", draw)
def _(rng):
    shape = a_shape(rng, 1)
    axis = rng.randrange(len(shape))
    return [axis], [Floats(shape), Indices(shape[:axis] + [rng.randint(1, 4)] + shape[axis + 1:], shape[axis])]


@lambda draw: cases("scatter_add", draw)
def _(rng):
    shape, n = a_shape(rng, 1), rng.randint(1, 4)
    return [rng.randrange(len(shape)), n], [Floats(shape), Indices(shape, n)]


# Linear algebra
@lambda draw: cases("matmul", draw)
def _(rng):
    m, k, n = (rng.randint(1, 3) for _ in range(3))
    batch = rng.choice([[], [], [2]])
    a = [k] if rng.random() < 0.2 else (batch if rng.random() < 0.7 else []) + [m, k]
    b = [k] if rng.random() < 0.2 else (batch if rng.random() < 0.7 else [1] * len(batch)) + [k, n]
    return [], [Floats(a), Floats(b)]


@lambda draw: cases("inner", draw)
def _(rng):
    n = rng.randint(1, 6)
    return [], [Floats([n]), Floats([n])]


cases("outer", lambda rng: ([], [Floats([rng.randint(1, 4)]), Floats([rng.randint(1, 4)])]))

SUBSCRIPTS = ["ij,jk->ik", "bij,bjk->bik", "ij,ij->", "i,j->ji", "ij,kj->ik", "ijk,j->ki", "ii,ij->j", "...i,ij->...j"]


@lambda draw: cases("einsum", draw)
def _(rng):
    which = rng.randrange(len(SUBSCRIPTS))
    size = {c: rng.randint(1, 3) for c in "bijk"}
    dots = a_shape(rng, 0, 1, 3)
    terms = SUBSCRIPTS[which].split("->")[0].split(",")
    return [which], [Floats((dots if "..." in t else []) + [size[c] for c in t.strip(".")]) for t in terms]


def matrices(names, diagonal, low=-1.0, high=1.0, right=False, parameters=lambda rng: []):
    """Square matrices n x n that are regular by n + diagonal, positive definite if that is; and right-hand sides."""
    def draw(rng):
        n, batch = rng.randint(1, 3), rng.choice([[], [], [2], [1]])
        operands = [Floats(batch + [n, n], low, high, 0.0, n + diagonal)]
        if right:
            rows = [[n], [n, rng.randint(1, 3)], batch + [n, rng.randint(1, 2)], [2] + [1] * (len(batch) > 1) + [n, 1]]
            operands.append(Floats(rng.choice(rows)))
        return parameters(rng), operands
    cases(names, draw)


matrices("cholesky inverse determinant logdet slogdet", 0.5)
matrices("solve cholesky_solve", 0.5, right=True)
matrices("triangular_solve", 0.0, right=True, parameters=lambda rng: [rng.randrange(8)])


# What came later stands behind, so that the others' numbers stay what they were.
along_axis("pad_reflect", more=lambda rng, n: [rng.randint(0, n - 1), rng.randint(0, n - 1)])
along_axis("pad_replicate", more=lambda rng, n: [rng.randint(0, 3), rng.randint(0, 3)])
along_axis("pad_circular", more=lambda rng, n: [rng.randint(0, n), rng.randint(0, n)])
one("eye", parameters=lambda rng: [rng.randint(-2, 2)], least=2, most=2)


@lambda draw: cases("cholesky_jvp", draw)
def _(rng):
    n, batch = rng.randint(1, 3), rng.choice([[], [2]])
    return [], [Floats(batch + [n, n], -1.0, 1.0, 0.0, n + 0.5), Floats(batch + [n, n])]
