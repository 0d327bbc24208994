/* store_shared.h - what the messages of factum.v1.Store share, for the server and the client.
 * Layer: wire.
 *
 * Source of all store_*.h: proto/factum/v1/store.proto, which documents the members.
 *
 * Decoders take one message without its gRPC frame. Slices borrow from the message; nothing is
 * allocated. Unknown fields are skipped. Errors, unless a function names others: INVALID (not this
 * message, a value outside its enum, text that is not UTF-8), TOO_BIG (over a limit of the
 * protocol). After a failure the output is undefined.
 *
 * Messages with arrays are read in two steps: decode computes the memory that the arrays need, and
 * build puts them into memory of the caller, who keeps message and memory as long as the result.
 *
 * Encoders append one message with its gRPC frame to |buf|. Errors: NO_MEMORY, TOO_BIG; the buffer
 * is then as before.
 */
#ifndef FCT_WIRE_STORE_SHARED_H
#define FCT_WIRE_STORE_SHARED_H

#include <factum/async.h>

#include "core/buf.h"

#define FCT_STORE_PROTOCOL 1u
#define FCT_STORE_EVENTS_MAX 100000u /* in one append */
#define FCT_STORE_EXPECTATIONS_MAX 200000u
#define FCT_STORE_REVISIONS_MAX FCT_STORE_EVENTS_MAX

/* The alignment that memory for arrays needs. Memory of fct_mem has it. */
#define FCT_STORE_ALIGNMENT sizeof(void *)

/* The path of a method: "/factum.v1.Store/Append". */
#define FCT_STORE_PATH(method) "/factum.v1.Store/" method

/* Names and values of the trailers of a failed call. */
#define FCT_STORE_TRAILER_STATUS "factum-status"
#define FCT_STORE_TRAILER_OS_ERROR "factum-os-error"
#define FCT_STORE_NUMBER_SIZE_MAX 21

/* Writes |value| in decimal into |text|; the slice borrows |text|. */
factum_slice fct_store_format_number(uint64_t value, char text[FCT_STORE_NUMBER_SIZE_MAX]);
/* Returns the number of a status on the wire, and back: false for a number of no failure (or
 * OK). */
uint32_t fct_store_number_of(factum_status status);
bool fct_store_status_of(uint64_t number, factum_status *status);
/* For clients: returns how a call ended that has these trailers; a missing trailer is an empty
 * slice. Without factum-status the status follows from grpc-status (0 to 16; anything else:
 * UNREACHABLE). Fills |err| from |message|, the raw value of grpc-message. */
FCT_MUST_USE factum_status fct_store_outcome(factum_slice grpc_status, factum_slice message,
                                             factum_slice factum_status_text, factum_slice os_error,
                                             factum_error *err);

/* ---- events ---------------------------------------------------------------------------------- */

/* Arrays for the event that was decoded last. */
struct fct_store_event_room {
    factum_slice tags[FACTUM_TAGS_MAX];
    factum_slice key;
};

/* Decodes an Event message of fct_store_next_event or of an AskAnswer. |event| borrows from the
 * message and from |room|. Errors: INVALID (also for an id of other than 16 bytes, and more than
 * FACTUM_TAGS_MAX tags). */
FCT_MUST_USE factum_status fct_store_decode_event(factum_slice message,
                                                  struct fct_store_event_room *room,
                                                  factum_event *event, factum_error *err);

#endif
