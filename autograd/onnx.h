/* onnx.h: the recorded graph as an ONNX model, which other programs can run. */
#ifndef RETROGRAD_ONNX_H
#define RETROGRAD_ONNX_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const char *name;         /* of the graph; NULL: "retrograd" */
    const rg_tensor *others;  /* further outputs, in this order behind y */
    int other_count;
} rg_onnx_options;

/* Writes what y depends on, as an ONNX model, to the caller's stream. `options` may be NULL.
 *
 *     FILE *file = fopen("digits.onnx", "wb");
 *     rg_training(tape, false);
 *     rg_tensor x = rg_name(rg_input(tape, RG_F32, RG_SHAPE(32, 784), images), "x");
 *     rg_onnx(file, rg_name(rg_nn_forward(net, x), "logits"), NULL);
 *
 * inputs      inputs and scalars of the tape, by their names
 * output      y, by its name, or else by its scope and op
 * numbers     parameters and constants go into the model as they are now, as initializers; others do not: nothing is
 *             evaluated
 * nodes       one for an op, or a few where ONNX has no such operator; named by scope and op ("fc1/matmul"), with the
 *             line that recorded it as doc_string. Names are made unique by a number behind them, and what is not an
 *             ASCII letter, a digit or one of _.-/ becomes _ in them
 * dropout     is ONNX's Dropout, which does nothing when the model is run
 * sizes       are fixed as recorded, that of a batch too
 *
 * What is made of several operators has the same value up to rounding; where the library's own function is more careful
 * (hypot far from 1, erfc and gelu in their tails, and how NaN passes through a choice) they need not agree.
 * The format is ONNX's IR version 8 with operator set 17 [github.com/onnx/onnx, docs/IR.md and docs/Operators.md].
 *
 * errors  RG_E_NULL, RG_E_TAPE; RG_E_UNSUPPORTED an op without counterpart, with its name and line, or an op of the
 *         user's own: these stick to the tape, and nothing has been written.
 *         RG_E_UNSUPPORTED also for a model above 2 GB, which the format does not allow, and on a big-endian machine;
 *         RG_E_FILE the stream reports an error; RG_E_MEMORY: these do not stick. */
RG_API rg_status rg_onnx(FILE *out, rg_tensor y, const rg_onnx_options *options);

#ifdef __cplusplus
}
#endif
#endif
