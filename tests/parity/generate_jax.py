#!/usr/bin/env python3
"""Writes derivatives_jax.txt.gz, which test_parity.c reads: random cases of each op, and what JAX makes of them in f64.

    tests/parity/generate_jax.py [CASES [SEED [FILE]]]    # 20 cases an op, unless told otherwise

What a case is, is said in cases.py; what stands in the file, in writing.py."""
import itertools
import math

import jax
import jax.numpy as jnp
import jax.scipy.linalg
import jax.scipy.special
from jax import lax, nn

from cases import SUBSCRIPTS, Floats
from writing import COTANGENT, DIRECTION, write

jax.config.update("jax_enable_x64", True)


# ---- What JAX makes of them: f(operands, parameters) -----------------------------------------------------------------

def axes_of(axes):
    return tuple(int(a) for a in axes) or None


def over(f):
    return lambda x, p: f(x[0], axis=axes_of(p[1:]), keepdims=bool(p[0]))


def spread(f):
    return lambda x, p: f(x[0], axis=axes_of(p[2:]), ddof=int(p[0]), keepdims=bool(p[1]))


def jax_norm(x, p):
    return jnp.linalg.vector_norm(x[0], ord=p[0], axis=axes_of(p[2:]), keepdims=bool(p[1]))


def jax_top_k(x, p):
    axis, k, largest = p
    return lax.top_k(x[0], k, axis=axis)[0] if largest else -lax.top_k(-x[0], k, axis=axis)[0]


def jax_slice_step(x, p):
    axis, start, count, step = p
    return jnp.take(x[0], jnp.arange(count) * step + start, axis)


def jax_pad(x, axis, before, after, value=0.0):
    widths = [(0, 0)] * x.ndim
    widths[axis] = before, after
    return jnp.pad(x, widths, constant_values=value)


def jax_pad_by(mode):
    def padded(x, p):
        widths = [(0, 0)] * x[0].ndim
        widths[p[0]] = p[1], p[2]
        return jnp.pad(x[0], widths, mode)
    return padded


def windows(count, size, step):
    return jnp.arange(count)[:, None] * step + jnp.arange(size)


def jax_unfold(x, p):
    axis, size, step = p
    axis %= x[0].ndim
    where = windows((x[0].shape[axis] - size) // step + 1, size, step)
    return jnp.moveaxis(jnp.take(x[0], where, axis), axis + 1, -1)


def jax_overlap_add(x, p):
    axis, n, step = p
    parts = jnp.moveaxis(x[0], (axis, -1), (0, 1))
    sums = jnp.zeros((n,) + parts.shape[2:]).at[windows(*parts.shape[:2], step)].add(parts)
    return jnp.moveaxis(sums, 0, axis)


def jax_scatter_rows(x, p):
    return jnp.zeros((p[0],) + x[0].shape[x[1].ndim:]).at[x[1]].add(x[0])


def jax_scatter_add(x, p):
    axis, n = p
    places = list(jnp.indices(x[0].shape, sparse=True))
    places[axis] = x[1]
    return jnp.zeros(x[0].shape[:axis] + (n,) + x[0].shape[axis + 1:]).at[tuple(places)].add(x[0])


def jax_diag(x, p):
    return jnp.vectorize(lambda v: jnp.diag(v, p[0]), signature="(n)->(m,m)")(x[0])


def jax_split(x, p):
    ends = list(itertools.accumulate(p[2:]))
    return jnp.split(x[0], ends[:-1], p[0])[p[1]]


def jax_cross_entropy_rows(x, p):
    return -jnp.take_along_axis(nn.log_softmax(x[0]), x[1][..., None], -1)[..., 0]


def matrices(a, b):
    """jax.scipy takes an [n, n] for n vectors where `a` is a batch; here only an [n] is a vector."""
    return b.reshape((1,) * (a.ndim - b.ndim) + b.shape) if b.ndim > 1 else b


def jax_cholesky_solve(x, p):
    return jax.scipy.linalg.cho_solve((x[0], True), matrices(*x))


def jax_triangular_solve(x, p):
    return jax.scipy.linalg.solve_triangular(x[0], matrices(*x), trans=int(bool(p[0] & 2)), lower=not p[0] & 1,
                                             unit_diagonal=bool(p[0] & 4))


JAX = {
    "one_minus": lambda x, p: 1 - x[0],
    "cast": lambda x, p: x[0].astype(jnp.float32).astype(jnp.float64),
    "stop_gradient": lambda x, p: x[0] * x[0] * lax.stop_gradient(x[0]),
    "polygamma": lambda x, p: jax.scipy.special.polygamma(p[0], x[0]),
    "softsign": lambda x, p: nn.soft_sign(x[0]),
    "gelu": lambda x, p: nn.gelu(x[0], approximate=False),
    "gelu_tanh": lambda x, p: nn.gelu(x[0], approximate=True),
    "leaky_relu": lambda x, p: nn.leaky_relu(x[0], p[0]),
    "elu": lambda x, p: nn.elu(x[0], p[0]),
    "clamp": lambda x, p: jnp.clip(x[0], *p),
    "hard_tanh": lambda x, p: jnp.where(x[0] > p[1], p[1], jnp.where(x[0] < p[0], p[0], x[0])),  # as nn.hard_tanh
    "power": lambda x, p: x[0] ** p[0],
    "scale": lambda x, p: p[0] * x[0],
    "shift": lambda x, p: x[0] + p[0],
    "sub": lambda x, p: x[0] - x[1],
    "mul": lambda x, p: x[0] * x[1],
    "div": lambda x, p: x[0] / x[1],
    "adjoint_mul": lambda x, p: x[0] * x[1],
    "adjoint_div": lambda x, p: x[0] / x[1],
    "mod": lambda x, p: jnp.remainder(*x),
    "where": lambda x, p: jnp.where(x[0] != 0, x[1], x[2]),
    "sum": over(jnp.sum),
    "mean": over(jnp.mean),
    "logsumexp": over(nn.logsumexp),
    "prod": over(jnp.prod),
    "max": over(jnp.max),
    "min": over(jnp.min),
    "norm": jax_norm,
    "var": spread(jnp.var),
    "std": spread(jnp.std),
    "softmax": lambda x, p: nn.softmax(x[0], p[0]),
    "log_softmax": lambda x, p: nn.log_softmax(x[0], p[0]),
    "cumsum": lambda x, p: jnp.cumsum(x[0], p[0]),
    "cumprod": lambda x, p: jnp.cumprod(x[0], p[0]),
    "sort": lambda x, p: jnp.sort(x[0], p[0], descending=bool(p[1])),
    "top_k": jax_top_k,
    "mse": lambda x, p: jnp.mean(jnp.square(x[0] - x[1])),
    "binary_cross_entropy": lambda x, p: jnp.mean(nn.softplus(x[0]) - x[0] * x[1]),
    "cross_entropy": lambda x, p: jnp.mean(jax_cross_entropy_rows(x, p)),
    "cross_entropy_rows": jax_cross_entropy_rows,
    "transpose": lambda x, p: x[0].mT,
    "diagonal": lambda x, p: jnp.diagonal(x[0], p[0], -2, -1),
    "tril": lambda x, p: jnp.tril(x[0], p[0]),
    "triu": lambda x, p: jnp.triu(x[0], p[0]),
    "diag": jax_diag,
    "slice": lambda x, p: lax.slice_in_dim(x[0], p[1], p[2], axis=p[0]),
    "slice_step": jax_slice_step,
    "pad": lambda x, p: jax_pad(x[0], *p),
    "pad_value": lambda x, p: jax_pad(x[0], *p),
    "pad_reflect": jax_pad_by("reflect"),
    "pad_replicate": jax_pad_by("edge"),
    "pad_circular": jax_pad_by("wrap"),
    "eye": lambda x, p: jnp.eye(*x[0].shape, p[0]) * x[0],
    "roll": lambda x, p: jnp.roll(x[0], p[1], p[0]),
    "repeat": lambda x, p: jnp.repeat(x[0], p[1], p[0]),
    "unfold": jax_unfold,
    "permute": lambda x, p: jnp.permute_dims(x[0], p),
    "flip": lambda x, p: jnp.flip(x[0], p),
    "reshape": lambda x, p: x[0].reshape(p),
    "squeeze": lambda x, p: jnp.squeeze(x[0], p[0]),
    "unsqueeze": lambda x, p: jnp.expand_dims(x[0], p[0]),
    "expand": lambda x, p: jnp.broadcast_to(x[0], p),
    "tile": lambda x, p: jnp.tile(x[0], p),
    "concat": lambda x, p: jnp.concatenate(x, p[0]),
    "stack": lambda x, p: jnp.stack(x, p[0]),
    "split": jax_split,
    "overlap_add": jax_overlap_add,
    "gather_rows": lambda x, p: x[0][x[1]],
    "scatter_rows": jax_scatter_rows,
    "segment_sum": lambda x, p: jax.ops.segment_sum(*x, num_segments=p[0]),
    "index_select": lambda x, p: jnp.take(x[0], x[1], p[0]),
    "gather": lambda x, p: jnp.take_along_axis(*x, p[0]),
    "scatter_add": jax_scatter_add,
    "einsum": lambda x, p: jnp.einsum(SUBSCRIPTS[p[0]], *x),
    "logdet": lambda x, p: jnp.linalg.slogdet(x[0])[1],
    "slogdet": lambda x, p: jnp.linalg.slogdet(x[0])[1],
    "determinant": lambda x, p: jnp.linalg.det(x[0]),
    "inverse": lambda x, p: jnp.linalg.inv(x[0]),
    "cholesky": lambda x, p: jnp.linalg.cholesky(x[0]),
    "cholesky_jvp": lambda x, p: jax.jvp(jnp.linalg.cholesky, (x[0],), (x[1],))[1],
    "solve": lambda x, p: jnp.linalg.solve(*x),
    "cholesky_solve": jax_cholesky_solve,
    "triangular_solve": jax_triangular_solve,
}
# Ops that have the same name there, and no parameters.
for home, names in {
    jnp: "exp square sin cos tanh sinh cosh expm1 log sqrt reciprocal log1p tan abs sign floor ceil round add pow "
         "atan2 atan asin acos hypot maximum minimum matmul inner outer",
    nn: "sigmoid log_sigmoid softplus selu silu relu",
    lax: "neg erf erfc rsqrt lgamma digamma",
}.items():
    for same in names.split():
        JAX[same] = lambda x, p, f=getattr(home, same): f(*x)


def at_an_end(x, p, shapes):
    return any(v in p for v in x[0])


def of_a_zero(x, p, shapes):
    return 0.0 in x[0]


def of_two(x, p, shapes):
    return math.prod(shapes[0][int(a)] for a in p[2:] or range(len(shapes[0]))) == 2


# Cases that are left out, most because JAX has another convention there than PyTorch, which the library keeps.
LEFT_OUT = {
    "abs": of_a_zero,  # at 0 JAX has a derivative of 1, PyTorch 0
    "leaky_relu": of_a_zero,  # at 0 JAX has a derivative of 1, PyTorch the slope
    "clamp": at_an_end,  # at the ends JAX has a derivative of 1/2, PyTorch 1
    "hard_tanh": at_an_end,  # at the ends JAX has a derivative of 1, PyTorch 0
    "std": of_two,  # not a convention: a multiple of |a - b|, so that the second derivative, 0, is all rounding
}


def jax_derivatives(name, operands, parameters, stream):
    """The value's shape and numbers; its gradients for a random cotangent; theirs for random directions."""
    x = [jnp.array(o.numbers(stream + k), jnp.float64 if isinstance(o, Floats) else jnp.int64).reshape(o.shape)
         for k, o in enumerate(operands)]
    floats = tuple(k for k, o in enumerate(operands) if isinstance(o, Floats))

    def direction(shape, k):
        return jnp.array(Floats(shape, -1.0, 1.0).numbers(k), jnp.float64).reshape(shape)

    def f(*x):
        return JAX[name](x, parameters)

    shape = jax.eval_shape(f, *x).shape
    v = direction(shape, stream + COTANGENT)
    d = [direction(x[k].shape, stream + DIRECTION + i) for i, k in enumerate(floats)]
    first = jax.grad(lambda *x: jnp.sum(f(*x) * v), floats)
    second = jax.grad(lambda *x: sum(jnp.sum(g * e) for g, e in zip(first(*x), d)), floats)

    def numbers(t):
        return t.reshape(-1).tolist()

    y, gradients, seconds = jax.jit(lambda *x: (f(*x), first(*x), second(*x)))(*x)
    assert y.dtype == jnp.float64
    return shape, numbers(y), list(map(numbers, gradients)), list(map(numbers, seconds))


write(f"JAX {jax.__version__}", JAX, jax_derivatives, 2, "derivatives_jax.txt.gz", LEFT_OUT)
