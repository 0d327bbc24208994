/* registry_event.h - the events of the schema registry, as structs and back. Layer: schema. Pure.
 *
 * The registry is the stream "$schemas", with two types of event:
 *
 *     $SchemaRegistered  {"subject", "version", "id", "hash", "proof", "after", "schema"}
 *     $SchemaModeSet     {"subject", "mode"}
 *
 * A subject is what a schema or a mode is for: "TYPE", "CATEGORY/TYPE" or, for a mode only,
 * "CATEGORY/". It is divided at its first slash, so a type that contains a slash needs its
 * category. Format: docs/formats.md.
 */
#ifndef FCT_SCHEMA_REGISTRY_EVENT_H
#define FCT_SCHEMA_REGISTRY_EVENT_H

#include <factum/registry.h>

#include "core/buf.h"

#define FCT_SCHEMAS_STREAM "$schemas"
#define FCT_SCHEMA_REGISTERED "$SchemaRegistered"
#define FCT_SCHEMA_MODE_SET "$SchemaModeSet"

struct fct_subject {
    factum_slice category; /* empty: any */
    factum_slice type;     /* empty: every type of the category */
};

/* *subject borrows from |text|. Errors: INVALID (empty, not UTF-8, too long, or the system's:
 * "$..."). */
FCT_MUST_USE factum_status fct_subject_parse(factum_slice text, struct fct_subject *subject,
                                             factum_error *err);

/* The mode with the name of an event of the registry, "unset" too. False: unknown. */
bool fct_schema_mode_parse(factum_slice name, factum_schema_mode *mode);

/* An event of either type. Slices are borrowed. */
struct fct_registry_event {
    /* $SchemaModeSet: |subject_text|, |subject| and |mode|; otherwise all except |mode| */
    bool is_mode;
    factum_slice subject_text;
    struct fct_subject subject;
    factum_schema_mode mode;
    uint64_t version;  /* from 1, without gaps, in each subject */
    uint64_t id;       /* from 1; equal texts have equal ids, in every subject */
    factum_slice hash; /* SHA-256 of the schema's text, 64 hexadecimal digits */
    factum_schema_proof proof;
    uint64_t after;      /* of the proof AFTER: the place */
    factum_slice schema; /* the text of the schema, a JSON value */
};

/* Parses the data of an event of |type|. |subject_text| must have no escapes. Errors: INVALID (with
 * the reason). */
FCT_MUST_USE factum_status fct_registry_event_parse(factum_slice type, factum_slice data,
                                                    struct fct_registry_event *event,
                                                    factum_error *err);
/* Adds the data of |event| to |buf|. Errors: NO_MEMORY, TOO_BIG. */
FCT_MUST_USE factum_status fct_registry_event_format(const struct fct_registry_event *event,
                                                     struct fct_buf *buf, factum_error *err);

#endif
