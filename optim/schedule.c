/* schedule.c: factors for the learning rate. */
#include <math.h>

#include "rules.h"

#define HALF_TURN 3.14159265358979323846

double rg_opt_power(double base, uint64_t exponent)
{
    double result = 1.0;
    for (; exponent > 0; exponent >>= 1, base *= base)
        if (exponent & 1) result *= base;
    return result;
}

static double step_factor(const rg_opt_schedule *schedule, uint64_t step)
{
    if (schedule->period == 0 || !(schedule->level >= 0.0) || !isfinite(schedule->level)) return NAN;
    return rg_opt_power(schedule->level, step / schedule->period);
}

static double cosine_factor(const rg_opt_schedule *schedule, uint64_t step)
{
    double floor = schedule->level;
    if (schedule->period == 0 || !(floor >= 0.0 && floor <= 1.0)) return NAN;
    if (step >= schedule->period) return floor;
    double part = (double)step / (double)schedule->period;
    return floor + (1.0 - floor) * 0.5 * (1.0 + cos(HALF_TURN * part));
}

rg_opt_schedule rg_opt_schedule_constant(void)
{
    return (rg_opt_schedule){ 0 };
}

rg_opt_schedule rg_opt_schedule_step(uint64_t every, double factor)
{
    return (rg_opt_schedule){ .factor = step_factor, .period = every, .level = factor };
}

rg_opt_schedule rg_opt_schedule_cosine(uint64_t total, double floor)
{
    return (rg_opt_schedule){ .factor = cosine_factor, .period = total, .level = floor };
}

rg_opt_schedule rg_opt_schedule_warm_up(rg_opt_schedule schedule, uint64_t steps)
{
    schedule.warm_up = steps;
    return schedule;
}

double rg_opt_schedule_factor(rg_opt_schedule schedule, uint64_t step)
{
    bool warming = step < schedule.warm_up;
    uint64_t inner = warming ? 0 : step - schedule.warm_up;
    double factor = schedule.factor ? schedule.factor(&schedule, inner) : 1.0;
    return warming ? (double)(step + 1) / (double)schedule.warm_up * factor : factor;
}
