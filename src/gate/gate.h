/* gate.h - the one gate that every append passes: typed events are checked, tagged and stamped.
 * Layer: gate.
 *
 *   fct_engine_* (checks) -> gate -> engine_local or engine_memory
 *
 * The gate takes the place of an engine's functions in its struct fct_engine, and calls them. Only
 * appends are its business: everything else goes through. It runs in the caller's thread, before
 * the engine sees the op.
 *
 * An append that has a context (factum_call) is part of a trace: trace.h says what its events get.
 * Then, of an event with a schema, in order:
 *  1. finds the rule for its category and type (rules.h);
 *  2. parses its data once and checks it: refused with SCHEMA_VIOLATION, or let through with a
 *     warning, or nothing, as the mode says;
 *  3. takes tags from its data where the schema says "x-factum-tag";
 *  4. stamps "$schema.id" into its metadata.
 * What was asked for by key is hashed before, so that a retry is recognised after a new version.
 *
 * The gate's table is what the stream "$schemas" says. A write to that stream passes the gate like
 * any other, and its schema binds all events that come after it in the log: from before it is
 * submitted, events are asked by the old table and by the new one, and it is submitted when all who
 * saw only the old one have submitted. What depends on its outcome is BUSY.
 *
 * If "$schemas" is damaged, events are refused with CORRUPT, but for those of system streams.
 *
 * An engine at an address has its gate at the other end.
 */
#ifndef FCT_GATE_GATE_H
#define FCT_GATE_GATE_H

#include "engine/engine.h"

/* Puts a gate before |engine|, which is open and ready. |sink|, which may be NULL, is told of
 * warnings. Reads "$schemas". On failure the engine is closed. IO, NO_MEMORY. */
FCT_MUST_USE factum_status fct_gate_put(struct fct_engine *engine, const factum_log_sink *sink,
                                        factum_error *err);

#endif
