/* test_depth.c: a chain of 100,000 nodes and a node with 100,000 consumers go through every transform, the planner and the
 * executor without recursion, and take as much work and memory a node as 1,000 do. */
#include "tensors.h"

#include <pthread.h>

enum { FEW = 1000, MANY = 100000, STACK = 1 << 20 }; /* of 100,000 frames, each would have ten bytes */

typedef rg_tensor build(rg_tensor x, int n);

static rg_tensor chain(rg_tensor x, int n)
{
    rg_tensor y = x;
    for (int i = 0; i < n; i++) y = i % 2 ? rg_tanh(y) : rg_mul(y, x);
    return y;
}

static rg_tensor wide(rg_tensor x, int n)
{
    rg_tensor y = rg_tanh(x), sum = rg_sin(x);
    for (int i = 0; i < n; i++) sum = rg_add(sum, rg_scale(y, 1e-6 * (i + 1)));
    return sum;
}

static rg_tensor chain_in_checkpoints(rg_tensor x, int n)
{
    rg_tensor y = x;
    for (int i = 0; i < n; i += 10) {
        rg_checkpoint_begin(x.tape);
        y = chain(y, 10);
        rg_checkpoint_end(x.tape);
    }
    return y;
}

/* What was done, in whole numbers. */
typedef enum { RECORDED, OF_GRADIENT, OF_JVP, OF_VMAP, STEPS, PLAN_BYTES, WORKSPACE, COUNTED } counted;

typedef struct {
    build *function;
    int n;
    double count[COUNTED];
    double slope;
    char message[RG_MESSAGE_SIZE];
} run;

static double nodes_since(const rg_tape *tape, uint64_t *before)
{
    const uint64_t now = rg_tape_get_stats(tape).nodes, since = now - *before;
    *before = now;
    return (double)since;
}

static void *run_all(void *argument)
{
    run *r = argument;
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1 });
    const double at[] = { 0.5, -0.25 }, all[] = { 0.1, 0.2, 0.3, 0.4, 0.5, 0.6 };
    uint64_t nodes = 0;
    for (int pass = 0; pass < 3; pass++) {
        rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(2), at), v = rg_input(tape, RG_F64, RG_SHAPE(2), all), out[3] = { 0 };
        rg_tensor batch = rg_input(tape, RG_F64, RG_SHAPE(3, 2), all), y = r->function(x, r->n);
        r->count[RECORDED] = nodes_since(tape, &nodes);
        rg_grad(rg_sum(y), &x, 1, &out[0]);
        r->count[OF_GRADIENT] = nodes_since(tape, &nodes);
        rg_jvp(y, &x, &v, 1, &out[1]);
        r->count[OF_JVP] = nodes_since(tape, &nodes);
        rg_vmap(&y, 1, &x, &batch, 1, &out[2]);
        r->count[OF_VMAP] = nodes_since(tape, &nodes);
        const uint64_t steps = rg_tape_get_stats(tape).steps;
        rg_eval(3, out);
        r->count[STEPS] = (double)(rg_tape_get_stats(tape).steps - steps);
        double numbers[2] = { 0 };
        rg_read(out[0], numbers, sizeof numbers);
        r->slope = numbers[0];
        if (pass == 2) {
            rg_finite_report report;
            if (!rg_tape_check_finite(tape, (rg_tensor){ 0 }, &report) && report.found) rg_fail(tape, NULL, RG_E_STATE, "%s", report.message);
        }
        rg_tape_reset(tape);
        nodes = 0;
    }
    r->count[PLAN_BYTES] = (double)rg_tape_get_stats(tape).plan_bytes;
    r->count[WORKSPACE] = (double)rg_tape_get_stats(tape).workspace_bytes;
    snprintf(r->message, sizeof r->message, "%s", rg_message(tape));
    rg_tape_free(tape);
    return NULL;
}

/* On a thread with a small stack. */
static void run_apart(run *r)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    assert_int_equal(pthread_create(&thread, &attributes, run_all, r), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    if (r->message[0]) fail_msg("%s", r->message);
}

static void assert_linear(build *function)
{
    static const char *const names[] = { "nodes recorded", "nodes of the gradient", "nodes of jvp", "nodes of vmap", "steps",
                                         "bytes of the plan", "bytes of the workspace" };
    run few = { .function = function, .n = FEW }, many = { .function = function, .n = MANY };
    run_apart(&few);
    run_apart(&many);
    for (int i = 0; i < COUNTED; i++) {
        const double each = few.count[i] / FEW, of_many = many.count[i] / MANY;
        if (of_many > 1.5 * each) fail_msg("%s: %.3g for each of %d, %.3g for each of %d", names[i], each, FEW, of_many, MANY);
    }
    assert_true(few.count[OF_GRADIENT] >= FEW && isfinite(many.slope));
}

static void a_long_chain(void **state)
{
    (void)state;
    assert_linear(chain);
}

static void a_node_with_many_consumers(void **state)
{
    (void)state;
    assert_linear(wide);
    run r = { .function = wide, .n = 100 };
    run_apart(&r);
    const double t = tanh(0.5);
    assert_true(fabs(r.slope - (cos(0.5) + 1e-6 * 5050 * (1 - t * t))) < 1e-12);
}

static void a_long_chain_in_checkpoints(void **state)
{
    (void)state;
    assert_linear(chain_in_checkpoints);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_chain),
        cmocka_unit_test(a_node_with_many_consumers),
        cmocka_unit_test(a_long_chain_in_checkpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
