/* matcher.h - the filters of KurrentDB's subscriptions and reads of $all: prefixes or a regular
 * expression on the stream or the type of an event. Layer: server.
 *
 * Expressions are searched for anywhere, by PCRE2's interpreter (lookaheads are used by clients)
 * with limits on matching and memory, so that no expression stalls the server. What clients write
 * is .NET's syntax, of which PCRE2 knows all but balancing groups and class subtraction.
 */
#ifndef FCT_SERVER_MATCHER_H
#define FCT_SERVER_MATCHER_H

#include <factum/store.h>

#include "core/mem.h"
#include "wire/kurrent_shared.h"

struct fct_matcher;

/* Copies what it needs of |filter|. INVALID: the expression is malformed, or longer than 1 KiB, or
 * there is neither expression nor prefix. NO_MEMORY. */
FCT_MUST_USE factum_status fct_matcher_create(const struct fct_mem *mem,
                                              const struct fct_kurrent_filter *filter,
                                              struct fct_matcher **matcher, factum_error *err);
/* Accepts NULL. */
void fct_matcher_destroy(struct fct_matcher *matcher);
/* OK: *matches says it. TOO_BIG: the expression needs too much on this event; the text names the
 * limit. */
FCT_MUST_USE factum_status fct_matcher_test(struct fct_matcher *matcher, const factum_event *event,
                                            bool *matches, factum_error *err);

#endif
