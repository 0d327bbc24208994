/* record.h - the events of a saga's stream: printed from changes, and parsed. Layer: saga. Pure.
 *
 * The type of an event is the kind of its change. Its data has the change, with steps by name, and
 * the related values: kept values, reasons, the reply. docs/formats.md lists them. Members of a
 * later version are skipped.
 */
#ifndef FCT_SAGA_RECORD_H
#define FCT_SAGA_RECORD_H

#include "saga/definition.h"
#include "saga/names.h"
#include "saga/state.h"

/* A change with its data. Slices are borrowed, from the event or the arena. */
struct fct_record {
    struct fct_change change;
    factum_slice keep; /* a JSON object, or empty */
    factum_slice code; /* the reason, for programs; the next for people */
    factum_slice text;
    factum_slice reply_type; /* of the event that the change is about, or empty */
    uint64_t reply_position;
    factum_slice start_event; /* of SAGA_STARTED: the id of the event, as text */
    factum_slice hash;        /* of SAGA_STARTED: of the definition */
    uint64_t version;         /* the same */
    factum_slice by;          /* of an operator's act; so is the next */
    factum_slice reason;
    bool has_input; /* the commit has taken the event at |input| */
    uint64_t input;
};

/* The type of the event: "StepStarted". Static. */
factum_slice fct_record_type(uint8_t kind);
/* The kind of change of an event's type; 0: none. */
uint8_t fct_record_kind(factum_slice type);
/* Prints the data into |arena|. Errors: INVALID (a text is not UTF-8), TOO_BIG, NO_MEMORY. */
FCT_MUST_USE factum_status fct_record_print(const struct factum_saga *saga,
                                            const struct fct_saga_key *key,
                                            const struct fct_record *record, factum_arena *arena,
                                            factum_slice *data, factum_error *err);
/* Parses |data| of an event of |type|; texts are in |data| or in |arena|. Errors: NOT_FOUND (not an
 * event of sagas), INVALID (it names a step that |saga| does not have, or has another form),
 * NO_MEMORY, TOO_BIG (the arena). */
FCT_MUST_USE factum_status fct_record_read(const struct factum_saga *saga, factum_slice type,
                                           factum_slice data, factum_arena *arena,
                                           struct fct_record *record, factum_error *err);

/* "late", "ask" and so on; "" for none. Static. */
const char *fct_why_name(uint8_t why);

#endif
