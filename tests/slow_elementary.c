/* slow_elementary.c: the largest error of a function of elementary.h or trigonometric.h, held against the bound that
 * the header states: over all 2^32 floats, or over 10^8 random doubles (where long double has digits to spare).
 *
 *   slow_elementary FUNCTION f32|f64 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elementary_functions.h"

static int report(const elementary *f, const char *dtype, double largest, double at, double bound)
{
    printf("%s %s: largest error %.4f ulp, at %a; bound %g\n", f->name, dtype, largest, at, bound);
    return largest <= bound ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int all_floats(const elementary *f)
{
    double largest = 0, at = 0;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits++) {
        float x = rg_number_f32((uint32_t)bits);
        double error = ulps_f32(f->f32(x), f->reference(x));
        if (error > largest) largest = error, at = x;
    }
    return report(f, "f32", largest, at, f->bound_f32);
}

static int many_doubles(const elementary *f)
{
    double largest = 0, at = 0;
    uint64_t random = 4;
    for (int turn = 0; turn < 100000000; turn++) {
        double x = next_argument(&random, turn);
        double error = ulps_f64(f->f64(x), f->reference_long(x));
        if (error > largest) largest = error, at = x;
    }
    return report(f, "f64", largest, at, f->bound_f64);
}

int main(int argc, char **argv)
{
    for (int i = 0; argc == 3 && i < FUNCTIONS; i++) {
        if (strcmp(functions[i].name, argv[1]) != 0) continue;
        if (strcmp(argv[2], "f32") == 0) return all_floats(&functions[i]);
        if (strcmp(argv[2], "f64") == 0) return has_spare_digits() ? many_doubles(&functions[i]) : EXIT_SUCCESS;
    }
    fprintf(stderr, "usage: slow_elementary FUNCTION f32|f64\n");
    return EXIT_FAILURE;
}
