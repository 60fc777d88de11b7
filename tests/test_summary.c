/* test_summary.c: a summary counts parameters, operations and saved bytes as they can be worked out by hand, and what
 * it predicts of the memory of a step is what the step takes. */
#include "tensors.h"

#include <cjson/cJSON.h>

#include "nn.h"
#include "optim.h"
#include "run_command.h"
#include "summary.h"

enum { IN = 784, HIDDEN = 128, CLASSES = 10, ROWS = 128 };

static const tool_summary_row *row_called(const tool_summary *summary, const char *name)
{
    for (size_t i = 0; i < summary->count; i++)
        if (strcmp(summary->rows[i].name, name) == 0) return &summary->rows[i];
    fail_msg("no row %s", name);
    return NULL;
}

static void a_perceptron_is_counted_as_by_hand(void **state)
{
    (void)state;
    static float x[ROWS * IN];
    static int32_t labels[ROWS];
    rg_params *theta = rg_params_new(RG_F32, 1);
    rg_nn *net = RG_MLP(theta, rg_relu, IN, HIDDEN, CLASSES);
    rg_tape *tape = rg_tape_new();
    rg_tensor y = rg_nn_forward(net, rg_input(tape, RG_F32, RG_SHAPE(ROWS, IN), x));
    rg_scope_push(tape, "loss");
    rg_tensor loss = rg_cross_entropy(y, rg_input(tape, RG_I32, RG_SHAPE(ROWS), labels));
    rg_scope_pop(tape);
    tool_summary summary;
    assert_true(tool_summarise(loss, &summary));
    assert_int_equal(summary.count, 4);
    const tool_summary_row *fc1 = row_called(&summary, "fc1"), *relu = row_called(&summary, "relu");
    const tool_summary_row *fc2 = row_called(&summary, "fc2"), *end = row_called(&summary, "loss");

    assert_int_equal(fc1->parameters, IN * HIDDEN + HIDDEN);
    assert_int_equal(fc2->parameters, HIDDEN * CLASSES + CLASSES);
    assert_int_equal(relu->parameters + end->parameters, 0);
    assert_int_equal(summary.total.parameters, 101770);

    assert_true(summary.products == 2.0 * ROWS * (IN * HIDDEN + HIDDEN * CLASSES));
    assert_true(fc1->operations == 2.0 * ROWS * IN * HIDDEN + ROWS * HIDDEN);
    assert_true(relu->operations == ROWS * HIDDEN);
    assert_true(fc2->operations == 2.0 * ROWS * HIDDEN * CLASSES + ROWS * CLASSES);
    assert_true(end->operations == 4.0 * ROWS * CLASSES + ROWS + 1);
    assert_true(summary.total.operations == fc1->operations + relu->operations + fc2->operations + end->operations);
    /* Backward, both gradients of the second layer's product and one of the first's, those of biases, gate, and of the
     * logits: a softmax, a subtraction and a product; and the mean's scale twice. */
    const double backward = 2.0 * ROWS * (IN * HIDDEN + 2 * HIDDEN * CLASSES) + ROWS * (HIDDEN + CLASSES) +
                            ROWS * HIDDEN + 7.0 * ROWS * CLASSES + 1;
    if (summary.step_operations != summary.total.operations + backward)
        fail_msg("%.0f operations backward, not %.0f", summary.step_operations - summary.total.operations, backward);

    /* What relu gives is read by its own adjoint and by the next layer's; the logits by the loss's. */
    assert_int_equal(relu->saved, ROWS * HIDDEN * 4);
    assert_int_equal(fc2->saved, ROWS * CLASSES * 4);
    assert_int_equal(fc1->saved + end->saved, 0);
    assert_int_equal(summary.total.saved, ROWS * (HIDDEN + CLASSES) * 4);
    assert_true(rg_shape_equal(fc2->output, RG_SHAPE(ROWS, CLASSES)) && fc2->dtype == RG_F32);
    assert_int_equal(end->output.rank, 0);
    tool_summary_free(&summary);
    rg_tape_free(tape);
    rg_nn_free(net);
    rg_params_free(theta);
}

/* Of a value that is read as a view the value itself is saved, and once. */
static void tied_weights_and_views_count_once(void **state)
{
    (void)state;
    rg_params *theta = rg_params_new(RG_F64, 1);
    rg_param w = rg_params_add(theta, "w", RG_SHAPE(3, 3));
    rg_tape *tape = rg_tape_new();
    rg_tensor x = MATRIX(tape, 2, 3, 1, 2, 3, 4, 5, 6);
    rg_scope_push(tape, "twice");
    rg_tensor h = rg_tanh(rg_matmul(rg_tanh(rg_matmul(x, rg_parameter(tape, w))), rg_parameter(tape, w)));
    rg_scope_pop(tape);
    rg_tensor flat = rg_reshape(h, RG_SHAPE(6)), loss = rg_sum(rg_square(flat));
    tool_summary summary;
    assert_true(tool_summarise(loss, &summary));
    assert_int_equal(row_called(&summary, "twice")->parameters, 9);
    assert_int_equal(summary.total.parameters, 9);
    assert_int_equal(row_called(&summary, "twice")->saved, 2 * 6 * 8);
    assert_int_equal(summary.total.saved, 2 * 6 * 8);
    tool_summary_free(&summary);

    rg_tape_reset(tape); /* without parameters there is no backward pass */
    x = MATRIX(tape, 2, 3, 1, 2, 3, 4, 5, 6);
    assert_true(tool_summarise(rg_sum(rg_exp(x)), &summary));
    assert_int_equal(summary.total.saved + summary.total.parameters, 0);
    assert_true(summary.step_operations == 12 && summary.total.operations == 12);
    tool_summary_free(&summary);
    assert_fine(tape);
    assert_false(tool_summarise(rg_fail(tape, NULL, RG_E_STATE, "failed"), &summary));
    tool_summary_free(&summary);
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* ---- What the library tells -------------------------------------------------------------------------------------- */

static void scopes_and_memory_can_be_asked_for(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 1, 2), none = { 0 };
    rg_scope_push(tape, "net");
    rg_scope_push(tape, "fc1");
    rg_tensor y = rg_exp(x);
    assert_string_equal(rg_scope_of(x), "");
    assert_string_equal(rg_scope_of(y), "net.fc1");
    assert_string_equal(rg_scope_of(none), "");
    rg_program *program = rg_compile(1, &x, 1, &y);
    const rg_program_stats before = rg_program_get_stats(program), nothing = rg_program_get_stats(NULL);
    assert_true(before.plan_bytes > 0 && before.kept_bytes >= 2 * 2 * sizeof(double));
    for (int i = 0; i < 3; i++) assert_int_equal(rg_program_run(program), RG_OK);
    const rg_program_stats after = rg_program_get_stats(program);
    assert_memory_equal(&before, &after, sizeof before);
    assert_true(nothing.plan_bytes == 0 && nothing.kept_bytes == 0 && nothing.workspace_bytes == 0);
    rg_program_free(program);
    rg_tape_reset(tape);
    assert_string_equal(rg_scope_of(y), "");
    assert_fine(tape);
    rg_tape_free(tape);
}

static void theta_has_room_for_an_eighth_more_at_most(void **state)
{
    (void)state;
    rg_params *theta = rg_params_new(RG_F64, 1);
    assert_int_equal(rg_params_bytes(NULL), 0);
    int64_t moved = 0;
    const void *before = NULL;
    for (int i = 0; i < 2000; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        rg_params_add(theta, name, RG_SHAPE(i % 7));
        moved += rg_params_data(theta) != before;
        before = rg_params_data(theta);
        const size_t needed = 2 * sizeof(double) * (size_t)rg_params_count(theta), bytes = rg_params_bytes(theta);
        assert_true(bytes >= needed && bytes <= needed + needed / 8 + 2 * sizeof(double));
    }
    assert_int_equal(rg_params_status(theta), RG_OK);
    assert_true(moved < 200);
    rg_params_free(theta);
}

/* ---- The command ------------------------------------------------------------------------------------------------- */

static double number_in(const cJSON *object, const char *name)
{
    const double value = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(object, name));
    if (isnan(value)) fail_msg("no number %s", name);
    return value;
}

static const char *const settings[][8] = {
    { "--batch", "128" },
    { "--batch", "128", "--optimizer", "adam" },
    { "--layers", "none", "--inputs", "3", "--outputs", "2", "--batch", "4" },
    { "--layers", "512,512,512", "--batch", "256", "--dtype", "f64", "--optimizer", "adamw" },
    { "--layers", "32,32,32,32,32,32,32,32", "--dropout", "0.25", "--optimizer", "momentum", "--batch", "16" },
    { "--loss", "bce", "--layers", "300", "--activation", "tanh" },
    { "--outputs", "1", "--inputs", "20", "--batch", "1000" },
};

static void the_predicted_peak_is_within_5_percent_of_the_measured_one(void **state)
{
    (void)state;
    int measured = 0;
    double worst = 0;
    for (size_t i = 0; i < COUNT(settings); i++) {
        const char *arguments[16] = { "retrograd", "summary", "--json" };
        for (int k = 0; k < 8 && settings[i][k]; k++) arguments[3 + k] = settings[i][k];
        assert_int_equal(finish(start_with((char *const *)(uintptr_t)arguments)), 0);
        cJSON *object = cJSON_Parse(said);
        const cJSON *memory = cJSON_GetObjectItemCaseSensitive(object, "memory");
        static const char *const parts[] = { "parameters_and_gradient", "optimizer_state", "batch", "kept", "workspace",
                                             "plan", "small_things" };
        const double predicted = number_in(memory, "predicted_peak");
        double sum = 0;
        for (size_t k = 0; k < COUNT(parts); k++) sum += number_in(memory, parts[k]);
        assert_true(predicted == sum);
        if (cJSON_HasObjectItem(memory, "measured_peak")) {
            const double peak = number_in(memory, "measured_peak"), error = fabs(predicted / peak - 1);
            if (error > 0.05) fail_msg("setting %zu: %.0f bytes are predicted, and %.0f measured", i, predicted, peak);
            worst = error > worst ? error : worst;
            measured++;
        }
        cJSON_Delete(object);
    }
    if (measured == 0) skip(); /* another malloc */
    print_message("at most %.1f %% apart\n", 100 * worst);
    assert_int_equal(measured, COUNT(settings));
}

static void the_command_prints_json(void **state)
{
    (void)state;
    assert_int_equal(RUN("summary", "--batch", "128", "--json"), 0);
    cJSON *object = cJSON_Parse(said);
    assert_non_null(object);
    const cJSON *layers = cJSON_GetObjectItemCaseSensitive(object, "layers"), *layer;
    const cJSON *total = cJSON_GetObjectItemCaseSensitive(object, "total");
    double parameters = 0, operations = 0, saved = 0;
    cJSON_ArrayForEach(layer, layers) {
        parameters += number_in(layer, "parameters");
        operations += number_in(layer, "operations");
        saved += number_in(layer, "saved_bytes");
    }
    assert_int_equal(cJSON_GetArraySize(layers), 4);
    assert_true(parameters == 101770 && number_in(total, "parameters") == 101770);
    assert_true(number_in(total, "operations") == operations && number_in(total, "saved_bytes") == saved);
    assert_true(number_in(total, "product_operations") == 2.0 * 128 * (784 * 128 + 128 * 10));
    assert_true(number_in(object, "batch") == 128);
    cJSON_Delete(object);
}

static void a_file_is_summarised_as_the_network_in_it(void **state)
{
    (void)state;
    assert_int_equal(RUN("train", "--layers", "8", "--steps", "1", "--save", "m.safetensors", "--progress", "none"), 0);
    assert_int_equal(RUN("summary", "--load", "m.safetensors", "--json"), 0);
    cJSON *object = cJSON_Parse(said);
    const cJSON *total = cJSON_GetObjectItemCaseSensitive(object, "total");
    assert_true(number_in(total, "parameters") == 784 * 8 + 8 + 8 * 10 + 10);
    cJSON_Delete(object);
    assert_int_equal(RUN("summary", "--load", "m.safetensors", "--layers", "9"), 2);
    assert_said(complained, "--load and --layers exclude each other");
    assert_int_equal(RUN("summary", "--load", "missing.safetensors"), 1);
    assert_int_equal(RUN("profile", "--load", "m.safetensors", "--repeats", "2", "--json"), 0);
}

static void the_table_fits(void **state)
{
    (void)state;
    static const char *const widths[] = { "80", "120" };
    for (size_t i = 0; i < COUNT(widths); i++) {
        setenv("COLUMNS", widths[i], 1);
        assert_int_equal(RUN("summary", "--layers", "12345,128", "--batch", "100", "--inputs", "2"), 0);
        char *rest = said;
        for (char *line; (line = strtok_r(rest, "\n", &rest));)
            if (strlen(line) > (size_t)atoi(widths[i])) fail_msg("%zu columns: %s", strlen(line), line);
    }
    unsetenv("COLUMNS");
    assert_int_equal(RUN("summary", "--batch", "128"), 0);
    assert_said(said, "784-128-10, batch 128, relu, f32, sgd");
    assert_said(said, "  fc1       f32[128,128]             100,480     25.7M       0 B\n");
    assert_said(said, "  total                              101,770     26.1M   70.7 kB\n");
    assert_said(said, "predicted peak");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_perceptron_is_counted_as_by_hand),
        cmocka_unit_test(tied_weights_and_views_count_once),
        cmocka_unit_test(scopes_and_memory_can_be_asked_for),
        cmocka_unit_test(theta_has_room_for_an_eighth_more_at_most),
        cmocka_unit_test(the_predicted_peak_is_within_5_percent_of_the_measured_one),
        cmocka_unit_test(the_command_prints_json),
        cmocka_unit_test(a_file_is_summarised_as_the_network_in_it),
        cmocka_unit_test(the_table_fits),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
