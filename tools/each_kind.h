/* each_kind.h: includes TEMPLATE, a file of hand-written loops, once for each element type and each level of vector
 * instructions; so there is no guard. KINDS(f) is then a table of what NAME(f) stands for, to be looked up with
 * [BENCH_TYPE(dtype)][bench_level()]. */

#define REAL float
#define TYPE f32
#define INTRINSIC ps
#include "each_level.h"
#undef REAL
#undef TYPE
#undef INTRINSIC

#define REAL double
#define TYPE f64
#define INTRINSIC pd
#include "each_level.h"
#undef REAL
#undef TYPE
#undef INTRINSIC

#define KINDS(name) { LEVELS(name##_f32), LEVELS(name##_f64) }
