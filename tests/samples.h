/* samples.h: numbers drawn for the samples of an op, for tests that run them. Comes behind cmocka.h and autograd.h. */
#ifndef RETROGRAD_TESTS_SAMPLES_H
#define RETROGRAD_TESTS_SAMPLES_H

#define FOR_EACH_SAMPLE(sample, op)                                                                                \
    for (const rg_sample *sample = (op)->samples; sample && sample->operands; sample++)

typedef struct {
    int count;
    rg_dtype dtype[RG_MAX_OPERANDS];
    rg_shape shape[RG_MAX_OPERANDS];
    double numbers[RG_MAX_OPERANDS][512];
} operands;

static inline void convert(const operands *from, int k, void *to)
{
    const int64_t count = rg_shape_count(from->shape[k]);
    for (int64_t i = 0; i < count; i++) {
        double number = from->numbers[k][i];
        if (from->dtype[k] == RG_F32) ((float *)to)[i] = (float)number;
        if (from->dtype[k] == RG_F64) ((double *)to)[i] = number;
        if (from->dtype[k] == RG_I32) ((int32_t *)to)[i] = (int32_t)number;
        if (from->dtype[k] == RG_I64) ((int64_t *)to)[i] = (int64_t)number;
    }
}

/* With `floats` for the dtype under test. */
static inline operands draw(const rg_sample *sample, rg_dtype floats)
{
    operands drawn = { .count = sample->operands };
    for (int k = 0; k < sample->operands; k++) {
        const rg_sample_operand *in = &sample->in[k];
        if (in->same_as) {
            const int j = in->same_as - 1;
            drawn.dtype[k] = drawn.dtype[j];
            drawn.shape[k] = drawn.shape[j];
            memcpy(drawn.numbers[k], drawn.numbers[j], sizeof drawn.numbers[k]);
            continue;
        }
        drawn.dtype[k] = in->dtype == RG_NO_DTYPE ? floats : in->dtype;
        drawn.shape[k] = rg_sample_shape(in);
        const bool is_float = drawn.dtype[k] == RG_F64 || drawn.dtype[k] == RG_F32;
        const bool usual = is_float && in->low == 0 && in->high == 0;
        const double low = usual ? -2 : in->low, high = usual ? 2 : in->high, step = is_float ? in->step : 1;
        const double points = step != 0 ? floor((high - low) / step) + 1 : 0;
        assert_true(rg_shape_count(rg_sample_shape(in)) <= 512);
        for (int64_t i = 0; i < rg_shape_count(rg_sample_shape(in)); i++) {
            double u = rg_random_uniform(11, (uint64_t)k, (uint64_t)i);
            drawn.numbers[k][i] = step != 0 ? low + step * floor(u * points) : low + u * (high - low);
            const int rank = rg_sample_shape(in).rank;
            bool diagonal = rank >= 2 && low != high && i / rg_sample_shape(in).size[rank - 1] % rg_sample_shape(in).size[rank - 2] == i % rg_sample_shape(in).size[rank - 1];
            if (diagonal) drawn.numbers[k][i] += in->diagonal;
        }
    }
    return drawn;
}

static inline void record_inputs(rg_tape *tape, const operands *drawn, rg_tensor *in)
{
    for (int k = 0; k < drawn->count; k++) {
        double room[512];
        convert(drawn, k, room);
        in[k] = rg_input(tape, drawn->dtype[k], drawn->shape[k], room);
    }
}

#endif
