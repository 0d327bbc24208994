/* json.c - see json.h. Layer: codec.
 *
 * One pass checks a whole value without recursion: a bit per level says whether it is in an object
 * or an array. The steps over members and items then trust what was checked and only look for ends.
 */
#include "codec/json.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/slice.h"

struct scan {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    /* After a failure, one of them: what is wrong at |at|, or what should be there. */
    const char *wrong;
    const char *wanted;
};

/* ---- what is wrong --------------------------------------------------------------------------- */

static bool wrong(struct scan *scan, const char *what)
{
    scan->wrong = what;
    return false;
}

static bool want(struct scan *scan, const char *what)
{
    scan->wanted = what;
    return false;
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

static void say_fault(const struct scan *scan, struct fct_json_fault *fault)
{
    size_t size = character_size(scan->at, scan->end);
    const char *wanted = scan->wanted;
    char *to = fault->reason;
    size_t room = sizeof fault->reason;
    int word = 0;
    fault->at = (size_t)(scan->at - scan->start);
    while (word < 20 && word < scan->end - scan->at && is_word_character(scan->at[word])) {
        word++;
    }
    if (scan->wrong != NULL) {
        (void)snprintf(to, room, "%s", scan->wrong);
    } else if (scan->at == scan->end) {
        (void)snprintf(to, room, "the text ends where %s should be", wanted);
    } else if (size == 0) {
        (void)snprintf(to, room, "invalid UTF-8");
    } else if (*scan->at == '\0') {
        (void)snprintf(to, room, "NUL byte where %s should be", wanted);
    } else if (*scan->at < 0x20 || *scan->at == 0x7f) {
        (void)snprintf(to, room, "control character 0x%02x where %s should be", *scan->at, wanted);
    } else if (word > 1 && (*scan->at > '9')) {
        (void)snprintf(to, room, "unexpected word %.*s where %s should be", word,
                       (const char *)scan->at, wanted);
    } else {
        (void)snprintf(to, room, "unexpected character %.*s where %s should be", (int)size,
                       (const char *)scan->at, wanted);
    }
}

/* ---- one value ------------------------------------------------------------------------------- */

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t')) {
        scan->at++;
    }
}

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* At the backslash; on failure at the byte that does not fit. */
static bool scan_escape(struct scan *scan)
{
    scan->at++;
    if (scan->at == scan->end || *scan->at == '\0' || strchr("\"\\/bfnrtu", *scan->at) == NULL) {
        return wrong(scan, "unknown escape in a string: a \\ is written \\\\");
    }
    int digits = *scan->at++ == 'u' ? 4 : 0;
    for (; digits > 0; digits--, scan->at++) {
        if (scan->at == scan->end || !is_hex(*scan->at)) {
            return wrong(scan, "\\u without four hexadecimal digits in a string");
        }
    }
    return true;
}

/* At a byte below 0x20 in a string. */
static bool refuse_control(struct scan *scan)
{
    switch (*scan->at) {
    case '\0':
        return wrong(scan, "NUL byte in a string: it is written \\u0000");
    case '\n':
        return wrong(scan, "line end in a string: it is written \\n");
    case '\t':
        return wrong(scan, "tab in a string: it is written \\t");
    default:
        return wrong(scan, "control character in a string: it is written \\u and its code");
    }
}

/* At the opening quote; checks escapes and UTF-8. */
static bool scan_text(struct scan *scan)
{
    const uint8_t *begin = ++scan->at;
    bool fits = true;
    while (fits && scan->at < scan->end && *scan->at != '"') {
        if (*scan->at < 0x20) {
            fits = refuse_control(scan);
        } else if (*scan->at == '\\') {
            fits = scan_escape(scan);
        } else {
            scan->at++;
        }
    }
    size_t len = (size_t)(scan->at - begin);
    size_t valid = fct_utf8_prefix(fct_slice(begin, len));
    if (valid < len) {
        scan->at = begin + valid;
        return wrong(scan, "invalid UTF-8 in a string");
    }
    if (scan->at == scan->end) {
        return wrong(scan, "the text ends inside a string");
    }
    if (!fits) {
        return false;
    }
    scan->at++;
    return true;
}

static bool scan_digits(struct scan *scan)
{
    const uint8_t *begin = scan->at;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9') {
        scan->at++;
    }
    return scan->at > begin || want(scan, "a digit");
}

static bool scan_number(struct scan *scan)
{
    if (*scan->at == '-') {
        scan->at++;
    } else if (*scan->at < '0' || *scan->at > '9') {
        return want(scan, "a value");
    }
    const uint8_t *whole = scan->at;
    if (!scan_digits(scan)) {
        return false;
    }
    if (*whole == '0' && scan->at - whole > 1) {
        scan->at = whole + 1;
        return wrong(scan, "number with a leading zero");
    }
    if (scan->at < scan->end && *scan->at == '.') {
        scan->at++;
        if (!scan_digits(scan)) {
            return false;
        }
    }
    if (scan->at < scan->end && (*scan->at | 0x20) == 'e') {
        scan->at++;
        if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-')) {
            scan->at++;
        }
        return scan_digits(scan);
    }
    return true;
}

static bool scan_word(struct scan *scan, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, word, len) != 0) {
        return want(scan, "a value");
    }
    scan->at += len;
    return true;
}

static bool scan_scalar(struct scan *scan)
{
    switch (*scan->at) {
    case '"':
        return scan_text(scan);
    case 't':
        return scan_word(scan, "true");
    case 'f':
        return scan_word(scan, "false");
    case 'n':
        return scan_word(scan, "null");
    default:
        return scan_number(scan);
    }
}

/* The part of an object's member before its value. */
static bool scan_name(struct scan *scan)
{
    skip_space(scan);
    if (scan->at >= scan->end || *scan->at != '"') {
        return want(scan, "a member's name in \" quotes");
    }
    if (!scan_text(scan)) {
        return false;
    }
    skip_space(scan);
    if (scan->at >= scan->end || *scan->at != ':') {
        return want(scan, "a ':'");
    }
    scan->at++;
    return true;
}

/* The arrays and objects that are open: a bit each. */
struct nest {
    uint64_t objects[FCT_JSON_DEPTH_MAX / 64 + 1];
    unsigned depth;
    unsigned depth_max; /* FCT_JSON_DEPTH_MAX + FCT_JSON_DOCUMENT_DEPTH at most */
};

static void open_nest(struct nest *nest, bool object)
{
    uint64_t bit = UINT64_C(1) << nest->depth % 64;
    uint64_t *word = &nest->objects[nest->depth++ / 64];
    *word = object ? *word | bit : *word & ~bit;
}

static bool in_object(const struct nest *nest)
{
    unsigned last = nest->depth - 1;
    return (nest->objects[last / 64] >> last % 64 & 1u) != 0;
}

/* After a value: closes what ends here, or goes on to the next member or item. */
static bool after_value(struct scan *scan, struct nest *nest)
{
    while (nest->depth > 0) {
        bool object = in_object(nest);
        skip_space(scan);
        const char *wanted = object ? "a ',' or '}'" : "a ',' or ']'";
        if (scan->at >= scan->end) {
            return want(scan, wanted);
        }
        uint8_t c = *scan->at;
        if (c == ',') {
            scan->at++;
            return object ? scan_name(scan) : true;
        }
        if (c != (object ? '}' : ']')) {
            return want(scan, wanted);
        }
        scan->at++;
        nest->depth--;
    }
    return true;
}

/* At the opening bracket. *inside: there is something in it, and the scan is at its first value. */
static bool scan_opening(struct scan *scan, struct nest *nest, bool *inside)
{
    bool object = *scan->at == '{';
    if (nest->depth == nest->depth_max) {
        return wrong(scan, "nesting deeper than 64");
    }
    scan->at++;
    skip_space(scan);
    *inside = scan->at >= scan->end || *scan->at != (object ? '}' : ']');
    if (!*inside) {
        scan->at++;
        return true;
    }
    open_nest(nest, object);
    return !object || scan_name(scan);
}

/* One value, with everything in it. */
static bool scan_value(struct scan *scan, unsigned depth_max)
{
    struct nest nest = {.depth_max = depth_max};
    do {
        skip_space(scan);
        if (scan->at >= scan->end) {
            return want(scan, "a value");
        }
        bool inside = false;
        bool fits = *scan->at == '{' || *scan->at == '[' ? scan_opening(scan, &nest, &inside)
                                                         : scan_scalar(scan);
        if (fits && !inside) {
            fits = after_value(scan, &nest);
        }
        if (!fits) {
            return false;
        }
    } while (nest.depth > 0);
    return true;
}

static enum fct_json_type type_of(uint8_t c)
{
    switch (c) {
    case '{':
        return FCT_JSON_OBJECT;
    case '[':
        return FCT_JSON_ARRAY;
    case '"':
        return FCT_JSON_TEXT;
    case 't':
    case 'f':
        return FCT_JSON_BOOL;
    case 'n':
        return FCT_JSON_NULL;
    default:
        return FCT_JSON_NUMBER;
    }
}

static factum_status parse(factum_slice text, unsigned depth_max, struct fct_json *value,
                           struct fct_json_fault *fault)
{
    static const uint8_t nothing[1];
    const uint8_t *start = text.len == 0 ? nothing : text.ptr;
    struct scan scan = {.start = start, .at = start, .end = start + text.len};
    skip_space(&scan);
    const uint8_t *begin = scan.at;
    bool valid = scan_value(&scan, depth_max);
    const uint8_t *end = scan.at;
    if (valid) {
        skip_space(&scan);
        valid = scan.at == scan.end || wrong(&scan, "trailing characters after the value");
    }
    if (!valid) {
        if (fault != NULL) {
            say_fault(&scan, fault);
        }
        return FACTUM_INVALID;
    }
    value->raw = fct_slice(begin, (size_t)(end - begin));
    value->type = type_of(*begin);
    return FACTUM_OK;
}

factum_status fct_json_parse(factum_slice text, struct fct_json *value,
                             struct fct_json_fault *fault)
{
    return parse(text, FCT_JSON_DEPTH_MAX, value, fault);
}

factum_status fct_json_parse_line(factum_slice text, struct fct_json *value,
                                  struct fct_json_fault *fault)
{
    return parse(text, FCT_JSON_DEPTH_MAX + 1, value, fault);
}

factum_status fct_json_parse_document(factum_slice text, struct fct_json *value,
                                      struct fct_json_fault *fault)
{
    return parse(text, FCT_JSON_DEPTH_MAX + FCT_JSON_DOCUMENT_DEPTH, value, fault);
}

factum_status fct_json_check(factum_slice text, struct fct_json *value, factum_error *err)
{
    struct fct_json_fault fault;
    return fct_json_parse(text, value, &fault) == FACTUM_OK
               ? FACTUM_OK
               : fct_fail(err, FACTUM_INVALID, "not valid JSON: %s at byte %zu", fault.reason,
                          fault.at);
}

/* ---- stepping through what was checked ------------------------------------------------------- */

/* The end of the value at |at|; brackets inside texts are stepped over. */
static const uint8_t *value_end(const uint8_t *at, const uint8_t *end)
{
    int depth = 0;
    for (; at < end; at++) {
        uint8_t c = *at;
        if (c == '"') {
            for (at++; at < end && *at != '"'; at++) {
                at += *at == '\\' ? 1 : 0;
            }
            if (depth == 0) {
                return at + 1;
            }
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (depth == 0) {
                return at;
            }
            if (--depth == 0) {
                return at + 1;
            }
        } else if (depth == 0 && (c == ',' || c == ' ' || c == '\n' || c == '\r' || c == '\t')) {
            return at;
        }
    }
    return at;
}

/* Moves to the next member or item; false at the closing bracket. */
static bool next_place(struct scan *scan)
{
    skip_space(scan);
    if (scan->at < scan->end && *scan->at == ',') {
        scan->at++;
        skip_space(scan);
    }
    return scan->at + 1 < scan->end;
}

static void take_value(struct scan *scan, struct fct_json *value)
{
    skip_space(scan);
    const uint8_t *end = value_end(scan->at, scan->end);
    value->raw = fct_slice(scan->at, (size_t)(end - scan->at));
    value->type = type_of(*scan->at);
    scan->at = end;
}

static struct scan inside(const struct fct_json *container, size_t offset)
{
    const uint8_t *start = container->raw.ptr;
    return (struct scan){.start = start,
                         .at = start + (offset == 0 ? 1 : offset),
                         .end = start + container->raw.len};
}

bool fct_json_member_next(const struct fct_json *object, size_t *offset, factum_slice *name,
                          struct fct_json *value)
{
    struct scan scan = inside(object, *offset);
    if (object->type != FCT_JSON_OBJECT || !next_place(&scan)) {
        return false;
    }
    struct fct_json key;
    take_value(&scan, &key);
    *name = fct_slice(key.raw.ptr + 1, key.raw.len - 2);
    skip_space(&scan);
    scan.at++; /* the colon */
    take_value(&scan, value);
    *offset = (size_t)(scan.at - scan.start);
    return true;
}

bool fct_json_item_next(const struct fct_json *array, size_t *offset, struct fct_json *value)
{
    struct scan scan = inside(array, *offset);
    if (array->type != FCT_JSON_ARRAY || !next_place(&scan)) {
        return false;
    }
    take_value(&scan, value);
    *offset = (size_t)(scan.at - scan.start);
    return true;
}

bool fct_json_member(const struct fct_json *object, factum_slice name, struct fct_json *value)
{
    size_t offset = 0;
    factum_slice found;
    struct fct_json candidate;
    bool any = false;
    while (fct_json_member_next(object, &offset, &found, &candidate)) {
        bool same = fct_slice_equal(found, name);
        if (!same && found.len > name.len && memchr(found.ptr, '\\', found.len) != NULL) {
            char plain[256];
            size_t len;
            same = fct_json_unescape(found, plain, sizeof plain, &len) == FACTUM_OK &&
                   fct_slice_equal(fct_slice(plain, len), name);
        }
        if (same) {
            *value = candidate;
            any = true;
        }
    }
    return any;
}

/* ---- texts and numbers ----------------------------------------------------------------------- */

static uint32_t hex4(const uint8_t *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = at[i];
        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static size_t put_utf8(uint8_t *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (uint8_t)(0xc0 | c >> 6);
        to[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (uint8_t)(0xe0 | c >> 12);
        to[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        to[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (uint8_t)(0xf0 | c >> 18);
    to[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    to[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    to[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

/* At the backslash of a checked text: its meaning in |to| (up to 4 bytes); bytes read, 0 if it has
 * none. */
static size_t unescape_one(const uint8_t *at, const uint8_t *end, uint8_t *to, size_t *put)
{
    static const char from[] = "\"\\/bfnrt";
    static const char meaning[] = "\"\\/\b\f\n\r\t";
    if (end - at < 2) {
        return 0;
    }
    if (at[1] != 'u') {
        const char *place = at[1] == '\0' ? NULL : strchr(from, at[1]);
        if (place == NULL) {
            return 0;
        }
        to[0] = (uint8_t)meaning[place - from];
        *put = 1;
        return 2;
    }
    if (end - at < 6) {
        return 0;
    }
    uint32_t c = hex4(at + 2);
    size_t used = 6;
    if (c >= 0xd800 && c < 0xdc00) {
        if (end - at < 12 || at[6] != '\\' || at[7] != 'u') {
            return 0;
        }
        uint32_t low = hex4(at + 8);
        if (low < 0xdc00 || low > 0xdfff) {
            return 0;
        }
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        used = 12;
    } else if (c >= 0xdc00 && c < 0xe000) {
        return 0;
    }
    *put = put_utf8(to, c);
    return used;
}

factum_status fct_json_unescape(factum_slice raw, char *to, size_t size, size_t *len)
{
    if (raw.len >= 2 && raw.ptr[0] == '"' && raw.ptr[raw.len - 1] == '"') {
        raw = fct_slice(raw.ptr + 1, raw.len - 2);
    }
    const uint8_t *at = raw.ptr;
    const uint8_t *end = raw.ptr + raw.len;
    size_t used = 0;
    while (at < end) {
        uint8_t bytes[4];
        size_t put = 1;
        size_t read = 1;
        bytes[0] = *at;
        if (*at == '\\') {
            read = unescape_one(at, end, bytes, &put);
            if (read == 0) {
                return FACTUM_INVALID;
            }
        }
        if (put > size - used) {
            return FACTUM_TOO_BIG;
        }
        memcpy(to + used, bytes, put);
        used += put;
        at += read;
    }
    *len = used;
    return FACTUM_OK;
}

/* The digits before an exponent, as |*number| below or equal to 0 and a power of ten: zeros at the
 * end only count in the power, so that 1.000 does not overflow where 1 does not. */
static bool take_digits(struct scan *scan, int64_t *number, int64_t *power)
{
    int64_t zeros = 0;
    bool point = false;
    *number = 0;
    *power = 0;
    for (; scan->at < scan->end && (*scan->at | 0x20) != 'e'; scan->at++) {
        if (*scan->at == '.') {
            point = true;
            continue;
        }
        *power -= point ? 1 : 0;
        zeros++;
        if (*scan->at == '0') {
            continue;
        }
        for (; zeros > 0; zeros--) {
            if (__builtin_mul_overflow(*number, 10, number)) {
                return false;
            }
        }
        if (__builtin_sub_overflow(*number, *scan->at - '0', number)) {
            return false;
        }
    }
    *power += zeros;
    return true;
}

/* Cut where no text is long enough to make up for it. */
static int64_t take_exponent(struct scan *scan)
{
    int64_t exponent = 0;
    if (scan->at == scan->end) {
        return 0;
    }
    scan->at++;
    bool minus = *scan->at == '-';
    scan->at += minus || *scan->at == '+' ? 1 : 0;
    for (; scan->at < scan->end && exponent < INT64_MAX / 100; scan->at++) {
        exponent = exponent * 10 + (*scan->at - '0');
    }
    return minus ? -exponent : exponent;
}

factum_status fct_json_int64(const struct fct_json *value, int64_t *number)
{
    if (value->type != FCT_JSON_NUMBER) {
        return FACTUM_INVALID;
    }
    const uint8_t *start = value->raw.ptr;
    struct scan scan = {.start = start, .at = start, .end = start + value->raw.len};
    bool minus = *scan.at == '-';
    scan.at += minus ? 1 : 0;
    int64_t result;
    int64_t power;
    if (!take_digits(&scan, &result, &power)) {
        return FACTUM_INVALID;
    }
    for (power += take_exponent(&scan); power > 0 && result != 0; power--) {
        if (__builtin_mul_overflow(result, 10, &result)) {
            return FACTUM_INVALID;
        }
    }
    for (; power < 0 && result != 0; power++) {
        if (result % 10 != 0) {
            return FACTUM_INVALID;
        }
        result /= 10;
    }
    if (!minus && __builtin_sub_overflow(0, result, &result)) {
        return FACTUM_INVALID;
    }
    *number = result;
    return FACTUM_OK;
}
