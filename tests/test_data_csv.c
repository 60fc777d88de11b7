/* CSV files: what is understood, what is refused, and where the message points. */
#define _POSIX_C_SOURCE 200809L
#include <locale.h>
#include <math.h>

#include "data_files.h"

static const rg_data_csv_options automatic = { .task = RG_DATA_AUTO };
static const rg_data_csv_options exact = { .dtype = RG_F64, .task = RG_DATA_UNLABELLED };

static rg_data_set load(const char *text, rg_data_csv_options options)
{
    rg_error error;
    rg_data_set set;
    assert_ok(rg_data_load_csv(files_write_text("table.csv", text), options, &set, &error), &error);
    return set;
}

static void refuse(const char *text, rg_data_csv_options options, rg_status expected, const char *message)
{
    rg_error error;
    rg_data_set set;
    const char *path = files_write_text("table.csv", text);
    assert_error(rg_data_load_csv(path, options, &set, &error), &error, expected, message);
    assert_empty_set(&set);
    assert_int_equal(rg_data_load_csv(path, options, &set, NULL), expected);
}

static void assert_numbers(const rg_data_set *set, int64_t rows, int64_t columns, const double *expected)
{
    assert_int_equal(set->count, rows);
    assert_int_equal(set->width, columns);
    assert_true(rg_shape_count(set->shape) == rows * columns && set->shape.rank == 2 && set->shape.size[0] == rows);
    for (int64_t i = 0; i < rows * columns; i++)
        if (set->dtype == RG_F32)
            assert_true(((const float *)set->features)[i] == (float)expected[i]);
        else
            assert_true(((const double *)set->features)[i] == expected[i]);
}

static void assert_labels(const rg_data_set *set, int32_t classes, const int32_t *expected)
{
    assert_int_equal(set->classes, classes);
    assert_null(set->targets);
    assert_non_null(set->labels);
    for (int64_t i = 0; i < set->count; i++) assert_int_equal(set->labels[i], expected[i]);
}

static void assert_names(const char **names, int count, const char *const *expected)
{
    assert_non_null(names);
    for (int i = 0; i < count; i++) assert_string_equal(names[i], expected[i]);
}

#define LIST(type, ...) ((const type[]){ __VA_ARGS__ })
#define STRINGS(...) ((const char *const[]){ __VA_ARGS__ })

/* ---- What is understood --------------------------------------------------------------------------- */

static void a_table_with_a_header_and_named_classes(void **state)
{
    (void)state;
    rg_data_set set = load("length,width,species\n5.1,3.5,setosa\n7,3.2,versicolor\n4.9,3,setosa\n", automatic);
    assert_int_equal(set.dtype, RG_F32);
    assert_numbers(&set, 3, 2, LIST(double, 5.1, 3.5, 7, 3.2, 4.9, 3));
    assert_labels(&set, 2, LIST(int32_t, 0, 1, 0));
    assert_names(set.feature_names, 2, STRINGS("length", "width"));
    assert_names(set.class_names, 2, STRINGS("setosa", "versicolor"));
    rg_data_free(&set);
}

static void classes_by_name_are_numbered_as_they_first_appear(void **state)
{
    (void)state;
    rg_data_set set = load("1,zebra\n2,ant\n3,zebra\n4,mole\n5,ant\n6,7\n", automatic);
    assert_labels(&set, 4, LIST(int32_t, 0, 1, 0, 2, 1, 3));
    assert_names(set.class_names, 4, STRINGS("zebra", "ant", "mole", "7"));
    assert_null(set.feature_names);
    rg_data_free(&set);
    set = load("1,+\n2,-\n3,+\n", automatic); /* signs alone are no integers */
    assert_labels(&set, 2, LIST(int32_t, 0, 1, 0));
    assert_names(set.class_names, 2, STRINGS("+", "-"));
    rg_data_free(&set);
}

static void classes_0_to_k_are_left_alone(void **state)
{
    (void)state;
    rg_data_set set = load("1,2\n2,0\n3,1\n4,2\n", automatic);
    assert_labels(&set, 3, LIST(int32_t, 2, 0, 1, 2));
    assert_null(set.class_names);
    rg_data_free(&set);
}

static void other_integers_are_numbered_by_value_and_named(void **state)
{
    (void)state;
    rg_data_set set = load("1,10\n2,-1\n3,9\n4,+10\n", automatic);
    assert_labels(&set, 3, LIST(int32_t, 2, 0, 1, 2));
    assert_names(set.class_names, 3, STRINGS("-1", "9", "10"));
    rg_data_free(&set);
}

static void fractions_are_targets(void **state)
{
    (void)state;
    rg_data_set set = load("x,y\n1,2\n2,3.5\n3,-1e2\n", automatic);
    assert_int_equal(set.classes, 0);
    assert_null(set.labels);
    assert_null(set.class_names);
    const float *targets = set.targets;
    assert_true(targets[0] == 2 && targets[1] == 3.5f && targets[2] == -100);
    rg_data_free(&set);
}

static void integers_of_more_than_100_values_are_targets(void **state)
{
    (void)state;
    char text[4096] = "";
    for (int i = 0; i < 101; i++) sprintf(text + strlen(text), "0,%d\n", 2 * (i * 37 % 101));
    rg_data_set set = load(text, automatic);
    assert_null(set.labels);
    for (int i = 0; i < 101; i++) assert_true(((const float *)set.targets)[i] == (float)(2 * (i * 37 % 101)));
    rg_data_free(&set);
    set = load(text, (rg_data_csv_options){ .task = RG_DATA_CLASSIFICATION });
    assert_int_equal(set.classes, 101);
    assert_int_equal(set.labels[1], 37);
    rg_data_free(&set);
    *strrchr(text, '0') = '\0'; /* the last record */
    set = load(text, automatic);
    assert_int_equal(set.classes, 100);
    rg_data_free(&set);
}

static void the_task_can_be_forced(void **state)
{
    (void)state;
    rg_data_set set = load("1,0\n2,1\n", (rg_data_csv_options){ .task = RG_DATA_REGRESSION, .dtype = RG_F64 });
    assert_null(set.labels);
    assert_true(((const double *)set.targets)[0] == 0 && ((const double *)set.targets)[1] == 1);
    rg_data_free(&set);
    set = load("1,0.5\n2,0.25\n3,0.5\n", (rg_data_csv_options){ .task = RG_DATA_CLASSIFICATION });
    assert_labels(&set, 2, LIST(int32_t, 0, 1, 0));
    assert_names(set.class_names, 2, STRINGS("0.5", "0.25"));
    rg_data_free(&set);
    set = load("a,b\n1,2\n", (rg_data_csv_options){ .task = RG_DATA_UNLABELLED });
    assert_numbers(&set, 1, 2, LIST(double, 1, 2));
    assert_true(!set.labels && !set.targets && set.classes == 0);
    assert_names(set.feature_names, 2, STRINGS("a", "b"));
    rg_data_free(&set);
}

static void the_label_column_is_found_by_name_or_number(void **state)
{
    (void)state;
    static const char *const by[] = { "kind", "1", "-2" };
    for (int i = 0; i < 3; i++) {
        rg_data_set set = load("a,kind,b\n1,x,2\n3,y,4\n", (rg_data_csv_options){ .label = by[i] });
        assert_numbers(&set, 2, 2, LIST(double, 1, 2, 3, 4));
        assert_labels(&set, 2, LIST(int32_t, 0, 1));
        assert_names(set.feature_names, 2, STRINGS("a", "b"));
        rg_data_free(&set);
    }
    /* A name wins over a number. */
    rg_data_set set = load("1,2,x\n7,1,0\n", (rg_data_csv_options){ .label = "1", .header = RG_DATA_HEADER });
    assert_numbers(&set, 1, 2, LIST(double, 1, 0));
    rg_data_free(&set);
    /* Without a header the first column too can be the label. */
    set = load("x,1,2\ny,3,4\n", (rg_data_csv_options){ .label = "0" });
    assert_numbers(&set, 2, 2, LIST(double, 1, 2, 3, 4));
    assert_labels(&set, 2, LIST(int32_t, 0, 1));
    rg_data_free(&set);
    /* A label by name means that there is a header, even one of numbers. */
    set = load("1,2,3e0\n5,6,7\n", (rg_data_csv_options){ .label = "3e0" });
    assert_numbers(&set, 1, 2, LIST(double, 5, 6));
    rg_data_free(&set);
}

static void a_header_is_detected_or_forced(void **state)
{
    (void)state;
    rg_data_set set = load("1,2,x\n3,4,y\n", automatic); /* only the label is no number: no header */
    assert_int_equal(set.count, 2);
    rg_data_free(&set);
    set = load(",b,x\n3,4,y\n", automatic); /* an empty field is no number */
    assert_int_equal(set.count, 1);
    rg_data_free(&set);
    set = load("1,2,3\n4,5,6\n", (rg_data_csv_options){ .header = RG_DATA_HEADER });
    assert_int_equal(set.count, 1);
    assert_names(set.feature_names, 2, STRINGS("1", "2"));
    rg_data_free(&set);
    refuse("a,b,c\n4,5,6\n", (rg_data_csv_options){ .header = RG_DATA_NO_HEADER }, RG_E_FORMAT,
           "table.csv:1:1: 'a' is not a number");
}

static void delimiters_are_detected_or_given(void **state)
{
    (void)state;
    static const char *const texts[] = { "1,2,3\n4,5,6\n", "1;2;3\n4;5;6\n", "1\t2\t3\n4\t5\t6",
                                         "\"1\",\"2\",\"3\"\n4,5,6", "# a,b;c;d\n\n1;2;3\n4;5;6",
                                         "1 , 2\t,  3\n 4,5 ,6\t" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        rg_data_set set = load(texts[i], exact);
        assert_numbers(&set, 2, 3, LIST(double, 1, 2, 3, 4, 5, 6));
        rg_data_free(&set);
    }
    static const char given[] = ",;|: \t";
    for (const char *c = given; *c; c++) {
        char text[] = "1?2?3\n4?5?6\n";
        for (char *t = text; *t; t++)
            if (*t == '?') *t = *c;
        rg_data_set set = load(text, (rg_data_csv_options){ .task = RG_DATA_UNLABELLED, .delimiter = *c });
        assert_numbers(&set, 2, 3, LIST(double, 1, 2, 3, 4, 5, 6));
        rg_data_free(&set);
    }
    /* A delimiter inside quotes does not count. */
    rg_data_set set = load("\"a,b,c,d\";\"e,f\"\n1;2\n", exact);
    assert_names(set.feature_names, 2, STRINGS("a,b,c,d", "e,f"));
    rg_data_free(&set);
    /* Tabs that separate are not spaces around a field. */
    set = load("\ta\t\tb\n1\t2\t3\t4\n", exact);
    assert_names(set.feature_names, 4, STRINGS("", "a", "", "b"));
    assert_numbers(&set, 1, 4, LIST(double, 1, 2, 3, 4));
    rg_data_free(&set);
}

static void comments_empty_lines_and_marks_of_other_systems_are_skipped(void **state)
{
    (void)state;
    rg_data_set set = load("\xef\xbb\xbf# made by hand\r\n\r\nx,y,kind\r\n  \t \r\n1,2,a\r\n#3,4,b\r\n5,6,b",
                           automatic);
    assert_numbers(&set, 2, 2, LIST(double, 1, 2, 5, 6));
    assert_names(set.feature_names, 2, STRINGS("x", "y"));
    assert_names(set.class_names, 2, STRINGS("a", "b"));
    rg_data_free(&set);
    set = load("1,2\r3,4\r", exact);
    assert_numbers(&set, 2, 2, LIST(double, 1, 2, 3, 4));
    rg_data_free(&set);
}

static void quoted_fields_keep_what_is_in_them(void **state)
{
    (void)state;
    rg_data_set set = load("\"the \"\"x\"\"\", y ,\"kind, of\nthing\"\n\"1\" , 2 , \" a\"\n3,4,\"#,\"\"\"\n",
                           automatic);
    assert_numbers(&set, 2, 2, LIST(double, 1, 2, 3, 4));
    assert_names(set.feature_names, 2, STRINGS("the \"x\"", "y"));
    assert_names(set.class_names, 2, STRINGS(" a", "#,\""));
    rg_data_free(&set);
    set = load("x,\"kind, \"\"of\"\"\"\n1,2\n", (rg_data_csv_options){ .label = "kind, \"of\"" });
    assert_int_equal(set.width, 1);
    rg_data_free(&set);
}

static void a_compressed_table_is_read_alike(void **state)
{
    (void)state;
    static const char text[] = "x,kind\n1,a\n2,b\n";
    rg_error error;
    rg_data_set set;
    assert_ok(rg_data_load_csv(files_write_gzip("table.csv", text, strlen(text)), automatic, &set, &error), &error);
    assert_numbers(&set, 2, 1, LIST(double, 1, 2));
    rg_data_free(&set);
}

/* More than the blocks that files are read in, so that several of them meet. */
static void a_large_table_arrives_whole(void **state)
{
    (void)state;
    enum { ROWS = 20000 };
    rg_error error;
    rg_data_set set;
    char *text = malloc(ROWS * 32);
    size_t size = 0;
    assert_non_null(text);
    for (int i = 0; i < ROWS; i++) size += (size_t)sprintf(text + size, "%d,%d.5,%d\n", i, -i, i % 7);
    for (int compressed = 0; compressed < 2; compressed++) {
        const char *path = compressed ? files_write_gzip("large", text, size) : files_write("large", text, size);
        assert_ok(rg_data_load_csv(path, (rg_data_csv_options){ .dtype = RG_F64 }, &set, &error), &error);
        assert_int_equal(set.count, ROWS);
        for (int i = 0; i < ROWS; i++) {
            assert_true(((const double *)set.features)[2 * i] == i);
            assert_true(((const double *)set.features)[2 * i + 1] == (i ? -i - 0.5 : 0.5));
            assert_int_equal(set.labels[i], i % 7);
        }
        rg_data_free(&set);
    }
    free(text);
}

static void known_classes_keep_their_numbers(void **state)
{
    (void)state;
    rg_data_set train = load("1,zebra\n2,ant\n3,mole\n", automatic);
    const rg_data_csv_options like = { .classes = train.classes, .class_names = train.class_names };
    rg_data_set test = load("1,ant\n2,mole\n3,ant\n", like);
    assert_labels(&test, 3, LIST(int32_t, 1, 2, 1));
    assert_names(test.class_names, 3, STRINGS("zebra", "ant", "mole"));
    rg_data_free(&test);
    refuse("1,ant\n2,cat\n3,bee\n", like, RG_E_FORMAT, "table.csv:2:2: 'cat' is none of the known classes");
    refuse("1,7\n2,8\n", like, RG_E_FORMAT, "table.csv:1:2: '7' is none of the known classes");
    refuse("1,ant\n2,7\n", like, RG_E_FORMAT, "table.csv:2:2: '7' is none of the known classes");
    rg_data_free(&train);

    train = load("1,30\n2,10\n3,20\n", automatic);
    const rg_data_csv_options like_numbers = { .classes = train.classes, .class_names = train.class_names };
    test = load("1,+20\n2,30\n", like_numbers);
    assert_labels(&test, 3, LIST(int32_t, 1, 2));
    rg_data_free(&test);
    refuse("1,20\n2,40\n", like_numbers, RG_E_FORMAT, "table.csv:2:2: '40' is none of the known classes");
    rg_data_free(&train);

    test = load("1,3\n2,1\n", (rg_data_csv_options){ .classes = 5 });
    assert_labels(&test, 5, LIST(int32_t, 3, 1));
    assert_null(test.class_names);
    rg_data_free(&test);
    refuse("1,3\n2,5\n", (rg_data_csv_options){ .classes = 5 }, RG_E_FORMAT, "table.csv:2:2: '5' is none of");
    refuse("1,3\n2,-1\n", (rg_data_csv_options){ .classes = 5 }, RG_E_FORMAT, "table.csv:2:2: '-1' is none of");
    refuse("1,3\n2,x\n", (rg_data_csv_options){ .classes = 5 }, RG_E_FORMAT, "table.csv:2:2: 'x' is none of");
    refuse("1,a\n", (rg_data_csv_options){ .classes = 2, .class_names = STRINGS("a", "a") }, RG_E_ARGUMENT,
           "same name");
    refuse("1,a\n", (rg_data_csv_options){ .classes = 2, .class_names = STRINGS("a", NULL) }, RG_E_NULL,
           "class_names[1]");
}

/* ---- Numbers -------------------------------------------------------------------------------------- */

static void numbers_are_the_nearest_there_are(void **state)
{
    (void)state;
    static const char *const numbers[] = {
        "0", "-0", "+1", "1.", ".5", "-.5e-3", "1E3", "6.02214076e+23", "0.1", "123456789012345", "1234567890123456789",
        "9007199254740993", "9007199254740992.9999999999999999999", "2.2250738585072011e-308",
        "4.9406564584124654e-324", "2.4703282292062327208e-324", "2.4703282292062327209e-324", "1e-400",
        "1.7976931348623157e308",
        "0.000000000000000000000000000000000000000000000000000001e54", "100000000000000000000000000000000e-32",
        "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798214",
        "1.000000000000000111022302462515654042363166809082031250000001", /* above the middle */
        "1.00000000000000011102230246251565404236316680908203125", "1.000000000000000111022302462515654042363166809",
        "8.41e21", "1e22", "1e23", "123e23", "1e-22", "1e-23", "123e-23", "1e-4294967296",
        "123456789012345e-22", "999999999999999e22", "000000000000000000000000000001.5",
        "1e0000000000000000000000000000000000000003", "0e99999999999999999999999999999",
        "1e-99999999999999999999999999",
        "179769313486231580793728971405301e276",
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        rg_data_set set = load(numbers[i], exact);
        double expected = strtod(numbers[i], NULL), got = ((const double *)set.features)[0];
        if (got != expected || signbit(got) != signbit(expected))
            fail_msg("%s: %.17g instead of %.17g", numbers[i], got, expected);
        rg_data_free(&set);
    }
}

/* Half way between two doubles, and a trace more, told by a digit beyond all that are usually kept. */
static void digits_far_out_still_count(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        char text[3000] = "9007199254740993.";
        memset(text + strlen(text), '0', 2000);
        strcat(text, more ? "1" : "0");
        rg_data_set set = load(text, exact);
        assert_true(((const double *)set.features)[0] == (more ? 9007199254740994.0 : 9007199254740992.0));
        rg_data_free(&set);
    }
    char text[6000] = "1";
    memset(text + 1, '0', 4000);
    strcat(text, "e-4000");
    rg_data_set set = load(text, exact);
    assert_true(((const double *)set.features)[0] == 1);
    rg_data_free(&set);
}

static void random_numbers_are_read_as_the_standard_library_reads_them(void **state)
{
    (void)state;
    char *text = malloc(4000 * 32), *at = text;
    double *expected = malloc(4000 * sizeof *expected);
    assert_true(text && expected);
    for (uint64_t i = 0; i < 4000; i++) {
        union { uint64_t bits; double value; } random = { .bits = rg_random_bits(1, 2, i) };
        if (!isfinite(random.value)) random.value = 1.0 / 3;
        if (i & 1) random.value = rg_random_uniform(3, 4, i) * 1000 - 500;
        int written = sprintf(at, "%.*g", i & 2 ? 17 : 7, random.value);
        expected[i] = strtod(at, NULL);
        at += written;
        at += sprintf(at, "\n");
    }
    rg_data_set set = load(text, exact);
    assert_numbers(&set, 4000, 1, expected);
    rg_data_free(&set);
    free(text);
    free(expected);
}

static void a_locale_with_decimal_commas_changes_nothing(void **state)
{
    (void)state;
    static const char *const locales[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8", "nl_NL.UTF-8" };
    const char *found = NULL;
    for (size_t i = 0; !found && i < sizeof locales / sizeof *locales; i++) found = setlocale(LC_NUMERIC, locales[i]);
    if (!found) skip();
    /* Few digits and many go different ways. */
    rg_data_set set = load("1.5\t3.14159265358979323846264338327950288\t2.5e-200\n", exact);
    setlocale(LC_NUMERIC, "C");
    assert_numbers(&set, 1, 3, LIST(double, 1.5, 3.14159265358979323846264338327950288, 2.5e-200));
    rg_data_free(&set);
}

static void what_is_no_finite_decimal_number_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "abc", "nan", "inf", "-Infinity", "0x10", "1e", "1e+", "e5", ".", "-", "+.",
                                       "--1", "1-", "1.2.3", "1_000", "1e5.5", "12a", "1 2", "NULL", "?",
                                       "1/2", "\xc2\xb1\x31" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[128], message[160];
        snprintf(text, sizeof text, "x,y\n1,2\n3,%s\n", bad[i]);
        snprintf(message, sizeof message, "/table.csv:3:2: '%s' is not a number", bad[i]);
        refuse(text, exact, RG_E_FORMAT, message);
    }
    refuse("x,y\n1,2\n,4\n", exact, RG_E_FORMAT, "table.csv:3:1: '' is not a number: the field is empty");
    refuse("x,y\n1,2\n3,\n", exact, RG_E_FORMAT, "table.csv:3:2: '' is not a number: the field is empty");
    refuse("1e309\n", exact, RG_E_FORMAT, "table.csv:1:1: '1e309' is too large for f64");
    refuse("1e4294967296\n", exact, RG_E_FORMAT, "table.csv:1:1: '1e4294967296' is too large for f64");
    refuse("1\n-1e99999999999999999999\n", exact, RG_E_FORMAT, "table.csv:2:1: '-1e99999999999999999999' is too large");
    rg_data_csv_options single = { .task = RG_DATA_UNLABELLED };
    refuse("1\n3.5e38\n", single, RG_E_FORMAT, "table.csv:2:1: '3.5e38' is too large for f32");
    refuse("340282356779733661637539395458142568448\n", single, RG_E_FORMAT, "is too large for f32");
    rg_data_set set = load("3.4028235677973362e38\n1e-60", single);
    assert_numbers(&set, 2, 1, LIST(double, 3.4028234663852886e38, 0));
    rg_data_free(&set);
}

/* ---- Malformed tables ----------------------------------------------------------------------------- */

static void the_message_names_line_and_column(void **state)
{
    (void)state;
    refuse("a,b,c\n1,2,x\n\n# no\n3,abc,y\n", automatic, RG_E_FORMAT, "/table.csv:5:2: 'abc' is not a number");
    refuse("a,b,c\r\n1,2,x\r\n3,abc,y\r\n", automatic, RG_E_FORMAT, "/table.csv:3:2: 'abc' is not a number");
    /* Lines inside quotes count, and a field is where it begins. */
    refuse("\"a\nb\",c\n1,\"x\ny\"\n\"\n\nabc\",y\n", automatic, RG_E_FORMAT,
           "/table.csv:5:1: '??abc' is not a number");
    /* Long fields are cut, and not inside a character. */
    refuse("1\n0123456789012345678901234567890123456789x\n", exact, RG_E_FORMAT,
           ":2:1: '0123456789012345678901234567890123456789...' is not");
    refuse("1\n012345678901234567890123456789012345678\xc3\xa4\n", exact, RG_E_FORMAT,
           ":2:1: '012345678901234567890123456789012345678...' is not");
}

static void records_of_another_length_are_refused(void **state)
{
    (void)state;
    refuse("a,b,c\n1,2,0\n1,2\n", automatic, RG_E_FORMAT,
           "table.csv:3:2: the number of fields is 2, but 3 in the first record");
    refuse("1,2,0\n1,2,3,4\n", automatic, RG_E_FORMAT,
           "table.csv:2:4: the number of fields is 4, but 3 in the first record");
    refuse("1,2,0\n1,2,3,\n", automatic, RG_E_FORMAT, "table.csv:2:4: the number of fields is 4");
}

static void broken_quotes_and_zero_bytes_are_refused(void **state)
{
    (void)state;
    refuse("a,b\n1,\"2\n3,4\n", exact, RG_E_FORMAT, "table.csv:2:2: the quotes are never closed");
    refuse("a,b\n1,\"", exact, RG_E_FORMAT, "table.csv:2:2: the quotes are never closed");
    refuse("a,b\n\"1\"2,3\n", exact, RG_E_FORMAT, "table.csv:2:1: text after closing quotes");
    rg_error error;
    rg_data_set set;
    const char *path = files_write("zero.csv", "a,b\n1,2\n3,\0\n", 12);
    assert_error(rg_data_load_csv(path, exact, &set, &error), &error, RG_E_FORMAT, "zero.csv:3:2: a zero byte");
    path = files_write("zero.csv", "\"\0\"\n1\n", 6);
    assert_error(rg_data_load_csv(path, exact, &set, &error), &error, RG_E_FORMAT, "zero.csv:1:1: a zero byte");
    path = files_write("utf16.csv", "\xff\xfe" "1\0,\0002\0\n\0", 10);
    assert_error(rg_data_load_csv(path, exact, &set, &error), &error, RG_E_FORMAT, "utf16.csv:1:1: a zero byte");
}

static void a_table_without_examples_or_features_is_refused(void **state)
{
    (void)state;
    refuse("", automatic, RG_E_FORMAT, "table.csv: no records");
    refuse("\n\n# nothing\n \n", automatic, RG_E_FORMAT, "table.csv: no records");
    refuse("\xef\xbb\xbf", automatic, RG_E_FORMAT, "table.csv: no records");
    refuse("a,b,c\n", automatic, RG_E_FORMAT, "table.csv: no records after the header");
    refuse("1\n2\n", automatic, RG_E_FORMAT, "table.csv:1:1: one column: labels, but no features");
}

static void bad_labels_are_refused(void **state)
{
    (void)state;
    refuse("1,a\n2,\n", automatic, RG_E_FORMAT, "table.csv:2:2: '' is not a label: the field is empty");
    refuse("1,1.5\n2,2\n3,abc\n", automatic, RG_E_FORMAT, "table.csv:3:2: 'abc' is not a number");
    refuse("1,1.5\n2,1e39\n", automatic, RG_E_FORMAT, "table.csv:2:2: '1e39' is too large for f32");
    refuse("1,a\n2,1\n", (rg_data_csv_options){ .task = RG_DATA_REGRESSION }, RG_E_FORMAT,
           "table.csv:1:2: 'a' is not a number");
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    rg_error error;
    rg_data_set set;
    const char *text = "a,b\n1,2\n";
    refuse(text, (rg_data_csv_options){ .label = "c" }, RG_E_ARGUMENT, "no label column 'c' among 2 columns");
    refuse(text, (rg_data_csv_options){ .label = "2" }, RG_E_ARGUMENT, "no label column '2' among 2 columns");
    refuse(text, (rg_data_csv_options){ .label = "-3" }, RG_E_ARGUMENT, "no label column '-3'");
    refuse(text, (rg_data_csv_options){ .label = "99999999999999999999" }, RG_E_ARGUMENT, "no label column '999");
    refuse("1,2\n", (rg_data_csv_options){ .label = "b", .header = RG_DATA_NO_HEADER }, RG_E_ARGUMENT,
           "no label column 'b' among 2 columns without a header");
    refuse(text, (rg_data_csv_options){ .delimiter = '.' }, RG_E_ARGUMENT, "delimiter");
    refuse(text, (rg_data_csv_options){ .delimiter = '\n' }, RG_E_ARGUMENT, "delimiter");
    refuse(text, (rg_data_csv_options){ .classes = -1 }, RG_E_ARGUMENT, "-1 classes");
    refuse(text, (rg_data_csv_options){ .task = (rg_data_task)9 }, RG_E_ARGUMENT, "task");
    refuse(text, (rg_data_csv_options){ .header = (rg_data_header)9 }, RG_E_ARGUMENT, "header");
    refuse(text, (rg_data_csv_options){ .dtype = RG_I64 }, RG_E_DTYPE, "not i64");
    assert_error(rg_data_load_csv(NULL, automatic, &set, &error), &error, RG_E_NULL, "path");
    assert_empty_set(&set);
    assert_error(rg_data_load_csv(files_path("nowhere"), automatic, &set, &error), &error, RG_E_FILE,
                 "nowhere: cannot open: No such file");
    assert_error(rg_data_load_csv(files_path("table.csv"), automatic, NULL, &error), &error, RG_E_NULL, "result");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_with_a_header_and_named_classes),
        cmocka_unit_test(classes_by_name_are_numbered_as_they_first_appear),
        cmocka_unit_test(classes_0_to_k_are_left_alone),
        cmocka_unit_test(other_integers_are_numbered_by_value_and_named),
        cmocka_unit_test(fractions_are_targets),
        cmocka_unit_test(integers_of_more_than_100_values_are_targets),
        cmocka_unit_test(the_task_can_be_forced),
        cmocka_unit_test(the_label_column_is_found_by_name_or_number),
        cmocka_unit_test(a_header_is_detected_or_forced),
        cmocka_unit_test(delimiters_are_detected_or_given),
        cmocka_unit_test(comments_empty_lines_and_marks_of_other_systems_are_skipped),
        cmocka_unit_test(quoted_fields_keep_what_is_in_them),
        cmocka_unit_test(a_compressed_table_is_read_alike),
        cmocka_unit_test(a_large_table_arrives_whole),
        cmocka_unit_test(known_classes_keep_their_numbers),
        cmocka_unit_test(numbers_are_the_nearest_there_are),
        cmocka_unit_test(digits_far_out_still_count),
        cmocka_unit_test(random_numbers_are_read_as_the_standard_library_reads_them),
        cmocka_unit_test(a_locale_with_decimal_commas_changes_nothing),
        cmocka_unit_test(what_is_no_finite_decimal_number_is_refused),
        cmocka_unit_test(the_message_names_line_and_column),
        cmocka_unit_test(records_of_another_length_are_refused),
        cmocka_unit_test(broken_quotes_and_zero_bytes_are_refused),
        cmocka_unit_test(a_table_without_examples_or_features_is_refused),
        cmocka_unit_test(bad_labels_are_refused),
        cmocka_unit_test(bad_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, files_make_directory, files_remove_directory);
}
