#!/usr/bin/env python3
"""Writes einsum.txt, which test_einsum.c reads: random subscripts, what NumPy makes of them, and PyTorch's gradients.

    tests/parity/einsum.py [CASES [SEED]] > tests/parity/einsum.txt

A line is a case: the subscripts, the operands' shapes, the result's shape, a checksum of the result, and one of the
gradient for each operand. Element i of operand k is ((7 i + 5 k) mod 17 - 8) / 4, and checksums weigh element i with
(3 i) mod 7 - 3, so that everything is a sum of few binary digits and must agree to the bit."""
import random
import sys

import numpy as np
import torch


def numbers(shape, k):
    i = np.arange(int(np.prod(shape, dtype=int)))
    return (((7 * i + 5 * k) % 17 - 8) / 4).reshape(shape)


def weights(shape):
    i = np.arange(int(np.prod(shape, dtype=int)))
    return ((3 * i) % 7 - 3.0).reshape(shape)


def checksum(x):
    return float((np.asarray(x) * weights(np.shape(x))).sum())


def draw(rng):
    letters = rng.sample("ijklmABz", rng.randint(1, 5))
    size = {c: rng.choice([1, 2, 2, 3, 3, 4]) for c in letters}
    if rng.random() < 0.05:
        size[letters[0]] = 0
    dots = [rng.choice([1, 2, 3]) for _ in range(2)]
    terms, shapes, most = [], [], 0
    for _ in range(rng.choice([1, 2, 2, 2, 3, 3, 4])):
        own = [rng.choice(letters) for _ in range(rng.randint(0, 3))]
        if rng.random() < 0.5:
            own = list(dict.fromkeys(own))
        shape = [size[c] for c in own]
        if rng.random() < 0.3:
            at, depth = rng.randint(0, len(own)), rng.randint(0, 2)
            most = max(most, depth)
            shape[at:at] = [d if rng.random() < 0.7 else 1 for d in dots[2 - depth:]]
            own.insert(at, "...")
        terms.append("".join(own))
        shapes.append(shape)
    text = ",".join(terms)
    if rng.random() < 0.7:
        present = sorted(set(text) - set(".,"))
        out = rng.sample(present, rng.randint(0, len(present)))
        if most or (rng.random() < 0.1 and "..." in text):
            out.insert(rng.randint(0, len(out)), "...")
        text += "->" + "".join(out)
    return text, shapes


def written(shape):
    return "x".join(map(str, shape)) or "-"


def main():
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    while cases:
        text, shapes = draw(rng)
        if not text.strip(","):
            continue
        arrays = [numbers(s, k) for k, s in enumerate(shapes)]
        try:
            value = np.einsum(text, *arrays)
        except ValueError:
            continue
        tensors = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]
        result = torch.einsum(text, *tensors)
        assert np.array_equal(result.detach().numpy(), value), text
        (result * torch.tensor(weights(value.shape))).sum().backward()
        slopes = [checksum(t.grad.numpy()) for t in tensors]
        print(text, " ".join(map(written, shapes)), "=", written(value.shape), checksum(value), *slopes)
        cases -= 1


main()
