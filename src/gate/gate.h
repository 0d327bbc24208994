/* gate.h - the one gate that every append passes: typed events are checked, tagged and stamped.
 * Layer: gate.
 *
 *   fct_engine_* (checks) -> gate -> engine_local or engine_memory
 *
 * The gate replaces the functions of an engine in its struct fct_engine, and calls them. It changes
 * only appends; all other calls pass through. It runs in the caller's thread, before the engine
 * sees the op.
 *
 * An append with a context (factum_call) is part of a trace: trace.h describes what its events get.
 * Then, for an event with a schema, in order, the gate
 *  1. finds the rule for its category and type (rules.h);
 *  2. parses its data once and checks it: refuses it with SCHEMA_VIOLATION, or accepts it with or
 *     without a warning, as the mode says;
 *  3. takes tags from its data where the schema has "x-factum-tag";
 *  4. stamps "$schema.id" into its metadata. The content of an append with a key is hashed before
 *     these changes, so that a retry is recognised after a new version.
 *
 * The gate's table is the fold of the stream "$schemas". A write to that stream passes the gate
 * like any other, and its schema binds all events after it in the log. Before it is submitted,
 * events are checked by the old table and by the new one; it is submitted when every append that
 * saw only the old one has been submitted. An append whose answer depends on the outcome of the
 * write is BUSY.
 *
 * If "$schemas" is damaged, events are refused with CORRUPT, except those of system streams.
 *
 * The gate of a store at an address is in the server.
 */
#ifndef FCT_GATE_GATE_H
#define FCT_GATE_GATE_H

#include "engine/engine.h"

/* Puts a gate before |engine|, which is open and ready, and reads "$schemas". |sink|, which may be
 * NULL, receives warnings. On failure the engine is closed. Errors: IO, NO_MEMORY. */
FCT_MUST_USE factum_status fct_gate_put(struct fct_engine *engine, const factum_log_sink *sink,
                                        factum_error *err);

#endif
