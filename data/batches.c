/* batches.c: shuffles and mini-batches, each a function of seed and place alone. */
#include <stdlib.h>

#include "data_internal.h"

/* Added to the epoch, so that shuffles share no stream of random numbers with initialisers and dropout of
 * the same seed, which count theirs from 0. */
#define SHUFFLE_STREAM UINT64_C(0x5348554600000000)

/* Uniform in [0, bound): the few numbers past the last whole multiple of bound would favour the small
 * results and are drawn again. */
static uint64_t random_below(uint64_t seed, uint64_t stream, uint64_t *index, uint64_t bound)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound, bits;
    do {
        bits = rg_random_bits(seed, stream, (*index)++);
    } while (bits >= limit);
    return bits % bound;
}

void rg_data_permutation(uint64_t seed, uint64_t epoch, int64_t count, int64_t *order)
{
    uint64_t index = 0;
    for (int64_t i = 0; i < count; i++) order[i] = i;
    for (int64_t i = count - 1; i > 0; i--) {
        int64_t other = (int64_t)random_below(seed, SHUFFLE_STREAM + epoch, &index, (uint64_t)i + 1);
        int64_t held = order[i];
        order[i] = order[other];
        order[other] = held;
    }
}

rg_status rg_data_batches_new(rg_data_batches *batches, const rg_data_set *set, rg_data_batch_options options,
                              rg_error *error)
{
    if (!batches) return rg_data_fail(error, RG_E_NULL, "batches: no place for the iterator");
    *batches = (rg_data_batches){ 0 };
    if (!set) return rg_data_fail(error, RG_E_NULL, "batches: no data set");
    if (set->count < 1 || !rg_data_has_examples(set))
        return rg_data_fail(error, RG_E_ARGUMENT, "batches: the data set is empty");
    if (options.size < 1)
        return rg_data_fail(error, RG_E_ARGUMENT, "batches: a batch of %lld examples", (long long)options.size);

    int64_t most = options.size < set->count ? options.size : set->count;
    size_t element = rg_dtype_size(set->dtype);
    *batches = (rg_data_batches){
        .set = set,
        .options = options,
        .per_epoch = (set->count - 1) / options.size + 1,
        .order_epoch = -1,
        .order = rg_data_allocate(set->count, sizeof *batches->order),
        .features = rg_data_allocate(most, (size_t)set->width * element),
        .labels = set->labels ? rg_data_allocate(most, sizeof *batches->labels) : NULL,
        .targets = set->targets ? rg_data_allocate(most, element) : NULL,
    };
    if (batches->order && batches->features && !batches->labels == !set->labels && !batches->targets == !set->targets)
        return RG_OK;
    rg_data_batches_free(batches);
    return rg_data_out_of_memory(error);
}

void rg_data_batches_free(rg_data_batches *batches)
{
    if (!batches) return;
    free(batches->order);
    free(batches->features);
    free(batches->labels);
    free(batches->targets);
    *batches = (rg_data_batches){ 0 };
}

static void find_order(rg_data_batches *batches)
{
    if (batches->order_epoch == batches->epoch) return;
    if (batches->options.in_order)
        for (int64_t i = 0; i < batches->set->count; i++) batches->order[i] = i;
    else
        rg_data_permutation(batches->options.seed, (uint64_t)batches->epoch, batches->set->count, batches->order);
    batches->order_epoch = batches->epoch;
}

bool rg_data_batches_next(rg_data_batches *batches, rg_data_batch *batch)
{
    if (batch) *batch = (rg_data_batch){ 0 };
    if (!batches || !batches->set || !batch) return false;
    if (batches->next >= batches->per_epoch) {
        batches->epoch++;
        batches->next = 0;
        return false;
    }
    find_order(batches);
    const rg_data_set *set = batches->set;
    int64_t first = batches->next++ * batches->options.size, left = set->count - first;
    *batch = (rg_data_batch){
        .count = left < batches->options.size ? left : batches->options.size,
        .shape = set->shape,
        .dtype = set->dtype,
        .features = batches->features,
        .labels = batches->labels,
        .targets = batches->targets,
        .rows = batches->order + first,
    };
    batch->shape.size[0] = batch->count;
    rg_data_copy_rows(set, batch->rows, batch->count, batches->features, batches->labels, batches->targets);
    return true;
}

rg_status rg_data_batches_seek(rg_data_batches *batches, int64_t epoch, int64_t next)
{
    if (!batches || !batches->set) return RG_E_NULL;
    if (epoch < 0 || next < 0 || next > batches->per_epoch) return RG_E_ARGUMENT;
    batches->epoch = epoch;
    batches->next = next;
    return RG_OK;
}
