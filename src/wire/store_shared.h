/* store_shared.h - what the messages of factum.v1.Store have in common, for the server and the
 * client. Layer: wire.
 *
 * Source of all store_*.h: proto/factum/v1/store.proto. Members mean what the proto says.
 *
 * Decoders take one message without its gRPC frame. Slices borrow from the message; nothing is
 * allocated. Unknown fields are skipped, numbers out of range of an enum are INVALID, as is text
 * that is not UTF-8. Statuses, if nothing else is said: OK; INVALID (no such message), TOO_BIG
 * (over a limit of the protocol). After a failure the output is undefined.
 *
 * Messages that hold arrays are read in two steps: decode says how much memory the arrays need,
 * build puts them into memory of the caller, who keeps message and memory as long as the result.
 *
 * Encoders add one message with its gRPC frame to |buf|: OK, NO_MEMORY, TOO_BIG; after a failure
 * the buffer is as it was before.
 */
#ifndef FCT_WIRE_STORE_SHARED_H
#define FCT_WIRE_STORE_SHARED_H

#include <factum/async.h>

#include "core/buf.h"

#define FCT_STORE_PROTOCOL 1u
#define FCT_STORE_EVENTS_MAX 100000u /* of one append */
#define FCT_STORE_EXPECTATIONS_MAX 200000u
#define FCT_STORE_REVISIONS_MAX FCT_STORE_EVENTS_MAX

/* What memory for arrays must be aligned to; that of fct_mem is. */
#define FCT_STORE_ALIGNMENT sizeof(void *)

/* The path of a method: "/factum.v1.Store/Append". */
#define FCT_STORE_PATH(method) "/factum.v1.Store/" method

/* Names and values of the trailers of a call that failed. */
#define FCT_STORE_TRAILER_STATUS "factum-status"
#define FCT_STORE_TRAILER_OS_ERROR "factum-os-error"
#define FCT_STORE_NUMBER_SIZE_MAX 21

/* |value| in decimal into |text|; the slice borrows it. */
factum_slice fct_store_format_number(uint64_t value, char text[FCT_STORE_NUMBER_SIZE_MAX]);
/* A status as a number on the wire, and back: false for what no failure (or OK) has. */
uint32_t fct_store_number_of(factum_status status);
bool fct_store_status_of(uint64_t number, factum_status *status);
/* A client's: how a call ended that has these trailers, an empty slice for those that are missing.
 * Without factum-status the status follows from grpc-status (0 to 16; anything else: UNREACHABLE).
 * Fills |err| from |message|, the value of grpc-message, as it came. */
FCT_MUST_USE factum_status fct_store_outcome(factum_slice grpc_status, factum_slice message,
                                             factum_slice factum_status_text, factum_slice os_error,
                                             factum_error *err);

/* ---- events ---------------------------------------------------------------------------------- */

/* Arrays for the event that was decoded last. */
struct fct_store_event_room {
    factum_slice tags[FACTUM_TAGS_MAX];
    factum_slice key;
};

/* An Event message, which fct_store_next_event or an AskAnswer gave. What |event| points to lasts
 * as long as the message and |room|. INVALID: also an id of other than 16 bytes, and more than
 * FACTUM_TAGS_MAX tags. */
FCT_MUST_USE factum_status fct_store_decode_event(factum_slice message,
                                                  struct fct_store_event_room *room,
                                                  factum_event *event, factum_error *err);

#endif
