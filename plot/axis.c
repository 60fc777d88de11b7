/* axis.c: ticks where a hand would put them, and the way from numbers to pixels. */
#include "characters.h"
#include "picture.h"

#include <math.h>
#include <string.h>

/* The smallest of 1, 2, 5, 10 times a power of ten that is not below the distance. */
static double round_up(double distance)
{
    double power = pow(10, floor(log10(distance)));
    double digit = distance / power;
    /* A distance that is such a number but for rounding must not become the next one. */
    return power * (digit <= 1 + 1e-9 ? 1 : digit <= 2 + 1e-9 ? 2 : digit <= 5 + 1e-9 ? 5 : 10);
}

/* Whether two ends of an axis are one number, or so close that there are no digits for ticks between them. */
static bool is_narrow(double low, double high)
{
    return !(high - low > 1e-9 * rg_plot_greater(fabs(low), fabs(high)) && high - low >= 1e-300);
}

int rg_plot_ticks(double low, double high, int most, double *ticks)
{
    if (is_narrow(low, high)) {
        double size = rg_plot_greater(fabs(low), fabs(high)), room = size >= 1e-300 ? 0.05 * size : 1;
        low -= room;
        high += room;
    }
    for (double step = round_up((high - low) / (most - 1)); ; step = round_up(step * 1.5)) {
        double first = floor(low / step + 1e-9), last = ceil(high / step - 1e-9);
        if (last - first > most - 1) continue;
        for (int i = 0; i <= (int)(last - first); i++) ticks[i] = (first + i) * step;
        return (int)(last - first) + 1;
    }
}

/* The number of 1-2-5 steps from 1 up to the value: 0, 1, 2, 3 for 1, 2, 5, 10; a fraction between them. */
static double log_position(double value)
{
    double power = floor(log10(value) + 1e-12), digit = value / pow(10, power);
    return 3 * power + (digit < 2 ? log2(digit) : digit < 5 ? 1 + log(digit / 2) / log(2.5) : 2 + log2(digit / 5));
}

static double at_log_position(int position)
{
    static const double digits[] = { 1, 2, 5 };
    int power = (position >= 0 ? position : position - 2) / 3;
    return digits[position - 3 * power] * pow(10, power);
}

int rg_plot_log_ticks(double low, double high, int most, double *ticks, double range[2])
{
    int first = (int)floor(log_position(low) + 1e-9), last = (int)ceil(log_position(high) - 1e-9);
    int count = 0, stride = 1;
    if (last == first) last++;
    range[0] = at_log_position(first);
    range[1] = at_log_position(last);
    if (last - first + 1 > most) {
        stride = 3 * ((last - first) / 3 / most + 1);
        first += (stride - (first % stride + stride) % stride) % stride; /* 1e-5, 1, 1e5 rather than 1e-6, 0.1, 1e4 */
    }
    for (int position = first; position <= last; position += stride) ticks[count++] = at_log_position(position);
    return count;
}

/* As people write it: a point in every locale, and 1e-5 for 1e-05. */
static void tidy(char *text)
{
    rg_set_point(text);
    char *e = strchr(text, 'e');
    if (!e) return;
    char *to = e + 1, *from = e + 1;
    if (*from == '-') to++;
    from++;
    while (*from == '0' && from[1]) from++;
    memmove(to, from, strlen(from) + 1);
}

void rg_plot_label(double value, double distance, char *text, size_t size)
{
    double magnitude = rg_plot_greater(fabs(value), distance);
    if (fabs(value) < distance * 1e-6) snprintf(text, size, "0");
    else if (magnitude >= 1e9 || distance < 1e-5) snprintf(text, size, "%g", value);
    else if (magnitude >= 1e6 && distance >= 1e4) snprintf(text, size, "%gM", value / 1e6);
    else if (magnitude >= 1e4 && distance >= 100) snprintf(text, size, "%gk", value / 1e3);
    else snprintf(text, size, "%.*f", (int)rg_plot_greater(0, -floor(log10(distance) + 1e-9)), value);
    tidy(text);
}

double rg_plot_coordinate(const rg_plot_scale *scale, double value)
{
    /* Beyond 1e300 (and below 1e-300 on a logarithmic axis) differences and powers of ten overflow. */
    if (!(fabs(value) < 1e300) || (scale->logarithmic && !(value > 1e-300))) return NAN;
    return scale->logarithmic ? log10(value) : value;
}

double rg_plot_at(const rg_plot_scale *scale, double coordinate)
{
    const double share = (coordinate - scale->low) / (scale->high - scale->low);
    const double bounded = share > 1e6 ? 1e6 : share < -1e6 ? -1e6 : share; /* or NaN */
    return scale->start + (scale->end - scale->start) * bounded;
}

double rg_plot_position(const rg_plot_scale *scale, double value)
{
    return rg_plot_at(scale, rg_plot_coordinate(scale, value));
}

static double value_at(const rg_plot_scale *scale, double coordinate)
{
    return scale->logarithmic ? pow(10, coordinate) : coordinate;
}

/* Keeps the ticks that lie on the axis. */
static int keep_ticks(rg_plot_scale *scale, const double *ticks, int count)
{
    double slack = 1e-9 * (scale->high - scale->low);
    scale->count = 0;
    for (int i = 0; i < count; i++) {
        double c = rg_plot_coordinate(scale, ticks[i]);
        if (c >= scale->low - slack && c <= scale->high + slack) scale->ticks[scale->count++] = ticks[i];
    }
    return scale->count;
}

void rg_plot_scale_set(rg_plot_scale *scale, double low, double high, bool to_ticks, int most)
{
    double ticks[RG_PLOT_MOST_TICKS], range[2] = { 0, 0 };
    /* Seven places span at least two decades, so that powers of ten alone are never too few. */
    int least = scale->logarithmic ? 7 : 3, count;
    most = most < least ? least : most > RG_PLOT_MOST_TICKS ? RG_PLOT_MOST_TICKS : most;
    scale->low = low;
    scale->high = high;
    low = value_at(scale, low);
    high = value_at(scale, high);
    to_ticks = to_ticks || is_narrow(scale->low, scale->high);
    if (scale->logarithmic) {
        low = rg_plot_greater(low, 1e-300); /* room around the data may reach beyond what has ticks */
        high = rg_plot_lesser(high, 1e300);
        count = rg_plot_log_ticks(low, high, most, ticks, range);
        if (to_ticks) {
            scale->low = log10(range[0]);
            scale->high = log10(range[1]);
        }
        scale->distance = 0;
        if (keep_ticks(scale, ticks, count) >= 2) return;
    }
    /* Those at the ends may lie beyond the axis; one tick alone says nothing of what is how far away. */
    for (int kept = 0; kept < 2 && most <= RG_PLOT_MOST_TICKS; most += 2) {
        count = rg_plot_ticks(low, high, most, ticks);
        if (to_ticks && !scale->logarithmic) {
            scale->low = ticks[0];
            scale->high = ticks[count - 1];
        }
        scale->distance = ticks[1] - ticks[0];
        kept = keep_ticks(scale, ticks, count);
    }
}

int rg_plot_tick_count(const rg_plot_scale *scale)
{
    return scale->names ? scale->name_count : scale->count;
}

double rg_plot_tick(const rg_plot_scale *scale, int i, const char **label, char room[RG_PLOT_LABEL_SIZE])
{
    *label = room;
    if (!scale->names) {
        rg_plot_label(scale->ticks[i], scale->distance, room, RG_PLOT_LABEL_SIZE);
        return rg_plot_position(scale, scale->ticks[i]);
    }
    *label = scale->names[i] ? scale->names[i] : "";
    return i >= scale->low && i <= scale->high ? rg_plot_at(scale, i) : NAN;
}

double rg_plot_label_width(const rg_plot_scale *scale)
{
    char room[RG_PLOT_LABEL_SIZE];
    const char *label;
    int widest = 0;
    for (int i = 0; i < rg_plot_tick_count(scale); i++) {
        rg_plot_tick(scale, i, &label, room);
        int width = rg_plot_characters(label);
        widest = width > widest ? width : widest;
    }
    return RG_PLOT_CHARACTER * widest;
}

void rg_plot_include(double range[2], double coordinate)
{
    if (coordinate < range[0]) range[0] = coordinate;
    if (coordinate > range[1]) range[1] = coordinate;
}
