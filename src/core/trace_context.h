/* trace_context.h - W3C Trace Context, level 1: checks incoming headers and writes outgoing ones.
 * Layer: core. Pure.
 *
 * Source: https://www.w3.org/TR/trace-context/, sections 3.2 and 3.3.
 */
#ifndef FCT_CORE_TRACE_CONTEXT_H
#define FCT_CORE_TRACE_CONTEXT_H

#include <factum/base.h>

#define FCT_TRACEPARENT_SIZE 55 /* without a zero byte */
#define FCT_TRACESTATE_MEMBERS_MAX 32
#define FCT_TRACESTATE_SIZE_MAX 16511 /* 32 members of 256 + 1 + 256 bytes, and commas */

/* Writes |given| as version 00 to |out|, with the flags that we know (sampled, random trace id).
 * False if it is not valid: there is no trace then, and its tracestate is ignored. */
bool fct_traceparent_normal(factum_slice given, char out[FCT_TRACEPARENT_SIZE]);

/* Is it a list of at most 32 members key=value, with no key twice? One bad member invalidates the
 * whole list. An empty list is valid. */
bool fct_tracestate_valid(factum_slice given);

#endif
