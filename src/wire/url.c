/* url.c - see url.h. Layer: wire. */
#include "wire/url.h"

#include <string.h>

#include "core/error.h"
#include "core/slice.h"

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    uint8_t lower = (uint8_t)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static factum_status decode(factum_slice text, bool form, uint8_t *to, factum_slice *plain)
{
    uint8_t *start = to;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '%') {
            int high = text.len - i > 2 ? hex_value(text.ptr[i + 1]) : -1;
            int low = text.len - i > 2 ? hex_value(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return FACTUM_INVALID;
            }
            c = (uint8_t)(high * 16 + low);
            i += 2;
        } else if (form && c == '+') {
            c = ' ';
        }
        if (c == '\0') {
            return FACTUM_INVALID;
        }
        *to++ = c;
    }
    *plain = fct_slice(start, (size_t)(to - start));
    return fct_utf8_valid(*plain) ? FACTUM_OK : FACTUM_INVALID;
}

factum_status fct_percent_decode(factum_slice text, uint8_t *to, factum_slice *plain)
{
    return decode(text, false, to, plain);
}

/* RFC 3986, 3.3 and 3.4, and the '[', ']', '{', '}', '"', '|', '\', '^', '`' that clients leave
 * unencoded in a query. */
static bool is_target_byte(uint8_t c)
{
    return c > ' ' && c < 0x7f && c != '#' && c != '<' && c != '>';
}

static size_t find_byte(factum_slice text, char byte)
{
    const uint8_t *at = text.len == 0 ? NULL : memchr(text.ptr, byte, text.len);
    return at == NULL ? text.len : (size_t)(at - text.ptr);
}

static factum_status refuse_part(factum_slice part, factum_error *err)
{
    return fct_fail(err, FACTUM_INVALID,
                    "\"%.*s\" in the URL is not percent-encoded UTF-8: %% is followed by two "
                    "hexadecimal digits",
                    FCT_FMT(part));
}

static factum_status parse_path(factum_slice path, uint8_t **memory, struct fct_url *url,
                                factum_error *err)
{
    while (path.len > 0) { /* |path| begins with '/' */
        path = fct_slice_from(path, 1);
        factum_slice part = fct_slice(path.ptr, find_byte(path, '/'));
        if (url->segment_count == FCT_URL_SEGMENTS_MAX) {
            return fct_fail(err, FACTUM_TOO_BIG, "the path has more than %d segments",
                            FCT_URL_SEGMENTS_MAX);
        }
        factum_slice *segment = &url->segments[url->segment_count++];
        if (decode(part, false, *memory, segment) != FACTUM_OK) {
            return refuse_part(part, err);
        }
        *memory += segment->len;
        path = fct_slice_from(path, part.len);
    }
    return FACTUM_OK;
}

static factum_status parse_member(factum_slice part, uint8_t **memory, struct fct_url *url,
                                  factum_error *err)
{
    if (url->member_count == FCT_URL_MEMBERS_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "the query has more than %d members",
                        FCT_URL_MEMBERS_MAX);
    }
    struct fct_url_member *member = &url->members[url->member_count];
    size_t equal = find_byte(part, '=');
    member->has_value = equal < part.len;
    member->value = fct_slice(NULL, 0);
    factum_status status = decode(fct_slice(part.ptr, equal), true, *memory, &member->name);
    if (status == FACTUM_OK) {
        *memory += member->name.len;
    }
    if (status == FACTUM_OK && member->has_value) {
        status = decode(fct_slice_from(part, equal + 1), true, *memory, &member->value);
        *memory += status == FACTUM_OK ? member->value.len : 0;
    }
    if (status != FACTUM_OK) {
        return refuse_part(part, err);
    }
    for (size_t i = 0; i < url->member_count; i++) {
        if (fct_slice_equal(url->members[i].name, member->name)) {
            return fct_fail(err, FACTUM_INVALID, "\"%.*s\" occurs twice in the query",
                            FCT_FMT(member->name));
        }
    }
    url->member_count++;
    return FACTUM_OK;
}

factum_status fct_url_parse(factum_slice target, uint8_t *memory, struct fct_url *url,
                            factum_error *err)
{
    url->segment_count = 0;
    url->member_count = 0;
    if (target.len == 0 || target.ptr[0] != '/') {
        return fct_fail(err, FACTUM_INVALID,
                        "the target of a request is a path that begins with /");
    }
    for (size_t i = 0; i < target.len; i++) {
        if (!is_target_byte(target.ptr[i])) {
            return fct_fail(err, FACTUM_INVALID,
                            "byte 0x%02x in the URL must be percent-encoded (%%%02X)",
                            target.ptr[i], target.ptr[i]);
        }
    }
    size_t mark = find_byte(target, '?');
    factum_status status = parse_path(fct_slice(target.ptr, mark), &memory, url, err);
    factum_slice query = fct_slice_from(target, mark < target.len ? mark + 1 : mark);
    while (status == FACTUM_OK && query.len > 0) {
        factum_slice part = fct_slice(query.ptr, find_byte(query, '&'));
        query = fct_slice_from(query, part.len < query.len ? part.len + 1 : part.len);
        status = part.len == 0 ? FACTUM_OK : parse_member(part, &memory, url, err);
    }
    return status;
}

const struct fct_url_member *fct_url_member(const struct fct_url *url, const char *name)
{
    factum_slice wanted = factum_slice_from(name);
    for (size_t i = 0; i < url->member_count; i++) {
        if (fct_slice_equal(url->members[i].name, wanted)) {
            return &url->members[i];
        }
    }
    return NULL;
}
