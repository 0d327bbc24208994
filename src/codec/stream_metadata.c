/* stream_metadata.c - see stream_metadata.h. Layer: codec. */
#include "codec/stream_metadata.h"

#include <inttypes.h>

#include "core/error.h"
#include "core/slice.h"

#define TRUNCATE_BEFORE "$tb"

factum_status fct_given_metadata_read(factum_slice json, struct fct_given_metadata *given,
                                      factum_error *err)
{
    struct fct_json_member members[] = {{.name = FCT_SLICE("$maxCount")},
                                        {.name = FCT_SLICE("$maxAge")},
                                        {.name = FCT_SLICE(TRUNCATE_BEFORE)}};
    struct fct_json_fault fault;
    struct fct_json *object = &given->object;
    if (fct_json_pick(json, object, members, 3, &fault) != FACTUM_OK) {
        return fct_fail(err, FACTUM_INVALID, "stream metadata: not valid JSON: %s at byte %zu",
                        fault.reason, fault.at);
    }
    if (object->kind != FACTUM_JSON_OBJECT) {
        return fct_fail(err, FACTUM_INVALID, "stream metadata is a JSON object, not %.*s",
                        FCT_FMT(object->raw));
    }
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        int64_t number;
        if (members[i].found &&
            (fct_json_int64(&members[i].value, &number) != FACTUM_OK || number < 0)) {
            return fct_fail(err, FACTUM_INVALID, "%.*s is a whole number, 0 or more, not %.*s",
                            FCT_FMT(members[i].name), FCT_FMT(members[i].value.raw));
        }
    }
    given->has_before = members[2].found;
    given->empty =
        memchr(object->raw.ptr, '"', object->raw.len) == NULL; /* a member would have a name */
    return FACTUM_OK;
}

factum_status fct_given_metadata_put(const struct fct_given_metadata *given, uint64_t before,
                                     struct fct_buf *to)
{
    factum_status status = fct_buf_printf(to, "{\"" TRUNCATE_BEFORE "\":%" PRIu64 "%s", before,
                                          given->empty ? "" : ",");
    return status == FACTUM_OK ? fct_buf_add_slice(to, fct_slice_from(given->object.raw, 1))
                               : status;
}

uint64_t fct_hidden_before(const factum_stream_info *info)
{
    if (info->truncate_before != FCT_SOFT_DELETED) {
        return info->truncate_before;
    }
    return info->state == FACTUM_STREAM_SOFT_DELETED ? info->last_revision + 1 : 0;
}

factum_expected fct_metadata_expected(factum_expected wanted, const factum_stream_info *info)
{
    if (wanted.kind == FACTUM_EXPECTED_ANY && !info->has_metadata) {
        return factum_no_stream();
    }
    bool open_ended = wanted.kind == FACTUM_EXPECTED_ANY ||
                      (wanted.kind == FACTUM_EXPECTED_STREAM_EXISTS && info->has_metadata);
    return open_ended ? factum_at(info->metadata_revision) : wanted;
}
