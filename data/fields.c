/* fields.c: records and fields of a CSV text [RFC 4180, and what else is met]. */
#include <string.h>

#include "data_internal.h"

/* The longest part of a field that a message shows, in bytes. */
#define FIELD_SHOWN 40

/* At the end of a line: the length of its mark, 1 or 2; elsewhere 0. */
static int line_end(const char *at)
{
    if (at[0] == '\r') return at[1] == '\n' ? 2 : 1;
    return at[0] == '\n';
}

/* Spaces and tabs around fields mean nothing, unless they are what separates them. */
static bool is_padding(const rg_data_cursor *cursor, char c)
{
    return (c == ' ' || c == '\t') && c != cursor->delimiter;
}

/* The candidate met most often outside quotes in the first record. */
static char find_delimiter(const rg_data_cursor *first)
{
    static const char candidates[] = ",;\t";
    int64_t met[sizeof candidates - 1] = { 0 };
    rg_data_cursor cursor = *first;
    if (!rg_data_next_record(&cursor)) return ',';
    bool quoted = false;
    for (const char *c = cursor.at; c < cursor.end && (quoted || !line_end(c)); c++) {
        if (*c == '"') quoted = !quoted;
        const char *candidate = *c && !quoted ? strchr(candidates, *c) : NULL;
        if (candidate) met[candidate - candidates]++;
    }
    size_t best = 0;
    for (size_t i = 1; i < sizeof met / sizeof *met; i++)
        if (met[i] > met[best]) best = i;
    return candidates[best];
}

rg_data_cursor rg_data_cursor_new(const char *name, char *text, size_t size, char delimiter)
{
    size_t mark = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    rg_data_cursor cursor = { .name = name, .at = text + mark, .end = text + size, .line = 1, .delimiter = ',' };
    cursor.delimiter = delimiter ? delimiter : find_delimiter(&cursor);
    return cursor;
}

bool rg_data_next_record(rg_data_cursor *cursor)
{
    cursor->column = 0;
    while (cursor->at < cursor->end) {
        char *c = cursor->at;
        if (*c == '#')
            while (c < cursor->end && !line_end(c)) c++;
        else
            while (is_padding(cursor, *c)) c++;
        if (c < cursor->end && !line_end(c)) return true;
        cursor->at = c + line_end(c);
        cursor->line++;
    }
    return false;
}

static rg_status fail_at(rg_error *error, const rg_data_cursor *cursor, int64_t line, const char *what)
{
    return rg_data_fail(error, RG_E_FORMAT, "%s:%lld:%lld: %s", cursor->name, (long long)line,
                        (long long)cursor->column, what);
}

/* Reads "..." at the cursor, which comes to stand on the next delimiter or line end. */
static rg_status read_quoted(rg_data_cursor *cursor, rg_data_field *field, rg_error *error)
{
    char *c = cursor->at + 1;
    field->text = c;
    field->quoted = true;
    for (;; c++) {
        if (c == cursor->end) return fail_at(error, cursor, field->line, "the quotes are never closed");
        if (*c == '\0') return fail_at(error, cursor, cursor->line, "a zero byte: not a text in UTF-8");
        if (*c == '"' && *++c != '"') break;
        /* A line may end inside quotes; of CR LF, the LF counts. */
        if (*c == '\n' || (*c == '\r' && c[1] != '\n')) cursor->line++;
    }
    field->length = (size_t)(c - 1 - field->text);
    while (is_padding(cursor, *c)) c++;
    cursor->at = c;
    if (c == cursor->end || *c == cursor->delimiter || line_end(c)) return RG_OK;
    return fail_at(error, cursor, cursor->line, "text after closing quotes");
}

static rg_status read_plain(rg_data_cursor *cursor, rg_data_field *field, rg_error *error)
{
    char *c = cursor->at;
    field->text = c;
    while (c < cursor->end && *c != cursor->delimiter && !line_end(c)) {
        if (*c == '\0') return fail_at(error, cursor, cursor->line, "a zero byte: not a text in UTF-8");
        c++;
    }
    cursor->at = c;
    while (c > field->text && is_padding(cursor, c[-1])) c--;
    field->length = (size_t)(c - field->text);
    return RG_OK;
}

rg_status rg_data_next_field(rg_data_cursor *cursor, rg_data_field *field, rg_error *error)
{
    cursor->column++;
    while (is_padding(cursor, *cursor->at)) cursor->at++;
    *field = (rg_data_field){ .line = cursor->line, .column = cursor->column };
    rg_status status = *cursor->at == '"' ? read_quoted(cursor, field, error) : read_plain(cursor, field, error);
    if (status != RG_OK) return status;
    field->last = cursor->at == cursor->end || *cursor->at != cursor->delimiter;
    if (!field->last) {
        cursor->at++;
    } else if (cursor->at < cursor->end) {
        cursor->at += line_end(cursor->at);
        cursor->line++;
    }
    return RG_OK;
}

char *rg_data_field_string(rg_data_field *field)
{
    if (field->quoted) {
        size_t kept = 0;
        for (size_t i = 0; i < field->length; i++) {
            field->text[kept++] = field->text[i];
            if (field->text[i] == '"') i++; /* the second of two */
        }
        field->length = kept;
        field->quoted = false;
    }
    field->text[field->length] = '\0';
    return field->text;
}

rg_status rg_data_fail_field(rg_error *error, const char *name, int64_t line, int64_t column, const char *text,
                             size_t length, const char *complaint)
{
    char shown[FIELD_SHOWN + 1];
    size_t kept = length < FIELD_SHOWN ? length : FIELD_SHOWN;
    /* Do not cut a UTF-8 character in two. */
    while (kept < length && kept > 0 && ((unsigned char)text[kept] & 0xc0) == 0x80) kept--;
    for (size_t i = 0; i < kept; i++) {
        unsigned char c = (unsigned char)text[i];
        shown[i] = c < 32 || c == 127 ? '?' : text[i];
    }
    shown[kept] = '\0';
    return rg_data_fail(error, RG_E_FORMAT, "%s:%lld:%lld: '%s%s' %s", name, (long long)line, (long long)column, shown,
                        kept < length ? "..." : "", complaint);
}
