#!/usr/bin/env python3
"""The cases of retrograd-bench in PyTorch: retrograd-bench --peer 'python3 tools/bench/peer_torch.py'.

Started with a case and a number of threads, it answers each line on standard input, a number of seconds, with a
rate: see peer.c. It is pinned as the benchmark is, and times itself with the same kind of clock.
"""
import json
import math
import os
import re
import sys
import time

UNKNOWN_CASE = 3

SYSTEM_PYTHON = "/usr/bin/python3"

# Read when PyTorch and its BLAS are loaded.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = sys.argv[-1]

try:
    import torch
except ImportError:
    # A distribution's PyTorch goes with its Python, which need not be the first on the path.
    if os.access(SYSTEM_PYTHON, os.X_OK) and not os.path.samefile(SYSTEM_PYTHON, sys.executable):
        os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON, *sys.argv])
    sys.exit("peer_torch.py: PyTorch is not installed here")


def mlp(sizes, batch, dtype):
    """Training steps as in mlp.c: ReLU and cross-entropy, or tanh and squared error for a single output."""
    classify = sizes[-1] > 1
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [torch.nn.Linear(inputs, outputs, dtype=dtype), torch.nn.ReLU() if classify else torch.nn.Tanh()]
    net = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    examples = 4096
    x = torch.rand(examples, sizes[0], dtype=dtype)
    target = torch.randint(sizes[-1], (examples,)) if classify else torch.rand(examples, 1, dtype=dtype)
    loss = torch.nn.CrossEntropyLoss() if classify else torch.nn.MSELoss()
    first = 0

    def step():
        nonlocal first
        rows = slice(first, first + batch)
        optimizer.zero_grad(set_to_none=False)
        loss(net(x[rows]), target[rows]).backward()
        optimizer.step()
        first = first + batch if first + 2 * batch <= examples else 0

    return step, 1


def chain(ops, n):
    x = torch.rand(n)
    w = (0.95 + 0.05 * torch.rand(n)).requires_grad_()
    b = torch.rand(n, requires_grad=True)

    def step():
        y = x
        for _ in range(ops // 2):
            y = y * w + b
        torch.autograd.grad(y.sum(), (w, b))

    return step, ops


def small_op():
    w = torch.tensor(0.5, requires_grad=True)
    return (lambda: torch.autograd.grad(torch.tanh(w), w)), 1


def fused(n, dtype):
    x = 2 * torch.rand(n, dtype=dtype) - 1
    w = (2 * torch.rand(n, dtype=dtype) - 1).requires_grad_()

    def step():
        a = x * w
        c = torch.sigmoid(a + x)
        e = torch.tanh(c * a)
        torch.autograd.grad(((1 - torch.square(e + c) * x) * e).sum(), w)

    return step, n


def gemm(inputs, outputs, kind, batch, dtype):
    x, weight, delta = (torch.rand(*size, dtype=dtype)
                        for size in ((batch, inputs), (outputs, inputs), (batch, outputs)))
    a, b = {"forward": (x, weight.t()), "input": (delta, weight), "weight": (delta.t(), x)}[kind]
    result = torch.empty(a.shape[0], b.shape[1], dtype=dtype)
    return (lambda: torch.mm(a, b, out=result)), 1


def find(name):
    """The case's step and the units that are done in it, or None. Retrograd's ways of doing it are all one here."""
    name = re.sub("-(minimise|compiled)$", "", name)
    double = name.endswith("-f64") or name.startswith("gemm-f64")
    dtype = torch.float64 if double else torch.float32
    if found := re.fullmatch(r"mlp-([\d-]+)-b(\d+)(-f64)?", name):
        return mlp([int(size) for size in found[1].split("-")], int(found[2]), dtype)
    if found := re.fullmatch(r"chain-(\d+)-n(\d+)", name):
        return chain(int(found[1]), int(found[2]))
    if found := re.fullmatch(r"fused-10-n(\d+)(-f64)?", name):
        return fused(int(found[1]), dtype)
    if found := re.fullmatch(r"gemm-f\d\d-(\d+)x(\d+)-(forward|input|weight)-b(\d+)", name):
        return gemm(int(found[1]), int(found[2]), found[3], int(found[4]), dtype)
    if found := re.fullmatch(r"gemm-f\d\d-(\d+)x\1x\1", name):
        size = int(found[1])
        return gemm(size, size, "input", size, dtype)
    return small_op() if name == "op-tanh-n1" else None


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: peer_torch.py CASE THREADS")
    threads = int(sys.argv[2])
    torch.manual_seed(42)
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    case = find(sys.argv[1])
    if case is None:
        sys.exit(UNKNOWN_CASE)
    step, units = case
    now = time.thread_time if threads == 1 else time.perf_counter

    def timed(passes):
        start = now()
        for _ in range(passes):
            step()
        return now() - start

    timed(3)
    each = max(timed(3) / 3, 1e-7)
    for line in sys.stdin:
        passes = max(1, math.ceil(float(line) / each))
        each = max(timed(passes) / passes, 1e-7)
        print(json.dumps({"rate": units / each}), flush=True)


if __name__ == "__main__":
    main()
