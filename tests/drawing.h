/* drawing.h: drawings as text, and something to draw. */
#ifndef RETROGRAD_TESTS_DRAWING_H
#define RETROGRAD_TESTS_DRAWING_H

#include "golden.h"
#include "nn.h"

#define NUMBERS(...) ((const double[]){ __VA_ARGS__ })

typedef rg_status graph_writer(FILE *out, rg_tensor t, const rg_graph_options *options);

/* What a writer writes, to be freed. */
static inline char *written_by(graph_writer *write, rg_tensor t, rg_graph_options options)
{
    static char *text; /* static, for gcc takes what open_memstream leaves here for a pointer to it */
    static size_t size;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    rg_status status = write(stream, t, &options);
    fclose(stream);
    if (status) fail_msg("%s: %s", rg_status_name(status), rg_message(t.tape));
    return text;
}

/* The text of a drawing, to be freed. */
static inline char *draw_with(rg_tensor t, rg_dot_options options)
{
    return written_by(rg_dot, t, options);
}

static inline char *draw(rg_tensor t, bool backward)
{
    return draw_with(t, (rg_dot_options){ .backward = backward });
}

static inline void assert_drawn(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("not drawn: %s", part);
}

static inline void assert_not_drawn(const char *text, const char *part)
{
    if (strstr(text, part)) fail_msg("drawn: %s", part);
}

/* Occurrences of a part. */
static inline int count_of(const char *text, const char *part)
{
    int count = 0;
    for (; (text = strstr(text, part)) != NULL; text++) count++;
    return count;
}

static inline int boxes_in(const char *text)
{
    return count_of(text, "[fillcolor=");
}

static inline bool graphviz_present(void)
{
    return system("dot -V >/dev/null 2>&1") == 0;
}

/* Graphviz reads the text without complaint. */
static inline void assert_valid_dot(const char *text)
{
    if (!graphviz_present()) return;
    char said[256] = "";
    FILE *file = tmpfile();
    assert_non_null(file);
    fputs(text, file);
    fflush(file);
    char command[128];
    snprintf(command, sizeof command, "dot -Tsvg /proc/self/fd/%d 2>&1 >/dev/null", fileno(file));
    FILE *dot = popen(command, "r");
    assert_non_null(dot);
    fgets(said, sizeof said, dot);
    int status = pclose(dot);
    fclose(file);
    if (status != 0 || *said) fail_msg("dot says: %s", said);
}

/* An elementwise kernel for ops of the tests' own: x^2 / 2. */
static inline void half_square(const rg_call *call, int64_t begin, int64_t end)
{
    const double *x = call->in[0];
    double *y = call->out;
    for (int64_t i = begin; i < end; i++) y[i] = x[i] * x[i] / 2;
}

/* ---- A perceptron to draw -------------------------------------------------------------------------------------- */

typedef struct {
    rg_params *theta;
    rg_nn *net;
    rg_tape *tape;
} perceptron;

static inline perceptron perceptron_new(void)
{
    perceptron p = { .theta = rg_params_new(RG_F64, 7), .tape = rg_tape_new_with((rg_tape_options){ .threads = 1 }) };
    p.net = RG_MLP(p.theta, rg_tanh, 3, 4, 2);
    assert_non_null(p.net);
    return p;
}

static inline void perceptron_free(perceptron *p)
{
    rg_nn_free(p->net);
    rg_tape_free(p->tape);
    rg_params_free(p->theta);
}

static inline rg_tensor perceptron_loss(const perceptron *p)
{
    static const int32_t labels[] = { 0, 1 };
    rg_tensor x = rg_name(rg_input_at("model.c:1", p->tape, RG_F64, RG_SHAPE(2, 3), NUMBERS(1, 2, 3, 4, 5, 6)), "x");
    rg_tensor y = rg_name(rg_input_at("model.c:2", p->tape, RG_I32, RG_SHAPE(2), labels), "labels");
    return rg_name(rg_cross_entropy_at("model.c:4", rg_nn_forward_at("model.c:3", p->net, x), y), "loss");
}

#endif
