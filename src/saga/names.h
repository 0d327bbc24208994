/* names.h - the names of streams and commands of sagas. Layer: saga. Pure.
 *
 *     saga id      order_fulfilment-42                      NAME-ID
 *     stream       saga:order_fulfilment-42
 *     command id   saga:order_fulfilment-42/charge/do/1     also the key of its answer
 *     commands     command:payment-order_fulfilment-42      category command:payment
 *
 * A name has no '-', so the id is the part after the first one. The id may contain any byte except
 * zero, so a command id is parsed from its end.
 */
#ifndef FCT_SAGA_NAMES_H
#define FCT_SAGA_NAMES_H

#include <factum/saga.h>

#include "core/compiler.h"

#define FCT_SAGA_PREFIX "saga:"
#define FCT_COMMAND_PREFIX "command:"
#define FCT_SAGA_DEFINITION_PREFIX "$definition:saga-"
/* The sizes include a zero byte. */
#define FCT_SAGA_STREAM_SIZE                                                                       \
    (sizeof FCT_SAGA_PREFIX + FACTUM_SAGA_NAME_MAX + 1u + FACTUM_SAGA_ID_MAX)
#define FCT_COMMAND_STREAM_SIZE                                                                    \
    (sizeof FCT_COMMAND_PREFIX + FACTUM_SAGA_NAME_MAX + FCT_SAGA_STREAM_SIZE)
#define FCT_COMMAND_ID_SIZE (FCT_SAGA_STREAM_SIZE + FACTUM_SAGA_NAME_MAX + 16u)

/* Names one saga. */
struct fct_saga_key {
    factum_slice name;
    factum_slice id;
};

/* The parts of a command id, borrowed from its text. */
struct fct_command_id {
    struct fct_saga_key saga;
    factum_slice saga_id; /* NAME-ID */
    factum_slice step;
    bool undo;
    uint16_t generation;
};

/* [a-z][a-z0-9_]*, at most FACTUM_SAGA_NAME_MAX bytes */
bool fct_saga_name_valid(factum_slice name);
/* Can it be printed as the name of a stream? A key that fct_saga_key_read has not read needs this
 * check before the functions below. */
bool fct_saga_key_valid(const struct fct_saga_key *key);
/* Reads NAME-ID, also after "saga:". False: neither. */
bool fct_saga_key_read(factum_slice text, struct fct_saga_key *key);
/* Is it the stream of a saga? If so, fills in |key|. */
bool fct_saga_stream_read(factum_slice stream, struct fct_saga_key *key);
/* Prints the stream's name and a zero byte; the saga id follows FCT_SAGA_PREFIX. |key| was read or
 * checked, so it fits. */
factum_slice fct_saga_stream(const struct fct_saga_key *key, char text[FCT_SAGA_STREAM_SIZE]);
factum_slice fct_command_stream(factum_slice service, const struct fct_saga_key *key,
                                char text[FCT_COMMAND_STREAM_SIZE]);
/* False: not a command id. */
bool fct_command_id_read(factum_slice text, struct fct_command_id *id);
factum_slice fct_command_id(const struct fct_saga_key *key, factum_slice step, bool undo,
                            uint16_t generation, char text[FCT_COMMAND_ID_SIZE]);

#endif
