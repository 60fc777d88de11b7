/* lecture.h: what the programs of the lecture share: claims that must hold, networks of two of them, and pictures.
 *
 * Each program begins with a comment, "number. Title" and under it the idea, of which tools/gallery makes a section of
 * docs/gallery.md. It prints the same lines each time, no times among them, and draws only where it is told to:
 *
 *     build/release/examples/lecture/perceptron             prints
 *     build/release/examples/lecture/perceptron DIRECTORY   prints, and writes DIRECTORY/perceptron.svg */
#ifndef RETROGRAD_LECTURE_H
#define RETROGRAD_LECTURE_H

#include <stdarg.h>
#include <stdlib.h>

#include <retrograd.h>

/* Prints the sentence as one that holds; if it does not, the program ends there with status 1. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static inline void claim(bool holds, const char *sentence, ...)
{
    FILE *to = holds ? stdout : stderr;
    va_list arguments;
    va_start(arguments, sentence);
    fputs(holds ? "holds: " : "does not hold: ", to);
    vfprintf(to, sentence, arguments);
    fputc('\n', to);
    va_end(arguments);
    if (!holds) exit(1);
}

/* Ends the program with the tape's message if it has failed. */
static inline void stop_if_failed(const rg_tape *tape)
{
    if (!rg_failed(tape)) return;
    fprintf(stderr, "%s\n", rg_message(tape));
    exit(1);
}

/* The end of a step: the tape is empty again. */
static inline void end_step(rg_tape *tape)
{
    stop_if_failed(tape);
    rg_tape_reset(tape);
}

static inline rg_tensor matrix(rg_tape *tape, int64_t rows, int64_t columns, const double *numbers)
{
    return rg_input(tape, RG_F64, RG_SHAPE(rows, columns), numbers);
}

/* The squared losses [runs] of as many networks y = W2 sigma(W1 x - b1) - b2 for inputs x [in, n] and targets t [n]. Each
 * has a row of theta [runs, (in + 2) hidden + 1]: W1, b1, W2, b2. */
static inline rg_tensor losses_of(rg_tensor theta, rg_tensor x, rg_tensor t)
{
    int64_t runs = rg_shape_of(theta).size[0], in = rg_shape_of(x).size[0];
    int64_t hidden = (rg_shape_of(theta).size[1] - 1) / (in + 2);
    rg_tensor part[4];
    rg_split(theta, 1, 4, (const int64_t[]){ in * hidden, hidden, hidden, 1 }, part);
    rg_tensor W1 = rg_reshape(part[0], RG_SHAPE(runs, hidden, in)), b1 = rg_reshape(part[1], RG_SHAPE(runs, hidden, 1));
    rg_tensor W2 = rg_reshape(part[2], RG_SHAPE(runs, 1, hidden)), b2 = part[3];
    rg_tensor h = rg_sigmoid(rg_sub(rg_matmul(W1, x), b1));
    rg_tensor y = rg_sub(rg_squeeze(rg_matmul(W2, h), 1), b2);
    return rg_mean_axes(rg_square(rg_sub(y, t)), RG_AXES(1), false);
}

/* x [1, n] -> y [1, n], by k layers of two units whose weights were set by hand; right is W1 = (1, 1)'. */
static inline rg_tensor sawtooth(rg_tensor x, rg_tensor W1, int k)
{
    rg_tensor b = matrix(x.tape, 2, 1, (const double[]){ 0, 0.5 });
    rg_tensor W = matrix(x.tape, 2, 2, (const double[]){ 2, -4, 2, -4 });
    rg_tensor h = rg_relu(rg_sub(rg_matmul(W1, x), b));
    for (int layer = 2; layer <= k; layer++) h = rg_relu(rg_sub(rg_matmul(W, h), b));
    return rg_matmul(matrix(x.tape, 1, 2, (const double[]){ 2, -4 }), h);
}

/* n numbers at even steps from low to high. */
static inline void spread(double low, double high, int n, double *x)
{
    for (int i = 0; i < n; i++) x[i] = low + (high - low) * i / (n - 1);
}

/* A curve through n points. */
static inline rg_plot_series curve(const char *name, int colour, size_t n, const double *x, const double *y)
{
    return (rg_plot_series){ .name = name, .colour = colour, .count = n, .x = x, .y = y };
}

/* The points themselves. */
static inline rg_plot_series points(const char *name, int colour, size_t n, const double *x, const double *y)
{
    return (rg_plot_series){ .name = name, .colour = colour, .kind = RG_PLOT_POINTS, .count = n, .x = x, .y = y };
}

static inline rg_plot_series dashed(rg_plot_series s)
{
    s.dashed = true;
    return s;
}

static inline rg_plot_series faint(rg_plot_series s)
{
    s.faint = true;
    return s;
}

/* So many series on axes as long as the numbers go; a field, or an end of an axis, is set in what this returns. */
static inline rg_plot_chart chart(const char *title, const char *x, const char *y, size_t n, const rg_plot_series *series)
{
    return (rg_plot_chart){ .title = title, .x = { .label = x }, .y = { .label = y }, .count = n, .series = series };
}

/* The path of a file in the directory that the program was told to draw in; NULL if there is none, or no room. */
static inline const char *picture_path(int argc, char **argv, const char *file, char path[FILENAME_MAX])
{
    if (argc < 2) return NULL;
    int length = snprintf(path, FILENAME_MAX, "%s/%s", argv[1], file);
    return length > 0 && length < FILENAME_MAX ? path : NULL;
}

/* Writes the plot to that file, such as "perceptron.svg". */
static inline void draw(int argc, char **argv, const char *file, const rg_plot *plot)
{
    char buffer[FILENAME_MAX];
    const char *path = picture_path(argc, argv, file, buffer);
    rg_error error;
    if (!path || rg_plot_save(path, plot, &error) == RG_OK) return;
    fprintf(stderr, "%s\n", error.message);
    exit(1);
}

/* The same for what is no plot: a stream to write it to, or NULL if nothing is to be drawn, ... */
static inline FILE *open_picture(int argc, char **argv, const char *file)
{
    char buffer[FILENAME_MAX];
    const char *path = picture_path(argc, argv, file, buffer);
    FILE *out = path ? fopen(path, "w") : NULL;
    if (path && !out) claim(false, "%s can be written", path);
    return out;
}

/* ... and its end, with what the writer has said. */
static inline void close_picture(FILE *out, rg_status status)
{
    if (fclose(out) != 0 || status != RG_OK) claim(false, "the picture can be written");
}

#endif
