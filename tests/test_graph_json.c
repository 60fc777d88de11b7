/* test_graph_json.c: the JSON of a graph is what docs/graph-schema.json says, and says what is on the tape. */
#define _POSIX_C_SOURCE 200809L
#include "drawing.h"

#include <math.h>

#include <cjson/cJSON.h>

#define MEMBER(object, name) cJSON_GetObjectItemCaseSensitive(object, name)

static cJSON *parse(const char *text)
{
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithOpts(text, &end, true);
    if (!json) fail_msg("no JSON at: %.60s", end);
    return json;
}

static cJSON *json_of(rg_tensor t, rg_graph_options options)
{
    char *text = written_by(rg_graph_json, t, options);
    cJSON *json = parse(text);
    free(text);
    return json;
}

static double number_of(const cJSON *object, const char *name)
{
    if (!cJSON_IsNumber(MEMBER(object, name))) fail_msg("no number: %s", name);
    return MEMBER(object, name)->valuedouble;
}

static const char *text_of(const cJSON *object, const char *name)
{
    if (!cJSON_IsString(MEMBER(object, name))) fail_msg("no text: %s", name);
    return MEMBER(object, name)->valuestring;
}

static const cJSON *node_at(const cJSON *json, int id)
{
    const cJSON *node = cJSON_GetArrayItem(MEMBER(json, "nodes"), id);
    assert_non_null(node);
    assert_int_equal(number_of(node, "id"), id);
    return node;
}

/* ---- The schema: as much of JSON Schema as it uses ---------------------------------------------------------------- */

static cJSON *read_schema(void)
{
    char *text = golden_read("../../docs/graph-schema.json");
    cJSON *schema = parse(text);
    free(text);
    return schema;
}

static bool is_of_type(const cJSON *value, const char *type)
{
    if (strcmp(type, "integer") == 0) return cJSON_IsNumber(value) && value->valuedouble == floor(value->valuedouble);
    if (strcmp(type, "number") == 0) return cJSON_IsNumber(value);
    if (strcmp(type, "string") == 0) return cJSON_IsString(value);
    if (strcmp(type, "boolean") == 0) return cJSON_IsBool(value);
    if (strcmp(type, "array") == 0) return cJSON_IsArray(value);
    if (strcmp(type, "object") == 0) return cJSON_IsObject(value);
    return strcmp(type, "null") == 0 && cJSON_IsNull(value);
}

static void check_type(const cJSON *schema, const cJSON *value, const char *where)
{
    const cJSON *types = MEMBER(schema, "type"), *type;
    bool fits = cJSON_IsString(types) && is_of_type(value, types->valuestring);
    if (cJSON_IsArray(types))
        cJSON_ArrayForEach(type, types) fits = fits || is_of_type(value, type->valuestring);
    if (!fits) fail_msg("%s is of another type", where);
    const cJSON *choices = MEMBER(schema, "enum"), *choice;
    fits = !choices;
    cJSON_ArrayForEach(choice, choices) fits = fits || cJSON_Compare(choice, value, true);
    if (!fits) fail_msg("%s is none of what it may be", where);
}

/* Notes in the schema what has been seen of it. */
static void check_value(const cJSON *root, cJSON *schema, const cJSON *value, const char *where)
{
    if (!MEMBER(schema, "seen")) cJSON_AddTrueToObject(schema, "seen");
    if (MEMBER(schema, "$ref")) {
        assert_string_equal(text_of(schema, "$ref"), "#/$defs/numbers");
        schema = MEMBER(MEMBER(root, "$defs"), "numbers");
    }
    check_type(schema, value, where);
    const cJSON *each;
    if (cJSON_IsArray(value))
        cJSON_ArrayForEach(each, value) check_value(root, MEMBER(schema, "items"), each, where);
    if (!cJSON_IsObject(value)) return;
    cJSON_ArrayForEach(each, MEMBER(schema, "required"))
        if (!MEMBER(value, each->valuestring)) fail_msg("%s has no %s", where, each->valuestring);
    cJSON_ArrayForEach(each, value) {
        cJSON *known = MEMBER(MEMBER(schema, "properties"), each->string);
        if (!known) fail_msg("%s has a %s", where, each->string);
        check_value(root, known, each, each->string);
    }
}

static void assert_all_seen(const cJSON *schema, const char *where)
{
    const cJSON *each;
    if (!MEMBER(schema, "seen")) fail_msg("nothing has a %s", where);
    if (MEMBER(schema, "items")) assert_all_seen(MEMBER(schema, "items"), where);
    cJSON_ArrayForEach(each, MEMBER(schema, "properties")) assert_all_seen(each, each->string);
}

static void check_tensor(cJSON *schema, rg_tensor t, rg_graph_options options)
{
    cJSON *json = json_of(t, options);
    check_value(schema, schema, json, "graph");
    cJSON_Delete(json);
}

static void every_member_is_as_the_schema_says_and_all_of_it_occurs(void **state)
{
    (void)state;
    cJSON *schema = read_schema();
    perceptron p = perceptron_new();
    rg_tensor loss = perceptron_loss(&p);
    check_tensor(schema, loss, (rg_graph_options){ .title = "none" });
    assert_int_equal(rg_backward(loss), RG_OK);
    check_tensor(schema, loss, (rg_graph_options){ .backward = true, .plan = true, .values = true, .gradients = true });
    double many[40] = { NAN, INFINITY, 3 };
    rg_tensor x = rg_input(p.tape, RG_F64, RG_SHAPE(40), many);
    check_tensor(schema, x, (rg_graph_options){ .values = true, .gradients = true, .plan = true });
    check_tensor(schema, rg_input(p.tape, RG_F64, RG_SHAPE(3, 0), many), (rg_graph_options){ .values = true });
    assert_all_seen(schema, "graph");
    const cJSON *each;
    const cJSON *numbers = MEMBER(MEMBER(schema, "$defs"), "numbers");
    cJSON_ArrayForEach(each, MEMBER(numbers, "properties")) assert_all_seen(each, each->string);
    cJSON_Delete(schema);
    perceptron_free(&p);
}

/* ---- What it says ------------------------------------------------------------------------------------------------- */

static void a_perceptron_is_written_as_the_golden_file_has_it(void **state)
{
    (void)state;
    perceptron p = perceptron_new();
    char *text = written_by(rg_graph_json, perceptron_loss(&p),
                            (rg_graph_options){ .backward = true, .plan = true, .title = "3-4-2 perceptron" });
    assert_golden(text, "graph.json");
    free(text);
    perceptron_free(&p);
}

static void a_node_is_what_was_recorded(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(rg_input_at("/a/model.c:7", tape, RG_F32, RG_SHAPE(2, 3), (const float[]){ 1, 2, 3, 4, 5, 6 }), "x");
    rg_scope_push(tape, "outer");
    rg_scope_push(tape, "inner");
    rg_tensor y = rg_sum_axes_at("model.c:8", x, RG_AXES(1), false);
    rg_scope_pop(tape);
    rg_scope_pop(tape);
    cJSON *json = json_of(rg_sum(rg_mul(y, y)), (rg_graph_options){ .backward = true });
    const cJSON *in = node_at(json, 0), *sum = node_at(json, 1), *product = node_at(json, 2);
    assert_string_equal(text_of(in, "op"), "input");
    assert_string_equal(text_of(in, "name"), "x");
    assert_string_equal(text_of(in, "site"), "model.c:7");
    assert_string_equal(text_of(in, "role"), "input");
    assert_string_equal(text_of(in, "dtype"), "f32");
    assert_int_equal(number_of(in, "bytes"), 24);
    assert_int_equal(cJSON_GetArraySize(MEMBER(in, "shape")), 2);
    assert_int_equal(cJSON_GetArrayItem(MEMBER(in, "shape"), 1)->valuedouble, 3);
    assert_string_equal(text_of(sum, "scope"), "outer.inner");
    assert_string_equal(text_of(sum, "attributes"), "axes 1:2");
    assert_true(cJSON_IsTrue(MEMBER(sum, "saved")));
    assert_true(cJSON_IsFalse(MEMBER(product, "saved")));
    assert_int_equal(cJSON_GetArraySize(MEMBER(product, "operands")), 2);
    assert_int_equal(number_of(json, "root"), 3);
    assert_string_equal(text_of(node_at(json, 3), "role"), "result");
    const cJSON *gradient = node_at(json, (int)number_of(in, "adjoint"));
    assert_string_equal(text_of(gradient, "role"), "gradient");
    const cJSON *halves = MEMBER(json, "halves");
    assert_int_equal(cJSON_GetArraySize(MEMBER(halves, "forward")), 4);
    assert_int_equal(cJSON_GetArraySize(MEMBER(halves, "forward")) + cJSON_GetArraySize(MEMBER(halves, "backward")),
                     cJSON_GetArraySize(MEMBER(json, "nodes")));
    cJSON_Delete(json);
    rg_tape_free(tape);
}

static void numbers_are_all_of_few_and_a_summary_of_many(void **state)
{
    (void)state;
    double many[100];
    for (int i = 0; i < 100; i++) many[i] = i - 50;
    many[3] = NAN;
    rg_tape *tape = rg_tape_new();
    rg_tensor few = rg_input(tape, RG_F64, RG_SHAPE(2), NUMBERS(0.1, INFINITY));
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(100), many);
    cJSON *json = json_of(few, (rg_graph_options){ .values = true });
    const cJSON *values = MEMBER(node_at(json, 0), "values");
    assert_true(cJSON_GetArrayItem(values, 0)->valuedouble == 0.1);
    assert_true(cJSON_IsNull(cJSON_GetArrayItem(values, 1)));
    cJSON_Delete(json);
    json = json_of(x, (rg_graph_options){ .values = true });
    values = MEMBER(node_at(json, 0), "values");
    double sum = 0, squares = 0;
    for (int i = 0; i < 100; i++) sum += i == 3 ? 0 : many[i], squares += i == 3 ? 0 : many[i] * many[i];
    assert_true(number_of(values, "min") == -50 && number_of(values, "max") == 49);
    assert_float_equal(number_of(values, "mean"), sum / 99, 1e-12);
    assert_float_equal(number_of(values, "norm"), sqrt(squares), 1e-9);
    assert_int_equal(number_of(values, "not_finite"), 1);
    cJSON_Delete(json);
    rg_tape_free(tape);
}

static void any_name_can_be_written(void **state)
{
    (void)state;
    static const struct { const char *name, *read; } names[] = {
        { "\"quoted\" \\ </script>", "\"quoted\" \\ </script>" }, { "two\nlines\t", "two\nlines\t" }, { "\x01\x1b", "\x01\x1b" },
        { "β∂🙂", "β∂🙂" }, { "\xff", "\xef\xbf\xbd" }, { "a\xc3", "a\xef\xbf\xbd" },
        { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
    };
    rg_tape *tape = rg_tape_new();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        rg_scope_push(tape, names[i].name);
        rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(3)), names[i].name);
        rg_scope_pop(tape);
        cJSON *json = json_of(x, (rg_graph_options){ .title = names[i].name });
        assert_string_equal(text_of(json, "title"), names[i].read);
        assert_string_equal(text_of(node_at(json, 0), "name"), names[i].read);
        assert_string_equal(text_of(node_at(json, 0), "scope"), names[i].read);
        cJSON_Delete(json);
    }
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_is_as_the_schema_says_and_all_of_it_occurs),
        cmocka_unit_test(a_perceptron_is_written_as_the_golden_file_has_it),
        cmocka_unit_test(a_node_is_what_was_recorded),
        cmocka_unit_test(numbers_are_all_of_few_and_a_summary_of_many),
        cmocka_unit_test(any_name_can_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
