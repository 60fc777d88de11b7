/* lecture.h: what the programs of the lecture share: claims that must hold, and pictures.
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

#endif
