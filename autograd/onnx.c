/* onnx.c: what a tensor depends on, as an ONNX model.
 *
 * A model is a protobuf message (protobuf.h). Parameters go from where they are to the stream, without a copy: what
 * stands around them is made first. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "onnx_rules.h"
#include "params.h"
#include "protobuf.h"

enum { IR_VERSION = 8, OPERATOR_SET = 17 };

/* Fields of ONNX's messages [github.com/onnx/onnx, onnx/onnx.proto]. */
enum {
    MODEL_IR_VERSION = 1, MODEL_PRODUCER = 2, MODEL_PRODUCER_VERSION = 3, MODEL_GRAPH = 7, MODEL_OPERATOR_SET = 8,
    SET_VERSION = 2,
    GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12,
    NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OPERATOR = 4, NODE_ATTRIBUTE = 5, NODE_DOC = 6,
    ATTRIBUTE_NAME = 1, ATTRIBUTE_INTEGER = 3, ATTRIBUTE_TEXT = 4, ATTRIBUTE_TENSOR = 5, ATTRIBUTE_INTEGERS = 8,
    ATTRIBUTE_TYPE = 20, OF_INTEGER = 2, OF_TEXT = 3, OF_TENSOR = 4, OF_INTEGERS = 7,
    TENSOR_SIZE = 1, TENSOR_DTYPE = 2, TENSOR_NAME = 8, TENSOR_NUMBERS = 9,
    VALUE_NAME = 1, VALUE_TYPE = 2, TYPE_TENSOR = 1, TYPE_DTYPE = 1, TYPE_SHAPE = 2, SHAPE_DIMENSION = 1,
    DIMENSION_SIZE = 1, BOOLEAN = 9, INTEGER = 7
};

static int64_t dtype_code(rg_dtype dtype)
{
    static const int64_t codes[] = { [RG_F32] = 1, [RG_F64] = 11, [RG_I32] = 6, [RG_I64] = INTEGER };
    return codes[dtype];
}

/* All of a tensor but its numbers, of which there will be so many bytes. */
static void put_tensor(rg_protobuf *m, rg_dtype dtype, const rg_shape *shape, const char *name, size_t bytes)
{
    for (int i = 0; i < shape->rank; i++) rg_protobuf_integer(m, TENSOR_SIZE, shape->size[i]);
    rg_protobuf_integer(m, TENSOR_DTYPE, dtype_code(dtype));
    if (name) rg_protobuf_text(m, TENSOR_NAME, name);
    rg_protobuf_varint(m, TENSOR_NUMBERS << 3 | RG_LENGTH_KEY);
    rg_protobuf_varint(m, bytes);
}

/* ---- The export -------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    uint32_t again;           /* the number to try if it is wanted again */
} taken_name;

typedef struct {
    rg_tape *tape;
    rg_arena *arena;
    rg_protobuf graph;            /* but for the initializers */
    uint32_t count;           /* nodes to look at */
    bool *needed;
    const char **names;       /* of nodes, once they are written */
    taken_name *taken;        /* [capacity], a power of two */
    size_t capacity;
    const char *failed;       /* a refusal: why */
    uint32_t refused;         /* and of which node */
    bool no_memory;
} writer;

static void *room(writer *w, size_t count, size_t size)
{
    size_t bytes;
    void *taken = rg_size_mul(count, size, &bytes) ? rg_arena_take_zeroed(w->arena, bytes ? bytes : 1) : NULL;
    w->no_memory = w->no_memory || !taken;
    return taken;
}

/* ---- Names ------------------------------------------------------------------------------------------------------- */

static taken_name *place_of(writer *w, const char *name)
{
    size_t at = XXH3_64bits(name, strlen(name)) & (w->capacity - 1);
    while (w->taken[at].name && strcmp(w->taken[at].name, name) != 0) at = (at + 1) & (w->capacity - 1);
    return &w->taken[at];
}

/* The name, or it and a number. */
static const char *unique(writer *w, const char *name)
{
    enum { DIGITS = 12 };
    taken_name *first = place_of(w, name), *place = first;
    const size_t size = strlen(name) + DIGITS;
    char *numbered = first->name ? room(w, size, 1) : NULL;
    while (numbered && place->name) {
        snprintf(numbered, size, "%s_%u", name, (unsigned)++first->again);
        place = place_of(w, numbered);
    }
    if (first->name && !numbered) return name;
    place->name = numbered ? numbered : name;
    place->again = 1;
    return place->name;
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("_.-/", c));
}

static const char *plain(writer *w, const char *scope, const char *own)
{
    const size_t size = strlen(scope) + strlen(own) + 2;
    char *name = room(w, size, 1);
    if (!name) return "";
    snprintf(name, size, "%s%s%s", scope, *scope ? "/" : "", own);
    for (char *c = name; *c; c++)
        if (!is_plain(*c)) *c = '_';
    return name;
}

/* By what the user calls it, or by scope and op. */
static const char *name_of(writer *w, const rg_node *node)
{
    const bool named = node->name && *node->name;
    const char *scope = named || node->op->kind == RG_LEAF ? "" : w->tape->scopes[node->scope].path;
    return unique(w, plain(w, scope, named ? node->name : node->op->name));
}

/* Where it was recorded. A text that is not UTF-8 would make the whole model unreadable, so it is ASCII. */
static void put_site(rg_protobuf *m, const char *site)
{
    char text[128];
    snprintf(text, sizeof text, "%s", rg_site_short(site));
    for (char *c = text; *c; c++)
        if (*c < ' ' || *c > '~') *c = '_';
    rg_protobuf_text(m, NODE_DOC, text);
}

/* ---- One op: its formula, term by term --------------------------------------------------------------------------- */

typedef struct {
    writer *w;
    rg_onnx_call call;
    const rg_node *node;
    const char *name;         /* of the result */
    const char *const *operands;
    const char *at;           /* in the formula */
    int inner;                /* values in between so far */
} sentence;

/* No other name has a colon in it. */
static const char *inner_name(sentence *s)
{
    const size_t size = strlen(s->name) + 13;
    char *name = room(s->w, size, 1);
    if (!name) return "";
    snprintf(name, size, "%s:%d", s->name, ++s->inner);
    return name;
}

static void put_constant(sentence *s, const char *name, rg_dtype dtype, const rg_shape *shape, const void *numbers)
{
    rg_protobuf *m = &s->w->graph;
    const size_t bytes = (size_t)rg_elements(shape) * rg_dtype_size(dtype), node = rg_protobuf_begin(m, GRAPH_NODE);
    rg_protobuf_text(m, NODE_OUTPUT, name);
    rg_protobuf_text(m, NODE_NAME, name);
    rg_protobuf_text(m, NODE_OPERATOR, "Constant");
    const size_t attribute = rg_protobuf_begin(m, NODE_ATTRIBUTE);
    rg_protobuf_text(m, ATTRIBUTE_NAME, "value");
    const size_t tensor = rg_protobuf_begin(m, ATTRIBUTE_TENSOR);
    put_tensor(m, dtype, shape, NULL, bytes);
    rg_protobuf_bytes(m, numbers, bytes);
    rg_protobuf_end(m, tensor);
    rg_protobuf_integer(m, ATTRIBUTE_TYPE, OF_TENSOR);
    rg_protobuf_end(m, attribute);
    rg_protobuf_end(m, node);
}

/* The name of a value that is what the variable is. */
static const char *value_of(sentence *s, const rg_onnx_variable *variable)
{
    if (variable->kind == RG_ONNX_VALUE) return variable->value;
    const bool is_number = variable->kind == RG_ONNX_NUMBER, is_list = variable->kind == RG_ONNX_LIST;
    const float narrow = is_number ? (float)variable->number : 0;
    const rg_dtype dtype = is_number ? (rg_dtype)s->node->dtype : RG_I64;
    const rg_shape shape = { .rank = is_list, .size = { variable->count } };
    const char *name = inner_name(s);
    const void *numbers = is_list ? variable->list : dtype == RG_F32 ? (const void *)&narrow : &variable->number;
    put_constant(s, name, dtype, &shape, numbers);
    return name;
}

enum { MOST_LISTED = 4, MOST_TERMS = 5, MOST_WORD = 24 };

static int64_t read_integer(sentence *s)
{
    char *behind;
    const int64_t number = strtoll(s->at, &behind, 10);
    s->at = behind;
    return number;
}

/* A letter, "#1", "[0,1]" or "-1"; a list is put into `list`. */
static rg_onnx_variable read_variable(sentence *s, int64_t list[MOST_LISTED])
{
    rg_onnx_variable read = { .kind = RG_ONNX_LIST, .list = list };
    if (*s->at >= 'a' && *s->at <= 'z') return s->call.letter[*s->at++ - 'a'];
    if (*s->at == '[') {
        do {
            s->at++;
            list[read.count++] = read_integer(s);
        } while (*s->at == ',');
        s->at++;
        return read;
    }
    read.kind = *s->at == '#' ? RG_ONNX_INTEGER : RG_ONNX_NUMBER;
    if (*s->at == '#') s->at++;
    const int64_t number = read_integer(s);
    if (read.kind == RG_ONNX_INTEGER) read.integer = number;
    else read.number = (double)number;
    return read;
}

/* The characters up to one of those that end a word. */
static void read_word(sentence *s, char word[MOST_WORD])
{
    const size_t length = strcspn(s->at, "={}(),;");
    snprintf(word, MOST_WORD, "%.*s", (int)length, s->at);
    s->at += length;
}

static void put_attribute_integer(rg_protobuf *m, const char *name, int64_t number)
{
    const size_t attribute = rg_protobuf_begin(m, NODE_ATTRIBUTE);
    rg_protobuf_text(m, ATTRIBUTE_NAME, name);
    rg_protobuf_integer(m, ATTRIBUTE_INTEGER, number);
    rg_protobuf_integer(m, ATTRIBUTE_TYPE, OF_INTEGER);
    rg_protobuf_end(m, attribute);
}

/* "{axis=-1,reduction=add}": a letter alone is what it stands for, and more of them are a word. */
static void put_attributes(sentence *s, const char *from)
{
    rg_protobuf *m = &s->w->graph;
    const char *after = s->at;
    char name[MOST_WORD], word[MOST_WORD];
    int64_t list[MOST_LISTED];
    for (s->at = from; *s->at != '}';) {
        s->at++;
        read_word(s, name);
        s->at++;
        const bool is_word = s->at[0] >= 'a' && s->at[1] >= 'a' && s->at[1] <= 'z';
        rg_onnx_variable value = { .kind = RG_ONNX_VALUE };
        if (is_word) read_word(s, word);
        else value = read_variable(s, list);
        if (value.kind == RG_ONNX_INTEGER || value.kind == RG_ONNX_NUMBER) {
            put_attribute_integer(m, name, value.kind == RG_ONNX_INTEGER ? value.integer : (int64_t)value.number);
            continue;
        }
        const size_t attribute = rg_protobuf_begin(m, NODE_ATTRIBUTE);
        rg_protobuf_text(m, ATTRIBUTE_NAME, name);
        if (is_word) rg_protobuf_text(m, ATTRIBUTE_TEXT, word);
        for (int i = 0; i < value.count; i++) rg_protobuf_integer(m, ATTRIBUTE_INTEGERS, value.list[i]);
        rg_protobuf_integer(m, ATTRIBUTE_TYPE, is_word ? OF_TEXT : OF_INTEGERS);
        rg_protobuf_end(m, attribute);
    }
    s->at = after;
}

/* What a cast of that name is to; 0: no cast. */
static int64_t cast_to(const sentence *s, const char *name)
{
    if (strcmp(name, "Cast") == 0) return dtype_code((rg_dtype)s->node->dtype);
    return strcmp(name, "Bool") == 0 ? BOOLEAN : strcmp(name, "Int") == 0 ? INTEGER : 0;
}

/* The name of the value of the term that begins here; of the outermost one it is the result's. */
static const char *put_term(sentence *s, const char *result)
{
    const char *terms[MOST_TERMS], *const *inputs = terms, *attributes = NULL;
    char name[MOST_WORD];
    int count = 0;
    const bool second = *s->at == '*';
    if (!second && !(*s->at >= 'A' && *s->at <= 'Z')) {
        int64_t list[MOST_LISTED];
        const rg_onnx_variable variable = read_variable(s, list);
        return value_of(s, &variable);
    }
    s->at += second;
    read_word(s, name);
    if (*s->at == '{') {
        attributes = s->at;
        s->at += strcspn(s->at, "}") + 1;
    }
    if (*s->at == '(') {
        do {
            s->at++;
            terms[count++] = put_term(s, NULL);
        } while (*s->at == ',');
        s->at++;
    } else {
        inputs = s->operands;
        count = s->call.operands;
    }
    if (!result) result = inner_name(s);

    rg_protobuf *m = &s->w->graph;
    const char *first = second ? inner_name(s) : NULL;
    const int64_t to = cast_to(s, name);
    const size_t node = rg_protobuf_begin(m, GRAPH_NODE);
    for (int i = 0; i < count; i++) rg_protobuf_text(m, NODE_INPUT, inputs[i]);
    if (first) rg_protobuf_text(m, NODE_OUTPUT, first);
    rg_protobuf_text(m, NODE_OUTPUT, result);
    rg_protobuf_text(m, NODE_NAME, result);
    rg_protobuf_text(m, NODE_OPERATOR, to ? "Cast" : name);
    if (attributes) put_attributes(s, attributes);
    if (to) put_attribute_integer(m, "to", to);
    if (s->node->site) put_site(m, s->node->site);
    rg_protobuf_end(m, node);
    return result;
}

/* "u=term;term" */
static void put_sentence(sentence *s)
{
    for (s->at = s->call.formula; s->at[1] == '=';) {
        rg_onnx_variable *letter = &s->call.letter[*s->at - 'a'];
        s->at += 2;
        *letter = (rg_onnx_variable){ .kind = RG_ONNX_VALUE, .value = put_term(s, NULL) };
        s->at++;
    }
    put_term(s, s->name);
}

/* ---- Nodes ------------------------------------------------------------------------------------------------------- */

/* A view that leaves every element where it is: a wall, a hook, a derivative of the user's own. */
static bool is_identity(const writer *w, const rg_node *node)
{
    if (node->op->kind != RG_VIEW || node->operands == 0) return false;
    const rg_node *of = &w->tape->nodes[*rg_edges(w->tape, node)];
    rg_layout in = { .dtype = (rg_dtype)of->dtype, .shape = *of->shape }, out = in;
    int64_t offset = 0;
    rg_layout_contiguous(&in);
    return rg_same_shape(of->shape, node->shape) && node->op->view(node->attributes, &in, &out, &offset) &&
           offset == 0 && rg_layout_is_contiguous(&out);
}

/* The letters that every formula has. */
static void set_letters(sentence *s)
{
    rg_onnx_call *call = &s->call;
    const rg_node *node = s->node;
    rg_onnx_variable p = { .kind = RG_ONNX_NUMBER }, q = p, n = { .kind = RG_ONNX_INTEGER };
    const size_t bytes = node->attributes ? node->op->attribute_size : 0;
    if (bytes >= sizeof p.number) memcpy(&p.number, node->attributes, sizeof p.number);
    if (bytes >= sizeof n.integer) memcpy(&n.integer, node->attributes, sizeof n.integer);
    if (bytes >= 2 * sizeof q.number)
        memcpy(&q.number, (const char *)node->attributes + sizeof q.number, sizeof q.number);
    call->letter['p' - 'a'] = p;
    call->letter['q' - 'a'] = q;
    call->letter['n' - 'a'] = n;
    call->letter['y' - 'a'] = (rg_onnx_variable){ .kind = RG_ONNX_LIST, .list = node->shape->size,
                                                  .count = node->shape->rank };
    for (int k = 0; k < call->operands && k < RG_MAX_OPERANDS; k++)
        call->letter[k] = (rg_onnx_variable){ .kind = RG_ONNX_VALUE, .value = s->operands[k] };
}

static void put_op(writer *w, const rg_node *node, const char *formula, const char *name)
{
    const uint32_t *edges = rg_edges(w->tape, node);
    const char **operands = room(w, node->operands, sizeof *operands);
    sentence s = { .w = w, .node = node, .name = name, .operands = operands };
    if (!operands) return;
    s.call = (rg_onnx_call){ .attributes = node->attributes, .operands = (int)node->operands, .out = node->shape,
                             .formula = formula, .arena = w->arena };
    for (uint32_t k = 0; k < node->operands; k++) {
        operands[k] = w->names[edges[k]];
        if (k < RG_MAX_OPERANDS) s.call.in[k] = w->tape->nodes[edges[k]].shape;
    }
    set_letters(&s);
    rg_onnx_prepare(node->op, &s.call);
    w->no_memory = w->no_memory || s.call.failed;
    if (!w->no_memory) put_sentence(&s);
}

static void put_identity(writer *w, const rg_node *node, const char *from, const char *name)
{
    sentence s = { .w = w, .node = node, .name = name, .operands = &from };
    s.call = (rg_onnx_call){ .operands = 1, .formula = "Identity" };
    put_sentence(&s);
}

/* What a graph takes or gives. */
static void put_value(writer *w, unsigned field, const rg_node *node, const char *name)
{
    rg_protobuf *m = &w->graph;
    const size_t value = rg_protobuf_begin(m, field);
    rg_protobuf_text(m, VALUE_NAME, name);
    const size_t type = rg_protobuf_begin(m, VALUE_TYPE), tensor = rg_protobuf_begin(m, TYPE_TENSOR);
    rg_protobuf_integer(m, TYPE_DTYPE, dtype_code((rg_dtype)node->dtype));
    const size_t shape = rg_protobuf_begin(m, TYPE_SHAPE);
    for (int i = 0; i < node->shape->rank; i++) {
        const size_t dimension = rg_protobuf_begin(m, SHAPE_DIMENSION);
        rg_protobuf_integer(m, DIMENSION_SIZE, node->shape->size[i]);
        rg_protobuf_end(m, dimension);
    }
    rg_protobuf_end(m, shape);
    rg_protobuf_end(m, tensor);
    rg_protobuf_end(m, type);
    rg_protobuf_end(m, value);
}

static void put_node(writer *w, uint32_t i)
{
    const rg_node *node = &w->tape->nodes[i];
    if (node->op == &rg_op_random_key) return; /* dropout's, which ONNX has no use for */
    const char *name = w->names[i] = name_of(w, node);
    if (node->op == &rg_op_input || node->op == &rg_op_scalar) put_value(w, GRAPH_INPUT, node, name);
    if (node->op->kind == RG_LEAF || w->no_memory) return;
    const char *formula = rg_onnx_formula_of(node->op);
    if (formula) {
        put_op(w, node, formula, name);
    } else if (is_identity(w, node)) {
        put_identity(w, node, w->names[*rg_edges(w->tape, node)], name);
    } else {
        w->failed = rg_onnx_refusal_of(node->op);
        w->refused = i;
    }
}

/* An output must be what a node gives, and be one output. */
static void put_output(writer *w, rg_tensor y, bool again)
{
    const rg_node *node = &w->tape->nodes[y.node];
    const char *name = w->names[y.node];
    if (w->no_memory || !name) return;
    if (again || node->op->kind == RG_LEAF) {
        const char *from = name;
        name = unique(w, "output");
        put_identity(w, node, from, name);
    }
    put_value(w, GRAPH_OUTPUT, node, name);
}

/* ---- The numbers, and the whole ---------------------------------------------------------------------------------- */

static const void *numbers_of(const rg_node *node)
{
    if (node->op == &rg_op_parameter) return rg_param_pointer(((const rg_parameter_leaf *)node->attributes)->param);
    return node->op == &rg_op_constant ? node->data : NULL;
}

/* The field of the graph in which node i's numbers are: its beginning into `m`, and how many bytes come then. False:
 * none. */
static bool initializer(const writer *w, uint32_t i, rg_protobuf *m, size_t *bytes)
{
    const rg_node *node = &w->tape->nodes[i];
    if (!w->needed[i] || !numbers_of(node)) return false;
    *bytes = (size_t)rg_elements(node->shape) * rg_dtype_size((rg_dtype)node->dtype);
    m->count = 0;
    put_tensor(m, (rg_dtype)node->dtype, node->shape, w->names[i], *bytes);
    unsigned char key[1 + RG_VARINT_BYTES] = { GRAPH_INITIALIZER << 3 | RG_LENGTH_KEY };
    const size_t header = m->count, front = 1 + rg_varint(header + *bytes, key + 1);
    rg_protobuf_bytes(m, key, front);
    if (m->failed) return true;
    memmove(m->bytes + front, m->bytes, header);
    memcpy(m->bytes, key, front);
    return true;
}

/* Bytes of the graph; SIZE_MAX: more than there can be. */
static size_t graph_size(const writer *w, rg_protobuf *m)
{
    size_t size = w->graph.count, bytes, sum;
    for (uint32_t i = 0; i < w->count; i++) {
        if (!initializer(w, i, m, &bytes)) continue;
        if (!rg_size_add(m->count, bytes, &sum) || !rg_size_add(size, sum, &size)) return SIZE_MAX;
    }
    return size;
}

/* Of a message there may be 2 GB. */
enum { MOST_BYTES = INT32_MAX - 64 };

static void put_model(rg_protobuf *m, size_t graph)
{
    m->count = 0;
    rg_protobuf_integer(m, MODEL_IR_VERSION, IR_VERSION);
    rg_protobuf_text(m, MODEL_PRODUCER, "retrograd");
    rg_protobuf_text(m, MODEL_PRODUCER_VERSION, RG_VERSION_STRING);
    const size_t set = rg_protobuf_begin(m, MODEL_OPERATOR_SET);
    rg_protobuf_integer(m, SET_VERSION, OPERATOR_SET);
    rg_protobuf_end(m, set);
    rg_protobuf_varint(m, MODEL_GRAPH << 3 | RG_LENGTH_KEY);
    rg_protobuf_varint(m, graph);
}

static rg_status write_model(writer *w, FILE *out)
{
    rg_protobuf m = { .count = 0 };
    size_t bytes;
    const size_t graph = graph_size(w, &m);
    const uint16_t one = 1;
    const bool allowed = graph < MOST_BYTES && *(const char *)&one == 1;
    if (allowed) put_model(&m, graph);
    rg_status status = m.failed ? RG_E_MEMORY : allowed ? RG_OK : RG_E_UNSUPPORTED;
    if (status == RG_OK) {
        fwrite(m.bytes, 1, m.count, out);
        fwrite(w->graph.bytes, 1, w->graph.count, out);
        for (uint32_t i = 0; i < w->count; i++) {
            if (!initializer(w, i, &m, &bytes)) continue;
            fwrite(m.bytes, 1, m.count, out);
            fwrite(numbers_of(&w->tape->nodes[i]), 1, bytes, out);
        }
        if (fflush(out) != 0 || ferror(out)) status = RG_E_FILE;
    }
    free(m.bytes);
    return status;
}

/* ---- What is needed ---------------------------------------------------------------------------------------------- */

static bool prepare(writer *w, rg_tensor y, const rg_onnx_options *options)
{
    for (int i = -1; i < options->other_count; i++) {
        const uint32_t node = i < 0 ? y.node : options->others[i].node;
        if (node >= w->count) w->count = node + 1;
    }
    const size_t most_names = (size_t)w->count + (size_t)options->other_count + 1;
    for (w->capacity = 4; w->capacity < 2 * most_names;) w->capacity *= 2;
    w->needed = room(w, w->count, sizeof *w->needed);
    w->names = room(w, w->count, sizeof *w->names);
    w->taken = room(w, w->capacity, sizeof *w->taken);
    if (w->no_memory) return false;
    w->needed[y.node] = true;
    for (int i = 0; i < options->other_count; i++) w->needed[options->others[i].node] = true;
    for (uint32_t i = w->count; i-- > 0;) {
        const rg_node *node = &w->tape->nodes[i];
        const uint32_t used = is_identity(w, node) ? 1 : node->operands; /* of a custom_vjp the first alone */
        for (uint32_t k = 0; w->needed[i] && k < used; k++) w->needed[rg_edges(w->tape, node)[k]] = true;
    }
    return true;
}

static rg_status put_graph(writer *w, rg_tensor y, const rg_onnx_options *options)
{
    if (!prepare(w, y, options)) return RG_E_MEMORY;
    rg_protobuf_text(&w->graph, GRAPH_NAME, plain(w, "", options->name ? options->name : "retrograd"));
    for (uint32_t i = 0; i < w->count && !w->failed && !w->no_memory; i++)
        if (w->needed[i]) put_node(w, i);
    if (w->failed) {
        const rg_node *node = &w->tape->nodes[w->refused];
        char described[200];
        rg_describe(w->tape, node, described, sizeof described);
        rg_fail(w->tape, node->site, RG_E_UNSUPPORTED, "onnx: %s: %s: %s", node->op->name, w->failed, described);
        return RG_E_UNSUPPORTED;
    }
    put_output(w, y, false);
    for (int i = 0; i < options->other_count; i++) {
        bool again = options->others[i].node == y.node;
        for (int k = 0; k < i; k++) again = again || options->others[k].node == options->others[i].node;
        put_output(w, options->others[i], again);
    }
    return w->no_memory || w->graph.failed ? RG_E_MEMORY : RG_OK;
}

static rg_status check(rg_tensor y, const rg_onnx_options *options)
{
    if (options->other_count > 0 && !options->others) return RG_E_NULL;
    for (int i = -1; i < options->other_count; i++) {
        const rg_tensor t = i < 0 ? y : options->others[i];
        if (rg_is_null(t)) return RG_E_NULL;
        if (t.tape != y.tape)
            rg_fail(y.tape, NULL, RG_E_TAPE, "onnx: output %d is on another tape", i + 2);
        else if (!rg_node_checked(NULL, "onnx", t) && !y.tape->error.status)
            return RG_E_TAPE;
        if (y.tape->error.status) return y.tape->error.status;
    }
    return RG_OK;
}

rg_status rg_onnx(FILE *out, rg_tensor y, const rg_onnx_options *options)
{
    const rg_onnx_options none = { .name = NULL };
    if (!options) options = &none;
    rg_status status = out ? check(y, options) : RG_E_NULL;
    if (status) return status;
    writer w = { .tape = y.tape, .arena = &y.tape->scratch };
    const rg_arena before = *w.arena;
    status = put_graph(&w, y, options);
    if (status == RG_OK) status = write_model(&w, out);
    free(w.graph.bytes);
    rg_arena_return(w.arena, &before);
    return status;
}
