/* uri.c - see uri.h. Layer: schema. */
#include "schema/uri.h"

#include <string.h>

#include "core/slice.h"

/* The text before the first of |stops|; *rest begins with that character. */
static factum_slice take_until(factum_slice *rest, const char *stops)
{
    size_t len = 0;
    while (len < rest->len && strchr(stops, rest->ptr[len]) == NULL) {
        len++;
    }
    factum_slice taken = fct_slice(rest->ptr, len);
    *rest = fct_slice_from(*rest, len);
    return taken;
}

static bool take_byte(factum_slice *rest, char byte)
{
    if (rest->len == 0 || rest->ptr[0] != (uint8_t)byte) {
        return false;
    }
    *rest = fct_slice_from(*rest, 1);
    return true;
}

static bool is_scheme(factum_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!letter && (i == 0 || !other)) {
            return false;
        }
    }
    return text.len > 0;
}

struct fct_uri fct_uri_split(factum_slice text)
{
    struct fct_uri uri = {.has_scheme = false};
    factum_slice rest = text.ptr == NULL ? FCT_SLICE("") : text;
    factum_slice whole = rest;
    uri.scheme = take_until(&rest, ":/?#");
    uri.has_scheme = is_scheme(uri.scheme) && take_byte(&rest, ':');
    if (!uri.has_scheme) {
        rest = whole;
    }
    if (rest.len >= 2 && rest.ptr[0] == '/' && rest.ptr[1] == '/') {
        rest = fct_slice_from(rest, 2);
        uri.has_authority = true;
        uri.authority = take_until(&rest, "/?#");
    }
    uri.path = take_until(&rest, "?#");
    if (take_byte(&rest, '?')) {
        uri.has_query = true;
        uri.query = take_until(&rest, "#");
    }
    if (take_byte(&rest, '#')) {
        uri.has_fragment = true;
        uri.fragment = rest;
    }
    return uri;
}

/* Removes "." and ".." from the path from |start| on (RFC 3986, 5.2.4), in place. */
static void remove_dots(struct fct_buf *to, size_t start)
{
    uint8_t *path = to->ptr + start;
    size_t len = to->len - start;
    size_t out = 0;
    size_t at = 0;
    while (at < len) {
        size_t end = at + (path[at] == '/' ? 1 : 0);
        while (end < len && path[end] != '/') {
            end++;
        }
        factum_slice part = fct_slice(path + at, end - at);
        bool last = end == len;
        if (fct_slice_equal(part, FCT_SLICE("/..")) || fct_slice_equal(part, FCT_SLICE("/."))) {
            while (part.len == 3 && out > 0 && path[--out] != '/') {
            }
            if (last) {
                path[out++] = '/';
            }
        } else if (!fct_slice_equal(part, FCT_SLICE("..")) &&
                   !fct_slice_equal(part, FCT_SLICE("."))) {
            memmove(path + out, part.ptr, part.len);
            out += part.len;
        }
        at = end;
    }
    to->len = start + out;
}

/* The path of a reference that has one: from the root, or relative to the base's. */
static factum_status add_path(struct fct_buf *to, const struct fct_uri *base,
                              const struct fct_uri *reference)
{
    size_t start = to->len;
    factum_status status = FACTUM_OK;
    bool rooted = reference->path.len > 0 && reference->path.ptr[0] == '/';
    if (!rooted && base->has_authority && base->path.len == 0) {
        status = fct_buf_add_text(to, "/");
    } else if (!rooted) {
        size_t dir = base->path.len;
        while (dir > 0 && base->path.ptr[dir - 1] != '/') {
            dir--;
        }
        status = fct_buf_add_slice(to, fct_slice(base->path.ptr, dir));
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_add_slice(to, reference->path);
    if (status != FACTUM_OK) {
        return status;
    }
    if (to->len > start) {
        remove_dots(to, start);
    }
    return FACTUM_OK;
}

static factum_status add_head(struct fct_buf *to, const struct fct_uri *uri, bool scheme)
{
    factum_status status = FACTUM_OK;
    if (scheme && uri->has_scheme) {
        status = fct_buf_add_slice(to, uri->scheme);
        status = status == FACTUM_OK ? fct_buf_add_text(to, ":") : status;
    }
    if (status == FACTUM_OK && uri->has_authority) {
        status = fct_buf_add_text(to, "//");
        status = status == FACTUM_OK ? fct_buf_add_slice(to, uri->authority) : status;
    }
    return status;
}

static factum_status add_query(struct fct_buf *to, const struct fct_uri *uri)
{
    factum_status status = uri->has_query ? fct_buf_add_text(to, "?") : FACTUM_OK;
    return status == FACTUM_OK && uri->has_query ? fct_buf_add_slice(to, uri->query) : status;
}

factum_status fct_uri_resolve(struct fct_buf *to, factum_slice base_text, factum_slice text)
{
    struct fct_uri base = fct_uri_split(base_text);
    struct fct_uri reference = fct_uri_split(text);
    static const struct fct_uri none = {.has_scheme = false};
    bool own = reference.has_scheme || reference.has_authority;
    const struct fct_uri *head = own ? &reference : &base;
    factum_status status = FACTUM_OK;
    if (reference.has_authority && !reference.has_scheme && base.has_scheme) {
        status = fct_buf_add_slice(to, base.scheme);
        status = status == FACTUM_OK ? fct_buf_add_text(to, ":") : status;
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = add_head(to, head, true);
    if (status != FACTUM_OK) {
        return status;
    }
    bool same_path = !own && reference.path.len == 0;
    if (same_path) {
        status = fct_buf_add_slice(to, base.path);
    } else {
        status = add_path(to, own ? &none : &base, &reference);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    return add_query(to, same_path && !reference.has_query ? &base : &reference);
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t fct_uri_decode(uint8_t *text, size_t len)
{
    size_t out = 0;
    for (size_t at = 0; at < len; out++) {
        int high = at + 2 < len && text[at] == '%' ? hex_value(text[at + 1]) : -1;
        int low = high >= 0 ? hex_value(text[at + 2]) : -1;
        text[out] = low >= 0 ? (uint8_t)(high * 16 + low) : text[at];
        at += low >= 0 ? 3 : 1;
    }
    return out;
}
