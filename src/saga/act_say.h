/* act_say.h - what an act of an operator does, in words. Layer: saga. Pure. */
#ifndef FCT_SAGA_ACT_SAY_H
#define FCT_SAGA_ACT_SAY_H

#include "saga/instance.h"

/* Prints what |append| does at once, and what can follow from there, into |text|, which has |size|
 * bytes; what has no room is left out, with "..." in its place. What can follow is what the
 * transition function says of the next answers and timers of the state after |append|. */
void fct_act_say(const struct fct_instance *instance, const struct fct_step_append *append,
                 int64_t now, char *text, size_t size);

#endif
