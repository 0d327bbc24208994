/* bind.h - an event as the rows of values that its statements are bound to. Layer: projection.
 * Knows no database.
 *
 * For each handler of the event's type, and for each element of its "each" path (otherwise once),
 * there is a row: one value for each parameter of the handler. Values: null or absent NULL; false
 * and true 0 and 1; a number without fraction and exponent INTEGER, one that 64 bits do not hold is
 * an error; other numbers REAL, the nearest double; texts TEXT; objects and arrays TEXT, as they
 * stand in the data. An error is the event's own: INVALID, which parks it.
 *
 * Invariants: values point into the event, the tape or the arena; none outlives them.
 */
#ifndef FCT_PROJECTION_BIND_H
#define FCT_PROJECTION_BIND_H

#include <factum/model_rows.h>

#include "projection/definition.h"

#define FCT_BIND_ROWS_MAX 100000u /* of one event */

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
void fct_binder_free(struct fct_binder *binder);
/* Binds |event| into |bound|; whatever it points to is copied into |arena|, so that |event| may go.
 * What is wrong with the event is in bound->trouble, and its key is then that of its stream if the
 * key itself is what is missing. NO_MEMORY, TOO_BIG: of the arena. */
FCT_MUST_USE factum_status fct_bind(struct fct_binder *binder, const factum_event *event,
                                    factum_arena *arena, struct fct_bound_event *bound,
                                    factum_error *err);

#endif
