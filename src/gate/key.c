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
    struct fct_json object;
    struct fct_json key;
    if (request->idempotency_key.len > 0 || request->event_count == 0 ||
        !fct_slice_holds(request->events[0].metadata, FCT_SLICE("\"" KEY_NAME "\""))) {
        return FACTUM_OK;
    }
    if (fct_json_parse(request->events[0].metadata, &object, NULL) != FACTUM_OK ||
        !fct_json_member(&object, FCT_SLICE(KEY_NAME), &key)) {
        return FACTUM_OK; /* it stands somewhere else in the text */
    }
    if (key.type != FCT_JSON_TEXT || key.raw.len < 3 || key.raw.len - 2 > FACTUM_NAME_SIZE_MAX ||
        memchr(key.raw.ptr, '\\', key.raw.len) != NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "event 0: " KEY_NAME " in its metadata is a text of 1 to %d bytes without "
                        "escapes",
                        FACTUM_NAME_SIZE_MAX);
    }
    request->idempotency_key = fct_slice(key.raw.ptr + 1, key.raw.len - 2);
    return FACTUM_OK;
}
