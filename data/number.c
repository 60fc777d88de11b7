/* number.c: decimal numbers, read alike in every locale. */
#include <stdio.h>
#include <stdlib.h>

#include "data_internal.h"

/* No double lies closer to the middle between two others than 767 digits can tell, so further digits
 * matter only by being there at all [Clinger 1990, "How to read floating point numbers accurately"]. */
#define DIGITS_THAT_MATTER 768
/* Beyond this power of ten, so many digits or not, a number is zero or too large. */
#define LARGEST_EXPONENT 5000

typedef struct {
    bool negative;
    char digits[DIGITS_THAT_MATTER + 1]; /* without leading zeros */
    int count;
    bool more;                           /* a digit other than 0 did not fit */
    int64_t exponent;                    /* the value is digits x 10^exponent */
} decimal;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void add_digit(decimal *d, char digit, bool fraction)
{
    if (d->count == 0 && digit == '0') {
        d->exponent -= fraction;
    } else if (d->count < DIGITS_THAT_MATTER) {
        d->digits[d->count++] = digit;
        d->exponent -= fraction;
    } else {
        d->more = d->more || digit != '0';
        d->exponent += !fraction;
    }
}

/* [e [+-] digits] at text[i]; the end, or 0 if it is malformed. */
static size_t scan_exponent(const char *text, size_t length, size_t i, int64_t *exponent)
{
    bool negative = false;
    *exponent = 0;
    if (i == length || (text[i] != 'e' && text[i] != 'E')) return i;
    if (++i < length && (text[i] == '+' || text[i] == '-')) negative = text[i++] == '-';
    size_t first = i;
    for (; i < length && is_digit(text[i]); i++)
        if (*exponent < INT64_MAX / 100) *exponent = *exponent * 10 + (text[i] - '0');
    if (negative) *exponent = -*exponent;
    return i > first ? i : 0;
}

static bool scan(const char *text, size_t length, decimal *d)
{
    size_t i = 0, digits = 0;
    d->negative = d->more = false;
    d->count = 0;
    d->exponent = 0;
    if (length > 0 && (text[0] == '+' || text[0] == '-')) d->negative = text[i++] == '-';
    for (; i < length && is_digit(text[i]); i++, digits++) add_digit(d, text[i], false);
    if (i < length && text[i] == '.')
        for (i++; i < length && is_digit(text[i]); i++, digits++) add_digit(d, text[i], true);
    int64_t exponent;
    if (digits == 0 || scan_exponent(text, length, i, &exponent) != length) return false;
    d->exponent += exponent;
    return true;
}

/* strtod reads the decimal point of the locale, so it is given none. */
static double nearest(decimal *d)
{
    if (d->more) {
        d->digits[d->count++] = '1';
        d->exponent--;
    }
    int64_t exponent = d->exponent;
    if (exponent > LARGEST_EXPONENT) exponent = LARGEST_EXPONENT;
    if (exponent < -LARGEST_EXPONENT) exponent = -LARGEST_EXPONENT;
    char text[DIGITS_THAT_MATTER + 16];
    snprintf(text, sizeof text, "%.*se%d", d->count, d->digits, (int)exponent);
    return strtod(text, NULL);
}

bool rg_data_parse_number(const char *text, size_t length, double *value)
{
    static const double power[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    decimal d;
    if (!scan(text, length, &d)) return false;
    double result;
    if (d.count <= 15 && d.exponent >= -22 && d.exponent <= 22) {
        /* Both factors are exact, so the one rounding is the right one. */
        int64_t whole = 0;
        for (int i = 0; i < d.count; i++) whole = whole * 10 + (d.digits[i] - '0');
        result = d.exponent < 0 ? (double)whole / power[-d.exponent] : (double)whole * power[d.exponent];
    } else {
        result = d.count == 0 ? 0 : nearest(&d);
    }
    *value = d.negative ? -result : result;
    return true;
}

bool rg_data_parse_integer(const char *text, size_t length, int64_t *value)
{
    bool negative = length > 0 && text[0] == '-';
    size_t i = length > 0 && (text[0] == '-' || text[0] == '+');
    if (i == length) return false;
    int64_t result = 0; /* kept negative: that side has one more */
    for (; i < length; i++) {
        if (!is_digit(text[i]) || result < (INT64_MIN + (text[i] - '0')) / 10) return false;
        result = result * 10 - (text[i] - '0');
    }
    if (!negative && result == INT64_MIN) return false;
    *value = negative ? result : -result;
    return true;
}
