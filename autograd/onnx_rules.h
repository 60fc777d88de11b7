/* onnx_rules.h: how each op is said in ONNX. Internal.
 *
 * A rule is a formula in ONNX's operators: "Where(Greater(a,0),a,Mul(p,a))". In it stand
 *   Name(...)            an operator; without parentheses, as the whole formula, one that takes all operands
 *   Name{axis=-1}(...)   with attributes: a whole number, a list, a word, or a letter
 *   *Name(...)           an operator of which the second result is meant
 *   u=...;               what a letter stands for from here on
 *   a b c                the operands
 *   p q                  the first two of the op's attributes, as floats
 *   n                    the first of the op's attributes, as a whole number
 *   y                    the shape of the result, as a list
 *   0 2 -1               numbers of the result's dtype
 *   #0                   a whole number, i64
 *   [0,1]                a list, i64
 * and any letter that rg_onnx_prepare has set. Cast, Bool and Int are casts to the result's dtype, to truth values,
 * and to i64. Fractions are not written in a formula, for reading them would depend on the locale. */
#ifndef RETROGRAD_ONNX_RULES_H
#define RETROGRAD_ONNX_RULES_H

#include "shape.h"

typedef enum { RG_ONNX_UNSET, RG_ONNX_VALUE, RG_ONNX_NUMBER, RG_ONNX_INTEGER, RG_ONNX_LIST } rg_onnx_kind;

/* What a letter stands for. */
typedef struct {
    rg_onnx_kind kind;
    int count;                /* of a list */
    union {
        const char *value;    /* the name of a value of the model */
        double number;
        int64_t integer;
        const int64_t *list;
    };
} rg_onnx_variable;

typedef struct {
    const void *attributes;
    int operands;
    const rg_shape *in[RG_MAX_OPERANDS]; /* of the first few */
    const rg_shape *out;
    const char *formula;      /* which preparing may replace */
    rg_onnx_variable letter[26];
    rg_arena *arena;
    bool failed;              /* out of memory */
} rg_onnx_call;

/* The formula; NULL: ONNX cannot say it. */
const char *rg_onnx_formula_of(const rg_op *op);
/* Why it cannot. */
const char *rg_onnx_refusal_of(const rg_op *op);
/* Sets the letters of the op's formula that are not those above. */
void rg_onnx_prepare(const rg_op *op, rg_onnx_call *call);

#endif
