/* samples.c: samples that rows of the elementwise files share. */
#include "rows.h"

const rg_sample rg_samples_real[] = SAMPLES_1(NULL, -2, 2, -4, 4, END);
const rg_sample rg_samples_positive[] = SAMPLES_1(NULL, 0.5, 4, 0.1, 1, END);
const rg_sample rg_samples_unit[] = FEW_SAMPLES_1(-0.9, 0.9, 0.2, 0.8);
const rg_sample rg_samples_level[] = FEW_SAMPLES_1(0.1, 0.4, -1.4, -1.1);

static const double numbers[] = { 2.5, 0, 1, -1 };
const rg_sample rg_samples_number[] = NUMBER_SAMPLES(numbers, -2, 2);
const rg_sample rg_samples_exponent[] = NUMBER_SAMPLES(numbers, 0.5, 2);

const rg_sample rg_samples_pair[] = SAMPLES_2(-2, 2, -2, 2, 0);
const rg_sample rg_samples_pair_over[] = FEW_SAMPLES_2(-2, 2, 0.5, 2, 0);
const rg_sample rg_samples_pair_positive[] = FEW_SAMPLES_2(0.5, 2, 0.5, 2, 0);
const rg_sample rg_samples_pair_grid[] = FEW_SAMPLES_2(-1, 1, -1, 1, 1);
