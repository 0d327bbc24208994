/* registry.h - the schemas of a store: registered by subject, in versions, proven on stored events.
 *
 *     factum_registration done = {.size = sizeof done};
 *     status = factum_schema_register(store, factum_slice_from("OrderPlaced"), schema, NULL, &done,
 *                                     &err);
 *
 * A *subject* is an event type, "OrderPlaced", or a type in one category only,
 * "order/OrderPlaced". The first slash divides: a type with a slash in its name needs its category.
 * A subject has *versions* 1, 2, 3 ...; the newest counts. From the moment when a version is
 * registered, every append through any door must fit it, and a version is accepted only if every
 * stored event of its subject fits it: so all events of a type can be read by its newest schema,
 * unless somebody has chosen otherwise, which is recorded.
 *
 * The registry is the stream "$schemas": it has a history and survives with the store. These calls
 * work on every kind of store. They may wait: not for functions that a store calls back.
 *
 * Valid C99 and C++17. Any thread.
 */
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
    /* As the type says without its category, or else as the category says; REJECT where neither
     * does. */
    FACTUM_SCHEMA_MODE_UNSET = 0,
    FACTUM_SCHEMA_MODE_OFF = 1, /* events are not looked at */
    FACTUM_SCHEMA_MODE_WARN =
        2, /* it is stored; its metadata and the log say why it does not fit */
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

/* Reads the registry. *schemas is the caller's, for factum_schemas_close; NULL on failure. As
 * factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status factum_schemas_open(factum_store *store,
                                                             factum_schemas **schemas,
                                                             factum_error *err);
/* Accepts NULL. */
FACTUM_API void factum_schemas_close(factum_schemas *schemas);
/* The |index|-th version, counted from 0, in the order of their registration; lent until the
 * registry is closed. DONE: there are no more. INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_schemas_at(const factum_schemas *schemas,
                                                           size_t index,
                                                           factum_schema_version *version,
                                                           factum_error *err);
/* A version of |subject|; |number| 0: the newest. NOT_FOUND: the subject has no schema, or no
 * version of that number; the text says which is its newest. INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_schemas_find(const factum_schemas *schemas,
                                                             factum_slice subject, uint64_t number,
                                                             factum_schema_version *version,
                                                             factum_error *err);
/* The |index|-th mode that is set, never UNSET, "CATEGORY/" included. DONE. */
FACTUM_API FACTUM_MUST_USE factum_status factum_schemas_mode_at(const factum_schemas *schemas,
                                                                size_t index, factum_slice *subject,
                                                                factum_schema_mode *mode,
                                                                factum_error *err);
/* The mode that is set for |subject| itself; UNSET: none is. */
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
    uint64_t proven_events; /* that were checked */
    /* On SCHEMA_VIOLATION: the first stored event that does not fit. */
    uint64_t failed_position;
    uint64_t failed_revision;
    char failed_stream[256];  /* cut if it is longer */
    char failed_pointer[256]; /* into its data; cut if it is longer */
    /* |version| is the newest, or becomes so. False only with |already|: the schema is that of an
     * older version, and the newest stays in force. To return to an older schema, register it with
     * a difference, such as another "$comment". */
    bool newest;
} factum_registration;

/* Registers |text| as the next version of |subject|. |options| and |registration| may be NULL.
 * Events of the type may be appended meanwhile: those that do not fit are found before the version
 * is accepted. INVALID: no subject, no JSON, no schema, |after| without PROOF_AFTER. UNSUPPORTED,
 * TOO_BIG: as factum_schema_compile. SCHEMA_VIOLATION: a stored event does not fit; the
 * registration names it. BUSY: others register, or events of the type are appended, faster than
 * this can be proven: try again. CANCELLED: by |progress|. Otherwise as factum_read and
 * factum_append. */
FACTUM_API FACTUM_MUST_USE factum_status factum_schema_register(
    factum_store *store, factum_slice subject, factum_slice text,
    const factum_register_options *options, factum_registration *registration, factum_error *err);
/* The same without registering: would |text| be accepted? */
FACTUM_API FACTUM_MUST_USE factum_status factum_schema_prove(
    factum_store *store, factum_slice subject, factum_slice text,
    const factum_register_options *options, factum_registration *registration, factum_error *err);

/* Sets the mode of a subject, or of a category, "order/", for its types that have none of their
 * own. UNSET takes back what was set. INVALID, BUSY (others register: try again), and as
 * factum_append. */
FACTUM_API FACTUM_MUST_USE factum_status factum_schema_mode_set(factum_store *store,
                                                                factum_slice subject,
                                                                factum_schema_mode mode,
                                                                factum_error *err);

/* ---- a first schema -------------------------------------------------------------------------- */

/* A draft that was drawn from stored events, to be edited before it is registered: members that
 * were always there are required, texts with few different values are an enum. */
typedef struct factum_schema_sketch factum_schema_sketch;

/* Looks at the newest |events_max| events of |subject| (0: all). *sketch is the caller's, for
 * factum_schema_sketch_free; NULL on failure. |progress| may be NULL. NOT_FOUND: there is no event
 * whose data is JSON. INVALID, CANCELLED, and as factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status factum_schema_infer(
    factum_store *store, factum_slice subject, uint64_t events_max, const factum_progress *progress,
    factum_schema_sketch **sketch, factum_error *err);
/* The schema, indented; lent until the sketch is freed. */
FACTUM_API factum_slice factum_schema_sketch_text(const factum_schema_sketch *sketch);
/* How many events were looked at, and how many of them are no JSON, which say nothing. */
FACTUM_API uint64_t factum_schema_sketch_events(const factum_schema_sketch *sketch,
                                                uint64_t *not_json);
/* Accepts NULL. */
FACTUM_API void factum_schema_sketch_free(factum_schema_sketch *sketch);

#ifdef __cplusplus
}
#endif
#endif
