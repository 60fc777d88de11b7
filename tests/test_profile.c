/* test_profile.c: a profile lists every step of a program once, with the operations and bytes that can be worked out
 * by hand, and running it is running the program; the command shows the same. */
#include "tensors.h"

#include "failing_malloc.h"
#include "nn.h"
#include "optim.h"

#include <cjson/cJSON.h>

#include "run_command.h"
#include "profile.h"

enum { IN = 784, HIDDEN = 128, CLASSES = 10, ROWS = 32 };
enum { WEIGHTS = IN * HIDDEN + HIDDEN * CLASSES, BIASES = HIDDEN + CLASSES };

#define PROFILED_TAPE rg_tape_new_with((rg_tape_options){ .profiles = true })

typedef enum { GRADIENT, SGD, MOMENTUM, ADAM, WAYS } way;

typedef struct {
    rg_params *theta;
    rg_opt *opt;
    rg_program *step;
} trainer;

static trainer trainer_new(way how, double dropout, int threads)
{
    static float x[ROWS * IN];
    static int32_t labels[ROWS];
    trainer t = { .theta = rg_params_new(RG_F32, 1) };
    const int64_t sizes[] = { IN, HIDDEN, CLASSES };
    rg_nn *net = rg_nn_mlp_with(t.theta, rg_relu, sizes, COUNT(sizes), (rg_nn_mlp_options){ .dropout = dropout });
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = threads, .profiles = true });
    t.opt = how == ADAM ? rg_opt_adam(t.theta, (rg_opt_adam_options){ 0 })
                        : rg_opt_sgd(t.theta, (rg_opt_sgd_options){ .momentum = how == MOMENTUM ? 0.5 : 0 });
    for (int i = 0; i < ROWS * IN; i++) x[i] = (float)rg_random_normal(1, 2, (uint64_t)i);
    for (int i = 0; i < ROWS; i++) labels[i] = i % CLASSES;
    const rg_tensor in = rg_input(tape, RG_F32, RG_SHAPE(ROWS, IN), x);
    const rg_tensor loss = rg_cross_entropy(rg_nn_forward(net, in), rg_input(tape, RG_I32, RG_SHAPE(ROWS), labels));
    t.step = how == GRADIENT ? rg_compile_backward(loss, 0, NULL) : rg_opt_compile(t.opt, loss, 0, NULL);
    assert_fine(tape);
    rg_tape_free(tape);
    rg_nn_free(net);
    return t;
}

static void trainer_free(trainer *t)
{
    rg_program_free(t->step);
    rg_opt_free(t->opt);
    rg_params_free(t->theta);
}

/* How often the op is among those of the steps, and the operations of the steps that begin with it. */
static int occurrences(const rg_profile *profile, const char *op, double *operations)
{
    int count = 0;
    *operations = 0;
    for (size_t i = 0; i < profile->count; i++) {
        char names[256], *rest = names;
        snprintf(names, sizeof names, "%s", profile->steps[i].what);
        if (strncmp(names, op, strlen(op)) == 0) *operations += profile->steps[i].operations;
        for (const char *name; (name = strtok_r(rest, "+", &rest));) count += strcmp(name, op) == 0;
    }
    return count;
}

static double all_operations(const rg_profile *profile)
{
    double sum = 0;
    for (size_t i = 0; i < profile->count; i++) sum += profile->steps[i].operations;
    return sum;
}

/* ---- What is counted ------------------------------------------------------------------------------------------- */

/* Both ways through both layers, but no gradient of the inputs. */
static const double products = 2.0 * ROWS * (2 * WEIGHTS + HIDDEN * CLASSES);
/* Biases and their gradients, relu and gate, the losses of rows and their mean, whose gradient is a constant, and the
 * gradient of the logits. */
static const double others = 2.0 * ROWS * BIASES + 2.0 * ROWS * HIDDEN + 4.0 * ROWS * CLASSES + ROWS + 1 +
                             7.0 * ROWS * CLASSES;

static void each_step_is_listed_once_with_its_operations(void **state)
{
    static const struct { const char *op; int times; } parts[] = {
        { "matmul", 5 }, { "add", 2 }, { "relu", 1 }, { "gate", 1 }, { "cross_entropy_rows", 1 }, { "softmax", 1 },
        { "one_hot", 1 }, { "sgd", 4 }, { "sum", 3 },
    };
    (void)state;
    trainer t = trainer_new(SGD, 0, 1);
    rg_profile profile;
    assert_int_equal(rg_program_profile(t.step, 5, &profile), RG_OK);
    assert_int_equal(profile.runs, 5);
    double operations, seconds = 0;
    for (size_t i = 0; i < COUNT(parts); i++) {
        const int times = occurrences(&profile, parts[i].op, &operations);
        if (times != parts[i].times) fail_msg("%s stands there %d times", parts[i].op, times);
    }
    assert_true(all_operations(&profile) == products + others + 2.0 * (WEIGHTS + BIASES));
    int ops = 0, backward = 0;
    for (size_t i = 0; i < profile.count; i++) {
        const rg_profile_step *step = &profile.steps[i];
        assert_true(step->seconds >= 0 && step->bytes_written > 0 && step->bytes_read >= 0 && step->ops >= 1);
        assert_true(step->scope[0] != '\0' || strncmp(step->site, "test_profile.c:", 15) == 0);
        if (strncmp(step->what, "matmul", 6) == 0)
            assert_true(step->seconds > 0 && strncmp(step->scope, "fc", 2) == 0);
        if (i > 0) assert_true(step->backward >= profile.steps[i - 1].backward);
        ops += step->ops;
        backward += step->backward;
        seconds += step->seconds;
    }
    assert_true(seconds > 0 && backward > 0 && backward < (int)profile.count && ops >= (int)profile.count);
    trainer_free(&t);
}

/* Of thousands of ops in one step the first are named, and all are counted. */
static void a_long_step_is_named_by_its_first_ops(void **state)
{
    enum { LENGTH = 2000, OPS = 3000 };
    static float numbers[LENGTH];
    (void)state;
    rg_profile profile;
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1, .profiles = true });
    rg_tensor t = rg_input_borrowed(tape, RG_F32, RG_SHAPE(LENGTH), numbers);
    for (int i = 0; i < OPS; i++) t = rg_tanh(t);
    rg_program *program = rg_compile(0, NULL, 1, &t);
    assert_int_equal(rg_program_profile(program, 1, &profile), RG_OK);
    assert_int_equal(profile.count, 1);
    const char *what = profile.steps[0].what;
    assert_int_equal(profile.steps[0].ops, OPS);
    assert_true(strncmp(what, "tanh+tanh+", 10) == 0 && strlen(what) < 400);
    assert_string_equal(what + strlen(what) - 8, "tanh+...");
    rg_program_free(program);
    rg_tape_free(tape);
}

/* What comes after the gradients is one more step, and the rest is the same. */
static void an_optimiser_is_a_step_of_its_own(void **state)
{
    static const struct { way how; const char *name; int operations, states; } rules[] = {
        { MOMENTUM, "momentum", 5, 1 }, { ADAM, "adam", 13, 2 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rules); i++) {
        trainer t = trainer_new(rules[i].how, 0, 1);
        rg_profile profile;
        assert_int_equal(rg_program_profile(t.step, 3, &profile), RG_OK);
        const rg_profile_step *last = &profile.steps[profile.count - 1];
        const double count = WEIGHTS + BIASES, bytes = count * sizeof(float);
        assert_string_equal(last->what, rules[i].name);
        assert_true(last->operations == rules[i].operations * count && last->backward && last->seconds > 0);
        assert_true(last->bytes_read == (2 + rules[i].states) * bytes);
        assert_true(last->bytes_written == (1 + rules[i].states) * bytes);
        assert_true(all_operations(&profile) == products + others + last->operations);
        trainer_free(&t);
    }
}

static rg_profile profile_of(rg_tape *tape, rg_tensor y, rg_program **compiled)
{
    rg_profile profile;
    *compiled = rg_compile(0, NULL, 1, &y);
    assert_fine(tape);
    rg_tape_free(tape);
    assert_int_equal(rg_program_profile(*compiled, 1, &profile), RG_OK);
    return profile;
}

static void bytes_are_those_of_memory(void **state)
{
    enum { MANY = 10000, COLUMNS = 100 };
    static double numbers[MANY];
    rg_program *compiled;
    (void)state;

    /* Three ops in one step: what passes between them is nowhere, and a row that is repeated is read once. */
    rg_tape *tape = PROFILED_TAPE;
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(MANY / COLUMNS, COLUMNS), numbers);
    rg_tensor row = rg_input(tape, RG_F64, RG_SHAPE(COLUMNS), numbers);
    rg_profile profile = profile_of(tape, rg_mul(rg_exp(rg_add(x, row)), x), &compiled);
    assert_int_equal(profile.count, 1);
    assert_string_equal(profile.steps[0].what, "add+exp+mul");
    assert_int_equal(profile.steps[0].ops, 3);
    assert_true(profile.steps[0].operations == 3 * MANY);
    assert_true(profile.steps[0].bytes_read == (MANY + COLUMNS) * sizeof(double));
    assert_true(profile.steps[0].bytes_written == MANY * sizeof(double));
    assert_false(profile.steps[0].backward);
    rg_program_free(compiled);

    /* An operand that is there twice is read once, and a copy computes nothing. */
    tape = PROFILED_TAPE;
    x = rg_input(tape, RG_F64, RG_SHAPE(8, 8), numbers);
    profile = profile_of(tape, rg_matmul(x, x), &compiled);
    assert_int_equal(profile.count, 1);
    assert_true(profile.steps[0].operations == 2 * 8 * 8 * 8 && profile.steps[0].bytes_read == 64 * sizeof(double));
    rg_program_free(compiled);
    tape = PROFILED_TAPE;
    x = rg_input(tape, RG_F64, RG_SHAPE(8, 8), numbers);
    profile = profile_of(tape, rg_concat(2, (rg_tensor[]){ x, rg_transpose(x) }, 0), &compiled);
    assert_true(all_operations(&profile) == 0);
    rg_program_free(compiled);
}

/* A fold and what comes before it in one step; a reduction of little in one of its own. */
static void sums_count_what_goes_in(void **state)
{
    static float numbers[1 << 16];
    rg_program *compiled;
    (void)state;
    for (int64_t count = 16; count <= 1 << 16; count <<= 12) {
        rg_tape *tape = PROFILED_TAPE;
        const rg_tensor x = rg_input(tape, RG_F32, RG_SHAPE(count), numbers);
        const rg_profile profile = profile_of(tape, rg_sum(rg_square(x)), &compiled);
        const double least = 2.0 * (double)count, most = least + (double)count / 64;
        assert_true(all_operations(&profile) >= least && all_operations(&profile) <= most);
        assert_true(profile.steps[0].bytes_read == (double)count * sizeof(float));
        rg_program_free(compiled);
    }
}

/* Stops stand between so many steps, and are none. */
static void long_programs_are_listed_whole(void **state)
{
    enum { OPS = 5000 };
    rg_program *compiled;
    (void)state;
    rg_tape *tape = PROFILED_TAPE;
    const rg_tensor x = rg_scalar(tape, RG_F64, 1.5);
    rg_tensor y = x;
    for (int i = 0; i < OPS; i++) y = i % 2 ? rg_add(y, x) : rg_mul(y, x);
    const rg_profile profile = profile_of(tape, y, &compiled);
    assert_int_equal(profile.count, OPS);
    for (size_t i = 0; i < OPS; i++) assert_string_equal(profile.steps[i].what, i % 2 ? "add" : "mul");
    rg_program_free(compiled);
}

/* ---- What is computed --------------------------------------------------------------------------------------- */

static void profiling_is_running(void **state)
{
    enum { TIMES = 4 };
    (void)state;
    for (way how = GRADIENT; how < WAYS; how++)
        for (int threads = 1; threads <= 2; threads++) {
            trainer plain = trainer_new(how, 0.25, threads), profiled = trainer_new(how, 0.25, threads);
            rg_profile profile;
            for (int round = 0; round < 2; round++) {
                for (int i = 0; i < TIMES; i++) assert_int_equal(rg_program_run(plain.step), RG_OK);
                assert_int_equal(rg_program_profile(profiled.step, TIMES, &profile), RG_OK);
                /* Of the first gradients one is written, and the others are added to it by other steps. */
                assert_int_equal(profile.runs, how == GRADIENT && round == 0 ? TIMES - 1 : TIMES);
            }
            const size_t bytes = (size_t)rg_params_count(plain.theta) * sizeof(float);
            assert_memory_equal(rg_params_data(plain.theta), rg_params_data(profiled.theta), bytes);
            if (how != SGD)
                assert_memory_equal(rg_params_gradient(plain.theta), rg_params_gradient(profiled.theta), bytes);
            assert_memory_equal(rg_program_output(plain.step, 0), rg_program_output(profiled.step, 0), sizeof(float));
            trainer_free(&plain);
            trainer_free(&profiled);
        }
}

static void mistakes_are_refused(void **state)
{
    (void)state;
    trainer t = trainer_new(SGD, 0, 1);
    rg_profile profile = { .count = 7 };
    assert_int_equal(rg_program_profile(NULL, 1, &profile), RG_E_NULL);
    assert_int_equal(profile.count, 0);
    assert_int_equal(rg_program_profile(t.step, 1, NULL), RG_E_NULL);
    assert_true(rg_program_message(t.step)[0] != '\0');
    assert_int_equal(rg_program_profile(t.step, 0, &profile), RG_E_ARGUMENT);
    assert_non_null(strstr(rg_program_message(t.step), "repeats"));
    assert_int_equal(rg_program_profile(t.step, 1, &profile), RG_OK);
    assert_string_equal(rg_program_message(t.step), "");
    trainer_free(&t);

    rg_tape *tape = PROFILED_TAPE;
    int32_t index[] = { 0, 2 };
    const rg_tensor of = rg_input_borrowed(tape, RG_I32, RG_SHAPE(2), index);
    const rg_tensor rows = rg_gather_rows(MATRIX(tape, 2, 2, 1, 2, 3, 4), of), sum = rg_sum(rows);
    rg_program *compiled = rg_compile(1, &of, 1, &sum);
    rg_tape_free(tape);
    assert_int_equal(rg_program_bind(compiled, 0, index), RG_OK);
    assert_int_equal(rg_program_profile(compiled, 3, &profile), RG_E_INDEX);
    assert_int_equal(profile.count, 0);
    assert_non_null(strstr(rg_program_message(compiled), "index 2 at position 1"));
    index[1] = 1;
    assert_int_equal(rg_program_profile(compiled, 3, &profile), RG_OK);
    assert_true(*(const double *)rg_program_output(compiled, 0) == 10);
    rg_program_free(compiled);

    tape = rg_tape_new(); /* that was not asked to remember */
    const rg_tensor x = VECTOR(tape, 1, 2), y = rg_tanh(x);
    compiled = rg_compile(1, &x, 1, &y);
    rg_tape_free(tape);
    assert_int_equal(rg_program_profile(compiled, 3, &profile), RG_E_STATE);
    assert_non_null(strstr(rg_program_message(compiled), "rg_tape_options.profiles"));
    assert_int_equal(rg_program_run(compiled), RG_OK);
    rg_program_free(compiled);
}

static void a_profile_survives_any_failing_allocation(void **state)
{
    bool failed = true;
    int refused = 0;
    (void)state;
    if (!FAILING_MALLOC) skip();
    trainer t = trainer_new(ADAM, 0, 1);
    rg_profile profile;
    for (long k = 0; failed; k++) {
        allocations_fail_after(k);
        const rg_status status = rg_program_profile(t.step, 1, &profile);
        failed = allocations_failed > 0;
        allocations_fail_after(-1);
        /* The C library's sorting gets by without. */
        assert_true(status == RG_OK || (failed && status == RG_E_MEMORY));
        refused += status == RG_E_MEMORY;
    }
    assert_true(profile.count > 0 && refused > 0);
    trainer_free(&t);
}

/* ---- The command ------------------------------------------------------------------------------------------- */

static double number_of(const cJSON *object, const char *name)
{
    const double value = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(object, name));
    if (isnan(value)) fail_msg("no number %s", name);
    return value;
}

/* The objects of all lines but the last add up to that one. Returns how many they are. */
static int check_lines(void)
{
    char *lines = strdup(said), *rest = lines;
    double seconds = 0, operations = 0, bytes = 0, share = 0;
    int rows = 0;
    for (char *line; (line = strtok_r(rest, "\n", &rest));) {
        cJSON *object = cJSON_Parse(line);
        if (!object) fail_msg("no JSON: %s", line);
        const bool summary = cJSON_HasObjectItem(object, "model");
        assert_true(summary == (*rest == '\0'));
        if (summary) {
            assert_true(fabs(number_of(object, "seconds") - seconds) <= 1e-9 * seconds && seconds > 0);
            assert_true(number_of(object, "operations") == operations && number_of(object, "bytes") == bytes);
            assert_true(number_of(object, "run_seconds") > 0 && number_of(object, "peak_gflops") > 0);
        } else {
            seconds += number_of(object, "seconds");
            operations += number_of(object, "operations");
            bytes += number_of(object, "bytes");
            share += number_of(object, "share");
            rows++;
        }
        cJSON_Delete(object);
    }
    free(lines);
    assert_true(fabs(share - 1) < 1e-9);
    return rows;
}

static void the_command_prints_json(void **state)
{
    static const char *const by[] = { "step", "op", "line" };
    int rows[3];
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(RUN("profile", "--batch", "32", "--repeats", "3", "--json", "--by", by[i]), 0);
        assert_string_equal(complained, "");
        rows[i] = check_lines();
        assert_true(field("operations") == products + others + 2.0 * (WEIGHTS + BIASES));
        assert_true(field("runs") == 3 && field("threads") == 1);
    }
    assert_int_equal(RUN("profile", "--batch", "32", "--repeats", "3", "--json"), 0);
    assert_true(field("steps") == rows[0]);
    assert_true(rows[1] < rows[0] && rows[2] < rows[1]);
}

/* One event a step, one after the other without a gap, as long as all steps together. */
static void a_trace_is_of_the_steps(void **state)
{
    enum { MOST = 1 << 20 };
    static char text[MOST];
    (void)state;
    assert_int_equal(RUN("profile", "--batch", "32", "--repeats", "3", "--json", "--trace", "trace.json"), 0);
    assert_true(read_file("trace.json", text, MOST) > 0);
    cJSON *trace = cJSON_Parse(text);
    const cJSON *event;
    double ends = 0, operations = 0, bytes = 0;
    int events = 0, backward = 0;
    assert_non_null(trace);
    cJSON_ArrayForEach(event, cJSON_GetObjectItemCaseSensitive(trace, "traceEvents")) {
        const char *kind = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, "ph"));
        const char *category = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, "cat"));
        const cJSON *arguments = cJSON_GetObjectItemCaseSensitive(event, "args");
        assert_non_null(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, "name")));
        assert_true(number_of(event, "pid") == 1 && number_of(event, "tid") == 1);
        if (strcmp(kind, "M") == 0) continue;
        assert_string_equal(kind, "X");
        assert_true(fabs(number_of(event, "ts") - ends) <= 1e-9 * ends);
        ends = number_of(event, "ts") + number_of(event, "dur");
        assert_true(strcmp(category, "forward") == 0 || strcmp(category, "backward") == 0);
        if (strcmp(category, "backward") == 0) backward++;
        else assert_int_equal(backward, 0);
        operations += number_of(arguments, "flops");
        bytes += number_of(arguments, "bytes");
        assert_true(cJSON_HasObjectItem(arguments, "site") && cJSON_HasObjectItem(arguments, "scope"));
        events++;
    }
    assert_true(events == field("steps") && backward > 0 && backward < events);
    assert_true(fabs(1e-6 * ends - field("seconds")) <= 1e-9 * field("seconds"));
    assert_true(operations == field("operations") && bytes == field("bytes"));
    cJSON_Delete(trace);

    assert_int_equal(RUN("profile", "--trace", "missing/trace.json"), 1);
    assert_said(complained, "missing/trace.json");
    assert_string_equal(said, "");
}

static void the_table_fits(void **state)
{
    static const char *const widths[] = { "80", "100" };
    (void)state;
    for (int i = 0; i < 2; i++) {
        setenv("COLUMNS", widths[i], 1);
        assert_int_equal(RUN("profile", "--layers", "40,30", "--activation", "tanh", "--dtype", "f64", "--dropout",
                             "0.1", "--optimizer", "adam", "--repeats", "2", "--threads", "2"), 0);
        assert_string_equal(complained, "");
        assert_said(said, "784-40-30-10, batch 64, tanh, f64, adam: medians of 2 runs on 2 threads\n");
        for (const char *line = strstr(said, "\n\n"); line && *line; line = strchr(line + 1, '\n'))
            if ((int)strcspn(line + 1, "\n") > atoi(widths[i])) fail_msg("too long: %.120s", line + 1);
        assert_said(said, "\nforward\n");
        assert_said(said, "\nbackward\n");
        assert_said(said, " fc3 ");
        assert_said(said, " loss ");
        assert_said(said, " adam ");
        assert_said(said, " 100% ");
    }
    unsetenv("COLUMNS");
    assert_int_equal(RUN("profile", "--outputs", "1", "--layers", "none", "--repeats", "1", "--by", "line"), 0);
    assert_said(said, " fc1 ");
}

static void the_median_is_the_one_in_the_middle(void **state)
{
    (void)state;
    assert_true(tool_median((double[]){ 9, 1, 5, 7, 3 }, 5) == 5);
    assert_true(tool_median((double[]){ 4, -2, 1e9 }, 3) == 4);
    assert_true(tool_median((double[]){ 6 }, 1) == 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_median_is_the_one_in_the_middle),
        cmocka_unit_test(each_step_is_listed_once_with_its_operations),
        cmocka_unit_test(a_long_step_is_named_by_its_first_ops),
        cmocka_unit_test(an_optimiser_is_a_step_of_its_own),
        cmocka_unit_test(bytes_are_those_of_memory),
        cmocka_unit_test(sums_count_what_goes_in),
        cmocka_unit_test(long_programs_are_listed_whole),
        cmocka_unit_test(profiling_is_running),
        cmocka_unit_test(mistakes_are_refused),
        cmocka_unit_test(a_profile_survives_any_failing_allocation),
        cmocka_unit_test(the_command_prints_json),
        cmocka_unit_test(a_trace_is_of_the_steps),
        cmocka_unit_test(the_table_fits),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
