/* name.c - see name.h. Layer: engine. */
#include "engine/name.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/slice.h"

#define SHOWN_MAX 40u /* bytes of an invalid name in an error text */

/* The beginning of a name that may have any bytes, for an error text: \xNN unless it is ASCII. */
static const char *show_name(factum_slice name, char text[SHOWN_MAX * 4 + 4])
{
    size_t used = 0;
    size_t len = name.len < SHOWN_MAX ? name.len : SHOWN_MAX;
    for (size_t i = 0; i < len; i++) {
        bool plain = name.ptr[i] >= 0x20 && name.ptr[i] < 0x7f;
        int step = snprintf(text + used, 5, plain ? "%c" : "\\x%02x", name.ptr[i]);
        used += (size_t)step;
    }
    memcpy(text + used, name.len > len ? "..." : "", name.len > len ? 4 : 1);
    return text;
}

static factum_status check_name(factum_slice name, size_t size_max, const char *what,
                                factum_error *err)
{
    char shown[SHOWN_MAX * 4 + 4];
    if (name.len == 0 || name.ptr == NULL) {
        return fct_fail(err, FACTUM_INVALID, "%s has no name: give it one", what);
    }
    if (name.len > size_max) {
        return fct_fail(err, FACTUM_TOO_BIG,
                        "%s has a name of %zu bytes, \"%s\": at most %zu, shorten it", what,
                        name.len, show_name(name, shown), size_max);
    }
    if (!fct_utf8_valid(name)) {
        return fct_fail(err, FACTUM_INVALID, "%s has a name that is not UTF-8 text: \"%s\"", what,
                        show_name(name, shown));
    }
    if (memchr(name.ptr, '\0', name.len) != NULL) {
        return fct_fail(err, FACTUM_INVALID, "%s has a name with a NUL byte in it: \"%s\"", what,
                        show_name(name, shown));
    }
    return FACTUM_OK;
}

factum_status fct_name_check(factum_slice name, const char *what, factum_error *err)
{
    return check_name(name, FACTUM_NAME_SIZE_MAX, what, err);
}

factum_status fct_name_check_optional(factum_slice name, const char *what, factum_error *err)
{
    return name.len == 0 ? FACTUM_OK : fct_name_check(name, what, err);
}

struct virtual_stream {
    const char *prefix;
    factum_source source;
};

static const struct virtual_stream virtual_streams[] = {
    {"$ce-", FACTUM_SOURCE_CATEGORY},
    {"$et-", FACTUM_SOURCE_TYPE},
    {"$bc-", FACTUM_SOURCE_CORRELATION},
};

static const struct virtual_stream *find_virtual(factum_slice name)
{
    for (size_t i = 0; i < sizeof virtual_streams / sizeof virtual_streams[0]; i++) {
        factum_slice prefix = factum_slice_from(virtual_streams[i].prefix);
        if (name.len > prefix.len && fct_slice_starts(name, prefix)) {
            return &virtual_streams[i];
        }
    }
    return NULL;
}

bool fct_name_resolve_virtual(factum_slice name, factum_source *source, factum_slice *rest)
{
    const struct virtual_stream *found = find_virtual(name);
    if (found == NULL) {
        return false;
    }
    *source = found->source;
    *rest = fct_slice_from(name, strlen(found->prefix));
    return true;
}

factum_status fct_name_check_readable(factum_slice name, const char *what, factum_error *err)
{
    size_t size_max = FACTUM_NAME_SIZE_MAX;
    const struct virtual_stream *made = name.ptr == NULL ? NULL : find_virtual(name);
    if (made != NULL) {
        size_max += strlen(made->prefix);
    } else if (name.ptr != NULL && fct_slice_starts(name, FCT_SLICE("$$"))) {
        size_max += 2;
    }
    return check_name(name, size_max, what, err);
}

factum_status fct_name_check_stream(factum_slice stream, factum_error *err)
{
    factum_status status = fct_name_check_readable(stream, "a stream", err);
    if (status != FACTUM_OK || !fct_slice_starts(stream, FCT_SLICE("$"))) {
        return status;
    }
    if (fct_slice_equal(stream, FCT_SLICE("$$")) || fct_slice_starts(stream, FCT_SLICE("$$$$"))) {
        return fct_fail(
            err, FACTUM_INVALID,
            "%.*s is not the name of a stream: a metastream is $$ and the name of a stream",
            FCT_FMT(stream));
    }
    if (find_virtual(stream) != NULL || fct_slice_equal(stream, FCT_SLICE("$all"))) {
        return fct_fail(err, FACTUM_INVALID,
                        "stream %.*s is made by the store: it can be read only", FCT_FMT(stream));
    }
    return FACTUM_OK;
}

factum_status fct_name_check_written(factum_slice stream, bool system, factum_error *err)
{
    factum_status status = fct_name_check_stream(stream, err);
    if (status == FACTUM_OK && !system && fct_slice_starts(stream, FCT_SLICE("$")) &&
        !fct_slice_starts(stream, FCT_SLICE("$$"))) {
        status = fct_fail(err, FACTUM_INVALID,
                          "stream %.*s: names that begin with $ are kept for the system; choose "
                          "another, or set the option system",
                          FCT_FMT(stream));
    }
    return status;
}
