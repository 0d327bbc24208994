/* open_on.c - see open_on.h. Layer: api. */
#include "api/open_on.h"

#include "api/store_int.h"
#include "engine_local/local.h"
#include "gate/gate.h"

/* Small segments and a small memtable, so that a short run goes through their ends too. */
#define SEGMENT_SIZE (UINT64_C(64) << 10)
#define MEMTABLE_SPAN (UINT64_C(32) << 10)

factum_status fct_api_open_on(const struct fct_os *os, const char *path,
                              struct fct_api_ticker *ticker, factum_store **store,
                              factum_error *err)
{
    struct fct_api_opening opening;
    *store = NULL;
    factum_status status = fct_api_opening_begin(&opening, NULL, err);
    if (status != FACTUM_OK) {
        return status;
    }
    const struct fct_local_options options = {.os = os,
                                              .mem = fct_mem_heap(),
                                              .path = path,
                                              .limits = opening.limits,
                                              .segment_size_first = SEGMENT_SIZE,
                                              .segment_size_max = SEGMENT_SIZE,
                                              .memtable_span_max = MEMTABLE_SPAN};
    status = fct_engine_local_open(&opening.store->engine, &options, err);
    if (status == FACTUM_OK) {
        *ticker = (struct fct_api_ticker){opening.store->engine.ops, opening.store->engine.self};
        status = fct_gate_put(&opening.store->engine, NULL, err);
    }
    return fct_api_opening_end(&opening, status, store);
}

factum_status fct_api_tick(const struct fct_api_ticker *ticker, factum_error *err)
{
    struct fct_engine engine = {.ops = ticker->ops, .self = ticker->self};
    return fct_engine_local_tick(&engine, err);
}
