/* test_graph_command.c: `retrograd graph` writes what the file's name says, and shows what was asked for. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "run_command.h"

static char text[1 << 20];

#define SMALL "graph", "--inputs", "3", "--layers", "4", "--outputs", "2", "--batch", "2"

static bool graphviz_present(void)
{
    return system("dot -V >/dev/null 2>&1") == 0;
}

static void each_kind_is_what_its_ending_says(void **state)
{
    (void)state;
    assert_int_equal(RUN(SMALL, "--output", "g.dot"), 0);
    read_file("g.dot", text, sizeof text);
    assert_int_equal(strncmp(text, "digraph retrograd {", 19), 0);
    assert_int_equal(RUN(SMALL, "--output", "g.txt"), 0);
    read_file("g.txt", text, sizeof text);
    assert_int_equal(strncmp(text, "; 3-4-2\nforward\n", 16), 0);
    assert_said(text, "matmul %0, %2");
    assert_int_equal(RUN(SMALL, "--output", "g.json"), 0);
    read_file("g.json", text, sizeof text);
    cJSON *json = cJSON_Parse(text);
    assert_non_null(json);
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(json, "format")->valuestring, "retrograd-graph");
    cJSON_Delete(json);
    if (!graphviz_present()) skip();
    static const struct { const char *path, *begins; } pictures[] = {
        { "g.png", "\x89PNG" }, { "g.pdf", "%PDF" }, { "g.svg", "<?xml" },
    };
    for (int i = 0; i < 3; i++) {
        assert_int_equal(RUN(SMALL, "--backward", "--output", pictures[i].path), 0);
        read_file(pictures[i].path, text, sizeof text);
        assert_int_equal(strncmp(text, pictures[i].begins, strlen(pictures[i].begins)), 0);
    }
}

static void the_plan_is_a_picture_of_its_own_and_a_part_of_texts(void **state)
{
    (void)state;
    assert_int_equal(RUN(SMALL, "--backward", "--plan"), 0);
    assert_said(said, "digraph plan {");
    assert_said(said, "gradient of fc1.weight");
    assert_int_equal(RUN(SMALL, "--plan", "--output", "g.txt"), 0);
    read_file("g.txt", text, sizeof text);
    assert_said(text, "\nplan: ");
    assert_said(text, "matmul %3 + add %5");
    assert_int_equal(RUN(SMALL, "--plan", "--output", "g.json"), 0);
    read_file("g.json", text, sizeof text);
    assert_said(text, "\"workspace_bytes\"");
    if (graphviz_present()) assert_int_equal(RUN(SMALL, "--plan", "--backward", "--output", "g.svg"), 0);
}

static void numbers_are_computed_if_they_are_asked_for(void **state)
{
    (void)state;
    assert_int_equal(RUN(SMALL, "--output", "g.txt"), 0);
    read_file("g.txt", text, sizeof text);
    assert_null(strstr(text, "values"));
    assert_int_equal(RUN(SMALL, "--values", "--output", "g.txt"), 0);
    read_file("g.txt", text, sizeof text);
    assert_said(text, "loss · values ");
    assert_null(strstr(text, "gradient"));
    assert_int_equal(RUN(SMALL, "--gradients", "--backward", "--dtype", "f64", "--outputs", "1", "--output", "g.txt"), 0);
    read_file("g.txt", text, sizeof text);
    assert_said(text, "fc1 · gradient ");
    assert_said(text, "loss · gradient 1\n");
}

static void layers_can_be_collapsed(void **state)
{
    (void)state;
    assert_int_equal(RUN(SMALL, "--collapse", "1"), 0);
    assert_said(said, "3 ops · 16 parameters");
    assert_int_equal(RUN(SMALL, "--most-nodes", "8"), 0);
    assert_said(said, "3 ops · 16 parameters");
    assert_int_equal(RUN(SMALL, "--most-nodes", "0"), 2);
    assert_said(complained, "--most-nodes");
}

static void a_saved_network_is_shown(void **state)
{
    (void)state;
    write_file("flowers.csv", "a,b,label\n1,2,x\n2,1,y\n1,3,x\n3,1,y\n1,4,x\n4,1,y\n");
    assert_int_equal(RUN("train", "--data", "flowers.csv", "--layers", "5", "--epochs", "1", "--save", "m.safetensors"), 0);
    assert_int_equal(RUN("graph", "--load", "m.safetensors", "--backward", "--values", "--output", "g.txt"), 0);
    read_file("g.txt", text, sizeof text);
    assert_said(text, "; 2-5-2\n");
    assert_said(text, "parameter fc1.weight");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_what_its_ending_says),
        cmocka_unit_test(the_plan_is_a_picture_of_its_own_and_a_part_of_texts),
        cmocka_unit_test(numbers_are_computed_if_they_are_asked_for),
        cmocka_unit_test(layers_can_be_collapsed),
        cmocka_unit_test(a_saved_network_is_shown),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
