/* 3. The multilayer perceptron
 *
 * A layer is many neurons that look at the same x: h1 = sigma(W1 x - b1), with a row of W1 and a number of b1 for
 * each. The next layer looks at h1. The lecture's example has two layers and sigma = relu:
 *
 *     h1 = relu(W1 x - b1),   y = relu(W2 h1 - b2),   x = (1, 0, 0)'.
 *
 * By hand: W1 x = (2, 0, 0, 0)', less b1 (1, -1, -1, -1)', so h1 = (1, 0, 0, 0)'; W2 h1 = (-1, 0)', less b2 (0, 1)',
 * so the answer is y = (0, 1)'. The picture is the graph that the program records, with the value of every node. All
 * that can be learned is one vector theta of 26 numbers, of which each W and b is a piece.
 *
 * What do these weights compute? Of all inputs of zeros and ones y1 is 1 for (0, 0, 0)' alone: it says "none of them".
 * y2 is 1 whatever the input. */
#include <string.h>

#include "lecture.h"

/* sigma(W x - b): note the minus. b is what W x has to exceed. */
static rg_tensor layer(rg_nn_activation *sigma, rg_tensor W, rg_tensor x, rg_tensor b)
{
    return sigma(rg_sub(rg_matmul(W, x), b));
}

enum { THETA = 26 };
static const double numbers[THETA] = {
    2, 0, 0,   0, 2, 0,   0, 0, 2,   0, 0, 0, /* W1 [4, 3] */
    1, 1, 1, 1,                               /* b1 [4, 1] */
    -1, -1, -1, -1,   0, 0, 0, 0,             /* W2 [2, 4] */
    -1, -1,                                   /* b2 [2, 1] */
};

typedef struct {
    rg_param W1, b1, W2, b2;
} perceptron;

static perceptron of_the_lecture(rg_params *theta)
{
    const perceptron p = { rg_params_add(theta, "W1", RG_SHAPE(4, 3)), rg_params_add(theta, "b1", RG_SHAPE(4, 1)),
                           rg_params_add(theta, "W2", RG_SHAPE(2, 4)), rg_params_add(theta, "b2", RG_SHAPE(2, 1)) };
    claim(rg_params_count(theta) == THETA, "theta is one vector of %d numbers", THETA);
    memcpy(rg_params_data(theta), numbers, sizeof numbers);
    rg_params_changed(theta);
    return p;
}

/* x [3, n] -> h1 [4, n], y [2, n]: a column for each of n inputs. */
static rg_tensor forward(const perceptron *p, rg_tensor x, rg_tensor *h1)
{
    rg_tape  *tape = x.tape;
    rg_tensor W1 = rg_parameter(tape, p->W1), b1 = rg_parameter(tape, p->b1);
    rg_tensor W2 = rg_parameter(tape, p->W2), b2 = rg_parameter(tape, p->b2);
    *h1 = rg_name(layer(rg_relu, W1, x, b1), "h1");
    return rg_name(layer(rg_relu, W2, *h1, b2), "y");
}

int main(int argc, char **argv)
{
    rg_params *theta = rg_params_new(RG_F64, 0);
    const perceptron p = of_the_lecture(theta);
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .eager = true }); /* node by node, so that each has its value */
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SHAPE(3, 1), (const double[]){ 1, 0, 0 }), "x"), h1;
    rg_tensor y = forward(&p, x, &h1);
    double hidden[4], answer[2];
    rg_read(h1, hidden, sizeof hidden);
    rg_read(y, answer, sizeof answer);
    stop_if_failed(tape);
    printf("x = (1, 0, 0)'   h1 = (%g, %g, %g, %g)'   y = (%g, %g)'\n", hidden[0], hidden[1], hidden[2], hidden[3],
           answer[0], answer[1]);
    claim(!memcmp(hidden, (const double[]){ 1, 0, 0, 0 }, sizeof hidden), "h1 = (1, 0, 0, 0)', to the bit");
    claim(!memcmp(answer, (const double[]){ 0, 1 }, sizeof answer), "the answer is (0, 1)', to the bit");
    const rg_dot_options options = { .values = true, .title = "relu(W2 relu(W1 x - b1) - b2)" };
    FILE *graph = open_picture(argc, argv, "multilayer_perceptron.dot");
    if (graph) close_picture(graph, rg_dot(graph, y, &options));

    const double all[3][8] = { { 0, 0, 0, 0, 1, 1, 1, 1 }, { 0, 0, 1, 1, 0, 0, 1, 1 }, { 0, 1, 0, 1, 0, 1, 0, 1 } };
    double answers[2][8];
    bool right = true;
    rg_read(forward(&p, rg_input(tape, RG_F64, RG_SHAPE(3, 8), all), &h1), answers, sizeof answers);
    stop_if_failed(tape);
    for (int i = 0; i < 8; i++) {
        printf("x = (%g, %g, %g)'   y = (%g, %g)'\n", all[0][i], all[1][i], all[2][i], answers[0][i], answers[1][i]);
        right = right && answers[0][i] == (i == 0) && answers[1][i] == 1;
    }
    claim(right, "y1 says \"none of them\", y2 is always 1");
    rg_tape_free(tape);
    rg_params_free(theta);
    return 0;
}
