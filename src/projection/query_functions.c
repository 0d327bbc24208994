/* query_functions.c - instr, replace, trim, LIKE and GLOB that charge the guard. Layer: projection.
 * printf and format are in query_printf.c. See query_functions.h. */
#include "projection/query_functions.h"

#include <string.h>

#include "projection/query_functions_int.h"

#define FUNCTIONS_WORK 4096u /* how much LIKE and GLOB do between two charges */

bool fct_query_function_goes_on(sqlite3_context *context, uint64_t work)
{
    struct fct_query_guard *guard = sqlite3_user_data(context);
    if (fct_query_guard_here() != guard || fct_query_guard_charge(guard, work)) {
        return true;
    }
    sqlite3_result_error_code(context, SQLITE_INTERRUPT);
    return false;
}

void fct_query_function_finish(sqlite3_context *context, sqlite3_str *text)
{
    int code = sqlite3_str_errcode(text);
    int len = sqlite3_str_length(text);
    char *bytes = sqlite3_str_finish(text);
    if (code == SQLITE_TOOBIG) {
        sqlite3_result_error_toobig(context);
        sqlite3_free(bytes);
    } else if (code != SQLITE_OK) {
        sqlite3_result_error_nomem(context);
        sqlite3_free(bytes);
    } else if (bytes == NULL) {
        sqlite3_result_text(context, "", 0, SQLITE_STATIC);
    } else {
        sqlite3_result_text(context, bytes, len, sqlite3_free);
    }
}

/* ---- finding --------------------------------------------------------------------------------- */

/* The offset of the first |part|, which is not empty, in |whole|; |whole|.len: none. False: the
 * query has to end. */
static bool functions_find(sqlite3_context *context, factum_slice whole, factum_slice part,
                           size_t *found)
{
    size_t at = 0;
    *found = whole.len;
    while (at < whole.len && part.len <= whole.len - at) {
        size_t last = whole.len - part.len;
        const uint8_t *first = memchr(whole.ptr + at, part.ptr[0], last - at + 1);
        size_t next = first != NULL ? (size_t)(first - whole.ptr) : last + 1;
        if (!fct_query_function_goes_on(context, (next - at) / 16 + part.len / 16 + 2)) {
            return false;
        }
        if (first == NULL) {
            break;
        }
        if (memcmp(first, part.ptr, part.len) == 0) {
            *found = next;
            break;
        }
        at = next + 1;
    }
    return true;
}

static factum_slice functions_text(sqlite3_value *value)
{
    const unsigned char *text = sqlite3_value_text(value);
    int len = sqlite3_value_bytes(value);
    return (factum_slice){text, text != NULL ? (size_t)len : 0};
}

static bool functions_any_null(int count, sqlite3_value **values)
{
    for (int i = 0; i < count; i++) {
        if (sqlite3_value_type(values[i]) == SQLITE_NULL) {
            return true;
        }
    }
    return false;
}

/* The number of characters in the first |size| bytes of |text|. */
static int64_t functions_characters(factum_slice text, size_t size)
{
    int64_t count = 0;
    for (size_t i = 0; i < size; i++) {
        count += (text.ptr[i] & 0xc0) != 0x80;
    }
    return count;
}

/* instr(X, Y): counts bytes if both are BLOBs, otherwise characters. */
static void functions_instr(sqlite3_context *context, int count, sqlite3_value **values)
{
    if (functions_any_null(count, values)) {
        return;
    }
    bool blobs = sqlite3_value_type(values[0]) == SQLITE_BLOB &&
                 sqlite3_value_type(values[1]) == SQLITE_BLOB;
    factum_slice whole;
    factum_slice part;
    if (blobs) {
        whole.ptr = sqlite3_value_blob(values[0]);
        whole.len = (size_t)sqlite3_value_bytes(values[0]);
        part.ptr = sqlite3_value_blob(values[1]);
        part.len = (size_t)sqlite3_value_bytes(values[1]);
    } else {
        whole = functions_text(values[0]);
        part = functions_text(values[1]);
    }
    size_t found = 0;
    if (part.len == 0) {
        sqlite3_result_int(context, 1);
        return;
    }
    if (!functions_find(context, whole, part, &found)) {
        return;
    }
    if (found == whole.len) {
        sqlite3_result_int(context, 0);
    } else if (blobs) {
        sqlite3_result_int64(context, (sqlite3_int64)found + 1);
    } else {
        sqlite3_result_int64(context, functions_characters(whole, found) + 1);
    }
}

/* replace(X, Y, Z) */
static void functions_replace(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    if (functions_any_null(2, values)) {
        return;
    }
    factum_slice whole = functions_text(values[0]);
    factum_slice part = functions_text(values[1]);
    if (part.len == 0 || part.ptr[0] == '\0') {
        sqlite3_result_value(context, values[0]);
        return;
    }
    if (sqlite3_value_type(values[2]) == SQLITE_NULL) {
        return;
    }
    factum_slice with = functions_text(values[2]);
    size_t first = 0;
    if (!functions_find(context, whole, part, &first)) {
        return;
    }
    if (first == whole.len && sqlite3_value_type(values[0]) == SQLITE_TEXT) {
        sqlite3_result_value(context, values[0]); /* the most common case, without a copy */
        return;
    }
    sqlite3_str *text = sqlite3_str_new(sqlite3_context_db_handle(context));
    while (whole.len > 0 && sqlite3_str_errcode(text) == SQLITE_OK) {
        size_t found = 0;
        if (!functions_find(context, whole, part, &found)) {
            sqlite3_free(sqlite3_str_finish(text));
            return;
        }
        sqlite3_str_append(text, (const char *)whole.ptr, (int)found);
        if (found == whole.len) {
            break;
        }
        sqlite3_str_append(text, (const char *)with.ptr, (int)with.len);
        whole = (factum_slice){whole.ptr + found + part.len, whole.len - found - part.len};
    }
    fct_query_function_finish(context, text);
}

/* ---- trim ------------------------------------------------------------------------------------ */

enum functions_side { FUNCTIONS_LEFT = 1, FUNCTIONS_RIGHT = 2 };

/* The size of the character of |set|, a text, that |text| begins (or ends) with; 0: none. False:
 * the query has to end. */
static bool functions_edge(sqlite3_context *context, factum_slice text, factum_slice set,
                           bool at_end, size_t *size)
{
    size_t at = 0;
    *size = 0;
    while (at < set.len && set.ptr[at] != '\0') {
        size_t next = at + 1;
        while (set.ptr[at] >= 0xc0 && next < set.len && (set.ptr[next] & 0xc0) == 0x80) {
            next++;
        }
        size_t len = next - at;
        if (len <= text.len &&
            memcmp(at_end ? text.ptr + text.len - len : text.ptr, set.ptr + at, len) == 0) {
            *size = len;
            break;
        }
        at = next;
    }
    return fct_query_function_goes_on(context, at * 2 + 4);
}

static void functions_trim_sides(sqlite3_context *context, sqlite3_value **values, int sides)
{
    if (functions_any_null(2, values)) {
        return;
    }
    factum_slice text = functions_text(values[0]);
    factum_slice set = functions_text(values[1]);
    size_t size = 1;
    while ((sides & FUNCTIONS_LEFT) != 0 && size > 0) {
        if (!functions_edge(context, text, set, false, &size)) {
            return;
        }
        text = (factum_slice){text.ptr + size, text.len - size};
    }
    size = 1;
    while ((sides & FUNCTIONS_RIGHT) != 0 && size > 0) {
        if (!functions_edge(context, text, set, true, &size)) {
            return;
        }
        text.len -= size;
    }
    sqlite3_result_text(context, (const char *)text.ptr, (int)text.len, SQLITE_TRANSIENT);
}

static void functions_trim(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    functions_trim_sides(context, values, FUNCTIONS_LEFT | FUNCTIONS_RIGHT);
}

static void functions_ltrim(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    functions_trim_sides(context, values, FUNCTIONS_LEFT);
}

static void functions_rtrim(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    functions_trim_sides(context, values, FUNCTIONS_RIGHT);
}

/* ---- LIKE and GLOB --------------------------------------------------------------------------- */

/* The letters of a pattern language. */
struct functions_language {
    uint32_t many;   /* matches any characters */
    uint32_t one;    /* matches one character */
    uint32_t set;    /* begins a set of characters; 0: the language has no sets */
    uint32_t escape; /* takes the next character literally; 0: none */
    bool no_case;    /* ignores the case of ASCII letters */
};

/* The next character of a text that ends with a zero byte. That byte is returned as 0 and not
 * passed. */
static uint32_t functions_next(const uint8_t **at)
{
    uint32_t c = **at;
    if (c == 0) {
        return 0;
    }
    (*at)++;
    if (c < 0xc0) {
        return c;
    }
    c &= c < 0xe0 ? 0x1fu : c < 0xf0 ? 0x0fu : 0x07u;
    while ((**at & 0xc0) == 0x80) {
        c = (c << 6) + (**at & 0x3fu);
        (*at)++;
    }
    return c < 0x80 || (c & 0xfffff800u) == 0xd800u || (c & 0xfffffffeu) == 0xfffeu ? 0xfffdu : c;
}

static uint32_t functions_lower(uint32_t c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/* Is |c| in the set that begins at |*pattern|, after its "["? Passes the set. A set without an end
 * contains nothing. */
static bool functions_in_set(const uint8_t **pattern, uint32_t c)
{
    bool seen = false;
    uint32_t before = 0; /* the possible start of a range */
    uint32_t next = functions_next(pattern);
    bool invert = next == '^';
    if (invert) {
        next = functions_next(pattern);
    }
    if (next == ']') {
        seen = c == ']';
        next = functions_next(pattern);
    }
    while (next != 0 && next != ']') {
        if (next == '-' && **pattern != ']' && **pattern != '\0' && before > 0) {
            next = functions_next(pattern);
            seen = seen || (c >= before && c <= next);
            before = 0;
        } else {
            seen = seen || c == next;
            before = next;
        }
        next = functions_next(pattern);
    }
    return next == ']' && seen != invert;
}

/* Does one character of |*text| fit the pattern at |*pattern|, which is not "many"? Passes both. */
static bool functions_fits(const struct functions_language *language, const uint8_t **pattern,
                           const uint8_t **text)
{
    uint32_t c = functions_next(text);
    uint32_t wanted = functions_next(pattern);
    if (language->escape != 0 && wanted == language->escape) {
        wanted = functions_next(pattern); /* 0, at the end of the pattern, fits nothing */
    } else if (wanted == language->one) {
        return c != 0;
    } else if (language->set != 0 && wanted == language->set) {
        return functions_in_set(pattern, c) && c != 0;
    }
    return c != 0 &&
           (c == wanted || (language->no_case && functions_lower(c) == functions_lower(wanted)));
}

static bool functions_at_many(const struct functions_language *language, const uint8_t *pattern)
{
    uint32_t c = functions_next(&pattern);
    return c != 0 && c == language->many && c != language->escape;
}

/* Goes back only to the last "many" and gives it one more character. Everything before that "many"
 * was matched as early as possible, so no match is missed. The time is the product of both lengths.
 * False: the query has to end. */
static bool functions_match(sqlite3_context *context, const struct functions_language *language,
                            const uint8_t *pattern, const uint8_t *text, bool *match)
{
    const uint8_t *many_pattern = NULL; /* after the last "many" */
    const uint8_t *many_text = NULL;    /* the text after what it matches so far */
    uint64_t work = 0;
    for (;;) {
        const uint8_t *start = pattern;
        if (functions_at_many(language, pattern)) {
            (void)functions_next(&pattern);
            many_pattern = pattern;
            many_text = text;
            continue;
        }
        if (*pattern == '\0' && (*text == '\0' || many_pattern == pattern)) {
            *match = true;
            return true;
        }
        bool ended = *text == '\0';
        bool fits = *pattern != '\0' && functions_fits(language, &pattern, &text);
        work += (uint64_t)(pattern - start) * 2 + 4;
        if (work >= FUNCTIONS_WORK) {
            if (!fct_query_function_goes_on(context, work)) {
                return false;
            }
            work = 0;
        }
        if (fits) {
            continue;
        }
        if (many_pattern == NULL || ended) { /* the rest of the pattern needs more characters */
            *match = false;
            return true;
        }
        (void)functions_next(&many_text);
        text = many_text;
        pattern = many_pattern;
    }
}

/* |values| are the pattern, the text and optionally the escape character. */
static void functions_pattern(sqlite3_context *context, struct functions_language language,
                              int count, sqlite3_value **values)
{
    if (sqlite3_value_type(values[0]) == SQLITE_BLOB ||
        sqlite3_value_type(values[1]) == SQLITE_BLOB) {
        if (sqlite3_compileoption_used("LIKE_DOESNT_MATCH_BLOBS")) {
            sqlite3_result_int(context, 0);
            return;
        }
    }
    const uint8_t *pattern = sqlite3_value_text(values[0]);
    const uint8_t *text = sqlite3_value_text(values[1]);
    if (count == 3) {
        const uint8_t *escape = sqlite3_value_text(values[2]);
        if (escape == NULL) {
            return;
        }
        language.escape = functions_next(&escape);
        if (language.escape == 0 || *escape != '\0') {
            sqlite3_result_error(context, "ESCAPE expression must be a single character", -1);
            return;
        }
    }
    bool match = false;
    if (pattern != NULL && text != NULL &&
        functions_match(context, &language, pattern, text, &match)) {
        sqlite3_result_int(context, match);
    }
}

static void functions_like(sqlite3_context *context, int count, sqlite3_value **values)
{
    functions_pattern(context,
                      (struct functions_language){.many = '%', .one = '_', .no_case = true}, count,
                      values);
}

static void functions_glob(sqlite3_context *context, int count, sqlite3_value **values)
{
    functions_pattern(context, (struct functions_language){.many = '*', .one = '?', .set = '['},
                      count, values);
}

/* ---- all of them ----------------------------------------------------------------------------- */

int fct_query_functions_add(struct fct_query_guard *guard)
{
    static const struct {
        const char *name;
        int count;
        void (*call)(sqlite3_context *context, int count, sqlite3_value **values);
    } functions[] = {
        {"instr", 2, functions_instr},    {"replace", 3, functions_replace},
        {"trim", 2, functions_trim},      {"ltrim", 2, functions_ltrim},
        {"rtrim", 2, functions_rtrim},    {"like", 2, functions_like},
        {"like", 3, functions_like},      {"glob", 2, functions_glob},
        {"printf", -1, fct_query_printf}, {"format", -1, fct_query_printf},
    };
    int code = SQLITE_OK;
    for (size_t i = 0; i < sizeof functions / sizeof *functions && code == SQLITE_OK; i++) {
        code = sqlite3_create_function_v2(guard->db, functions[i].name, functions[i].count,
                                          SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                                          guard, functions[i].call, NULL, NULL, NULL);
    }
    return code;
}
