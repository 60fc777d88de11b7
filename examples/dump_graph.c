/* The recorded graph, forward and with its adjoints, as Graphviz DOT on standard output:
 *     dump_graph | dot -Tsvg -o graph.svg */
#include <retrograd.h>

int main(void)
{
    const float points[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } };
    const int32_t labels[2] = { 0, 1 };
    rg_params *theta = rg_params_new(RG_F32, 1);
    rg_nn     *net   = RG_MLP(theta, rg_tanh, 3, 4, 2);
    rg_tape   *tape  = rg_tape_new();

    rg_tensor x    = rg_name(rg_input(tape, RG_F32, RG_SHAPE(2, 3), points), "x");
    rg_tensor y    = rg_name(rg_input(tape, RG_I32, RG_SHAPE(2), labels), "labels");
    rg_tensor loss = rg_name(rg_cross_entropy(rg_nn_forward(net, x), y), "loss");
    rg_status status = rg_dot(stdout, loss, &(rg_dot_options){ .backward = true, .sites = true });

    if (status) fprintf(stderr, "%s %s\n", rg_status_name(status), rg_message(tape));
    rg_tape_free(tape);
    rg_nn_free(net);
    rg_params_free(theta);
    return status != RG_OK;
}
