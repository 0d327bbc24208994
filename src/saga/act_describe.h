/* act_describe.h - describes an operator's act in words. Layer: saga. Pure. */
#ifndef FCT_SAGA_ACT_DESCRIBE_H
#define FCT_SAGA_ACT_DESCRIBE_H

#include "saga/instance.h"

/* Prints into |text|, of |size| bytes, what |append| does at once and what can follow. "..."
 * replaces the part that does not fit. What can follow comes from the transition function, for the
 * next answers and timers of the state after |append|. */
void fct_act_describe(const struct fct_instance *instance, const struct fct_step_append *append,
                      int64_t now, char *text, size_t size);

#endif
