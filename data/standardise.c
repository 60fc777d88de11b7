/* standardise.c: mean 0 and deviation 1 for every feature. */
#include <math.h>
#include <stdlib.h>

#include "data_internal.h"

static double feature(const rg_data_set *set, int64_t row, int64_t column)
{
    int64_t i = row * set->width + column;
    if (!set->features) return set->dtype == RG_F32 ? (double)((float)set->bytes[i] / 255) : set->bytes[i] / 255.0;
    return set->dtype == RG_F32 ? (double)((const float *)set->features)[i] : ((const double *)set->features)[i];
}

/* Two passes over differences from the first example: a feature that never changes gives sums of exact
 * zeros, whatever its value, and is recognised without a tolerance. */
static void measure(rg_data_standardiser *s, const rg_data_set *set)
{
    double n = (double)set->count;
    for (int64_t j = 0; j < s->width; j++) s->mean[j] = s->deviation[j] = 0;
    for (int64_t i = 0; i < set->count; i++)
        for (int64_t j = 0; j < s->width; j++) s->mean[j] += feature(set, i, j) - feature(set, 0, j);
    for (int64_t j = 0; j < s->width; j++) s->mean[j] = feature(set, 0, j) + s->mean[j] / n;
    for (int64_t i = 0; i < set->count; i++)
        for (int64_t j = 0; j < s->width; j++) {
            double difference = feature(set, i, j) - s->mean[j];
            s->deviation[j] += difference * difference;
        }
    for (int64_t j = 0; j < s->width; j++) s->deviation[j] = s->deviation[j] == 0 ? 1 : sqrt(s->deviation[j] / n);
}

rg_status rg_data_standardiser_fit(rg_data_standardiser *standardiser, const rg_data_set *set, rg_error *error)
{
    if (!standardiser) return rg_data_fail(error, RG_E_NULL, "standardise: no place for the result");
    *standardiser = (rg_data_standardiser){ 0 };
    if (!rg_data_has_examples(set)) return rg_data_fail(error, RG_E_NULL, "standardise: no examples");
    standardiser->width = set->width;
    standardiser->mean = rg_data_allocate(set->width, sizeof(double));
    standardiser->deviation = rg_data_allocate(set->width, sizeof(double));
    if (!standardiser->mean || !standardiser->deviation) {
        rg_data_standardiser_free(standardiser);
        return rg_data_out_of_memory(error);
    }
    measure(standardiser, set);
    for (int64_t j = 0; j < set->width; j++)
        if (!isfinite(standardiser->mean[j]) || !isfinite(standardiser->deviation[j])) {
            rg_data_standardiser_free(standardiser);
            return rg_data_fail(error, RG_E_ARGUMENT, "standardise: the sums of feature %lld are not finite",
                                (long long)j);
        }
    return RG_OK;
}

rg_status rg_data_standardiser_apply(const rg_data_standardiser *standardiser, rg_data_set *set, rg_error *error)
{
    if (!standardiser || !standardiser->mean || !standardiser->deviation)
        return rg_data_fail(error, RG_E_NULL, "standardise: the standardiser was never fitted");
    if (!rg_data_has_examples(set)) return rg_data_fail(error, RG_E_NULL, "standardise: no examples");
    if (set->width != standardiser->width)
        return rg_data_fail(error, RG_E_SHAPE, "standardise: %lld features, but fitted on %lld", (long long)set->width,
                            (long long)standardiser->width);
    rg_status status = rg_data_make_features(set, error);
    if (status != RG_OK) return status;
    for (int64_t i = 0; i < set->count; i++)
        for (int64_t j = 0; j < set->width; j++) {
            double x = (feature(set, i, j) - standardiser->mean[j]) / standardiser->deviation[j];
            if (set->dtype == RG_F32)
                ((float *)set->features)[i * set->width + j] = (float)x;
            else
                ((double *)set->features)[i * set->width + j] = x;
        }
    return RG_OK;
}

void rg_data_standardiser_free(rg_data_standardiser *standardiser)
{
    if (!standardiser) return;
    free(standardiser->mean);
    free(standardiser->deviation);
    *standardiser = (rg_data_standardiser){ 0 };
}
