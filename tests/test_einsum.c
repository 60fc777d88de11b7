/* test_einsum.c: einsum gives what NumPy gives, with PyTorch's gradients, and records no more than it has to.
 * RG_EINSUM_CASES names another list of cases than tests/parity/einsum.txt. */
#include "tensors.h"

/* ---- Cases from NumPy and PyTorch: see tests/parity/einsum.py --------------------------------------------------- */

enum { OPERANDS = 8, ELEMENTS = 1024 };

static rg_shape shape_from(const char *text)
{
    rg_shape shape = RG_SCALAR;
    for (char *at = (char *)(uintptr_t)text; *at >= '0' && *at <= '9'; at += *at == 'x')
        shape.size[shape.rank++] = strtol(at, &at, 10);
    return shape;
}

static rg_tensor operand(rg_tape *tape, rg_shape shape, int k)
{
    double numbers[ELEMENTS];
    const int64_t count = rg_shape_count(shape);
    assert_true(count <= ELEMENTS);
    for (int64_t i = 0; i < count; i++) numbers[i] = (double)((7 * i + 5 * k) % 17 - 8) / 4;
    return rg_input(tape, RG_F64, shape, numbers);
}

static rg_tensor checksum(rg_tensor t)
{
    double weights[ELEMENTS];
    const int64_t count = rg_shape_count(rg_shape_of(t));
    assert_true(count <= ELEMENTS);
    for (int64_t i = 0; i < count; i++) weights[i] = (double)((3 * i) % 7 - 3);
    return rg_sum(rg_mul(t, rg_constant(t.tape, RG_F64, rg_shape_of(t), weights)));
}

static double next_number(char **text)
{
    const char *word = strtok_r(NULL, " \n", text);
    assert_non_null(word);
    return strtod(word, NULL);
}

static void check_case(rg_tape *tape, char *line)
{
    char *rest, *word;
    const char *subscripts = strtok_r(line, " ", &rest);
    rg_tensor in[OPERANDS], slope[OPERANDS];
    int n = 0;
    for (; (word = strtok_r(NULL, " ", &rest)) && strcmp(word, "=") != 0; n++) {
        assert_true(n < OPERANDS);
        in[n] = operand(tape, shape_from(word), n);
    }
    const rg_shape shape = shape_from(strtok_r(NULL, " ", &rest));
    rg_tensor y = rg_einsum(subscripts, n, in);
    if (rg_failed(tape)) fail_msg("%s", rg_message(tape));
    if (!rg_shape_equal(rg_shape_of(y), shape)) fail_msg("%s: another shape", subscripts);
    rg_tensor sum = checksum(y);
    if (rg_item(sum) != next_number(&rest)) fail_msg("%s: another value: %.17g", subscripts, rg_item(sum));
    rg_grad(sum, in, n, slope);
    for (int k = 0; k < n; k++)
        if (rg_item(checksum(slope[k])) != next_number(&rest)) fail_msg("%s: another gradient for operand %d", subscripts, k);
    assert_fine(tape);
}

static void values_and_gradients_are_those_of_others(void **state)
{
    (void)state;
    const char *asked = getenv("RG_EINSUM_CASES");
    FILE *cases = fopen(asked ? asked : RG_TEST_SOURCE "/tests/parity/einsum.txt", "r");
    rg_tape *tape = rg_tape_new();
    char line[512];
    int count = 0;
    assert_non_null(cases);
    for (; fgets(line, sizeof line, cases); count++) {
        check_case(tape, line);
        rg_tape_reset(tape);
    }
    print_message("%d cases\n", count);
    assert_true(count >= 50);
    fclose(cases);
    rg_tape_free(tape);
}

/* ---- What is recorded ------------------------------------------------------------------------------------------- */

static uint64_t nodes_of(rg_tape *tape, const char *subscripts, rg_tensor a, rg_tensor b, const char *op)
{
    const rg_tensor in[] = { a, b };
    const uint64_t before = rg_tape_get_stats(tape).nodes;
    rg_tensor y = rg_einsum(subscripts, 2, in);
    assert_fine(tape);
    assert_string_equal(rg_op_of(y)->name, op);
    return rg_tape_get_stats(tape).nodes - before;
}

static void a_product_that_there_is_is_recorded_as_it_is(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor a = operand(tape, RG_SHAPE(2, 3, 4), 0), b = operand(tape, RG_SHAPE(2, 4, 5), 1);
    rg_tensor x = operand(tape, RG_SHAPE(3, 4), 2), y = operand(tape, RG_SHAPE(5, 4), 3), v = operand(tape, RG_SHAPE(4), 4);
    assert_int_equal(nodes_of(tape, "bij,bjk->bik", a, b, "matmul"), 1);
    assert_int_equal(nodes_of(tape, "ij,kj->ik", x, y, "matmul"), 2);   /* a view of the transpose */
    assert_int_equal(nodes_of(tape, "ij,kj->ki", x, y, "matmul"), 2);   /* the other way round */
    assert_int_equal(nodes_of(tape, "ij,ij->ij", x, x, "mul"), 1);
    assert_int_equal(nodes_of(tape, "ij,j->ij", x, v, "mul"), 1);
    assert_true(nodes_of(tape, "...ij,...jk", a, b, "matmul") == 1);
    const uint64_t before = rg_tape_get_stats(tape).nodes;
    assert_int_equal(rg_einsum("ij->ij", 1, &x).node, x.node);
    assert_int_equal(rg_tape_get_stats(tape).nodes, before);
    rg_tape_free(tape);
}

/* Three matrices of which the last is a column: from the right it is n^2 operations, from the left n^3. */
static void the_cheapest_two_are_multiplied_first(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    const rg_tensor in[] = { operand(tape, RG_SHAPE(8, 8), 0), operand(tape, RG_SHAPE(8, 8), 1), operand(tape, RG_SHAPE(8), 2) };
    rg_tensor y = rg_einsum("ij,jk,k->i", 3, in);
    for (uint32_t node = 0; node <= y.node; node++)
        if (strcmp(rg_op_of((rg_tensor){ tape, node, y.epoch })->name, "matmul") == 0)
            assert_true(rg_shape_count(rg_shape_of((rg_tensor){ tape, node, y.epoch })) == 8);
    rg_tape_free(tape);
}

static rg_tensor bilinear(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape;
    return rg_einsum(context, n, in);
}

static void derivatives_are_right_to_second_order(void **state)
{
    (void)state;
    const double numbers[] = { 0.7, -1.3, 0.4, 1.9, -0.6, 1.1, 0.3, -0.9, 1.6, 0.2, -1.7, 0.8 };
    const rg_gradcheck_input in[] = { { .shape = RG_SHAPE(2, 3), .values = numbers },
                                      { .shape = RG_SHAPE(2, 2, 3), .values = numbers },
                                      { .shape = RG_SHAPE(3, 3), .values = numbers } };
    static const char *const subscripts[] = { "ij,kkj,jl->il", "ij,kij,jj->", "aj,...aj,jk->k...a" };
    for (size_t i = 0; i < COUNT(subscripts); i++) {
        rg_gradcheck_result result;
        rg_gradcheck(bilinear, (void *)(uintptr_t)subscripts[i], 3, in, NULL, &result);
        if (result.verdict != RG_CHECK_OK) fail_msg("%s: %s", subscripts[i], result.message);
    }
}

/* ---- Misuse ----------------------------------------------------------------------------------------------------- */

static void assert_refused(rg_tape *tape, rg_tensor y, rg_status status, const char *holds)
{
    assert_true(rg_is_null(y));
    if (rg_tape_status(tape) != status || !strstr(rg_message(tape), holds) || !strstr(rg_message(tape), "test_einsum.c:"))
        fail_msg("not \"%s\" but %s: %s", holds, rg_status_name(rg_tape_status(tape)), rg_message(tape));
    rg_tape_clear_error(tape);
    assert_values(rg_sum(VECTOR(tape, 1, 2)), 3);
}

static void malformed_subscripts_are_refused_by_position(void **state)
{
    (void)state;
    static const struct {
        const char *subscripts, *message;
        rg_status status;
    } cases[] = {
        { "ij,j?->i", "einsum: character 5 of \"ij,j?->i\": neither a letter nor an ellipsis", RG_E_ARGUMENT },
        { "ij,jk->iz", "einsum: character 9 of \"ij,jk->iz\": a letter that no operand has", RG_E_ARGUMENT },
        { "ij,jk->iki", "einsum: character 10 of \"ij,jk->iki\": a letter that the result has already", RG_E_ARGUMENT },
        { "ij,jk->ik,", "einsum: character 10 of \"ij,jk->ik,\": nothing may follow the result", RG_E_ARGUMENT },
        { "ij,jk-ik", "einsum: character 6 of \"ij,jk-ik\": an arrow is ->", RG_E_ARGUMENT },
        { "ij", "einsum: character 3 of \"ij\": more operands are given than named", RG_E_ARGUMENT },
        { "ij,jk,kl", "einsum: character 6 of \"ij,jk,kl\": more operands are named than given", RG_E_ARGUMENT },
        { "ij,jkl", "einsum: character 4 of \"ij,jkl\": 3 letters for operand 2, which has 2 dimensions", RG_E_ARGUMENT },
        { "ij,j", "einsum: character 4 of \"ij,j\": 1 letters for operand 2, which has 2 dimensions", RG_E_ARGUMENT },
        { "ij,...j...", "einsum: character 8 of \"ij,...j...\": a second ellipsis", RG_E_ARGUMENT },
        { "ij,..j", "einsum: character 4 of \"ij,..j\": neither a letter nor an ellipsis", RG_E_ARGUMENT },
        { "ij,j...->i", "einsum: character 10 of \"ij,j...->i\": the result must have the operands' ellipsis", RG_E_ARGUMENT },
        { "ijklmnopq,ij", "einsum: character 9 of \"ijklmnopq,ij\": more letters than a tensor has dimensions", RG_E_ARGUMENT },
        { "ij,ik->jk", "einsum: i is 3 in operand 2, and was 2 before: a f64[2,3] · b f64[3,4]", RG_E_SHAPE },
        { "...,...", "einsum: ... is 3 in operand 2, and was 2 before: a f64[2,3] · b f64[3,4]", RG_E_SHAPE },
        { "", "einsum: character 1 of \"\": 0 letters for operand 1, which has 2 dimensions", RG_E_ARGUMENT },
    };
    rg_tape *tape = rg_tape_new();
    const rg_tensor in[] = { rg_name(operand(tape, RG_SHAPE(2, 3), 0), "a"), rg_name(operand(tape, RG_SHAPE(3, 4), 1), "b") };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(tape, rg_einsum(cases[i].subscripts, 2, in), cases[i].status, cases[i].message);
    assert_numbers(rg_sum(rg_einsum(" i j , j k -> i k ", 2, in)), NUMBERS(rg_item(rg_sum(rg_matmul(in[0], in[1])))), 1, 0);
    rg_tape_free(tape);
}

static void unfit_operands_are_refused(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new(), *elsewhere = rg_tape_new();
    rg_tensor old = VECTOR(tape, 1, 2);
    rg_tape_reset(tape);
    rg_tensor x = VECTOR(tape, 1, 2), many[17];
    const rg_tensor with_old[] = { x, old }, foreign[] = { x, VECTOR(elsewhere, 1, 2) }, with_null[] = { x, { 0 } };
    const rg_tensor whole[] = { x, rg_input(tape, RG_I32, RG_SHAPE(2), (int32_t[]){ 1, 2 }) };
    const rg_tensor narrow[] = { x, rg_input(tape, RG_F32, RG_SHAPE(2), (float[]){ 1, 2 }) };
    const rg_tensor cube = operand(tape, RG_SHAPE(1, 1, 1, 1, 2), 0), cubes[] = { cube, cube };
    for (size_t i = 0; i < COUNT(many); i++) many[i] = x;
    assert_refused(tape, rg_einsum("i,i", 2, with_old), RG_E_TAPE, "einsum: operand 2 is a tensor from before rg_tape_reset");
    assert_refused(tape, rg_einsum("i,i", 2, foreign), RG_E_TAPE, "einsum: operand 2 is on another tape");
    assert_refused(tape, rg_einsum("i,i", 2, with_null), RG_E_NULL, "einsum: operand 2 is the null tensor");
    assert_refused(tape, rg_einsum("i,i", 2, whole), RG_E_DTYPE, "einsum: takes f32 or f64");
    assert_refused(tape, rg_einsum("i,i", 2, narrow), RG_E_DTYPE, "einsum: dtypes differ");
    assert_refused(tape, rg_einsum(NULL, 1, &x), RG_E_NULL, "einsum: no subscripts");
    assert_refused(tape, rg_einsum("i", 17, many), RG_E_ARGUMENT, "einsum: more than 16 operands");
    assert_refused(tape, rg_einsum("abcde,fghij", 2, cubes), RG_E_SHAPE, "einsum: the result has too many dimensions");
    assert_values(rg_einsum("abcde,fghij->", 2, cubes), 5.0625);
    rg_tape_free(tape);
    rg_tape_free(elsewhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_gradients_are_those_of_others),
        cmocka_unit_test(a_product_that_there_is_is_recorded_as_it_is),
        cmocka_unit_test(the_cheapest_two_are_multiplied_first),
        cmocka_unit_test(derivatives_are_right_to_second_order),
        cmocka_unit_test(malformed_subscripts_are_refused_by_position),
        cmocka_unit_test(unfit_operands_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
