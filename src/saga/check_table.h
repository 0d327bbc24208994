/* check_table.h - a run that the checker has found, as a table for people and as a script. Layer:
 * saga.
 *
 * The script is played by `factum saga simulate`. Its |run| lists what happens, in order:
 *
 *     saga: order_fulfilment
 *     version: 3
 *     given: [OrderPlaced: {}]     # the start event; simulate adds what its paths need
 *     script: {}                   # answers outside |run|: none
 *     run:
 *       - {start: 1}                                 # the start event; 2, 3: it comes again
 *       - {handle: reserve_stock/do/1, answer: ok}   # a participant takes a command: ok, or fail
 *       - {deliver: reserve_stock/do/1}              # its answer reaches the saga, perhaps again
 *       - {deliver: ship/do/1, outside: true}        # the same without the id of the command
 *       - {timer: charge_payment}                    # this timer is due; or "deadline"
 *       - {act: retry, step: charge_payment}         # an operator; also undo with a step
 *       - {act: skip, step: ship, result: ok}        # or fail
 *       - {act: undo}                                # also cancel
 *     breaks: 'S3 ...'
 *
 * A command is STEP/do/GENERATION or STEP/undo/GENERATION, the end of its id. The final calls are
 * the steps "done" and "undone".
 */
#ifndef FCT_SAGA_CHECK_TABLE_H
#define FCT_SAGA_CHECK_TABLE_H

#include "core/buf.h"
#include "saga/check_explore.h"
#include "saga/definition.h"

/* Appends the run of |found|, which breaks a rule, to |to|. Errors: NO_MEMORY, TOO_BIG. */
FCT_MUST_USE factum_status fct_check_table(const struct factum_saga *saga,
                                           const struct fct_check_setup *setup,
                                           const struct fct_check_found *found, struct fct_buf *to);
FCT_MUST_USE factum_status fct_check_script(const struct factum_saga *saga,
                                            const struct fct_check_found *found,
                                            struct fct_buf *to);

/* Moves |full| to the caller's |given|, whose size was checked. A |given| that is too small for the
 * member |memory| gets no texts: they are freed here. */
void fct_saga_report_give(factum_saga_report *given, factum_saga_report *full);

#endif
