#!/usr/bin/env python3
"""Whether other programs make of our ONNX models what the library made of the same graphs.

    python3 -m venv /tmp/onnxenv && /tmp/onnxenv/bin/pip install onnx onnxruntime numpy
    build/release/tests/test_onnx --write /tmp/onnx
    /tmp/onnxenv/bin/python tests/parity/onnx_check.py /tmp/onnx

Every model goes through onnx.checker with inference of all shapes, and is run by onnxruntime; where that has no
kernel for an operator and dtype (many f64 ones), by onnx's reference implementation. What comes out is compared with
the numbers beside the model: |difference| <= tolerance (1 + |number|), 1e-5 in f32 and 1e-12 in f64. Prints a line for
each failure, and the figures; exits with 1 if there was any.
"""
import collections
import math
import pathlib
import sys

import numpy
import onnx
import onnx.reference
import onnx.reference.op_run
import onnxruntime

DTYPES = {"f32": numpy.float32, "f64": numpy.float64, "i32": numpy.int32, "i64": numpy.int64}
TOLERANCE = {numpy.float32: 1e-5, numpy.float64: 1e-12, numpy.int32: 0, numpy.int64: 0}


class Erf(onnx.reference.op_run.OpRun):
    """The reference's own has seven digits in f64."""

    def _run(self, x):
        return (numpy.vectorize(math.erf, otypes=[x.dtype])(x),)


def read(path):
    """The inputs by name, and the output."""
    inputs = {}
    for line in path.read_text().splitlines():
        head, numbers = line.split(" :")
        kind, name, dtype, *sizes = head.split()
        array = numpy.array([float(n) if dtype[0] == "f" else int(n) for n in numbers.split()], DTYPES[dtype])
        array = array.reshape([int(size) for size in sizes])
        if kind == "out":
            return inputs, array
        inputs[name] = array


def run(model, inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
        return "onnxruntime", session.run(None, inputs)[0]
    except Exception as error:
        if "NOT_IMPLEMENTED" not in str(error) and "NotImplemented" not in type(error).__name__:
            raise
    with numpy.errstate(all="ignore"):
        return "onnx.reference", onnx.reference.ReferenceEvaluator(model, new_ops=[Erf]).run(None, inputs)[0]


def largest_error(got, expected):
    """In units of 1 + |number|; infinite if they differ in kind."""
    got = numpy.asarray(got)
    if got.dtype != expected.dtype or got.shape != expected.shape:
        return float("inf")
    if got.size == 0:
        return 0.0
    got, expected = got.astype(numpy.float64), expected.astype(numpy.float64)
    same = (got == expected) | (numpy.isnan(got) & numpy.isnan(expected))
    with numpy.errstate(invalid="ignore"):
        error = numpy.where(same, 0, numpy.abs(got - expected) / (1 + numpy.abs(expected)))
    return float(numpy.nan_to_num(error, nan=numpy.inf).max())


def main():
    by, failures, worst = collections.Counter(), 0, {}
    missing = collections.Counter()
    paths = sorted(pathlib.Path(sys.argv[1]).glob("*.onnx"))
    for path in paths:
        inputs, expected = read(path.with_suffix(".txt"))
        try:
            model = onnx.load(path)
            onnx.checker.check_model(model, full_check=True)
            program, got = run(model, inputs)
        except Exception as error:
            print(f"{path.name}: {type(error).__name__}: {str(error)[:300]}")
            failures += 1
            continue
        by[program] += 1
        if program != "onnxruntime":
            missing[path.name.rsplit(".", 2)[0].split(".")[0] + " " + path.name.split(".")[-2]] += 1
        error = largest_error(got, expected)
        kind = path.name.split(".")[-2]
        worst[kind] = max(worst.get(kind, (0, "")), (error, path.name))
        if error > TOLERANCE[expected.dtype.type]:
            print(f"{path.name}: error {error:.3g} by {program}")
            failures += 1
    print(f"{len(paths)} models: {failures} failures;", ", ".join(f"{n} run by {name}" for name, n in by.items()))
    print("largest errors:", ", ".join(f"{kind} {error:.2g} ({name})" for kind, (error, name) in sorted(worst.items())))
    if missing:
        print("not in onnxruntime:", ", ".join(sorted(missing)))
    print(f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}, numpy {numpy.__version__}")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
