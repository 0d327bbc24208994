/* local.h - the embedded engine: log, index and stream heads in one directory. Layer:
 * engine_local. */
#ifndef FCT_ENGINE_LOCAL_LOCAL_H
#define FCT_ENGINE_LOCAL_LOCAL_H

#include "engine/engine.h"

struct fct_local_options {
    const struct fct_os *os;
    const struct fct_mem *mem;
    const char *path;            /* of the store's directory */
    const factum_log_sink *sink; /* or NULL */
    struct fct_limits limits;    /* 0: the default */
    factum_durability durability;
    bool read_only;
    bool must_exist;
    bool threads;
    /* For tests. 0: the defaults of log.h and index.h. */
    uint64_t segment_size_first;
    uint64_t segment_size_max;
    size_t memtable_size_max;
    uint64_t memtable_span_max;
    uint64_t hash_mask;
};

/* Opens a store, and creates it unless it must exist or is opened read-only. For the caller's
 * fct_engine_close. Errors: see factum_open. */
FCT_MUST_USE factum_status fct_engine_local_open(struct fct_engine *engine,
                                                 const struct fct_local_options *options,
                                                 factum_error *err);

/* Does the work of the background threads (heartbeat, flush, merge), for tests without threads. */
FCT_MUST_USE factum_status fct_engine_local_tick(struct fct_engine *engine, factum_error *err);

/* See factum_restore. */
FCT_MUST_USE factum_status fct_engine_local_restore(const struct fct_os *os,
                                                    const struct fct_mem *mem, const char *from,
                                                    const char *to, const factum_progress *progress,
                                                    factum_backup_report *report,
                                                    factum_error *err);
/* See factum_backup_verify. |sink| (or NULL) gets a message for each problem. */
FCT_MUST_USE factum_status
fct_engine_local_backup_verify(const struct fct_os *os, const struct fct_mem *mem, const char *from,
                               const factum_log_sink *sink, const factum_progress *progress,
                               factum_backup_verify_report *report, factum_error *err);
/* See factum_repair. */
FCT_MUST_USE factum_status fct_engine_local_repair(const struct fct_os *os,
                                                   const struct fct_mem *mem, const char *path,
                                                   const factum_repair_options *options,
                                                   const factum_progress *progress,
                                                   factum_error *err);

#endif
