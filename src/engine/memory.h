/* memory.h - the engine that keeps everything in memory: simple, and the oracle for the others.
 * Layer: engine. One lock; nothing clever. */
#ifndef FCT_ENGINE_MEMORY_H
#define FCT_ENGINE_MEMORY_H

#include "engine/engine.h"

/* *engine is owned by the caller; engine->ops->close frees what it holds. Zero limits mean the
 * defaults. */
FCT_MUST_USE factum_status fct_engine_memory_open(struct fct_engine *engine,
                                                  const struct fct_mem *mem,
                                                  const struct fct_os *os,
                                                  const struct fct_limits *limits,
                                                  factum_error *err);

#endif
