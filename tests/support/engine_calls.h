/* engine_calls.h - blocking calls of an engine for which block.c has no function. For tests that
 * look inside; uses engine. */
#ifndef FCT_TESTS_SUPPORT_ENGINE_CALLS_H
#define FCT_TESTS_SUPPORT_ENGINE_CALLS_H

#include "core/check.h"
#include "core/slice.h"
#include "engine/engine.h"

static inline factum_status engine_info(struct fct_engine *engine, factum_info *info,
                                        factum_error *err)
{
    *info = (factum_info){.size = sizeof *info};
    factum_question question = {.size = sizeof question, .kind = FACTUM_ASK_INFO, .info = info};
    return fct_engine_answer(engine, &question, err);
}

static inline factum_status engine_verify(struct fct_engine *engine, factum_verify_report *report,
                                          factum_error *err)
{
    return engine->ops->upkeep->verify(engine->self, NULL, report, err);
}

static inline factum_status engine_backup(struct fct_engine *engine, const char *to,
                                          factum_backup_report *report, factum_error *err)
{
    return engine->ops->upkeep->backup(engine->self, to, NULL, report, err);
}

/* Appends an event of |size| bytes of zeros and type "T" to the stream "order-1". |result| may be
 * NULL. */
static inline factum_status engine_append_zeros(struct fct_engine *engine, size_t size,
                                                factum_append_result *result, factum_error *err)
{
    static const uint8_t zeros[4096];
    FCT_ASSERT(size <= sizeof zeros);
    factum_slice stream = FCT_SLICE("order-1");
    factum_new_event event = {
        .stream = stream, .type = FCT_SLICE("T"), .data = fct_slice(zeros, size)};
    factum_expectation any = {stream, factum_any()};
    factum_append_request request = {.size = sizeof request,
                                     .events = &event,
                                     .event_count = 1,
                                     .expectations = &any,
                                     .expectation_count = 1};
    return fct_engine_append(engine, &request, result, NULL, err);
}

/* A list of all names of |kind|. */
static inline factum_status engine_list(struct fct_engine *engine, factum_list_kind kind,
                                        struct fct_lister **lister, factum_error *err)
{
    const factum_list_request request = {.size = sizeof request, .kind = kind};
    return fct_engine_list(engine, &request, lister, err);
}

#endif
