/* test_command.c: the command does what it says, and names what is wrong with what it was told: exit status 0 if all
 * went well, 1 if something failed, 2 if it was used wrongly. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <math.h>
#include <sys/stat.h>

#include "run_command.h"

/* 90 flowers of three kinds, well apart; and a line with a slope of 3. */
static void write_tables(void)
{
    char flowers[8192] = "length,width,kind\n", plain[8192] = "", line[8192] = "x,y\n";
    size_t at = strlen(flowers), plain_at = 0, line_at = strlen(line);
    for (int i = 0; i < 90; i++) {
        static const char *const kinds[] = { "iris", "red lily", "\"rose, wild\"" };
        double length = 2 * (i % 3) + 0.01 * i, width = 3 - 1.5 * (i % 3) + 0.005 * i;
        at += (size_t)snprintf(flowers + at, sizeof flowers - at, "%.3f,%.3f,%s\n", length, width, kinds[i % 3]);
        plain_at += (size_t)snprintf(plain + plain_at, sizeof plain - plain_at, "%.3f,%.3f\n", length, width);
        line_at += (size_t)snprintf(line + line_at, sizeof line - line_at, "%d,%.2f\n", i, 1000 + 3.0 * i + 0.25);
    }
    write_file("flowers.csv", flowers);
    write_file("plain.csv", plain);
    write_file("line.csv", line);
}

static int setup(void **state)
{
    if (enter_directory(state) != 0)
        return -1;
    write_tables();
    return 0;
}

static bool has(const char *name)
{
    return !isnan(field(name));
}

/* ---- What goes well ------------------------------------------------------------------------------------- */

static void every_subcommand_has_help_that_names_its_options(void **state)
{
    static const struct { const char *name, *option; } all[] = {
        { "train", "--schedule" }, { "predict", "--load" }, { "graph", "--backward" }, { "gradcheck", "--seeds" },
        { "profile", "--by" }, { "plan", "--memory" }, { "info", "--json" },
    };
    (void)state;
    assert_int_equal(RUN("help"), 0);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        RUN("help");
        assert_said(said, all[i].name);
        assert_int_equal(RUN(all[i].name, "--help"), 0);
        assert_said(said, all[i].option);
        assert_string_equal(complained, "");
        char *first = strdup(said);
        assert_int_equal(RUN("help", all[i].name), 0);
        assert_string_equal(said, first);
        free(first);
    }
    assert_int_equal(RUN("--version"), 0);
    assert_said(said, "retrograd ");
    assert_int_equal(RUN("--help"), 0);
}

static void training_ends_with_a_report_in_json(void **state)
{
    static const char *const fields[] = {
        "epochs", "steps", "train_loss", "test_loss", "test_accuracy", "seconds", "samples_per_second", "parameters",
        "plan_hits", "plan_misses", "peak_bytes",
    };
    (void)state;
    assert_int_equal(RUN("train", "--data", "flowers.csv", "--layers", "8", "--epochs", "40", "--batch", "16",
                         "--lr", "0.02", "--json"), 0);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        assert_true(has(fields[i]));
    assert_true(field("epochs") == 40);
    assert_true(field("steps") == 40 * 5); /* 72 to train, in 5 batches */
    assert_true(field("parameters") == 2 * 8 + 8 + 8 * 3 + 3);
    assert_true(field("test_accuracy") > 0.9);
    assert_true(field("samples_per_second") > 0);
    assert_true(field("plan_hits") > 100);
    assert_said(complained, "epoch 40/40");
}

static void numbers_are_learned_too(void **state)
{
    (void)state;
    assert_int_equal(RUN("train", "--data", "line.csv", "--layers", "16", "--epochs", "200", "--batch", "8", "--json",
                         "--save", "line.safetensors", "--progress", "none"), 0);
    assert_string_equal(complained, "");
    assert_true(field("test_rmse") < 5); /* y goes from 1000 to 1267 */
    assert_false(has("test_accuracy"));
    assert_int_equal(RUN("predict", "--load", "line.safetensors", "--data", "line.csv"), 0);
    assert_said(said, "row,prediction,target\n0,10");
    assert_said(said, ",1000.25\n");
}

static void each_loss_optimizer_and_activation_learns(void **state)
{
    static const char *const losses[] = { "xent", "bce" };
    static const char *const optimizers[] = { "sgd", "momentum", "adam", "adamw" };
    static const char *const activations[] = { "relu", "tanh", "sigmoid" };
    (void)state;
    for (int i = 0; i < 12; i++) {
        assert_int_equal(RUN("train", "--data", "flowers.csv", "--layers", "12", "--epochs", "60", "--batch", "8",
                             "--loss", losses[i % 2], "--optimizer", optimizers[i % 4], "--activation",
                             activations[i % 3], "--lr", i % 4 < 2 ? "0.1" : "0.02", "--dtype",
                             i % 2 ? "f32" : "f64", "--json", "--progress", "none"), 0);
        assert_true(field("test_accuracy") > 0.8);
    }
}

static void two_classes_need_one_output(void **state)
{
    char table[4096] = "";
    size_t at = 0;
    (void)state;
    for (int i = 0; i < 60; i++)
        at += (size_t)snprintf(table + at, sizeof table - at, "%d,%d\n", i, i >= 40);
    write_file("two.csv", table);
    assert_int_equal(RUN("train", "--data", "two.csv", "--layers", "none", "--loss", "bce", "--epochs", "100", "--batch",
                         "8", "--lr", "0.1", "--json", "--save", "two.st"), 0);
    assert_true(field("parameters") == 2);
    assert_true(field("test_accuracy") > 0.9);
    assert_int_equal(RUN("predict", "--load", "two.st", "--data", "two.csv"), 0);
    assert_said(said, "\n0,0,1.0");
    assert_said(said, "\n59,1,0.99");
}

static void the_bundled_digits_are_learned(void **state)
{
    (void)state;
    assert_int_equal(RUN("train", "--epochs", "2", "--json", "--progress", "none"), 0);
    assert_true(field("test_accuracy") > 0.9);
    assert_true(field("parameters") == 101770);
}

static void predictions_name_classes_and_probabilities(void **state)
{
    (void)state;
    assert_int_equal(RUN("train", "--data", "flowers.csv", "--label", "kind", "--layers", "8", "--epochs", "80",
                         "--batch", "8", "--save", "f.safetensors", "--progress", "none"), 0);
    assert_int_equal(RUN("predict", "--load", "f.safetensors", "--data", "flowers.csv"), 0);
    assert_said(said, "row,class,probability,label\n0,iris,0.");
    assert_said(said, "2,\"rose, wild\",0.");
    assert_said(complained, "accuracy ");
    assert_int_equal(RUN("predict", "--load", "f.safetensors", "--data", "plain.csv"), 0);
    assert_said(said, "row,class,probability\n0,iris,0.");
    assert_string_equal(complained, "");
    assert_int_equal(RUN("predict", "--load", "f.safetensors", "--data", "flowers.csv", "--json"), 0);
    cJSON *object = cJSON_Parse(last_line());
    const cJSON *rows = cJSON_GetObjectItem(object, "predictions");
    assert_int_equal(cJSON_GetArraySize(rows), 90);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(rows, 1), "name")), "red lily");
    assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(object, "accuracy")) > 0.9);
    cJSON_Delete(object);
}

static void a_csv_can_have_a_test_set_of_its_own_or_none(void **state)
{
    (void)state;
    assert_int_equal(RUN("train", "--data", "flowers.csv", "--test-data", "flowers.csv", "--epochs", "1"), 0);
    assert_said(said, "90 examples to train, 90 to test");
    assert_int_equal(RUN("train", "--data", "flowers.csv", "--test-split", "0", "--epochs", "1", "--json"), 0);
    assert_said(said, "90 examples to train, 0 to test");
    assert_false(has("test_loss"));
}

static char text[1 << 20];

static void curves_and_graphs_are_drawn(void **state)
{
    (void)state;
    assert_int_equal(RUN("train", "--data", "flowers.csv", "--layers", "4", "--epochs", "3", "--plot", "c.svg",
                         "--graph", "g.dot"), 0);
    read_file("c.svg", text, sizeof text);
    assert_said(text, "</svg>");
    assert_said(text, "Accuracy");
    read_file("g.dot", text, sizeof text);
    assert_said(text, "digraph");
    assert_int_equal(RUN("graph", "--inputs", "3", "--layers", "4", "--outputs", "2", "--backward"), 0);
    assert_said(said, "digraph");
    assert_said(said, "fc1.weight");
    assert_string_equal(complained, "");
}

static void a_picture_without_graphviz_becomes_dot_text(void **state)
{
    char *path = strdup(getenv("PATH"));
    (void)state;
    setenv("PATH", directory, 1);
    int graph = RUN("graph", "--layers", "4", "--output", "g.svg");
    assert_said(complained, "install graphviz");
    int train = RUN("train", "--data", "flowers.csv", "--epochs", "1", "--graph", "t.png");
    assert_said(complained, "install graphviz");
    setenv("PATH", path, 1);
    free(path);
    assert_int_equal(graph, 1);
    assert_int_equal(train, 0);
    assert_true(exists("g.dot") && exists("t.dot"));
    assert_false(exists("g.svg") || exists("t.png"));
}

static void a_picture_is_made_by_graphviz(void **state)
{
    (void)state;
    if (system("dot -V 2>/dev/null") != 0)
        skip();
    assert_int_equal(RUN("graph", "--layers", "4", "--output", "./-g.svg"), 0);
    read_file("./-g.svg", text, sizeof text);
    assert_said(text, "<svg");
    assert_false(exists("-g.dot"));
}

static void drawing_changes_nothing_that_is_trained(void **state)
{
    (void)state;
    assert_int_equal(RUN("train", "--data", "flowers.csv", "--dropout", "0.3", "--epochs", "2", "--save", "a.st"), 0);
    assert_int_equal(RUN("train", "--data", "flowers.csv", "--dropout", "0.3", "--epochs", "2", "--save", "b.st",
                         "--graph", "g.dot", "--plot", "c.svg"), 0);
    assert_int_equal(system("cmp -s a.st b.st"), 0);
}

static void derivatives_are_checked(void **state)
{
    (void)state;
    assert_int_equal(RUN("gradcheck", "--op", "tanh", "--json"), 0);
    assert_true(field("checked") == 1 && field("failed") == 0 && field("skipped") == 0);
    assert_int_equal(RUN("gradcheck", "--all", "--seeds", "1", "--json", "--junit", "gradcheck.xml"), 0);
    assert_true(field("checked") > 40 && field("failed") == 0);
    assert_true(exists("gradcheck.xml"));
    assert_int_equal(RUN("gradcheck", "--op", "exp", "--first-order"), 0);
    assert_non_null(strstr(said, "exp                  ok"));
    assert_int_equal(RUN("gradcheck", "--op", "exp", "--junit", "nowhere/gradcheck.xml"), 1);
}

static void the_check_is_attacked(void **state)
{
    (void)state;
    assert_int_equal(RUN("gradcheck", "--mutate", "--op", "maximum", "--json"), 0);
    assert_true(field("planted") > 20 && field("killed") == field("planted"));
    cJSON *object = cJSON_Parse(last_line());
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(object, "survivors")), 0);
    cJSON_Delete(object);
    assert_int_equal(RUN("gradcheck", "--mutate", "--op", "exp"), 0);
    assert_non_null(strstr(said, "factor 1.001"));
}

static void gradients_are_cheap(void **state)
{
    (void)state;
    assert_int_equal(RUN("gradcheck", "--cost", "--json"), 0);
    assert_true(field("most") <= 5 && field("bound") == 5);
    assert_int_equal(RUN("gradcheck", "--cost"), 0);
    assert_non_null(strstr(said, "MLP, 4 layers"));
}

static void info_tells_what_is_here(void **state)
{
    (void)state;
    assert_int_equal(RUN("info", "--json"), 0);
    assert_true(field("threads") >= 1);
    cJSON *object = cJSON_Parse(last_line());
    assert_non_null(cJSON_GetStringValue(cJSON_GetObjectItem(object, "gemm")));
    assert_non_null(cJSON_GetStringValue(cJSON_GetObjectItem(object, "simd")));
    assert_non_null(cJSON_GetStringValue(cJSON_GetObjectItem(object, "version")));
    cJSON_Delete(object);
}

/* ---- What does not --------------------------------------------------------------------------------------- */

/* With this exit status and these words on standard error, one of which names the culprit. */
#define REFUSES(status, words, ...)                                                                                \
    do {                                                                                                           \
        int got = RUN(__VA_ARGS__);                                                                                \
        if (got != (status))                                                                                       \
            fail_msg("exit status %d: %s", got, complained);                                                       \
        assert_said(complained, words);                                                                            \
        assert_said(complained, "retrograd");                                                                      \
    } while (0)

static void wrong_use_is_named(void **state)
{
    (void)state;
    assert_int_equal(finish(start_with((char *const *)(const char *[]){ "retrograd", NULL })), 2);
    REFUSES(2, "unknown subcommand 'trian'; did you mean 'train'?", "trian");
    REFUSES(2, "unknown subcommand 'xyz'", "xyz");
    REFUSES(2, "unknown subcommand 'xyz'", "help", "xyz");
    REFUSES(2, "--depth is for examples, not for a network", "explain", "net.safetensors", "--depth", "3");
    REFUSES(2, "shared has no depth", "explain", "shared", "--depth", "3");
    REFUSES(2, "--batch is for a network, not for an example", "explain", "shared", "--batch", "3");
    REFUSES(2, "unknown option '--epoch'; did you mean '--epochs'?", "train", "--epoch", "3");
    REFUSES(2, "unexpected argument 'digits'", "train", "digits");
    REFUSES(2, "--epochs wants a whole number from 1 to 1000000, not '0'", "train", "--epochs", "0");
    REFUSES(2, "--epochs wants a whole number from 1 to 1000000, not 'ten'", "train", "--epochs", "ten");
    REFUSES(2, "--batch wants", "train", "--batch", "-1");
    REFUSES(2, "--lr wants a number above 0 and at most 1e+06, not '-0.1'", "train", "--lr", "-0.1");
    REFUSES(2, "--lr wants", "train", "--lr", "nan");
    REFUSES(2, "--dropout wants a number of at least 0 and below 1, not '1'", "train", "--dropout", "1");
    REFUSES(2, "--layers wants up to 32 sizes such as 128,64, or none, not '128,'", "train", "--layers", "128,");
    REFUSES(2, "--layers wants", "train", "--layers", "12x");
    REFUSES(2, "--layers wants", "train", "--layers", "0");
    REFUSES(2, "--activation wants relu, tanh or sigmoid, not 'rely'; did you mean 'relu'?", "train", "--activation",
            "rely");
    REFUSES(2, "--loss wants auto, xent, mse or bce, not 'hinge'", "train", "--loss", "hinge");
    REFUSES(2, "--optimizer wants sgd, momentum, adam or adamw, not 'adma'; did you mean 'adam'?", "train",
            "--optimizer", "adma");
    REFUSES(2, "--schedule wants constant, step:EVERY,FACTOR", "train", "--schedule", "cosin");
    REFUSES(2, "--schedule wants", "train", "--schedule", "step:0,0.5");
    REFUSES(2, "--schedule wants", "train", "--schedule", "step:10");
    REFUSES(2, "--schedule wants", "train", "--schedule", "warmup:+cosine");
    REFUSES(2, "--schedule wants", "train", "--schedule", "cosine:2");
    REFUSES(2, "--dtype wants f32 or f64, not 'f16'", "train", "--dtype", "f16");
    REFUSES(2, "--progress wants auto, bar, plain or none, not 'fast'", "train", "--progress", "fast");
    REFUSES(2, "--threads wants a whole number from 0 to 256, not '1000'", "train", "--threads", "1000");
    REFUSES(2, "--seed wants", "train", "--seed", "1.5");
    REFUSES(2, "--test-split wants", "train", "--test-split", "1");
    REFUSES(2, "--save needs a value: --save FILE", "train", "--save");
    REFUSES(2, "--save needs a value: --save FILE", "train", "--save", "--json");
    REFUSES(2, "--json takes no value", "train", "--json=1");
    REFUSES(2, "--momentum needs --optimizer momentum", "train", "--momentum", "0.5");
    REFUSES(2, "--nesterov needs --optimizer momentum", "train", "--nesterov");
    REFUSES(2, "--nesterov needs a --momentum above 0", "train", "--optimizer", "momentum", "--momentum", "0",
            "--nesterov");
    REFUSES(2, "--restart needs --load", "train", "--restart");
    REFUSES(2, "exclude each other", "train", "--data", "flowers.csv", "--test-data", "x", "--test-split", "0.1");
    REFUSES(2, "--graph wants a name that ends in .dot, .svg, .png, .pdf, .txt, .json or .onnx, not 'g.gif'", "train", "--graph", "g.gif");
    REFUSES(2, "--output wants a name that ends in", "graph", "--output", "g");
    REFUSES(2, "unknown subcommand 'profil'; did you mean 'profile'?", "profil");
    REFUSES(2, "--by wants step, op or line, not 'layer'", "profile", "--by", "layer");
    REFUSES(2, "--repeats wants a whole number from 1 to 100000, not '0'", "profile", "--repeats", "0");
    REFUSES(2, "--optimizer wants sgd, momentum, adam or adamw", "profile", "--optimizer", "lbfgs");
    REFUSES(2, "unknown option '--optimiser'; did you mean '--optimizer'?", "profile", "--optimiser", "sgd");
    REFUSES(2, "--batch wants", "profile", "--batch", "0");
    REFUSES(2, "--load and --layers exclude each other", "graph", "--load", "x", "--layers", "3");
    REFUSES(2, "--load is needed", "predict", "--data", "digits");
    REFUSES(2, "--data is needed", "predict", "--load", "x");
    REFUSES(2, "no op called 'tahn'; did you mean 'tanh'?", "gradcheck", "--op", "tahn");
    REFUSES(2, "exclude each other", "gradcheck", "--op", "tanh", "--all");
    REFUSES(2, "--mutate and --cost exclude each other", "gradcheck", "--mutate", "--cost");
    REFUSES(2, "--junit is for checks", "gradcheck", "--cost", "--junit", "x.xml");
    REFUSES(2, "--directions wants a whole number from 1 to 1000, not '0'", "gradcheck", "--directions", "0");
    REFUSES(2, "retrograd train --help", "train", "--bad");
}

static void bad_data_is_named(void **state)
{
    (void)state;
    write_file("empty.csv", "");
    write_file("text.csv", "a,b,c\n1,2,x\n3,oops,y\n");
    write_file("ragged.csv", "1,2,0\n3,4\n");
    write_file("one.csv", "1,2,only\n3,4,only\n5,6,only\n7,8,only\n9,9,only\n");
    write_file("wide.csv", "a,b,c,kind\n1,2,3,iris\n2,3,4,red lily\n");
    write_file("other.csv", "length,width,kind\n1,2,tulip\n");
    assert_int_equal(mkdir("nothing", 0700), 0);
    REFUSES(1, "none.csv", "train", "--data", "none.csv");
    REFUSES(1, "empty.csv", "train", "--data", "empty.csv");
    REFUSES(1, "text.csv:3:2", "train", "--data", "text.csv");
    REFUSES(1, "ragged.csv:2", "train", "--data", "ragged.csv");
    REFUSES(1, "one class", "train", "--data", "one.csv", "--loss", "xent");
    REFUSES(1, "nothing", "train", "--data", "nothing");
    REFUSES(1, "kidn", "train", "--data", "flowers.csv", "--label", "kidn");
    REFUSES(1, "'iris'", "train", "--data", "flowers.csv", "--loss", "mse");
    REFUSES(1, "--test-data is for CSV files", "train", "--data", "digits", "--test-data", "flowers.csv");
    REFUSES(1, "wide.csv has 3 features, but the model takes 2", "train", "--data", "flowers.csv", "--test-data",
            "wide.csv");
    REFUSES(1, "'tulip'", "train", "--data", "flowers.csv", "--test-data", "other.csv");
}

static void save_a_model(const char *path)
{
    assert_int_equal(RUN("train", "--data", "flowers.csv", "--layers", "4", "--epochs", "1", "--save", path), 0);
}

/* The file at `from` with its byte at a place replaced, or cut off there if the byte is negative. */
static void damage(const char *from, const char *to, size_t place, int byte)
{
    size_t size = read_file(from, text, sizeof text);
    assert_true(place < size);
    FILE *file = fopen(to, "wb");
    assert_non_null(file);
    if (byte < 0)
        size = place;
    else
        text[place] = (char)byte;
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void a_bad_model_is_named(void **state)
{
    (void)state;
    save_a_model("good.st");
    size_t size = read_file("good.st", text, sizeof text);
    write_file("words.st", "these are only words, and not even many of them");
    write_file("empty.st", "");
    damage("good.st", "cut.st", size - 5, -1);
    damage("good.st", "flipped.st", size - 5, 0x5A);
    damage("good.st", "long.st", 6, 0x7F);
    REFUSES(1, "none.st", "predict", "--load", "none.st", "--data", "flowers.csv");
    REFUSES(1, "words.st", "predict", "--load", "words.st", "--data", "flowers.csv");
    REFUSES(1, "empty.st", "predict", "--load", "empty.st", "--data", "flowers.csv");
    REFUSES(1, "cut.st", "train", "--load", "cut.st");
    REFUSES(1, "flipped.st", "train", "--load", "flipped.st");
    REFUSES(1, "long.st", "graph", "--load", "long.st");
    REFUSES(1, "784 features, but the model takes 2", "predict", "--load", "good.st", "--data", "digits");
    write_file("wide.csv", "a,b,c,kind\n1,2,3,iris\n2,3,4,red lily\n");
    REFUSES(1, "wide.csv", "predict", "--load", "good.st", "--data", "wide.csv");
    REFUSES(1, "none.csv", "predict", "--load", "good.st", "--data", "none.csv");
}

/* A safetensors file with one tensor and this metadata. */
static void write_foreign(const char *path, const char *metadata)
{
    char header[1024];
    int length = snprintf(header, sizeof header,
                          "{\"__metadata__\":{%s},\"fc1.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],"
                          "\"data_offsets\":[0,8]}}", metadata);
    while (length % 8 != 0)
        header[length++] = ' ';
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    const unsigned char size[8] = { (unsigned char)(length & 0xFF), (unsigned char)(length >> 8) };
    assert_int_equal(fwrite(size, 1, 8, file), 8);
    assert_int_equal(fwrite(header, 1, (size_t)length, file), (size_t)length);
    assert_int_equal(fwrite("\0\0\0\0\0\0\0\0", 1, 8, file), 8);
    assert_int_equal(fclose(file), 0);
}

static void a_model_that_contradicts_itself_is_refused(void **state)
{
    static const char *const metadata[] = {
        "",
        "\"format\":\"retrograd model 1\"",
        "\"format\":\"retrograd model 1\",\"inputs\":\"2\",\"classes\":\"0\"",
        "\"format\":\"retrograd model 1\",\"inputs\":\"2\",\"classes\":\"0\",\"layers\":\"x\",\"activation\":\"relu\","
        "\"loss\":\"mse\",\"dtype\":\"f32\"",
        "\"format\":\"retrograd model 1\",\"inputs\":\"2\",\"classes\":\"0\",\"layers\":\"16777216,16777216\","
        "\"activation\":\"relu\",\"loss\":\"mse\",\"dtype\":\"f32\"",
        "\"format\":\"retrograd model 1\",\"inputs\":\"2\",\"classes\":\"3\",\"layers\":\"none\","
        "\"activation\":\"relu\",\"loss\":\"xent\",\"dtype\":\"f32\"",
        "\"format\":\"retrograd model 1\",\"inputs\":\"99999999999\",\"classes\":\"0\",\"layers\":\"none\","
        "\"activation\":\"relu\",\"loss\":\"mse\",\"dtype\":\"f32\"",
        "\"format\":\"retrograd model 1\",\"inputs\":\"2\",\"classes\":\"2\",\"layers\":\"none\","
        "\"activation\":\"relu\",\"loss\":\"bce\",\"dtype\":\"f32\",\"class_names\":\"[1,2]\"",
        "\"format\":\"retrograd model 1\",\"inputs\":\"2\",\"classes\":\"2\",\"layers\":\"none\","
        "\"activation\":\"relu\",\"loss\":\"bce\",\"dtype\":\"f32\",\"class_names\":\"[\"",
    };
    (void)state;
    for (size_t i = 0; i < sizeof metadata / sizeof metadata[0]; i++) {
        write_foreign("foreign.st", metadata[i]);
        REFUSES(1, "foreign.st", "predict", "--load", "foreign.st", "--data", "plain.csv");
        REFUSES(1, "foreign.st", "train", "--load", "foreign.st", "--data", "flowers.csv");
    }
}

static void what_contradicts_a_saved_training_is_named(void **state)
{
    (void)state;
    save_a_model("m.st");
    write_file("more.csv", "length,width,kind\n1,2,iris\n2,3,red lily\n4,5,\"rose, wild\"\n1,2,iris\n2,3,red lily\n"
                           "4,5,\"rose, wild\"\n1,2,iris\n2,3,red lily\n4,5,\"rose, wild\"\n");
    REFUSES(1, "--layers 8 contradicts m.st, which was saved with --layers 4", "train", "--load", "m.st", "--layers",
            "8");
    REFUSES(1, "--activation tanh contradicts", "train", "--load", "m.st", "--activation", "tanh");
    REFUSES(1, "--dtype f64 contradicts", "train", "--load", "m.st", "--dtype", "f64");
    REFUSES(1, "--batch 3 contradicts m.st, which was saved with --batch 64; --restart", "train", "--load", "m.st",
            "--batch", "3");
    REFUSES(1, "--seed 2 contradicts", "train", "--load", "m.st", "--seed", "2");
    REFUSES(1, "--optimizer sgd contradicts", "train", "--load", "m.st", "--optimizer", "sgd");
    REFUSES(1, "m.st was trained on other data than more.csv; --restart", "train", "--load", "m.st", "--data",
            "more.csv");
    assert_int_equal(RUN("train", "--load", "m.st", "--data", "more.csv", "--restart", "--batch", "3", "--seed", "2",
                         "--optimizer", "sgd", "--epochs", "2", "--json"), 0);
    assert_true(field("epochs") == 2);
    assert_int_equal(RUN("train", "--load", "m.st", "--layers", "4", "--epochs", "2", "--json"), 0);
    assert_true(field("epochs") == 2 && field("steps") == 4);
}

static void what_cannot_be_written_is_said_before_training(void **state)
{
    (void)state;
    assert_int_equal(mkdir("folder", 0700), 0);
    static const char *const options[] = { "--save", "--plot", "--graph" };
    for (int i = 0; i < 3; i++) {
        const char *missing = "no/such/folder/x.svg", *taken = i == 2 ? "folder.svg" : "folder";
        mkdir("folder.svg", 0700);
        REFUSES(1, missing, "train", "--data", "flowers.csv", "--epochs", "100000", options[i], missing);
        REFUSES(1, taken, "train", "--data", "flowers.csv", "--epochs", "100000", options[i], taken);
    }
    REFUSES(1, "/dev/null", "train", "--data", "flowers.csv", "--epochs", "100000", "--save", "/dev/null");
    REFUSES(1, "no/such", "graph", "--output", "no/such/g.dot");
    assert_int_equal(system("ls -A | grep -q part"), 256); /* nothing half written is left */
}

static void output_that_does_not_arrive_is_a_failure(void **state)
{
    char command[512];
    (void)state;
    snprintf(command, sizeof command, "'%s' info > /dev/full 2> complained.txt", program());
    int status = system(command);
    assert_int_equal(WEXITSTATUS(status), 1);
    read_file("complained.txt", complained, sizeof complained);
    assert_said(complained, "cannot write to standard output");
}

static void divergence_is_a_failure_that_says_what_to_do(void **state)
{
    (void)state;
    save_a_model("kept.st");
    assert_int_equal(system("cp kept.st before.st"), 0);
    REFUSES(1, "--lr", "train", "--data", "line.csv", "--optimizer", "sgd", "--lr", "1000000", "--epochs", "200",
            "--schedule", "constant", "--save", "kept.st");
    assert_said(complained, "diverged");
    assert_int_equal(system("cmp -s kept.st before.st"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_subcommand_has_help_that_names_its_options),
        cmocka_unit_test(training_ends_with_a_report_in_json),
        cmocka_unit_test(numbers_are_learned_too),
        cmocka_unit_test(each_loss_optimizer_and_activation_learns),
        cmocka_unit_test(two_classes_need_one_output),
        cmocka_unit_test(the_bundled_digits_are_learned),
        cmocka_unit_test(predictions_name_classes_and_probabilities),
        cmocka_unit_test(a_csv_can_have_a_test_set_of_its_own_or_none),
        cmocka_unit_test(curves_and_graphs_are_drawn),
        cmocka_unit_test(a_picture_without_graphviz_becomes_dot_text),
        cmocka_unit_test(a_picture_is_made_by_graphviz),
        cmocka_unit_test(drawing_changes_nothing_that_is_trained),
        cmocka_unit_test(derivatives_are_checked),
        cmocka_unit_test(the_check_is_attacked),
        cmocka_unit_test(gradients_are_cheap),
        cmocka_unit_test(info_tells_what_is_here),
        cmocka_unit_test(wrong_use_is_named),
        cmocka_unit_test(bad_data_is_named),
        cmocka_unit_test(a_bad_model_is_named),
        cmocka_unit_test(a_model_that_contradicts_itself_is_refused),
        cmocka_unit_test(what_contradicts_a_saved_training_is_named),
        cmocka_unit_test(what_cannot_be_written_is_said_before_training),
        cmocka_unit_test(output_that_does_not_arrive_is_a_failure),
        cmocka_unit_test(divergence_is_a_failure_that_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, setup, leave_directory);
}
