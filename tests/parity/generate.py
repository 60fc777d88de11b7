#!/usr/bin/env python3
"""Writes derivatives.txt.gz, which test_parity.c reads: random cases of each op, and what PyTorch makes of them in f64.

    tests/parity/generate.py [CASES [SEED [FILE]]]        # 20 cases an op, unless told otherwise

What a case is, is said in cases.py; what stands in the file, in writing.py."""
import sys

import torch
import torch.nn.functional as F

from cases import SUBSCRIPTS, Floats
from writing import COTANGENT, DIRECTION, write


# ---- What PyTorch makes of them: f(operands, parameters) -------------------------------------------------------------

def axes_of(x, axes):
    return tuple(int(a) for a in axes) or tuple(range(x.dim()))


def over(f):
    return lambda x, p: f(x[0], axes_of(x[0], p[1:]), bool(p[0]))


def torch_prod(x, axes, keepdims):
    for axis in sorted({a % x.dim() for a in axes}, reverse=True):
        x = x.prod(axis, keepdim=keepdims)
    return x


def torch_norm(x, p):
    return torch.linalg.vector_norm(x[0], p[0], axes_of(x[0], p[2:]), bool(p[1]))


def torch_scatter_rows(x, p):
    rows = x[0].reshape([-1] + list(x[0].shape[x[1].dim():]))
    return torch.zeros([p[0]] + list(rows.shape[1:]), dtype=rows.dtype).index_add(0, x[1].reshape(-1), rows)


def torch_scatter_add(x, p):
    shape = list(x[0].shape)
    shape[p[0]] = p[1]
    return torch.zeros(shape, dtype=x[0].dtype).scatter_add(p[0], x[1], x[0])


def torch_overlap_add(x, p):
    axis, n, step = p
    count, size = x[0].shape[axis], x[0].shape[-1]
    where = (torch.arange(count)[:, None] * step + torch.arange(size)).reshape(-1)
    rows = x[0].movedim(-1, axis + 1).flatten(axis, axis + 1)
    shape = list(rows.shape)
    shape[axis] = n
    return torch.zeros(shape, dtype=rows.dtype).index_add(axis, where, rows)


def torch_pad(x, axis, before, after, value=0.0):
    axis %= x.dim()
    return F.pad(x, [0, 0] * (x.dim() - 1 - axis) + [before, after], value=value)


def torch_pad_by(mode):
    def padded(x, p):
        rows = x[0].movedim(p[0], -1)
        y = F.pad(rows.reshape(1, -1, rows.shape[-1]), p[1:], mode)
        return y.reshape(rows.shape[:-1] + y.shape[-1:]).movedim(-1, p[0])
    return padded


def torch_eye(x, p):
    zeros = torch.zeros_like(x[0])
    return torch.diagonal_scatter(zeros, torch.ones_like(zeros.diagonal(p[0])), p[0]) * x[0]


def torch_slice_step(x, p):
    axis, start, count, step = p
    return x[0].index_select(axis, torch.arange(count) * step + start)


def symmetric(a):
    return (a + a.mT) / 2


def columns(f):
    """A function of matrices on a vector, too, as a column for each matrix."""
    def applied(a, b, *rest):
        return f(a, b[:, None], *rest)[..., 0] if b.dim() == 1 else f(a, b, *rest)
    return applied


@columns
def torch_triangular_solve(a, b, how):
    transposed, upper, unit = bool(how & 2), bool(how & 1), bool(how & 4)
    a = a.triu() if upper else a.tril()
    return torch.linalg.solve_triangular(a.mT if transposed else a, b, upper=upper != transposed, unitriangular=unit)


@columns
def torch_solve(a, b):
    return torch.linalg.solve(a.expand(torch.broadcast_shapes(a.shape[:-2], b.shape[:-2]) + a.shape[-2:]),
                              b.expand(torch.broadcast_shapes(a.shape[:-2], b.shape[:-2]) + b.shape[-2:]))


@columns
def torch_cholesky_solve(l, b):
    l = l.tril()
    return torch.linalg.solve_triangular(l.mT, torch.linalg.solve_triangular(l, b, upper=False), upper=True)


def torch_cholesky_jvp(x, p):
    """Of the gradient the gradient for its cotangent."""
    l = torch.linalg.cholesky(symmetric(x[0]))
    cotangent = torch.zeros_like(l, requires_grad=True)
    slope, = torch.autograd.grad(l, x[0], cotangent, create_graph=True)
    return torch.autograd.grad(slope, cotangent, x[1], create_graph=True)[0]


def torch_cross_entropy(x, reduction):
    rows = F.cross_entropy(x[0].reshape(-1, x[0].shape[-1]), x[1].reshape(-1), reduction=reduction)
    return rows if reduction == "mean" else rows.reshape(x[1].shape)


# PyTorch's polygamma(1, x) is a series cut off early, right to nine digits; its zeta(2, x) is the same in full.
class Trigamma(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return torch.special.zeta(torch.tensor(2.0, dtype=x.dtype), x)

    @staticmethod
    def backward(context, g):
        return g * torch.polygamma(2, *context.saved_tensors)


class Digamma(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return torch.digamma(x)

    @staticmethod
    def backward(context, g):
        return g * Trigamma.apply(*context.saved_tensors)


class LogGamma(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return torch.lgamma(x)

    @staticmethod
    def backward(context, g):
        return g * Digamma.apply(*context.saved_tensors)


def torch_polygamma(x, order):
    return Digamma.apply(x) if order == 0 else Trigamma.apply(x) if order == 1 else torch.polygamma(order, x)


PYTORCH = {
    "lgamma": lambda x, p: LogGamma.apply(x[0]),
    "digamma": lambda x, p: Digamma.apply(x[0]),
    "one_minus": lambda x, p: 1 - x[0],
    "log_sigmoid": lambda x, p: F.logsigmoid(x[0]),
    "softsign": lambda x, p: F.softsign(x[0]),
    "softplus": lambda x, p: F.softplus(x[0]),
    "selu": lambda x, p: F.selu(x[0]),
    "silu": lambda x, p: F.silu(x[0]),
    "gelu": lambda x, p: F.gelu(x[0]),
    "gelu_tanh": lambda x, p: F.gelu(x[0], approximate="tanh"),
    "cast": lambda x, p: x[0].float().double(),
    "stop_gradient": lambda x, p: x[0] * x[0] * x[0].detach(),
    "polygamma": lambda x, p: torch_polygamma(x[0], p[0]),
    "leaky_relu": lambda x, p: F.leaky_relu(x[0], p[0]),
    "elu": lambda x, p: F.elu(x[0], p[0]),
    "clamp": lambda x, p: x[0].clamp(*p),
    "hard_tanh": lambda x, p: F.hardtanh(x[0], *p),
    "power": lambda x, p: x[0] ** p[0],
    "scale": lambda x, p: p[0] * x[0],
    "shift": lambda x, p: x[0] + p[0],
    "adjoint_mul": lambda x, p: x[0] * x[1],
    "adjoint_div": lambda x, p: x[0] / x[1],
    "mod": lambda x, p: torch.remainder(*x),
    "where": lambda x, p: torch.where(x[0] != 0, x[1], x[2]),
    "sum": over(lambda x, axes, keep: x.sum(axes, keep)),
    "mean": over(lambda x, axes, keep: x.mean(axes, keep)),
    "logsumexp": over(lambda x, axes, keep: x.logsumexp(axes, keep)),
    "prod": over(torch_prod),
    "max": over(lambda x, axes, keep: x.amax(axes, keep)),
    "min": over(lambda x, axes, keep: x.amin(axes, keep)),
    "norm": torch_norm,
    "var": lambda x, p: x[0].var(axes_of(x[0], p[2:]), correction=int(p[0]), keepdim=bool(p[1])),
    "std": lambda x, p: x[0].std(axes_of(x[0], p[2:]), correction=int(p[0]), keepdim=bool(p[1])),
    "softmax": lambda x, p: x[0].softmax(p[0]),
    "log_softmax": lambda x, p: x[0].log_softmax(p[0]),
    "cumsum": lambda x, p: x[0].cumsum(p[0]),
    "cumprod": lambda x, p: x[0].cumprod(p[0]),
    "sort": lambda x, p: x[0].sort(p[0], descending=bool(p[1]))[0],
    "top_k": lambda x, p: x[0].topk(p[1], p[0], largest=bool(p[2]))[0],
    "mse": lambda x, p: F.mse_loss(*x),
    "binary_cross_entropy": lambda x, p: F.binary_cross_entropy_with_logits(*x),
    "cross_entropy": lambda x, p: torch_cross_entropy(x, "mean"),
    "cross_entropy_rows": lambda x, p: torch_cross_entropy(x, "none"),
    "transpose": lambda x, p: x[0].mT,
    "diagonal": lambda x, p: x[0].diagonal(p[0], -2, -1),
    "tril": lambda x, p: x[0].tril(p[0]),
    "triu": lambda x, p: x[0].triu(p[0]),
    "diag": lambda x, p: torch.diag_embed(x[0], p[0]),
    "slice": lambda x, p: x[0].narrow(p[0], p[1], p[2] - p[1]),
    "slice_step": torch_slice_step,
    "pad": lambda x, p: torch_pad(x[0], *p),
    "pad_value": lambda x, p: torch_pad(x[0], *p),
    "pad_reflect": torch_pad_by("reflect"),
    "pad_replicate": torch_pad_by("replicate"),
    "pad_circular": torch_pad_by("circular"),
    "eye": torch_eye,
    "roll": lambda x, p: x[0].roll(p[1], p[0]),
    "repeat": lambda x, p: x[0].repeat_interleave(p[1], p[0]),
    "unfold": lambda x, p: x[0].unfold(*p),
    "permute": lambda x, p: x[0].permute(p),
    "flip": lambda x, p: x[0].flip(p),
    "reshape": lambda x, p: x[0].reshape(p),
    "squeeze": lambda x, p: x[0].squeeze(p[0]),
    "unsqueeze": lambda x, p: x[0].unsqueeze(p[0]),
    "expand": lambda x, p: x[0].expand(p),
    "tile": lambda x, p: x[0].tile(p),
    "concat": lambda x, p: torch.cat(x, p[0]),
    "stack": lambda x, p: torch.stack(x, p[0]),
    "split": lambda x, p: x[0].split(p[2:], p[0])[p[1]],
    "overlap_add": torch_overlap_add,
    "gather_rows": lambda x, p: x[0][x[1]],
    "scatter_rows": torch_scatter_rows,
    "segment_sum": torch_scatter_rows,
    "index_select": lambda x, p: x[0].index_select(p[0], x[1]),
    "gather": lambda x, p: x[0].gather(p[0], x[1]),
    "scatter_add": torch_scatter_add,
    "einsum": lambda x, p: torch.einsum(SUBSCRIPTS[p[0]], *x),
    "cholesky": lambda x, p: torch.linalg.cholesky(symmetric(x[0])),
    "cholesky_jvp": torch_cholesky_jvp,
    "inverse": lambda x, p: torch.linalg.inv(x[0]),
    "determinant": lambda x, p: torch.linalg.det(x[0]),
    "slogdet": lambda x, p: torch.linalg.slogdet(x[0])[1],
    "solve": lambda x, p: torch_solve(*x),
    "cholesky_solve": lambda x, p: torch_cholesky_solve(*x),
    "triangular_solve": lambda x, p: torch_triangular_solve(*x, p[0]),
}
# Ops that have the same name there, and no parameters.
for same in ("neg exp square sin cos erf erfc tanh sinh cosh expm1 atan sigmoid log sqrt rsqrt reciprocal log1p tan "
             "asin acos abs relu sign floor ceil round add sub mul div pow atan2 hypot maximum minimum matmul inner "
             "outer logdet").split():
    PYTORCH[same] = lambda x, p, f=getattr(torch, same): f(*x)


def pytorch_derivatives(name, operands, parameters, stream):
    """The value's shape and numbers; its gradients for a random cotangent; theirs for random directions, or None."""
    x = [torch.tensor(o.numbers(stream + k), dtype=torch.float64 if isinstance(o, Floats) else torch.int64)
         .reshape(o.shape) for k, o in enumerate(operands)]
    variables = [t.requires_grad_() for t in x if t.dtype == torch.float64]
    y = PYTORCH[name](x, parameters)

    def direction(like, k):
        return torch.tensor(Floats(like.shape, -1.0, 1.0).numbers(k), dtype=torch.float64).reshape(like.shape)

    def gradients(value, seed):
        if not value.requires_grad:
            return [torch.zeros_like(v) for v in variables]
        found = torch.autograd.grad(value, variables, seed, create_graph=True, allow_unused=True)
        return [torch.zeros_like(v) if g is None else g for v, g in zip(variables, found)]

    first = gradients(y, direction(y, stream + COTANGENT))
    along = sum((g * direction(g, stream + DIRECTION + k)).sum() for k, g in enumerate(first))
    try:
        second = gradients(along, torch.ones([], dtype=torch.float64))
    except (RuntimeError, NotImplementedError) as error:
        print(f"{name}: no second derivative: {str(error)[:100]}", file=sys.stderr)
        second = None

    def numbers(t):
        return (torch.zeros(t.shape) + t.detach()).reshape(-1).tolist()  # some zeros have no storage

    return y.shape, numbers(y), list(map(numbers, first)), second and list(map(numbers, second))


write(f"PyTorch {torch.__version__.split('+')[0]}", PYTORCH, pytorch_derivatives, 1, "derivatives.txt.gz")
