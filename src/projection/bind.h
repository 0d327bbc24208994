/* bind.h - an event as the rows of values that its statements are bound to. Layer: projection.
 * Knows no database.
 *
 * For each handler of the event's type, and for each element of its "each" path (otherwise once),
 * there is a row: one value for each parameter of the handler.
 *
 * Rows. If the "each" path leads to an array, each element is a row, also a null; an object is one
 * row; null and an absent value are no row; anything else is an error. A "[]" at the end of the
 * path changes nothing: ".lines[]" is ".lines". ":item_index" counts the rows of the event in its
 * section, from 0.
 *
 * Values:
 *     null, absent               NULL
 *     false, true                INTEGER 0, 1
 *     number without "." and "e" INTEGER; an error if it does not fit 64 bits
 *     other number               REAL, the nearest double; an error above the largest double
 *     text                       TEXT; an error if it has a lone surrogate
 *     object, array              TEXT, as written in the data
 *     :correlation_id, :causation_id
 *                                TEXT, "$correlationId" and "$causationId" of the metadata; NULL if
 *                                the member is not a text, or is empty
 *
 * Data is parsed only if a handler or the key needs it. It then has to be JSON, by its content type
 * too. So has metadata, unless it is empty.
 *
 * The key is the text of its value: a whole number in decimal ("7" also for 7.0), a boolean as
 * "true" or "false". Other values, and an absent one, are errors.
 *
 * An error is the event's own: INVALID, which parks it.
 *
 * Invariants: values point into the event, the tape or the arena; none outlives them.
 */
#ifndef FCT_PROJECTION_BIND_H
#define FCT_PROJECTION_BIND_H

#include <factum/model_rows.h>

#include "core/mem.h"
#include "projection/definition.h"

#define FCT_BIND_ROWS_MAX 100000u      /* of one event */
#define FCT_BIND_VALUES_MAX (1u << 20) /* in all rows of one event */
#define FCT_BIND_NODES_MAX (1u << 22)  /* values and names in the data, and in the metadata */
#define FCT_BIND_KEY_SIZE_MAX FACTUM_NAME_SIZE_MAX

struct fct_bound {
    const struct fct_handler *handler;
    const factum_value *values; /* row_count * handler->parameter_count */
    size_t row_count;
};

/* An event, ready to be applied. */
struct fct_bound_event {
    uint64_t position;
    int64_t created;
    uint64_t size; /* bytes of data and metadata */
    /* The events of one key are applied in order; the value of the definition's "key" as text. */
    factum_slice key;
    factum_slice type;
    const struct fct_bound *bound;
    size_t bound_count;
    const char *trouble; /* why the event cannot be applied; NULL: it can */
};

/* Tables and tapes that binding keeps. One thread at a time. */
struct fct_binder;

/* |definition| must outlive the binder. *binder is the caller's, for fct_binder_free. Errors:
 * NO_MEMORY. */
FCT_MUST_USE factum_status fct_binder_create(const struct fct_definition *definition,
                                             struct fct_binder **binder, factum_error *err);
/* fct_binder_create with memory from |mem|, which must outlive the binder. */
FCT_MUST_USE factum_status fct_binder_create_in(const struct fct_mem *mem,
                                                const struct fct_definition *definition,
                                                struct fct_binder **binder, factum_error *err);
/* Accepts NULL. */
void fct_binder_free(struct fct_binder *binder);
/* Binds |event| into |bound|. Everything that |bound| points to is in |arena|, so |event| need not
 * last.
 *
 * What is wrong with the event is in bound->trouble, which begins with the place in the data if
 * there is one: "/lines/0/qty: 1e400 is over ..."; bound_count is then 0. If the key is what is
 * wrong, the stream's name is the key. So it is for an event that no handler is for, which has no
 * trouble and bound_count 0.
 *
 * Errors: NO_MEMORY; TOO_BIG (the arena's maximum; with an empty arena: the event is too big).
 */
FCT_MUST_USE factum_status fct_bind(struct fct_binder *binder, const factum_event *event,
                                    factum_arena *arena, struct fct_bound_event *bound,
                                    factum_error *err);

#endif
