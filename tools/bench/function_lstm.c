/* function_lstm.c: an LSTM with diagonal weights, as ADBench has it: every gate of a unit sees that unit alone. Parts of
 * theta: weights [4, width] and biases [4, width] of the gates forget, in, out and change, weights and biases of the
 * result [2, width]. Loss: mean over the steps of log sum exp z - z . target. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "elementary.h"
#include "function.h"

enum { WIDTH = 14 };

#define REAL double
#define TYPE f64
#define INTRINSIC pd
#define TEMPLATE "bench/function_lstm_template.h"
#include "each_level.h"

static function_extent extent(const int64_t *size)
{
    return (function_extent){ { 4 * WIDTH, 4 * WIDTH, 2 * WIDTH }, 2 * size[0] * WIDTH, 6 * (size[0] + 1) * WIDTH };
}

/* Targets are probabilities. */
static void prepare(const function_numbers *numbers)
{
    double *targets = numbers->data + numbers->size[0] * WIDTH;
    for (int64_t t = 0; t < numbers->size[0]; t++, targets += WIDTH) {
        double sum = 0;
        for (int i = 0; i < WIDTH; i++) sum += targets[i] = exp(targets[i]);
        for (int i = 0; i < WIDTH; i++) targets[i] /= sum;
    }
}

static rg_tensor row(rg_tensor t, int64_t i)
{
    return rg_reshape(rg_slice(t, 0, i, i + 1), RG_SHAPE(WIDTH));
}

static rg_tensor record(rg_tape *tape, const rg_tensor *theta, const function_numbers *numbers)
{
    enum { FORGET, IN, OUT, CHANGE };
    const int64_t steps = numbers->size[0];
    rg_tensor x = rg_input_borrowed(tape, RG_F64, RG_SHAPE(steps, WIDTH), numbers->data);
    rg_tensor target = rg_input_borrowed(tape, RG_F64, RG_SHAPE(steps, WIDTH), numbers->data + steps * WIDTH);
    rg_tensor weight = rg_reshape(theta[0], RG_SHAPE(4, WIDTH)), bias = rg_reshape(theta[1], RG_SHAPE(4, WIDTH));
    rg_tensor result = rg_reshape(theta[2], RG_SHAPE(2, WIDTH));
    /* These two see the input alone: all steps at once. */
    rg_tensor forget = rg_sigmoid(rg_add(rg_mul(x, row(weight, FORGET)), row(bias, FORGET)));
    rg_tensor out = rg_sigmoid(rg_add(rg_mul(x, row(weight, OUT)), row(bias, OUT)));
    rg_tensor w_in = row(weight, IN), b_in = row(bias, IN), w_change = row(weight, CHANGE), b_change = row(bias, CHANGE);
    rg_tensor hidden = rg_full(tape, RG_F64, RG_SHAPE(WIDTH), 0), cell = hidden;
    rg_tensor *all = malloc((size_t)steps * sizeof *all);
    for (int64_t t = 0; all && t < steps; t++) {
        rg_tensor in = rg_sigmoid(rg_add(rg_mul(hidden, w_in), b_in));
        rg_tensor change = rg_tanh(rg_add(rg_mul(hidden, w_change), b_change));
        cell = rg_add(rg_mul(cell, row(forget, t)), rg_mul(in, change));
        hidden = rg_mul(row(out, t), rg_tanh(cell));
        all[t] = rg_reshape(hidden, RG_SHAPE(1, WIDTH));
    }
    rg_tensor z = rg_add(rg_mul(rg_concat(all ? (int)steps : 0, all, 0), row(result, 0)), row(result, 1));
    free(all);
    rg_tensor loss = rg_sub(rg_sum(rg_logsumexp(z, 1, false)), rg_sum(rg_mul(z, target)));
    return rg_scale(loss, 1 / (double)steps);
}

const function_problem function_lstm = { extent, prepare, record, NULL, LEVELS(lstm_f64) };
