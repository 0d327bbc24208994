/* key.c - see key.h. Layer: gate. */
#include "gate/key.h"

#include <string.h>

#include "codec/json.h"
#include "core/error.h"
#include "core/slice.h"

#define KEY_NAME "$idempotencyKey"

factum_status fct_key_take(factum_append_op *op, factum_error *err)
{
    factum_append_request *request = fct_op_request_here(op);
    struct fct_json_member key = {.name = FCT_SLICE(KEY_NAME)};
    struct fct_json object;
    if (request->idempotency_key.len > 0 || request->event_count == 0 ||
        !fct_slice_holds(request->events[0].metadata, FCT_SLICE("\"" KEY_NAME "\""))) {
        return FACTUM_OK;
    }
    if (fct_json_pick(request->events[0].metadata, &object, &key, 1, NULL) != FACTUM_OK ||
        !key.found) {
        return FACTUM_OK; /* the text is elsewhere in the metadata */
    }
    factum_slice raw = key.value.raw;
    if (key.value.kind != FACTUM_JSON_TEXT || raw.len < 3 || raw.len - 2 > FACTUM_NAME_SIZE_MAX ||
        memchr(raw.ptr, '\\', raw.len) != NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "event 0: " KEY_NAME " in its metadata is a text of 1 to %d bytes without "
                        "escapes",
                        FACTUM_NAME_SIZE_MAX);
    }
    request->idempotency_key = fct_slice(raw.ptr + 1, raw.len - 2);
    return FACTUM_OK;
}
