/* gemm_level.h: gemm_template.h for both types at one LEVEL: vectors of BYTES bytes, compiled for TARGET. Included by
 * gemm.c once a level; so there is no guard. */

#define JOIN_NAME(name, type, level) name##_##type##_##level
#define NAME_AT(name, type, level) JOIN_NAME(name, type, level)

#define REAL float
#define SQUARE 4
#define FMA_NUMBER(a, b, c) __builtin_fmaf(a, b, c)
#define NAME(name) NAME_AT(name, f32, LEVEL)
#define FMA(a, b, c) ((NAME(vector))FMA_f32(a, b, c))
#include "gemm_template.h"
#include "gemm_steps_template.h"
#undef REAL
#undef SQUARE
#undef FMA_NUMBER
#undef NAME
#undef FMA

#define REAL double
#define SQUARE 2
#define FMA_NUMBER(a, b, c) __builtin_fma(a, b, c)
#define NAME(name) NAME_AT(name, f64, LEVEL)
#define FMA(a, b, c) ((NAME(vector))FMA_f64(a, b, c))
#include "gemm_template.h"
#include "gemm_steps_template.h"
#undef REAL
#undef SQUARE
#undef FMA_NUMBER
#undef NAME
#undef FMA

#undef JOIN_NAME
#undef NAME_AT
#undef LEVEL
#undef TARGET
#undef BYTES
#undef ROWS
#undef VECTORS
#undef FMA_f32
#undef FMA_f64
