/* loss.c: losses by name. */
#define RG_NO_SITES
#include <string.h>

#include "nn.h"

static const rg_nn_loss table[] = {
    { "xent", "cross-entropy of logits and integer labels", rg_cross_entropy, true },
    { "mse", "mean squared error", rg_mse, false },
    { "bce", "binary cross-entropy of logits and targets in [0, 1]", rg_binary_cross_entropy, false },
};
#define LOSSES (sizeof table / sizeof table[0])

const rg_nn_loss *rg_nn_loss_table(size_t *count)
{
    if (count) *count = LOSSES;
    return table;
}

const rg_nn_loss *rg_nn_loss_find(const char *name)
{
    for (size_t i = 0; name && i < LOSSES; i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

rg_tensor rg_nn_loss_forward_at(const char *site, const rg_nn_loss *loss, rg_tensor prediction, rg_tensor target)
{
    rg_tape *tape = prediction.tape ? prediction.tape : target.tape;
    if (!loss || !loss->function) return rg_fail(tape, site, RG_E_NULL, "loss: the loss is NULL");
    const char *previous = rg_set_site(tape, site);
    if (!site) rg_set_site(tape, previous);
    rg_tensor value = loss->function(prediction, target);
    rg_set_site(tape, previous);
    return value;
}

rg_tensor rg_nn_loss_forward(const rg_nn_loss *loss, rg_tensor prediction, rg_tensor target)
{
    return rg_nn_loss_forward_at(NULL, loss, prediction, target);
}
