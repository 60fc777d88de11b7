/* Pictures of numbers: how fast gradient descent goes down at three rates, the way it takes, and where it ends.
 * Writes them to the path that it is given, such as descent.svg. */
#include <retrograd.h>

enum { STEPS = 30, GRID = 61, RATES = 3 };

static const double rates[RATES] = { 0.02, 0.1, 0.17 };

/* x^2 + 5 y^2 + 1 - cos 2 x of many places at once, [n, 2] -> [n, 1] */
static rg_tensor height(rg_tensor place)
{
    rg_tensor x = rg_slice(place, 1, 0, 1), y = rg_slice(place, 1, 1, 2);
    rg_tensor bowl = rg_add(rg_square(x), rg_scale(rg_square(y), 5));
    return rg_add(bowl, rg_one_minus(rg_cos(rg_scale(x, 2))));
}

int main(int count, char **arguments)
{
    static double places[GRID * GRID][2], grid[GRID * GRID];
    double step[STEPS], x[RATES][STEPS], y[RATES][STEPS], z[RATES][STEPS];
    rg_tape *tape = rg_tape_new();

    for (int i = 0; i < GRID * GRID; i++) {
        places[i][0] = -2.5 + 5.0 * (i % GRID) / (GRID - 1);
        places[i][1] = -1.5 + 3.0 * (i / GRID) / (GRID - 1);
    }
    rg_read(height(rg_input(tape, RG_F64, RG_SHAPE(GRID * GRID, 2), places)), grid, sizeof grid);

    for (int r = 0; r < RATES; r++) {
        double at[2] = { 2, 1.2 }, slope[2];
        for (int i = 0; i < STEPS && !rg_failed(tape); i++) {
            rg_tensor place = rg_input(tape, RG_F64, RG_SHAPE(1, 2), at), h = rg_sum(height(place)), g;
            rg_grad(h, &place, 1, &g);
            rg_read(g, slope, sizeof slope);
            step[i] = i;
            x[r][i] = at[0];
            y[r][i] = at[1];
            z[r][i] = rg_item(h);
            for (int k = 0; k < 2; k++) at[k] -= rates[r] * slope[k];
            rg_tape_reset(tape);
        }
    }

    static const char *const names[RATES] = { "rate 0.02", "rate 0.1", "rate 0.17" };
    const double number[RATES] = { 0, 1, 2 }, end[RATES] = { z[0][STEPS - 1], z[1][STEPS - 1], z[2][STEPS - 1] };
    rg_plot_series curves[RATES], paths[RATES];
    for (int r = 0; r < RATES; r++) {
        curves[r] = (rg_plot_series){ .name = names[r], .colour = r, .count = STEPS, .x = step, .y = z[r] };
        paths[r] = (rg_plot_series){ .name = names[r], .colour = r, .kind = RG_PLOT_LINE_AND_POINTS,
                                     .mark = (rg_plot_mark)r, .count = STEPS, .x = x[r], .y = y[r] };
    }
    const rg_plot_series bars = { .kind = RG_PLOT_BARS, .count = RATES, .x = number, .y = end };
    const rg_plot_field surface = { .columns = GRID, .rows = GRID, .z = grid, .x_low = -2.5, .x_high = 2.5,
                                    .y_low = -1.5, .y_high = 1.5, .heat = true, .contours = 12, .name = "height" };
    const rg_plot_axis height_axis = { .label = "height", .logarithmic = true };
    const rg_plot_chart charts[] = {
        { .title = "How it goes down", .x.label = "step", .y = height_axis, .count = RATES, .series = curves },
        { .title = "The way it takes", .x.label = "x", .y.label = "y", .equal = true, .field = &surface, .count = RATES,
          .series = paths },
        { .title = "Where it ends", .x = { .names = names, .name_count = RATES }, .y = height_axis, .count = 1,
          .series = &bars },
    };
    rg_error error = { 0 };
    rg_status status = count > 1 ? rg_plot_save(arguments[1], &(rg_plot){ .count = 3, .charts = charts }, &error)
                                 : rg_tape_status(tape);
    if (rg_failed(tape) || status) fprintf(stderr, "%s%s\n", rg_message(tape), error.message);
    bool right = !rg_failed(tape) && !status && end[1] < end[2] && end[2] < end[0];
    rg_tape_free(tape);
    return right ? 0 : 1;
}
