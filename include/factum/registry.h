/* registry.h - the schemas of a store: registered by subject, in versions, proven on stored events.
 *
 *     factum_registration done = {.size = sizeof done};
 *     status = factum_schema_register(store, factum_slice_from("OrderPlaced"), schema, NULL, &done,
 *                                     &err);
 *
 * A *subject* is an event type, "OrderPlaced", or a type in one category only, "order/OrderPlaced".
 * The first slash divides: a type with a slash in its name needs its category. A subject has
 * *versions* 1, 2, 3 ...; the newest is in force. Once a version is registered, every append must
 * fit it, whichever way it comes in. A version is accepted only if every stored event of its
 * subject fits it. So all events of a type fit its newest schema, unless somebody has chosen
 * otherwise, which is recorded.
 *
 * The registry is the stream "$schemas": it has a history and survives with the store. These calls
 * work on every kind of store. They may wait: not from inside a function that the store calls
 * (async.h).
 *
 * Valid C99 and C++17. Any thread. */
#ifndef FACTUM_REGISTRY_H
#define FACTUM_REGISTRY_H

#include <factum/schema.h>
#include <factum/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what is registered ---------------------------------------------------------------------- */

/* What happens to an event that does not fit the newest version. */
typedef enum factum_schema_mode {
    /* The mode of the type without its category, or else of the category; REJECT if neither is
     * set. */
    FACTUM_SCHEMA_MODE_UNSET = 0,
    FACTUM_SCHEMA_MODE_OFF = 1,  /* events are not checked */
    FACTUM_SCHEMA_MODE_WARN = 2, /* stored; its metadata and the log say why it does not fit */
    FACTUM_SCHEMA_MODE_REJECT = 3
} factum_schema_mode;

/* Which stored events a version is proven on before it is accepted. */
typedef enum factum_schema_proof {
    FACTUM_SCHEMA_PROOF_ALL = 0,
    FACTUM_SCHEMA_PROOF_AFTER = 1, /* those after a place */
    FACTUM_SCHEMA_PROOF_NONE = 2
} factum_schema_proof;

typedef struct factum_schema_version {
    size_t size;
    factum_slice subject;
    uint64_t version;  /* from 1 */
    uint64_t id;       /* "$schema.id" of the events; equal schemas have equal ids */
    factum_slice hash; /* SHA-256 of the text, 64 hexadecimal digits */
    factum_slice text; /* the schema */
    factum_schema_proof proof;
    uint64_t after;  /* of PROOF_AFTER: the place */
    int64_t created; /* when it was registered */
    bool newest;
} factum_schema_version;

/* The registry as it was when it was read. */
typedef struct factum_schemas factum_schemas;

/* Reads the registry, into *schemas, which is yours until factum_schemas_close; NULL on failure.
 * Errors: those of factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status factum_schemas_open(factum_store *store,
                                                             factum_schemas **schemas,
                                                             factum_error *err);
/* Frees it. Accepts NULL. */
FACTUM_API void factum_schemas_close(factum_schemas *schemas);
/* The |index|-th version, counted from 0, in the order of registration, into |version|, whose texts
 * are borrowed until the registry is closed. DONE: there are no more. Errors: INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_schemas_at(const factum_schemas *schemas,
                                                           size_t index,
                                                           factum_schema_version *version,
                                                           factum_error *err);
/* Version |number| of |subject| (0: the newest), into |version|, whose texts are borrowed until the
 * registry is closed. Errors: NOT_FOUND (the subject has no schema, or not this version: the
 * text names the newest), INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_schemas_find(const factum_schemas *schemas,
                                                             factum_slice subject, uint64_t number,
                                                             factum_schema_version *version,
                                                             factum_error *err);
/* The |index|-th mode that is set, never UNSET, into *mode and *subject, which may be a category,
 * "CATEGORY/". DONE: there are no more. Errors: INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_schemas_mode_at(const factum_schemas *schemas,
                                                                size_t index, factum_slice *subject,
                                                                factum_schema_mode *mode,
                                                                factum_error *err);
/* The mode that is set for |subject| itself; UNSET if none is. */
FACTUM_API factum_schema_mode factum_schemas_mode_get(const factum_schemas *schemas,
                                                      factum_slice subject);
/* "off", "warn", "reject"; "" for UNSET. Static. */
FACTUM_API const char *factum_schema_mode_name(factum_schema_mode mode);
/* "all", "after", "none". Static. */
FACTUM_API const char *factum_schema_proof_name(factum_schema_proof proof);

/* ---- registering ----------------------------------------------------------------------------- */

typedef struct factum_register_options {
    size_t size;
    factum_schema_proof proof;
    uint64_t after; /* of PROOF_AFTER: a place, such as an event's position; 0 with the others */
    const factum_progress *progress; /* events checked so far, and how many there are; or NULL */
    const factum_call *call;         /* or NULL */
} factum_register_options;

typedef struct factum_registration {
    size_t size;
    uint64_t version;
    uint64_t id;
    bool already;           /* the subject has this schema: nothing was written */
    uint64_t proven_events; /* stored events that were checked */
    /* On SCHEMA_VIOLATION: the first stored event that does not fit. */
    uint64_t failed_position;
    uint64_t failed_revision;
    char failed_stream[256];  /* truncated if it is longer */
    char failed_pointer[256]; /* into its data; truncated if it is longer */
    /* |version| is the newest, or becomes so. False only with |already|: the schema is that of an
     * older version, and the newest stays in force. To return to an older schema, register it with
     * a difference, such as another "$comment". */
    bool newest;
} factum_registration;

/* Registers |text| as the next version of |subject|. |options| and |registration| are optional.
 * Events of the type may be appended meanwhile: those that do not fit are found before the version
 * is accepted.
 * Errors: INVALID (not a subject, not JSON, not a schema, or |after| without PROOF_AFTER),
 * UNSUPPORTED and TOO_BIG (as from factum_schema_compile), SCHEMA_VIOLATION (a stored event does
 * not fit; |registration| names it), BUSY (others register, or append events of the type, faster
 * than they can be checked: try again), CANCELLED (by |progress|), and those of factum_read and
 * factum_append. */
FACTUM_API FACTUM_MUST_USE factum_status factum_schema_register(
    factum_store *store, factum_slice subject, factum_slice text,
    const factum_register_options *options, factum_registration *registration, factum_error *err);
/* As factum_schema_register, but registers nothing. */
FACTUM_API FACTUM_MUST_USE factum_status factum_schema_prove(
    factum_store *store, factum_slice subject, factum_slice text,
    const factum_register_options *options, factum_registration *registration, factum_error *err);

/* Sets the mode of a subject, or of a category, "order/", for its types that have none of their
 * own. UNSET takes back what was set. Errors: INVALID, BUSY (others register: try again), and those
 * of factum_append. */
FACTUM_API FACTUM_MUST_USE factum_status factum_schema_mode_set(factum_store *store,
                                                                factum_slice subject,
                                                                factum_schema_mode mode,
                                                                factum_error *err);

/* ---- a first schema -------------------------------------------------------------------------- */

/* A draft of a schema, derived from stored events, to be edited before it is registered: members
 * that every event has are required, texts with few different values are an enum. */
typedef struct factum_schema_sketch factum_schema_sketch;

/* Looks at the newest |events_max| events of |subject| (0: all). |progress| is optional. *sketch
 * gets the draft, which is yours until factum_schema_sketch_free; NULL on failure. Errors:
 * NOT_FOUND (no event whose data is JSON), INVALID, CANCELLED, and those of factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status factum_schema_infer(
    factum_store *store, factum_slice subject, uint64_t events_max, const factum_progress *progress,
    factum_schema_sketch **sketch, factum_error *err);
/* The schema, indented; borrowed until the sketch is freed. */
FACTUM_API factum_slice factum_schema_sketch_text(const factum_schema_sketch *sketch);
/* How many events were looked at. *not_json is how many of them are not JSON and were left out. */
FACTUM_API uint64_t factum_schema_sketch_events(const factum_schema_sketch *sketch,
                                                uint64_t *not_json);
/* Frees it. Accepts NULL. */
FACTUM_API void factum_schema_sketch_free(factum_schema_sketch *sketch);

#ifdef __cplusplus
}
#endif
#endif
