/* graph_text.h: names and numbers of nodes as text, for those who show a graph. Internal. */
#ifndef RETROGRAD_GRAPH_TEXT_H
#define RETROGRAD_GRAPH_TEXT_H

#include "characters.h"
#include "excerpt.h"

typedef enum {
    RG_TEXT_PLAIN,
    RG_TEXT_LABEL,            /* of DOT, HTML-like */
    RG_TEXT_STRING,           /* of DOT, between double quotes */
    RG_TEXT_JSON              /* the same of JSON, where white space stays what it is, and control characters too */
} rg_text_kind;

/* Writes text, of any bytes: white space becomes a space, what is no character U+FFFD; in DOT, not more than 500 characters.
 * Returns how many it has written; `out` may be NULL. */
size_t rg_put_text(FILE *out, const char *text, rg_text_kind kind);

/* Writes a template, in which ' stands for a double quote, and
 *   $l $q $j   a text (const char *) as in a label of DOT, between its quotes, and between those of JSON; $r as it is
 *   $u         an entry or a buffer; RG_NOT_SHOWN is null (uint32_t)
 *   $z         a count (size_t)
 *   $b         true or false (bool)
 *   $f         a number in as few digits as read as the same; what is not finite is null (double)
 *   $,         a comma, unless the count is 0 (size_t) */
void rg_put(FILE *out, const char *template, ...);

static inline bool rg_is_named(const rg_node *node)
{
    return node->name && *node->name;
}

/* Shown for a node as a whole: its name, else what it is. */
static inline const char *rg_title_of(const rg_node *node)
{
    return rg_is_named(node) ? node->name : node->op->name;
}

enum { RG_ATTRIBUTES_SIZE = 160, RG_NUMBER_SIZE = 32, RG_DIGEST_SIZE = 256 };

/* Text that grows, as far as there is room. */
typedef struct {
    size_t used;
    char text[512];
} rg_line;
void rg_line_print(rg_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The attributes as the op describes them; "" if it does not. */
void rg_format_attributes(const rg_node *node, char *text, size_t size);
/* With a point in every locale. */
void rg_format_real(char *text, size_t size, int digits, double value);
/* "4,812" */
void rg_format_count(char *text, size_t size, uint64_t count);
/* "64 B", "8.19 kB" */
void rg_format_bytes(char *text, size_t size, double bytes);
void rg_format_element(char *text, size_t size, rg_dtype dtype, const void *data, int64_t i);

/* Of a node's numbers; none for a view, which has none of its own. */
size_t rg_node_bytes(const rg_node *node);

/* Of so many elements, all numbers are shown. */
enum { RG_FEW_ELEMENTS = 16 };
/* What is shown of more. */
typedef struct {
    double min, max, mean, norm;
    int64_t odd;              /* elements that are no finite numbers; the others are what the rest is of */
    double rms;
} rg_digest;
rg_digest rg_digest_of(rg_dtype dtype, const void *data, int64_t count);
/* "min -1.2 max 3 mean 0.1 norm 12", with the line break given between max and mean */
void rg_format_digest(char *text, size_t size, const rg_digest *digest, const char *line_break);

#endif
