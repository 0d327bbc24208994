/* check_append.h - checks of appends, for the waiting form and the other one, and checks that
 * appends share with reads. Layer: engine, private to it. */
#ifndef FCT_ENGINE_CHECK_APPEND_H
#define FCT_ENGINE_CHECK_APPEND_H

#include "engine/engine.h"

/* Copies op->request into the op in full size and checks it, with its context.
 * Errors: INVALID, TOO_BIG, UNSUPPORTED, EXPIRED. */
FCT_MUST_USE factum_status fct_append_prepare(const struct fct_engine *engine, factum_append_op *op,
                                              factum_error *err);

/* Checks a context; |call| may be NULL. |what| begins the texts: "append: the deadline has passed".
 * Errors: INVALID, EXPIRED. */
FCT_MUST_USE factum_status fct_call_check(const struct fct_engine *engine, const factum_call *call,
                                          const char *what, factum_error *err);

/* Checks a query. |what| begins the texts: "the append condition". Errors: INVALID, TOO_BIG. */
FCT_MUST_USE factum_status fct_query_check(const factum_query *query, const char *what,
                                           factum_error *err);

#endif
