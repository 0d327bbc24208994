/* memory.h - the engine that keeps all events in memory. Layer: engine_memory.
 *
 * It is simple rather than fast, and the tests compare the embedded engine with it. Thread-safe, by
 * one lock. Nothing is durable.
 */
#ifndef FCT_ENGINE_MEMORY_MEMORY_H
#define FCT_ENGINE_MEMORY_MEMORY_H

#include "engine/engine.h"

/* The caller owns *engine, for fct_engine_close. A limit of 0 means its default. Time comes from
 * |os|. Fails with NO_MEMORY, with INVALID for a limit over its maximum, or as |os| does. After a
 * failure *engine is as before the call. */
FCT_MUST_USE factum_status fct_engine_memory_open(struct fct_engine *engine,
                                                  const struct fct_mem *mem,
                                                  const struct fct_os *os,
                                                  const struct fct_limits *limits,
                                                  factum_error *err);

#endif
