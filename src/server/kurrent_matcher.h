/* kurrent_matcher.h - the filters of KurrentDB's subscriptions and reads of $all: prefixes or a
 * regular expression on the stream or the type of an event. Layer: server.
 *
 * Expressions are matched anywhere in the text, by PCRE2's interpreter (clients use lookaheads)
 * with limits on steps and memory, so that no expression stalls the server. Clients write .NET's
 * syntax, which PCRE2 supports except for balancing groups and class subtraction.
 */
#ifndef FCT_SERVER_KURRENT_MATCHER_H
#define FCT_SERVER_KURRENT_MATCHER_H

#include <factum/store.h>

#include "core/mem.h"
#include "wire/kurrent_shared.h"

struct fct_kurrent_matcher;

/* Copies what it needs of |filter|. Errors: INVALID (the expression is malformed or longer than 1
 * KiB, or neither an expression nor a prefix exists); NO_MEMORY. */
FCT_MUST_USE factum_status fct_kurrent_matcher_create(const struct fct_mem *mem,
                                                      const struct fct_kurrent_filter *filter,
                                                      struct fct_kurrent_matcher **matcher,
                                                      factum_error *err);
/* Accepts NULL. */
void fct_kurrent_matcher_destroy(struct fct_kurrent_matcher *matcher);
/* Sets *matches. Errors: TOO_BIG (the expression exceeds a limit on this event; the text names
 * it). */
FCT_MUST_USE factum_status fct_kurrent_matcher_test(struct fct_kurrent_matcher *matcher,
                                                    const factum_event *event, bool *matches,
                                                    factum_error *err);

#endif
