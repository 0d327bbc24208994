/* check_append.h - the checks of an append, shared by its waiting and its other form, and those
 * that it shares with reads. Layer: engine, private to it. */
#ifndef FCT_ENGINE_CHECK_APPEND_H
#define FCT_ENGINE_CHECK_APPEND_H

#include "engine/engine.h"

/* Copies op->request into the op in full size and checks it, its context too. */
FCT_MUST_USE factum_status fct_append_prepare(const struct fct_engine *engine, factum_append_op *op,
                                              factum_error *err);

/* INVALID if |call|, which may be NULL, is not one; EXPIRED if its deadline has passed: "append:
 * the deadline has passed". */
FCT_MUST_USE factum_status fct_call_check(const struct fct_engine *engine, const factum_call *call,
                                          const char *what, factum_error *err);

/* INVALID unless |query| is within its limits. |what| begins the texts: "the append condition". */
FCT_MUST_USE factum_status fct_query_check(const factum_query *query, const char *what,
                                           factum_error *err);

#endif
