/* json_scan.c - the one pass over JSON text: see json_scan.h. Layer: codec.
 *
 * Each step gets the place where it starts and returns the place after what it has checked, or NULL
 * after it has noted what is wrong and where. Strings are read 8 bytes at a time. Only bytes of
 * 0x80 and above are checked as UTF-8.
 *
 * Invariants:
 * 1. |at| <= |end|; nothing at |end| or after it is read.
 * 2. open[0..depth) are the open arrays and objects, from the outside: OPEN_OBJECT or 0, and twice
 *    the number of the node.
 * 3. A value inside |depth| containers has a node if depth <= levels and there is a tape.
 */
#include "codec/json_scan.h"

#include <stdio.h>
#include <string.h>

#include "codec/bytes.h"
#include "core/check.h"
#include "core/slice.h"

#define OPEN_OBJECT 1u
#define NAME_SHOWN_MAX 64

static const char too_deep[] = "nesting deeper than";

struct scan {
    const uint8_t *start;
    const uint8_t *end;
    factum_json_node *nodes;
    unsigned levels; /* of containers whose inside is on the tape */
    uint32_t count;
    uint32_t capacity;
    unsigned depth;
    unsigned depth_max;
    bool duplicates;
    bool full; /* no node is left */
    const struct fct_json_scan *asked;
    /* After a failure, one of them: what is wrong at |at|, or what should be there. */
    const uint8_t *at;
    const char *wrong;
    const char *wanted;
    uint32_t twice; /* or the second of two equal names */
    uint32_t open[FACTUM_JSON_DEPTH_LIMIT];
};

/* ---- what is wrong --------------------------------------------------------------------------- */

static FCT_COLD const uint8_t *wrong(struct scan *scan, const uint8_t *at, const char *what)
{
    scan->at = at;
    scan->wrong = what;
    return NULL;
}

static FCT_COLD const uint8_t *want(struct scan *scan, const uint8_t *at, const char *what)
{
    scan->at = at;
    scan->wanted = what;
    return NULL;
}

/* Passes the items or members on the tape to |take|, so that the tape has room again. */
static FCT_COLD bool make_room(struct scan *scan)
{
    if (scan->asked->take == NULL || scan->count < 2) {
        return false;
    }
    factum_json part = {.text = scan->asked->text, .nodes = scan->nodes, .count = scan->count};
    scan->asked->take(scan->asked->data, &part);
    scan->count = 1;
    return true;
}

static FCT_COLD const uint8_t *no_room(struct scan *scan)
{
    scan->full = true;
    return NULL;
}

/* The length of the character at |at|; 0 if it is not well-formed UTF-8. */
static size_t character_size(const uint8_t *at, const uint8_t *end)
{
    for (size_t size = 1; size <= 4 && size <= (size_t)(end - at); size++) {
        if (fct_utf8_prefix(fct_slice(at, size)) == size) {
            return size;
        }
    }
    return 0;
}

static bool is_word_character(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
}

/* The bytes at |at| are not what should be there. */
static void say_unexpected(const struct scan *scan, struct fct_json_fault *fault)
{
    const uint8_t *at = scan->at;
    size_t size = character_size(at, scan->end);
    char *to = fault->reason;
    size_t room = sizeof fault->reason;
    int word = 0;
    while (word < 20 && word < scan->end - at && is_word_character(at[word])) {
        word++;
    }
    if (at == scan->end) {
        (void)snprintf(to, room, "the text ends where %s should be", scan->wanted);
    } else if (size == 0) {
        (void)snprintf(to, room, "invalid UTF-8");
    } else if (*at == '\0') {
        (void)snprintf(to, room, "NUL byte where %s should be", scan->wanted);
    } else if (*at < 0x20 || *at == 0x7f) {
        (void)snprintf(to, room, "control character 0x%02x where %s should be", *at, scan->wanted);
    } else if (word > 1 && *at > '9') {
        (void)snprintf(to, room, "unexpected word %.*s where %s should be", word, (const char *)at,
                       scan->wanted);
    } else {
        (void)snprintf(to, room, "unexpected character %.*s where %s should be", (int)size,
                       (const char *)at, scan->wanted);
    }
}

static void say_fault(const struct scan *scan, unsigned depth_said, struct fct_json_fault *fault)
{
    fault->at = (size_t)(scan->at - scan->start);
    fault->duplicate = scan->twice != FACTUM_JSON_NONE;
    if (fault->duplicate) {
        const factum_json_node *name = &scan->nodes[scan->twice];
        size_t len = name->len < NAME_SHOWN_MAX ? name->len : NAME_SHOWN_MAX;
        factum_slice shown = fct_slice(scan->start + name->start, len);
        (void)snprintf(fault->reason, sizeof fault->reason, "duplicate member \"%.*s\"",
                       (int)fct_utf8_prefix(shown), (const char *)shown.ptr);
    } else if (scan->wrong == NULL) {
        say_unexpected(scan, fault);
    } else if (scan->wrong == too_deep) {
        (void)snprintf(fault->reason, sizeof fault->reason, "%s %u", too_deep, depth_said);
    } else {
        (void)snprintf(fault->reason, sizeof fault->reason, "%s", scan->wrong);
    }
}

/* ---- the tape -------------------------------------------------------------------------------- */

/* False: no room. Node numbers fit into 31 bits, because each node takes 2 bytes of text. */
static inline bool put_node(struct scan *scan, const uint8_t *at, size_t len, factum_json_kind kind,
                            unsigned flags)
{
    if (scan->depth > scan->levels || scan->nodes == NULL) {
        return true;
    }
    if (FCT_UNLIKELY(scan->count == scan->capacity) && !make_room(scan)) {
        return false;
    }
    uint32_t next = scan->count + 1;
    scan->nodes[scan->count] = (factum_json_node){.start = (uint32_t)(at - scan->start),
                                                  .len = (uint32_t)len,
                                                  .next = next,
                                                  .kind = (uint8_t)kind,
                                                  .flags = (uint8_t)flags};
    scan->count = next;
    return true;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static inline const uint8_t *skip_space(const struct scan *scan, const uint8_t *at)
{
    while (at < scan->end && *at <= ' ' &&
           (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    return at;
}

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* At a backslash. */
static const uint8_t *scan_escape(struct scan *scan, const uint8_t *at)
{
    at++;
    if (at == scan->end || *at == '\0' || strchr("\"\\/bfnrtu", *at) == NULL) {
        return wrong(scan, at, "unknown escape in a string: a \\ is written \\\\");
    }
    int digits = *at++ == 'u' ? 4 : 0;
    for (; digits > 0; digits--, at++) {
        if (at == scan->end || !is_hex(*at)) {
            return wrong(scan, at, "\\u without four hexadecimal digits in a string");
        }
    }
    return at;
}

/* At a byte below 0x20 in a string. */
static FCT_COLD const uint8_t *refuse_control(struct scan *scan, const uint8_t *at)
{
    switch (*at) {
    case '\0':
        return wrong(scan, at, "NUL byte in a string: it is written \\u0000");
    case '\n':
        return wrong(scan, at, "line end in a string: it is written \\n");
    case '\t':
        return wrong(scan, at, "tab in a string: it is written \\t");
    default:
        return wrong(scan, at, "control character in a string: it is written \\u and its code");
    }
}

/* At a byte of 0x80 or above: checks the run of such bytes. No character extends past the run. */
static const uint8_t *scan_characters(struct scan *scan, const uint8_t *at)
{
    const uint8_t *begin = at;
    while (at < scan->end && *at >= 0x80) {
        at++;
    }
    size_t valid = fct_utf8_prefix(fct_slice(begin, (size_t)(at - begin)));
    return begin + valid == at ? at : wrong(scan, begin + valid, "invalid UTF-8 in a string");
}

/* The high bit of the first byte that is a quote, a backslash, below 0x20 or above 0x7f is set.
 * Bits of later bytes may be wrong; those of earlier bytes are 0. */
static inline uint64_t special_bytes(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t quotes = (word ^ ones * '"') - ones;
    uint64_t backslashes = (word ^ ones * '\\') - ones;
    uint64_t controls = word - ones * 0x20;
    return (quotes | backslashes | controls | word) & ones * 0x80;
}

/* The first byte that is special in a text, or the end. */
static inline const uint8_t *skip_plain(const struct scan *scan, const uint8_t *at)
{
    while (scan->end - at >= 8) {
        uint64_t special = special_bytes(fct_get_u64(at));
        if (special != 0) {
            return at + FCT_LOW_BIT64(special) / 8;
        }
        at += 8;
    }
    while (at < scan->end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\') {
        at++;
    }
    return at;
}

/* At the byte after the opening quote; returns the closing quote. */
static inline const uint8_t *scan_text(struct scan *scan, const uint8_t *at, unsigned *flags)
{
    for (;;) {
        at = skip_plain(scan, at);
        if (at == scan->end) {
            return wrong(scan, at, "the text ends inside a string");
        }
        if (*at == '"') {
            return at;
        }
        if (*at == '\\') {
            *flags |= FACTUM_JSON_ESCAPED;
            at = scan_escape(scan, at);
        } else {
            at = *at >= 0x80 ? scan_characters(scan, at) : refuse_control(scan, at);
        }
        if (at == NULL) {
            return NULL;
        }
    }
}

/* At the opening quote. */
static const uint8_t *put_text(struct scan *scan, const uint8_t *at, unsigned flags)
{
    const uint8_t *begin = at + 1;
    const uint8_t *close = scan_text(scan, begin, &flags);
    if (close == NULL) {
        return NULL;
    }
    return put_node(scan, begin, (size_t)(close - begin), FACTUM_JSON_TEXT, flags) ? close + 1
                                                                                   : no_room(scan);
}

/* ---- numbers and words ----------------------------------------------------------------------- */

/* NULL: no digit is there. */
static inline const uint8_t *scan_digits(struct scan *scan, const uint8_t *at)
{
    const uint8_t *begin = at;
    while (at < scan->end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at > begin ? at : want(scan, at, "a digit");
}

/* At the point or the 'e' after the first digits. */
static const uint8_t *scan_fraction(struct scan *scan, const uint8_t *at)
{
    if (*at == '.') {
        at = scan_digits(scan, at + 1);
    }
    if (at != NULL && at < scan->end && (*at | 0x20) == 'e') {
        at++;
        at += at < scan->end && (*at == '+' || *at == '-') ? 1 : 0;
        at = scan_digits(scan, at);
    }
    return at;
}

/* At a digit or a minus. */
static const uint8_t *put_number(struct scan *scan, const uint8_t *at)
{
    const uint8_t *begin = at;
    const uint8_t *whole = at + (*at == '-' ? 1 : 0);
    unsigned flags = FACTUM_JSON_INTEGER;
    at = scan_digits(scan, whole);
    if (at == NULL) {
        return NULL;
    }
    if (*whole == '0' && at - whole > 1) {
        return wrong(scan, whole + 1, "number with a leading zero");
    }
    if (at < scan->end && (*at == '.' || (*at | 0x20) == 'e')) {
        flags = 0;
        at = scan_fraction(scan, at);
        if (at == NULL) {
            return NULL;
        }
    }
    return put_node(scan, begin, (size_t)(at - begin), FACTUM_JSON_NUMBER, flags) ? at
                                                                                  : no_room(scan);
}

/* At a letter. */
static const uint8_t *put_word(struct scan *scan, const uint8_t *at)
{
    factum_json_kind kind = *at == 't'   ? FACTUM_JSON_TRUE
                            : *at == 'f' ? FACTUM_JSON_FALSE
                                         : FACTUM_JSON_NULL;
    size_t len = kind == FACTUM_JSON_FALSE ? 5 : 4;
    const char *word = kind == FACTUM_JSON_TRUE    ? "true"
                       : kind == FACTUM_JSON_FALSE ? "false"
                                                   : "null";
    if ((size_t)(scan->end - at) < len || memcmp(at, word, len) != 0) {
        return want(scan, at, "a value");
    }
    return put_node(scan, at, len, kind, 0) ? at + len : no_room(scan);
}

/* ---- arrays and objects ---------------------------------------------------------------------- */

/* The part of an object's member before its value. */
static inline const uint8_t *put_name(struct scan *scan, const uint8_t *at)
{
    at = skip_space(scan, at);
    if (at == scan->end || *at != '"') {
        return want(scan, at, "a member's name in \" quotes");
    }
    at = put_text(scan, at, FACTUM_JSON_NAME);
    if (at == NULL) {
        return NULL;
    }
    at = skip_space(scan, at);
    return at < scan->end && *at == ':' ? at + 1 : want(scan, at, "a ':'");
}

/* At the closing bracket of the innermost container. */
static const uint8_t *close_nest(struct scan *scan, const uint8_t *at)
{
    uint32_t open = scan->open[--scan->depth];
    at++;
    if (scan->depth > scan->levels || scan->nodes == NULL) {
        return at;
    }
    FCT_ASSERT(open / 2 < scan->count);
    factum_json_node *node = &scan->nodes[open / 2];
    node->len = (uint32_t)(at - scan->start) - node->start;
    node->next = scan->count;
    if ((open & OPEN_OBJECT) != 0 && !scan->duplicates && scan->depth < scan->levels) {
        scan->twice = fct_json_duplicate(scan->start, scan->nodes, open / 2);
        if (scan->twice != FACTUM_JSON_NONE) {
            scan->at = scan->start + scan->nodes[scan->twice].start - 1;
            return NULL;
        }
    }
    return at;
}

/* At the opening bracket. *inside: the container is not empty; its first value comes next. */
static const uint8_t *open_nest(struct scan *scan, const uint8_t *at, bool *inside)
{
    bool object = *at == '{';
    if (scan->depth == scan->depth_max) {
        return wrong(scan, at, too_deep);
    }
    if (!put_node(scan, at, 0, object ? FACTUM_JSON_OBJECT : FACTUM_JSON_ARRAY, 0)) {
        return no_room(scan);
    }
    /* Known only now, because making room may have moved it. Without a tape it is not used. */
    uint32_t node = scan->count > 0 ? scan->count - 1 : 0;
    scan->open[scan->depth++] = node * 2 | (object ? OPEN_OBJECT : 0);
    at = skip_space(scan, at + 1);
    *inside = at == scan->end || *at != (object ? '}' : ']');
    if (!*inside) {
        return close_nest(scan, at);
    }
    return object ? put_name(scan, at) : at;
}

/* After a value: closes the containers that end here, or moves to the next value. */
static inline const uint8_t *after_value(struct scan *scan, const uint8_t *at)
{
    while (scan->depth > 0) {
        bool object = (scan->open[scan->depth - 1] & OPEN_OBJECT) != 0;
        at = skip_space(scan, at);
        if (at < scan->end && *at == ',') {
            return object ? put_name(scan, at + 1) : at + 1;
        }
        if (at == scan->end || *at != (object ? '}' : ']')) {
            return want(scan, at, object ? "a ',' or '}'" : "a ',' or ']'");
        }
        at = close_nest(scan, at);
        if (at == NULL) {
            return NULL;
        }
    }
    return at;
}

/* The value that starts at |at|. */
static inline const uint8_t *put_value(struct scan *scan, const uint8_t *at, bool *inside)
{
    switch (*at) {
    case '"':
        return put_text(scan, at, 0);
    case '{':
    case '[':
        return open_nest(scan, at, inside);
    case 't':
    case 'f':
    case 'n':
        return put_word(scan, at);
    default:
        return *at == '-' || (*at >= '0' && *at <= '9') ? put_number(scan, at)
                                                        : want(scan, at, "a value");
    }
}

/* One value, with all values inside it. */
static const uint8_t *scan_value(struct scan *scan, const uint8_t *at)
{
    do {
        at = skip_space(scan, at);
        if (at == scan->end) {
            return want(scan, at, "a value");
        }
        bool inside = false;
        at = put_value(scan, at, &inside);
        if (at != NULL && !inside) {
            at = after_value(scan, at);
        }
    } while (at != NULL && scan->depth > 0);
    return at;
}

factum_status fct_json_scan(struct fct_json_scan *asked, struct fct_json_fault *fault)
{
    static const uint8_t nothing[1];
    const uint8_t *start = asked->text.len == 0 ? nothing : asked->text.ptr;
    struct scan scan; /* open[] stays uninitialised */
    memset(&scan, 0, offsetof(struct scan, open));
    scan.start = start;
    scan.end = start + asked->text.len;
    scan.asked = asked;
    scan.nodes = asked->nodes;
    scan.levels = asked->levels == 0 ? FACTUM_JSON_DEPTH_LIMIT : asked->levels;
    scan.capacity = asked->capacity < UINT32_MAX ? (uint32_t)asked->capacity : UINT32_MAX;
    scan.depth_max = asked->depth_max;
    scan.duplicates = asked->duplicates;
    scan.twice = FACTUM_JSON_NONE;
    if (scan.nodes != NULL && asked->text.len > UINT32_MAX) {
        return FACTUM_TOO_BIG;
    }
    const uint8_t *begin = skip_space(&scan, start);
    const uint8_t *end = scan_value(&scan, begin);
    if (end != NULL) {
        const uint8_t *rest = skip_space(&scan, end);
        if (rest != scan.end) {
            end = wrong(&scan, rest, "trailing characters after the value");
        }
    }
    if (end == NULL) {
        if (!scan.full) {
            say_fault(&scan, asked->depth_said, fault);
        }
        return scan.full ? FACTUM_TOO_BIG : FACTUM_INVALID;
    }
    (void)make_room(&scan);
    asked->count = scan.count;
    asked->value = fct_slice(begin, (size_t)(end - begin));
    return FACTUM_OK;
}
