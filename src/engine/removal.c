/* removal.c - see removal.h. Layer: engine. */
#include "engine/removal.h"

#include <string.h>

#include "core/check.h"
#include "core/slice.h"
#include "engine/engine.h"
#include "engine/rules.h"

void fct_removal_init(struct fct_removal *removal, const factum_append_op *op)
{
    FCT_ASSERT(op->action != FACTUM_ACTION_APPEND);
    FCT_ASSERT(fct_op_request(op)->expectation_count == 1);
    factum_expectation target = fct_op_request(op)->expectations[0];
    removal->request = *fct_op_request(op);
    removal->request.events = &removal->event;
    removal->request.event_count = 1;
    removal->request.expectations = removal->expectations;
    removal->expectations[0] = target;
    removal->event = (factum_new_event){
        .stream = target.stream, .type = FCT_SLICE(FCT_TYPE_TOMBSTONE), .data = FCT_SLICE("{}")};
    if (op->action == FACTUM_ACTION_DELETE) {
        FCT_ASSERT(target.stream.len <= FACTUM_NAME_SIZE_MAX);
        memcpy(removal->metastream, "$$", 2);
        memcpy(removal->metastream + 2, target.stream.ptr, target.stream.len);
        factum_slice metastream = fct_slice(removal->metastream, target.stream.len + 2);
        removal->event.stream = metastream;
        removal->event.type = FCT_SLICE(FCT_TYPE_METADATA);
        removal->event.data = FCT_SLICE("{\"$tb\":9223372036854775807}"); /* FCT_SOFT_DELETED */
        removal->expectations[1] = (factum_expectation){metastream, factum_any()};
        removal->request.expectation_count = 2;
    }
}
