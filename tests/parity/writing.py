"""Writes the files that test_parity.c reads: the random cases of cases.py, and what a library makes of them in f64.

A case is an op with parameters and operands, and what came out: the value y, the gradient of <y, v> for each float
operand, and the gradient of <gradient, d>, for fixed random cotangents v and directions d. The file holds no inputs:
both sides draw them from the library's generator (autograd/random.c), Philox 4x32-10 by seed, stream and index.
The lines of a case:

    op NAME NUMBER
    parameters P...                                 what the op's row in test_parity.c takes, as numbers
    float SHAPE LOW HIGH STEP DIAGONAL              operands in order: uniform from LOW to HIGH, or of LOW, LOW + STEP,
    index SHAPE COUNT                               ... if not 0; DIAGONAL is added on the diagonal of each matrix
    value SHAPE NUMBERS...
    gradient NUMBERS...                             for each float operand
    second NUMBERS...                               likewise; not there where the library has none
    (an empty line)

Nothing here knows PyTorch or JAX. Another library needs a table like PYTORCH in generate.py, a function like
pytorch_derivatives, its own seed and its own file, which is named in test_parity.c."""
import gzip
import math
import pathlib
import random
import sys

from cases import CASES_OF, written

MAX_ELEMENTS = 64  # of any array in the file: each is there in full
COTANGENT, DIRECTION, STREAMS = 8, 9, 16  # streams of case i: 16 i + operand, and these
CASES_A_SEED = 1000000  # the numbers of one seed's cases are not those of another's


def numbers(array):
    assert len(array) <= MAX_ELEMENTS, len(array)
    assert all(map(math.isfinite, array))
    return " ".join(f"{v + 0.0:.17g}" for v in array)


def write(library, table, derivatives, seed, name_of_file, left_out={}):
    """Arguments of the command line: [CASES [SEED [FILE]]]. `derivatives` gives for (name, operands, parameters,
    stream) the shape and the numbers of the value, the numbers of each gradient, and of each second or None.
    `left_out` says by op name of which (numbers of the operands, parameters, shapes) there is to be no case."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else seed
    path = pathlib.Path(sys.argv[3] if len(sys.argv) > 3 else pathlib.Path(__file__).with_name(name_of_file))
    rng = random.Random(seed)
    assert set(table) == set(CASES_OF), set(table) ^ set(CASES_OF)
    lines, first, drawn_again = [], CASES_A_SEED * (seed - 1), 0
    for i, (name, draw) in enumerate(CASES_OF.items()):
        for number in range(first + i * count, first + (i + 1) * count):
            def is_left_out(parameters, operands):
                inputs = [o.numbers(STREAMS * number + k) for k, o in enumerate(operands)]
                return name in left_out and left_out[name](inputs, parameters, [o.shape for o in operands])

            while is_left_out(*(case := draw(rng))):
                drawn_again += 1
            parameters, operands = case
            shape, value, gradients, seconds = derivatives(name, operands, parameters, STREAMS * number)
            lines += [f"op {name} {number}", "parameters " + " ".join(map(repr, parameters))]
            lines += [o.line() for o in operands]
            lines += [f"value {written(shape)} {numbers(value)}"]
            lines += ["gradient " + numbers(g) for g in gradients]
            lines += ["second " + numbers(g) for g in seconds or []]
            lines += [""]
    text = f"# {library}\n" + "\n".join(lines) + "\n"
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, 0) as packed:
        packed.write(text.encode())
    print(f"{len(CASES_OF)} ops, {count * len(CASES_OF)} cases and {drawn_again} left out, {len(text)} bytes, "
          f"{path.stat().st_size} packed")
