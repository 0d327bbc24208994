/* endpoint_message.h - the request for a command: a CloudEvent, structured, in JSON. Layer: saga.
 * Pure.
 *
 *     {"specversion":"1.0","id":COMMAND ID,"source":"/factum/command/SERVICE","type":TYPE,
 *      "subject":SAGA ID,"time":RECORDED,"datacontenttype":"application/json",
 *      "correlationid":...,"causationid":...,"traceparent":...,"undoes":...,"data":{...}}
 *
 * Source: https://github.com/cloudevents/spec, version 1.0.2, and its extension "traceparent".
 */
#ifndef FCT_SAGA_ENDPOINT_MESSAGE_H
#define FCT_SAGA_ENDPOINT_MESSAGE_H

#include <factum/arena.h>
#include <factum/store.h>

#include "core/compiler.h"
#include "saga/command.h"

/* "stock" of "command:stock-order-1"; empty if |stream| is not a stream of commands. */
factum_slice fct_command_service(factum_slice stream);

/* Writes the body of the request into *body, in |arena|. Errors: INVALID (the data is not JSON). */
FCT_MUST_USE factum_status fct_command_body(const factum_event *event, factum_slice service,
                                            const struct fct_command_meta *meta,
                                            factum_arena *arena, factum_slice *body,
                                            factum_error *err);
/* The metadata of an event that is appended for a command: its reply, or its cancellation. |child|
 * may be empty. */
FCT_MUST_USE factum_status fct_reply_metadata(const struct fct_command_meta *meta,
                                              factum_slice causation_id, factum_slice child,
                                              factum_arena *arena, factum_slice *metadata,
                                              factum_error *err);

#endif
