/* deploy.c - the calls of deploy.h. Layer: decider. A user of the public API of the store.
 *
 *     open the script --no--> INVALID, with its line
 *          | yes
 *     read the stream's state and its newest revision --the same text--> already
 *          | another text
 *     append at the revision that was read
 *          | WRONG_REVISION: has the newest one the same text now? --yes--> already
 *
 * So if two deploy the same text, one writes, and both get its revision; if two deploy different
 * texts, one is refused.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/sized.h"
#include "core/slice.h"
#include "decider/definition.h"

#define DEPLOY_ARENA_MAX ((size_t)16 << 20)
#define FILE_NAME_SIZE (FACTUM_NAME_SIZE_MAX + sizeof ".lua")

struct deploying {
    factum_store *store;
    factum_deploy_options options;
    char stream[FACTUM_NAME_SIZE_MAX + 1];
    char hash[FACTUM_HASH_TEXT_SIZE];
    factum_deployed asked;
    factum_deployment done;
};

/* ---- the script ------------------------------------------------------------------------------ */

static factum_status open_text(factum_slice category, factum_slice text, const char *file,
                               factum_script_decider **decider, factum_error *err)
{
    char name[FACTUM_NAME_SIZE_MAX + 1];
    char made[FILE_NAME_SIZE];
    (void)snprintf(name, sizeof name, "%.*s", (int)category.len, (const char *)category.ptr);
    (void)snprintf(made, sizeof made, "%s.lua", name);
    const factum_script script = {
        .size = sizeof script, .text = text, .name = file == NULL ? made : file};
    return factum_script_decider_open(&script, name, decider, err);
}

factum_status factum_deployed_open(const factum_deployed *deployed, factum_script_decider **decider,
                                   factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (deployed == NULL || decider == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "deploy: a deployed decider and a place for the opened one are needed");
    }
    *decider = NULL;
    return open_text(deployed->category, deployed->text, NULL, decider, err);
}

/* ---- finding --------------------------------------------------------------------------------- */

static factum_status none_deployed(factum_slice category, factum_error *err)
{
    return fct_fail(err, FACTUM_NOT_FOUND,
                    "no decider is deployed for the category %.*s: deploy one, factum decider "
                    "deploy %.*s FILE.lua",
                    FCT_FMT(category), FCT_FMT(category));
}

static factum_status no_revision(factum_slice category, uint64_t revision, factum_error *err)
{
    return fct_fail(err, FACTUM_NOT_FOUND,
                    "the decider of the category %.*s has no revision %" PRIu64, FCT_FMT(category),
                    revision);
}

/* Reads the event at |*revision|, or the last one. NOT_FOUND, DONE: it does not exist. */
static factum_status read_definition(factum_store *store, const char *stream,
                                     const uint64_t *revision, const factum_call *call,
                                     factum_deployed **deployed, factum_error *err)
{
    factum_event event;
    factum_cursor *cursor;
    const factum_read_request request = {
        .size = sizeof request,
        .source = FACTUM_SOURCE_STREAM,
        .name = factum_slice_from(stream),
        .from = revision == NULL ? FACTUM_FROM_START : FACTUM_FROM_REVISION,
        .from_value = revision == NULL ? 0 : *revision,
        .backwards = revision == NULL,
        .count_max = 1,
        .call = call,
    };
    factum_status status = factum_read(store, &request, &cursor, err);
    if (status == FACTUM_STREAM_NOT_FOUND || status == FACTUM_STREAM_DELETED) {
        return FACTUM_NOT_FOUND;
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = factum_cursor_next(cursor, &event, err);
    if (status == FACTUM_OK) {
        status = revision != NULL && event.revision != *revision
                     ? FACTUM_DONE /* truncated: the first event that is left is later */
                     : fct_definition_parse(&event, deployed, err);
    }
    factum_cursor_close(cursor);
    return status;
}

factum_status factum_decider_find(factum_store *store, factum_slice category,
                                  const uint64_t *revision, factum_deployed **deployed,
                                  factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    char stream[FACTUM_NAME_SIZE_MAX + 1];
    if (store == NULL || deployed == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "deploy: a store and a place for the decider are needed");
    }
    *deployed = NULL;
    factum_status status = fct_definition_stream(category, stream, err);
    if (status == FACTUM_OK) {
        status = read_definition(store, stream, revision, NULL, deployed, err);
    }
    if (status == FACTUM_DONE && revision != NULL) {
        return no_revision(category, *revision, err);
    }
    return status == FACTUM_NOT_FOUND || status == FACTUM_DONE ? none_deployed(category, err)
                                                               : status;
}

/* ---- the list -------------------------------------------------------------------------------- */

static factum_status deliver_decider(factum_store *store, factum_slice name,
                                     const factum_deployed_each *each, factum_error *err)
{
    factum_deployed *deployed = NULL;
    factum_slice category = fct_slice_from(name, sizeof FCT_DEFINITION_PREFIX - 1);
    if (category.len == 0) {
        return FACTUM_OK;
    }
    factum_status status = factum_decider_find(store, category, NULL, &deployed, err);
    if (status == FACTUM_NOT_FOUND || status == FACTUM_INVALID) {
        /* It was deleted, or is not a definition; factum_decider_find reports which. */
        return FACTUM_OK;
    }
    if (status == FACTUM_OK && !each->each(each->data, deployed)) {
        status = fct_fail(err, FACTUM_CANCELLED, "deploy: the list was ended");
    }
    factum_deployed_free(deployed);
    return status;
}

factum_status factum_decider_list(factum_store *store, const factum_deployed_each *each,
                                  factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_list *list;
    factum_list_entry entry;
    const factum_list_request request = {
        .size = sizeof request,
        .kind = FACTUM_LIST_STREAMS,
        .prefix = FCT_SLICE(FCT_DEFINITION_PREFIX),
    };
    if (store == NULL || each == NULL || each->each == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "deploy: a store and a function for deciders are needed");
    }
    factum_status status = factum_list_open(store, &request, &list, err);
    if (status != FACTUM_OK) {
        return status;
    }
    while (status == FACTUM_OK) {
        status = factum_list_next(list, &entry, err);
        if (status == FACTUM_OK) {
            status = deliver_decider(store, entry.name, each, err);
        }
    }
    factum_list_close(list);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

/* ---- deploying ------------------------------------------------------------------------------- */

static factum_status read_deploy_options(struct deploying *work, const factum_deploy_options *given,
                                         factum_error *err)
{
    factum_status status = FACTUM_OK;
    work->options = (factum_deploy_options){.size = sizeof work->options};
    if (given != NULL) {
        status =
            fct_sized_read(&work->options, sizeof work->options, given, "deploy: the options", err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (work->options.by.len > FACTUM_NAME_SIZE_MAX ||
        work->options.why.len > FACTUM_DEPLOY_REASON_MAX) {
        return fct_fail(err, FACTUM_INVALID,
                        "deploy: who deploys has at most %d bytes, and why at most %d",
                        FACTUM_NAME_SIZE_MAX, FACTUM_DEPLOY_REASON_MAX);
    }
    return FACTUM_OK;
}

/* Is the newest revision the text to deploy? A definition that cannot be read differs, and this
 * deployment replaces it. */
static factum_status find_same(struct deploying *work, factum_error *err)
{
    factum_deployed *newest = NULL;
    factum_error why;
    factum_status status =
        read_definition(work->store, work->stream, NULL, work->options.call, &newest, &why);
    if (status == FACTUM_OK) {
        work->done.already = fct_slice_equal(newest->hash, work->asked.hash);
        work->done.revision = newest->revision;
        work->done.position = newest->position;
    }
    factum_deployed_free(newest);
    if (status == FACTUM_OK || status == FACTUM_DONE || status == FACTUM_NOT_FOUND ||
        status == FACTUM_INVALID) {
        return FACTUM_OK;
    }
    return fct_fail(err, status, "%s", why.text);
}

/* The caller's expectation, at the revision that was read: so one of two concurrent deployments is
 * refused, whatever they expect. An expectation that is not met is left to the append to refuse. */
static factum_status expect_definition(const struct deploying *work, factum_expected *expected,
                                       factum_error *err)
{
    factum_stream_info info = {.size = sizeof info};
    *expected = work->options.expected;
    bool open = expected->kind == FACTUM_EXPECTED_NONE || expected->kind == FACTUM_EXPECTED_ANY;
    if (!open && expected->kind != FACTUM_EXPECTED_STREAM_EXISTS) {
        return FACTUM_OK;
    }
    factum_status status =
        factum_stream_info_get(work->store, factum_slice_from(work->stream), &info, err);
    if (info.state == FACTUM_STREAM_PRESENT) {
        *expected = factum_at(info.last_revision);
    } else if (open) {
        *expected = factum_no_stream();
    }
    return status;
}

static factum_status write_definition(struct deploying *work, factum_expected expected,
                                      factum_error *err)
{
    factum_slice data;
    factum_arena arena;
    factum_append_result result;
    fct_arena_init(&arena, fct_mem_heap(), DEPLOY_ARENA_MAX);
    factum_status status = fct_definition_format(&work->asked, &arena, &data, err);
    if (status == FACTUM_OK) {
        const factum_new_event event = {
            .stream = factum_slice_from(work->stream),
            .type = FCT_SLICE(FCT_DECIDER_DEPLOYED),
            .data = data,
        };
        const factum_expectation expectation = {event.stream, expected};
        const factum_append_request request = {
            .size = sizeof request,
            .events = &event,
            .event_count = 1,
            .expectations = &expectation,
            .expectation_count = 1,
            .system = true,
            .call = work->options.call,
        };
        status = factum_append(work->store, &request, &result, NULL, err);
    }
    factum_arena_finish(&arena);
    if (status == FACTUM_OK) {
        work->done.revision = result.revision;
        work->done.position = result.position;
    }
    return status;
}

static factum_status deploy(struct deploying *work, factum_error *err)
{
    factum_expected expected = {FACTUM_EXPECTED_NONE, 0};
    factum_status status = expect_definition(work, &expected, err);
    if (status == FACTUM_OK) {
        status = find_same(work, err);
    }
    if (status != FACTUM_OK || work->done.already) {
        return status;
    }
    status = write_definition(work, expected, err);
    if (status != FACTUM_WRONG_REVISION) {
        return status;
    }
    factum_error wrong = {.status = FACTUM_OK};
    status = find_same(work, &wrong);
    if (status == FACTUM_OK && work->done.already) {
        return FACTUM_OK;
    }
    return fct_wrap(err, FACTUM_WRONG_REVISION, "another caller has just deployed the decider");
}

static factum_status begin_deploying(struct deploying *work, factum_store *store,
                                     factum_slice category, factum_slice text,
                                     const factum_deploy_options *options, factum_error *err)
{
    factum_script_decider *decider = NULL;
    memset(work, 0, sizeof *work);
    work->store = store;
    work->done.size = sizeof work->done;
    if (store == NULL || text.ptr == NULL) {
        return fct_fail(err, FACTUM_INVALID, "deploy: a store and a script are needed");
    }
    factum_status status = read_deploy_options(work, options, err);
    if (status == FACTUM_OK) {
        status = fct_definition_stream(category, work->stream, err);
    }
    if (status == FACTUM_OK) {
        status = open_text(category, text, work->options.name, &decider, err);
        factum_script_decider_close(decider);
    }
    if (status == FACTUM_OK) {
        status = fct_definition_hash(text, work->hash, err);
    }
    memcpy(work->done.hash, work->hash, sizeof work->hash);
    work->asked = (factum_deployed){
        .size = sizeof work->asked,
        .category = category,
        .text = text,
        .hash = factum_slice_from(work->hash),
        .by = work->options.by,
        .why = work->options.why,
    };
    return status;
}

factum_status factum_decider_deploy(factum_store *store, factum_slice category, factum_slice text,
                                    const factum_deploy_options *options,
                                    factum_deployment *deployment, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct deploying work;
    factum_status status = FACTUM_OK;
    if (deployment != NULL) {
        status = fct_sized_check(deployment, "deploy: the deployment", err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = begin_deploying(&work, store, category, text, options, err);
    if (status == FACTUM_OK) {
        status = deploy(&work, err);
    }
    if (deployment != NULL && status == FACTUM_OK) {
        fct_sized_write(deployment, &work.done, sizeof work.done);
    }
    return status;
}
