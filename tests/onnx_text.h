/* onnx_text.h: an ONNX model as text, one line for each of its parts; and whether it is well-formed: every name is
 * given once, and before it is taken. Reads protobuf by itself, so that a mistake in writing it is not made twice. */
#ifndef RETROGRAD_TESTS_ONNX_TEXT_H
#define RETROGRAD_TESTS_ONNX_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const uint8_t *at, *end;
} wire;

typedef struct {
    unsigned number;
    uint64_t value;           /* of a number */
    wire content;             /* of a text or message */
} wire_field;

typedef struct {
    char *text;
    size_t size, used;
    char known[1 << 15];      /* names, each between newlines */
    const char *fault;        /* what is malformed; NULL: nothing */
    bool sites;               /* write them too */
} onnx_text;

static inline void say(onnx_text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (t->used < t->size) t->used += (size_t)vsnprintf(t->text + t->used, t->size - t->used, format, arguments);
    va_end(arguments);
}

static inline uint64_t wire_number(wire *w, onnx_text *t)
{
    uint64_t number = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        if (w->at == w->end) break;
        const uint8_t byte = *w->at++;
        if (shift < 64) number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return number;
    }
    t->fault = "a number that does not end";
    return 0;
}

static inline bool next_field(wire *w, wire_field *field, onnx_text *t)
{
    if (t->fault || w->at == w->end) return false;
    const uint64_t key = wire_number(w, t);
    *field = (wire_field){ .number = (unsigned)(key >> 3), .value = wire_number(w, t) };
    if ((key & 7) == 0) return !t->fault;
    if ((key & 7) != 2 || field->value > (uint64_t)(w->end - w->at)) t->fault = "a field that does not end";
    if (t->fault) return false;
    field->content = (wire){ w->at, w->at + field->value };
    w->at = field->content.end;
    return true;
}

static inline bool wire_is(wire w, const char *text)
{
    return (size_t)(w.end - w.at) == strlen(text) && memcmp(w.at, text, strlen(text)) == 0;
}

static inline void say_wire(onnx_text *t, wire w)
{
    say(t, "%.*s", (int)(w.end - w.at), (const char *)w.at);
}

static inline bool is_known(const onnx_text *t, wire name)
{
    char line[512];
    snprintf(line, sizeof line, "\n%.*s\n", (int)(name.end - name.at), (const char *)name.at);
    return strstr(t->known, line) != NULL;
}

static inline void note_name(onnx_text *t, wire name)
{
    const size_t used = strlen(t->known);
    if (name.at == name.end) t->fault = "an empty name";
    if (used > 0 && is_known(t, name)) t->fault = "a name that is given twice";
    for (const uint8_t *c = name.at; c < name.end; c++)
        if (*c < '!' || *c > '~') t->fault = "a character that no name should have";
    snprintf(t->known + used, sizeof t->known - used, "%s%.*s\n", used ? "" : "\n", (int)(name.end - name.at),
             (const char *)name.at);
    if (used + 600 > sizeof t->known) t->fault = "more names than this test has room for";
}

static inline const char *onnx_dtype(uint64_t code)
{
    return code == 1 ? "f32" : code == 11 ? "f64" : code == 6 ? "i32" : code == 7 ? "i64" : code == 9 ? "bool" : "?";
}

/* dtype[sizes] and the numbers, if they are few. */
static inline void say_tensor(onnx_text *t, wire w)
{
    enum { FEW = 8 };
    wire_field f;
    uint64_t code = 0, count = 1;
    wire data = { NULL, NULL };
    char sizes[200] = "";
    while (next_field(&w, &f, t)) {
        if (f.number == 1) {
            snprintf(sizes + strlen(sizes), sizeof sizes - strlen(sizes), *sizes ? ",%d" : "%d", (int)f.value);
            count *= f.value;
        }
        if (f.number == 2) code = f.value;
        if (f.number == 9) data = f.content;
    }
    const size_t item = code == 1 || code == 6 ? 4 : 8;
    say(t, "%s[%s]", onnx_dtype(code), sizes);
    if ((uint64_t)(data.end - data.at) != count * item) t->fault = "a tensor with too many bytes, or too few";
    for (uint64_t i = 0; !t->fault && count <= FEW && i < count; i++) {
        union { float f32; double f64; int32_t i32; int64_t i64; } number;
        memcpy(&number, data.at + i * item, item);
        if (code == 1) say(t, " %.6g", (double)number.f32);
        if (code == 11) say(t, " %.6g", number.f64);
        if (code == 6) say(t, " %d", (int)number.i32);
        if (code == 7) say(t, " %lld", (long long)number.i64);
    }
}

static inline void say_attribute(onnx_text *t, wire w, bool first)
{
    wire_field f;
    uint64_t kind = 0;
    int listed = 0;
    say(t, first ? "{" : ",");
    while (next_field(&w, &f, t)) {
        if (f.number == 1) say_wire(t, f.content), say(t, "=");
        if (f.number == 3) say(t, "%lld", (long long)f.value);
        if (f.number == 4) say_wire(t, f.content);
        if (f.number == 5) say_tensor(t, f.content);
        if (f.number == 8) say(t, listed++ ? ",%lld" : "[%lld", (long long)f.value);
        if (f.number == 20) kind = f.value;
    }
    if (kind == 7) say(t, listed ? "]" : "[]");
    if (kind != 2 && kind != 3 && kind != 4 && kind != 7) t->fault = "an attribute of an unknown kind";
}

/* "h, i = Operator{attribute=1}(a, b)" */
static inline void say_node(onnx_text *t, wire w)
{
    wire_field f;
    wire again = w, name = { NULL, NULL };
    int count = 0;
    while (next_field(&again, &f, t)) {
        if (f.number == 1 && !is_known(t, f.content)) t->fault = "a value that is taken before it is given";
        if (f.number == 3) name = f.content;
    }
    for (again = w; next_field(&again, &f, t);)
        if (f.number == 2) say(t, count++ ? ", " : ""), say_wire(t, f.content), note_name(t, f.content);
    if (count == 0 || name.at == name.end) t->fault = "a node without a name, or without a result";
    for (again = w; next_field(&again, &f, t);)
        if (f.number == 4) say(t, " = "), say_wire(t, f.content);
    count = 0;
    for (again = w; next_field(&again, &f, t);)
        if (f.number == 5) say_attribute(t, f.content, count++ == 0);
    say(t, count ? "}" : "");
    count = 0;
    for (again = w; next_field(&again, &f, t);)
        if (f.number == 1) say(t, count++ ? ", " : "("), say_wire(t, f.content);
    say(t, count ? ")" : "");
    for (again = w; t->sites && next_field(&again, &f, t);)
        if (f.number == 6) say(t, "  # "), say_wire(t, f.content);
    say(t, "\n");
}

/* What a graph takes or gives: "x f32[2,3]". */
static inline void say_value(onnx_text *t, const char *what, wire w, bool given)
{
    wire_field f, tensor, part, dimension, size;
    int count = 0;
    while (next_field(&w, &f, t)) {
        if (f.number == 1) {
            say(t, "%s ", what), say_wire(t, f.content), say(t, " ");
            if (given) note_name(t, f.content);
            else if (!is_known(t, f.content)) t->fault = "an output that no node gives";
        }
        if (f.number != 2 || !next_field(&f.content, &tensor, t)) continue;
        while (next_field(&tensor.content, &part, t)) {
            if (part.number == 1) say(t, "%s[", onnx_dtype(part.value));
            while (part.number == 2 && next_field(&part.content, &dimension, t))
                if (next_field(&dimension.content, &size, t)) say(t, count++ ? ",%d" : "%d", (int)size.value);
        }
    }
    say(t, "]\n");
}

static inline void say_initializer(onnx_text *t, wire w)
{
    wire_field f;
    for (wire again = w; next_field(&again, &f, t);)
        if (f.number == 8) say_wire(t, f.content), note_name(t, f.content), say(t, " = ");
    say_tensor(t, w);
    say(t, "\n");
}

static inline void say_graph(onnx_text *t, wire w)
{
    static const unsigned order[] = { 2, 11, 5, 1, 12 };
    wire_field f;
    for (size_t k = 0; k < sizeof order / sizeof *order; k++)
        for (wire again = w; next_field(&again, &f, t);) {
            if (f.number != order[k]) continue;
            if (f.number == 2) say(t, "graph "), say_wire(t, f.content), say(t, "\n");
            if (f.number == 11) say_value(t, "input", f.content, true);
            if (f.number == 5) say_initializer(t, f.content);
            if (f.number == 1) say_node(t, f.content);
            if (f.number == 12) say_value(t, "output", f.content, false);
        }
}

/* The model as text, into `text`; NULL, or what is malformed. */
static inline const char *onnx_as_text(const void *bytes, size_t count, bool sites, char *text, size_t size)
{
    static onnx_text t;
    t = (onnx_text){ .text = text, .size = size, .sites = sites };
    wire w = { bytes, (const uint8_t *)bytes + count };
    wire_field f, set;
    while (next_field(&w, &f, &t)) {
        if (f.number == 1) say(&t, "IR version %d\n", (int)f.value);
        if (f.number == 8 && next_field(&f.content, &set, &t)) say(&t, "operator set %d\n", (int)set.value);
        if (f.number == 7) say_graph(&t, f.content);
    }
    return t.used >= size ? "more text than there is room for" : t.fault;
}

#endif
