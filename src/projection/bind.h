/* bind.h - an event as the rows of values that its statements are bound to. Layer: projection.
 * Knows no database.
 *
 * For each handler of the event's type, and for each element of its "each" path (otherwise once),
 * there is a row: one value for each parameter of the handler.
 *
 * Rows. Where the "each" path leads to an array, each element is a row, a null too; an object is
 * one row; null and a value that is absent are none; anything else is an error. A "[]" at the end
 * of the path says what holds anyway: ".lines[]" is ".lines". ":item_index" counts the rows of the
 * event in its section, from 0.
 *
 * Values. null or absent NULL; false and true 0 and 1; a number without fraction and exponent
 * INTEGER, one that 64 bits do not hold is an error; other numbers REAL, the nearest double, one
 * that is over the largest double is an error; texts TEXT, one with a lone surrogate is an error;
 * objects and arrays TEXT, as they stand in the data. ":correlation_id" and ":causation_id" are
 * texts in the metadata, "$correlationId" and "$causationId"; what is no text or empty is NULL.
 *
 * Data is read only if a handler or the key needs it; then it has to be JSON, by its content type
 * too. So has metadata, unless it is empty.
 *
 * The key is the text of its value; a whole number in decimal, "7" also for 7.0; a boolean "true"
 * or "false". Other values, and none, are errors.
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
#define FCT_BIND_VALUES_MAX (1u << 20) /* in all of its rows */
#define FCT_BIND_NODES_MAX (1u << 22)  /* values and names in its data, and in its metadata */
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
    uint64_t size;    /* bytes of its data and metadata */
    factum_slice key; /* of its order: the value of the definition's "key" as text */
    factum_slice type;
    const struct fct_bound *bound;
    size_t bound_count;
    const char *trouble; /* why it cannot be applied; NULL: it can */
};

/* What binding needs over and over. One thread. */
struct fct_binder;

/* |definition| must last. *binder is the caller's, for fct_binder_free. NO_MEMORY. */
FCT_MUST_USE factum_status fct_binder_create(const struct fct_definition *definition,
                                             struct fct_binder **binder, factum_error *err);
/* The same with memory from |mem|, which must last. */
FCT_MUST_USE factum_status fct_binder_create_in(const struct fct_mem *mem,
                                                const struct fct_definition *definition,
                                                struct fct_binder **binder, factum_error *err);
/* Accepts NULL. */
void fct_binder_free(struct fct_binder *binder);
/* Binds |event| into |bound|; whatever it points to is copied into |arena|, so that |event| may go.
 * What is wrong with the event is in bound->trouble, which begins with the place in the data if
 * there is one: "/lines/0/qty: 1e400 is over ..."; bound_count is then 0. The key is that of its
 * stream if the key itself is what is wrong, and for an event that no handler is for, which has no
 * trouble and bound_count 0. NO_MEMORY; TOO_BIG: the arena's maximum, and if the arena was empty,
 * the event is what is too big. */
FCT_MUST_USE factum_status fct_bind(struct fct_binder *binder, const factum_event *event,
                                    factum_arena *arena, struct fct_bound_event *bound,
                                    factum_error *err);

#endif
