/* test_planning.c: plans found by dynamic programming are the best there are: by figures that are known, and by trying
 * all. */
#include "tensors.h"

/* ---- Binomial checkpointing ------------------------------------------------------------------------------------ */

static void binomial_steps_are_those_of_the_literature(void **state)
{
    (void)state;
    static const int64_t known[][3] = { { 10, 2, 20 },   { 10, 3, 15 },    { 14, 3, 27 },      { 56, 5, 140 },
                                        { 100, 5, 316 }, { 100, 10, 222 }, { 1000, 10, 3636 }, { 10000, 10, 57624 } };
    for (size_t i = 0; i < COUNT(known); i++) assert_int_equal(rg_binomial_steps(known[i][0], known[i][1]), known[i][2]);
}

enum { MOST_L = 90, MOST_S = 100 };

/* The recurrence as it is written. */
static int64_t (*all_steps(void))[MOST_S + 1]
{
    static int64_t p[MOST_L + 1][MOST_S + 1];
    for (int l = 1; l <= MOST_L; l++)
        for (int s = 1; s <= MOST_S; s++) {
            p[l][s] = l * (l - 1) / 2;
            for (int m = 1; m < l && s > 1; m++) {
                const int64_t with = m + p[l - m][s - 1] + p[m][s];
                if (with < p[l][s]) p[l][s] = with;
            }
        }
    return p;
}

static void the_closed_form_is_the_recurrence(void **state)
{
    (void)state;
    int64_t (*p)[MOST_S + 1] = all_steps();
    for (int l = 1; l <= MOST_L; l++)
        for (int s = 1; s <= MOST_S; s++) assert_int_equal(rg_binomial_steps(l, s), p[l][s]);
    assert_int_equal(rg_binomial_steps(INT32_MAX, 1), (int64_t)INT32_MAX * (INT32_MAX - 1) / 2);
    assert_int_equal(rg_binomial_steps(INT32_MAX, INT64_MAX), INT32_MAX - 1);
    assert_true(rg_binomial_steps(INT32_MAX, 2) > 0);
    assert_int_equal(rg_binomial_steps(0, 1), -1);
    assert_int_equal(rg_binomial_steps(1, 0), -1);
    assert_int_equal(rg_binomial_steps((int64_t)1 << 31, 5), -1);
}

/* Reverses stages first to end - 1 by the schedule, whose ranges from *next on are theirs, and counts: steps forward,
 * and the states that are in memory at once, from the input of `first` on. */
static int64_t reverse(const rg_checkpoint_schedule *schedule, int *next, int first, int end, int states, int *most)
{
    int64_t steps = 0;
    if (states > *most) *most = states;
    while (*next < schedule->ranges && schedule->range[*next].first == first && schedule->range[*next].end <= end) {
        const int until = schedule->range[(*next)++].end;
        assert_true(until > first && until < end);
        steps += until - first + reverse(schedule, next, first, until, states, most);
        first = until;
        if (end - first > 1 && ++states > *most) *most = states; /* a last stage is reversed from where the steps have led */
    }
    assert_int_equal(end - first, 1); /* what is not computed again is one stage, ready to be reversed */
    return steps;
}

static void a_binomial_schedule_takes_these_steps_and_no_more_states(void **state)
{
    (void)state;
    for (int l = 1; l <= 70; l++)
        for (int s = 1; s <= l + 1; s++) {
            rg_checkpoint_schedule *schedule = rg_binomial_schedule(l, s, NULL);
            int next = 0, most = 0;
            assert_non_null(schedule);
            assert_int_equal(reverse(schedule, &next, 0, l, 1, &most), rg_binomial_steps(l, s));
            assert_int_equal(next, schedule->ranges);
            assert_true(most <= s && schedule->stages == l && schedule->again == (double)rg_binomial_steps(l, s));
            rg_checkpoint_schedule_free(schedule);
        }
    rg_checkpoint_schedule *long_one = rg_binomial_schedule(100000, 1, NULL);
    assert_int_equal(long_one->ranges, 99999);
    rg_checkpoint_schedule_free(long_one);
    rg_checkpoint_schedule_free(NULL);
}

/* ---- Any stages ------------------------------------------------------------------------------------------------ */

static uint64_t drawn;

static size_t draw(size_t below)
{
    return (size_t)(rg_random_bits(17, 4, drawn++) % below);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Every persistent schedule of a piece: what it costs and takes. */
typedef struct {
    double cost;
    size_t peak;
} outcome;

enum { MOST_OUTCOMES = 1 << 14 };

static size_t every_outcome(const rg_stage *stage, int s, int t, outcome *out)
{
    const size_t before = s < t ? stage[s].forward_peak : stage[s].final_peak;
    const size_t keep = larger(stage[t].adjoint + before, stage[s].backward_peak);
    size_t count = 0;
    if (s == t) {
        out[count++] = (outcome){ stage[s].forward, keep };
        return count;
    }
    outcome *rest = malloc(MOST_OUTCOMES * sizeof *rest), *inner = malloc(MOST_OUTCOMES * sizeof *inner);
    for (size_t i = every_outcome(stage, s + 1, t, rest); i-- > 0;)
        out[count++] = (outcome){ stage[s].forward + rest[i].cost, larger(keep, stage[s].saved + rest[i].peak) };
    for (int e = s + 1; e <= t; e++) {
        double once = 0;
        size_t forward = 0;
        for (int j = s; j < e; j++) {
            once += stage[j].forward;
            forward = larger(forward, stage[t].adjoint + (j > s ? stage[j - 1].output : 0) + stage[j].advance_peak);
        }
        const size_t n = every_outcome(stage, e, t, rest), m = every_outcome(stage, s, e - 1, inner);
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < m; k++) {
                assert_true(count < MOST_OUTCOMES);
                out[count++] = (outcome){ once + rest[i].cost + inner[k].cost,
                                          larger(larger(forward, stage[e - 1].output + rest[i].peak), inner[k].peak) };
            }
    }
    free(rest);
    free(inner);
    return count;
}

static void draw_stages(rg_stage *stages, int count, size_t unit)
{
    for (int i = 0; i < count; i++) {
        const size_t output = unit * (1 + draw(6)), saved = output + unit * draw(6);
        stages[i] = (rg_stage){ (double)(1 + draw(9)), output, i == count - 1 ? 0 : output, saved,
                                output + unit * draw(9), saved + unit * draw(3), saved, saved + output + unit * draw(4) };
    }
}

static void plans_cost_least_of_all_that_fit(void **state)
{
    (void)state;
    outcome *all = malloc(MOST_OUTCOMES * sizeof *all);
    for (int round = 0; round < 300; round++) {
        rg_stage stages[6];
        const int count = 1 + (int)draw(6);
        const size_t unit = (size_t)1 << draw(3) * 7;
        draw_stages(stages, count, unit);
        const size_t n = every_outcome(stages, 0, count - 1, all);
        size_t least = SIZE_MAX, most = 0;
        for (size_t i = 0; i < n; i++) {
            least = all[i].peak < least ? all[i].peak : least;
            most = larger(most, all[i].peak);
        }
        assert_int_equal(rg_checkpoint_least(stages, count, NULL), least);
        for (size_t budget = least; budget <= most + unit; budget += unit) {
            double best = INFINITY;
            for (size_t i = 0; i < n; i++) best = all[i].peak <= budget ? fmin(best, all[i].cost) : best;
            rg_checkpoint_schedule *schedule = rg_checkpoint_plan(stages, count, budget, NULL);
            assert_non_null(schedule);
            assert_true(schedule->forward + schedule->again == best && schedule->peak <= budget);
            bool exists = false;
            for (size_t i = 0; i < n; i++) exists = exists || (all[i].peak == schedule->peak && all[i].cost == best);
            assert_true(exists);
            rg_checkpoint_schedule_free(schedule);
        }
    }
    free(all);
}

static void a_budget_too_small_names_the_least(void **state)
{
    (void)state;
    rg_stage stages[8];
    draw_stages(stages, 8, 100);
    rg_error error;
    char least[32];
    const size_t bytes = rg_checkpoint_least(stages, 8, &error);
    snprintf(least, sizeof least, "the least is %zu", bytes);
    assert_null(rg_checkpoint_plan(stages, 8, bytes - 1, &error));
    assert_int_equal(error.status, RG_E_ARGUMENT);
    assert_non_null(strstr(error.message, least));
}

/* With sizes that have nothing in common, memory is counted in units, and the budget holds still. */
static void no_budget_is_exceeded_and_more_memory_never_costs_more(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        rg_stage stages[40];
        const int count = 10 + (int)draw(31);
        for (int i = 0; i < count; i++) {
            const size_t output = 1 + draw(1 << 20), saved = output + draw(1 << 20);
            stages[i] = (rg_stage){ 1 + (double)draw(100), output, output, saved, output + draw(1 << 18),
                                    saved + draw(1 << 18), saved, saved + output + draw(1 << 18) };
        }
        const size_t least = rg_checkpoint_least(stages, count, NULL);
        double before = INFINITY;
        for (int tenths = 10; tenths <= 100; tenths += tenths < 20 ? 1 : 10) {
            const size_t budget = least / 10 * (size_t)tenths + least % 10;
            rg_checkpoint_schedule *schedule = rg_checkpoint_plan(stages, count, larger(budget, least), NULL);
            assert_non_null(schedule);
            assert_true(schedule->peak <= larger(budget, least));
            assert_true(schedule->again <= before * 1.02 + 1);
            before = schedule->again;
            rg_checkpoint_schedule_free(schedule);
        }
        rg_checkpoint_schedule *everything = rg_checkpoint_plan(stages, count, (size_t)1 << 40, NULL);
        assert_true(everything->again == 0 && everything->ranges == 0 && everything->stages == count);
        rg_checkpoint_schedule_free(everything);
    }
}

/* Where keeping a stage takes as much as keeping its output, and the only other memory is that of the step at hand, the
 * best is at least as good as the binomial schedule, which never keeps a stage. */
static void equal_stages_cost_no_more_than_by_the_binomial_schedule(void **state)
{
    (void)state;
    rg_stage stages[30];
    for (int i = 0; i < 30; i++) stages[i] = (rg_stage){ .forward = 1, .output = 1, .saved = 1 };
    for (size_t states = 2; states < 12; states++) {
        rg_checkpoint_schedule *schedule = rg_checkpoint_plan(stages, 30, states, NULL);
        assert_non_null(schedule);
        assert_true(schedule->again <= (double)rg_binomial_steps(30, (int64_t)states));
        rg_checkpoint_schedule_free(schedule);
    }
}

static void a_long_chain_is_planned(void **state)
{
    (void)state;
    rg_stage stages[160];
    for (int i = 0; i < 160; i++) stages[i] = (rg_stage){ 1, 1000 + (size_t)i, 999, 1500, 1300, 1700, 1600, 2900 };
    for (int budget = 0; budget < 2; budget++) {
        rg_checkpoint_schedule *schedule = rg_checkpoint_plan(stages, 160, budget ? 40000 : 400000, NULL);
        assert_non_null(schedule);
        assert_int_equal(schedule->ranges == 0, budget == 0);
        assert_true(budget == 0 || (schedule->peak <= 40000 && schedule->again < 2 * schedule->forward));
        rg_checkpoint_schedule_free(schedule);
    }
}

static void planning_refuses_what_is_no_chain(void **state)
{
    (void)state;
    rg_error error;
    rg_stage stage = { .forward = 1, .output = 1 };
    const struct {
        const rg_stage *stages;
        int count;
        rg_status status;
    } bad[] = { { NULL, 1, RG_E_NULL }, { &stage, 0, RG_E_ARGUMENT }, { &stage, -1, RG_E_ARGUMENT }, { &stage, 501, RG_E_ARGUMENT },
                { &(rg_stage){ .forward = -1 }, 1, RG_E_ARGUMENT }, { &(rg_stage){ .forward = NAN }, 1, RG_E_ARGUMENT },
                { &(rg_stage){ .forward = INFINITY }, 1, RG_E_ARGUMENT },
                { &(rg_stage){ .output = SIZE_MAX }, 1, RG_E_ARGUMENT },
                { &(rg_stage){ .output = SIZE_MAX / 2, .saved = SIZE_MAX / 2 }, 1, RG_E_ARGUMENT } };
    for (size_t i = 0; i < COUNT(bad); i++) {
        error.status = RG_OK;
        assert_null(rg_checkpoint_plan(bad[i].stages, bad[i].count, 100, &error));
        assert_int_equal(error.status, bad[i].status);
        assert_int_equal(rg_checkpoint_least(bad[i].stages, bad[i].count, &error), 0);
        assert_null(rg_checkpoint_plan(bad[i].stages, bad[i].count, 100, NULL));
    }
    for (int i = 0; i < 2; i++) {
        assert_null(rg_binomial_schedule(i, 1 - i, &error));
        assert_int_equal(error.status, RG_E_ARGUMENT);
    }
    rg_checkpoint_schedule *fine = rg_checkpoint_plan(&stage, 1, 0, &error);
    assert_non_null(fine);
    rg_checkpoint_schedule_free(fine);
}

/* ---- The order of a product ------------------------------------------------------------------------------------- */

static void known_products_have_their_known_order(void **state)
{
    (void)state;
    rg_bracketing_cost cost;
    char text[100];
    assert_int_equal(rg_bracketing((int64_t[]){ 30, 35, 15, 5, 10, 20, 25 }, 6, &cost, text, sizeof text, NULL), RG_OK);
    assert_int_equal(cost.best, 15125);
    assert_string_equal(text, "((A1(A2A3))((A4A5)A6))");
    assert_int_equal(rg_bracketing((int64_t[]){ 64, 8, 64, 8, 64 }, 4, &cost, text, sizeof text, NULL), RG_OK);
    assert_int_equal(cost.forward, 98304);
    assert_int_equal(cost.reverse, 98304);
    assert_int_equal(cost.best, 40960);
    /* A gradient: one output. Reverse mode is the best there is. */
    assert_int_equal(rg_bracketing((int64_t[]){ 1, 10, 20, 30 }, 3, &cost, text, sizeof text, NULL), RG_OK);
    assert_string_equal(text, "((A1A2)A3)");
    assert_int_equal(cost.best, 800);
    assert_int_equal(cost.reverse, 800);
    assert_int_equal(cost.forward, 10 * 20 * 30 + 10 * 30);
    assert_int_equal(rg_bracketing((int64_t[]){ 7, 9 }, 1, &cost, text, sizeof text, NULL), RG_OK);
    assert_string_equal(text, "A1");
    assert_int_equal(cost.best, 0);
}

static int64_t cheapest(const int64_t *sizes, int s, int t)
{
    int64_t best = s == t ? 0 : INT64_MAX;
    for (int k = s; k < t; k++) {
        const int64_t with = cheapest(sizes, s, k) + cheapest(sizes, k + 1, t) + sizes[s] * sizes[k + 1] * sizes[t + 1];
        if (with < best) best = with;
    }
    return best;
}

/* What the text says: the sizes of the product, and what it costs. */
static int64_t cost_of_text(const char **at, const int64_t *sizes, int *first, int *end)
{
    if (**at == 'A') {
        char *after;
        *first = (int)strtol(*at + 1, &after, 10) - 1;
        *end = *first + 1;
        *at = after;
        return 0;
    }
    int middle, again;
    assert_true(*(*at)++ == '(');
    const int64_t left = cost_of_text(at, sizes, first, &middle), right = cost_of_text(at, sizes, &again, end);
    assert_int_equal(middle, again);
    assert_true(*(*at)++ == ')');
    return left + right + sizes[*first] * sizes[middle] * sizes[*end];
}

static void the_order_that_is_written_costs_least_of_all(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        int64_t sizes[10];
        const int count = 1 + (int)draw(9);
        for (int k = 0; k <= count; k++) sizes[k] = (int64_t)draw(50);
        rg_bracketing_cost cost;
        char text[100];
        assert_int_equal(rg_bracketing(sizes, count, &cost, text, sizeof text, NULL), RG_OK);
        assert_int_equal(cost.best, cheapest(sizes, 0, count - 1));
        assert_true(cost.best <= cost.forward && cost.best <= cost.reverse);
        const char *at = text;
        int first, end;
        assert_int_equal(cost_of_text(&at, sizes, &first, &end), cost.best);
        assert_true(first == 0 && end == count && *at == '\0');
    }
}

static void a_product_that_is_none_is_refused(void **state)
{
    (void)state;
    const int64_t sizes[] = { 3, 4, 5 }, negative[] = { 3, -4, 5 }, huge[] = { INT64_MAX, INT64_MAX, INT64_MAX };
    rg_bracketing_cost cost;
    rg_error error;
    char text[6];
    assert_int_equal(rg_bracketing(NULL, 2, &cost, NULL, 0, &error), RG_E_NULL);
    assert_int_equal(rg_bracketing(sizes, 2, NULL, NULL, 0, NULL), RG_E_NULL);
    assert_int_equal(rg_bracketing(sizes, 0, &cost, NULL, 0, &error), RG_E_ARGUMENT);
    assert_int_equal(rg_bracketing(sizes, 501, &cost, NULL, 0, NULL), RG_E_ARGUMENT);
    assert_int_equal(rg_bracketing(negative, 2, &cost, NULL, 0, &error), RG_E_ARGUMENT);
    assert_non_null(strstr(error.message, "size 1 is -4"));
    assert_int_equal(rg_bracketing(huge, 2, &cost, NULL, 0, &error), RG_E_ARGUMENT);
    assert_int_equal(rg_bracketing(sizes, 2, &cost, text, sizeof text, &error), RG_OK);
    assert_string_equal(text, "(A1A2"); /* cut */
    assert_int_equal(rg_bracketing(sizes, 2, &cost, text, 0, &error), RG_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binomial_steps_are_those_of_the_literature),
        cmocka_unit_test(the_closed_form_is_the_recurrence),
        cmocka_unit_test(a_binomial_schedule_takes_these_steps_and_no_more_states),
        cmocka_unit_test(plans_cost_least_of_all_that_fit),
        cmocka_unit_test(a_budget_too_small_names_the_least),
        cmocka_unit_test(no_budget_is_exceeded_and_more_memory_never_costs_more),
        cmocka_unit_test(equal_stages_cost_no_more_than_by_the_binomial_schedule),
        cmocka_unit_test(a_long_chain_is_planned),
        cmocka_unit_test(planning_refuses_what_is_no_chain),
        cmocka_unit_test(known_products_have_their_known_order),
        cmocka_unit_test(the_order_that_is_written_costs_least_of_all),
        cmocka_unit_test(a_product_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
