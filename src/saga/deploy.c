/* deploy.c - deploying sagas: factum_saga_deploy and factum_saga_deployments. Layer: saga. A user
 * of the public API.
 *
 *     read "$definition:saga-NAME", judge the version --the same text--> already
 *          | allowed
 *     check it                   --not sound, and not forced--> CONDITION_FAILED
 *          |
 *     append at the revision that was read
 *          | WRONG_REVISION: another deployment came first; the caller decides again
 *
 *     $SagaDeployed  {"name", "version", "hash", "text", "host", "by"?, "why"?, "forced", "states"}
 *
 * Versions rise. Foreign events in the stream are skipped, but their revisions are expected.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <factum/json.h>
#include <factum/json_write.h>

#include "codec/json_doc.h"
#include "core/arena.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/sized.h"
#include "core/slice.h"
#include "saga/check_table.h"
#include "saga/definition.h"
#include "saga/lists.h"
#include "saga/names.h"

#define DEPLOYED_TYPE "$SagaDeployed"
#define DEPLOYED_WHY_MAX 4096u
#define DEPLOYED_ARENA_MAX ((size_t)4 << 20) /* a text of 256 KiB, escaped, and decoded */
#define DEPLOYED_NODES_MAX 64u
#define DEFINITION_STREAM_SIZE (sizeof FCT_SAGA_DEFINITION_PREFIX + FACTUM_SAGA_NAME_MAX)

/* ---- reading --------------------------------------------------------------------------------- */

/* Is |event| a deployment of |name|? Its texts are in |arena|, and last as long. */
static bool read_deployed(const factum_event *event, factum_slice name, factum_arena *arena,
                          factum_saga_deployed *deployed)
{
    factum_json_node nodes[DEPLOYED_NODES_MAX];
    factum_json json;
    *deployed = (factum_saga_deployed){
        .size = sizeof *deployed,
        .created = event->created,
        .revision = event->revision,
        .position = event->position,
    };
    if (!fct_slice_equal(event->type, FCT_SLICE(DEPLOYED_TYPE)) ||
        factum_json_parse(event->data, NULL, nodes, DEPLOYED_NODES_MAX, &json, NULL) != FACTUM_OK) {
        return false;
    }
    uint32_t forced = factum_json_find(&json, FACTUM_JSON_ROOT, FCT_SLICE("forced"));
    deployed->forced =
        forced != FACTUM_JSON_NONE && factum_json_at(&json, forced)->kind == FACTUM_JSON_TRUE;
    return fct_json_doc_text(&json, "name", arena, &deployed->name) &&
           fct_json_doc_text(&json, "hash", arena, &deployed->hash) &&
           fct_json_doc_text(&json, "text", arena, &deployed->text) &&
           fct_json_doc_text(&json, "host", arena, &deployed->host) &&
           fct_json_doc_text(&json, "by", arena, &deployed->by) &&
           fct_json_doc_text(&json, "why", arena, &deployed->why) &&
           fct_json_doc_number(&json, "version", &deployed->version) &&
           fct_json_doc_number(&json, "states", &deployed->state_count) && deployed->version > 0 &&
           deployed->text.len > 0 && fct_slice_equal(deployed->name, name);
}

/* "$definition:saga-NAME" */
static factum_status definition_stream(factum_slice name, char stream[DEFINITION_STREAM_SIZE],
                                       factum_error *err)
{
    if (!fct_saga_name_valid(name)) {
        return fct_fail(err, FACTUM_INVALID,
                        "\"%.*s\" is not the name of a saga: that is a letter a to z, then "
                        "letters, digits and _, %d at most",
                        FCT_FMT(name), FACTUM_SAGA_NAME_MAX);
    }
    (void)snprintf(stream, DEFINITION_STREAM_SIZE, "%s%.*s", FCT_SAGA_DEFINITION_PREFIX,
                   (int)name.len, (const char *)name.ptr);
    return FACTUM_OK;
}

/* The purpose and the result of reading a definition's stream. */
struct deployed_reader {
    const factum_saga_deployed_each *each; /* NULL: only the newest is wanted */
    bool any;                              /* the stream has an event */
    bool stopped;                          /* by |each| */
    uint64_t revision;                     /* of the last event */
    uint64_t newest;                       /* the highest version; 0: none */
    uint64_t newest_revision;
    uint64_t newest_position;
    char newest_hash[65];
};

static void take_deployed(struct deployed_reader *reader, const factum_saga_deployed *deployed)
{
    if (deployed->version <= reader->newest) {
        return; /* a writer that skipped the checks: the event changes nothing */
    }
    reader->newest = deployed->version;
    reader->newest_revision = deployed->revision;
    reader->newest_position = deployed->position;
    (void)snprintf(reader->newest_hash, sizeof reader->newest_hash, "%.*s", (int)deployed->hash.len,
                   (const char *)deployed->hash.ptr);
    if (reader->each != NULL) {
        reader->stopped = !reader->each->each(reader->each->data, deployed);
    }
}

static factum_status read_definition(factum_store *store, factum_slice name,
                                     const factum_call *call, struct deployed_reader *reader,
                                     factum_error *err)
{
    char stream[DEFINITION_STREAM_SIZE];
    factum_cursor *cursor;
    factum_event event;
    factum_arena arena;
    factum_saga_deployed deployed;
    factum_status status = definition_stream(name, stream, err);
    if (status != FACTUM_OK) {
        return status;
    }
    const factum_read_request request = {
        .size = sizeof request,
        .source = FACTUM_SOURCE_STREAM,
        .name = factum_slice_from(stream),
        .from = FACTUM_FROM_START,
        .call = call,
    };
    status = factum_read(store, &request, &cursor, err);
    if (status == FACTUM_STREAM_NOT_FOUND || status == FACTUM_STREAM_DELETED) {
        return FACTUM_OK;
    }
    if (status != FACTUM_OK) {
        return status;
    }
    fct_arena_init(&arena, fct_mem_heap(), DEPLOYED_ARENA_MAX);
    while (!reader->stopped && (status = factum_cursor_next(cursor, &event, err)) == FACTUM_OK) {
        factum_arena_reset(&arena);
        reader->any = true;
        reader->revision = event.revision;
        bool good = read_deployed(&event, name, &arena, &deployed);
        status = fct_arena_status(&arena, "saga: a definition", err);
        if (status != FACTUM_OK) {
            break;
        }
        if (good) {
            take_deployed(reader, &deployed);
        }
    }
    factum_arena_finish(&arena);
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

/* ---- deploying ------------------------------------------------------------------------------- */

static factum_status read_deploy_options(const factum_saga_deploy_options *given,
                                         factum_saga_deploy_options *options, factum_error *err)
{
    *options = (factum_saga_deploy_options){.size = sizeof *options};
    factum_status status = given == NULL ? FACTUM_OK
                                         : fct_sized_read(options, sizeof *options, given,
                                                          "saga: the options of deploying", err);
    if (status == FACTUM_OK &&
        (options->act.by.len > FACTUM_NAME_SIZE_MAX || options->act.why.len > DEPLOYED_WHY_MAX)) {
        return fct_fail(err, FACTUM_INVALID,
                        "saga: who deploys has at most %d bytes, and why at most %u",
                        FACTUM_NAME_SIZE_MAX, DEPLOYED_WHY_MAX);
    }
    if (status == FACTUM_OK && options->forced && options->act.why.len == 0) {
        return fct_fail(err, FACTUM_INVALID, "saga: to force a deployment, say why");
    }
    return status;
}

/* DONE: it is deployed. */
static factum_status judge_version(const struct factum_saga *saga,
                                   const struct deployed_reader *reader, factum_error *err)
{
    if (saga->version > reader->newest) {
        return FACTUM_OK;
    }
    if (saga->version < reader->newest) {
        return fct_fail(err, FACTUM_INVALID,
                        "the newest version of %.*s is %" PRIu64 ": version %" PRIu64
                        " is older. Give the file the version %" PRIu64,
                        FCT_FMT(saga->name), reader->newest, saga->version, reader->newest + 1);
    }
    return strcmp(saga->hash, reader->newest_hash) == 0
               ? FACTUM_DONE
               : fct_fail(err, FACTUM_EXISTS,
                          "version %" PRIu64
                          " of %.*s is deployed with another text: give the file the version "
                          "%" PRIu64,
                          saga->version, FCT_FMT(saga->name), saga->version + 1);
}

static factum_status check_before(const struct factum_saga *saga,
                                  const factum_saga_deploy_options *options,
                                  factum_saga_report *report, factum_error *err)
{
    factum_status status = factum_saga_check(saga, options->bounds, NULL, report, err);
    if (status != FACTUM_OK || report->sound || options->forced) {
        return status;
    }
    return report->complete ? fct_fail(err, FACTUM_CONDITION_FAILED, "%.*s can end half done: %s",
                                       FCT_FMT(saga->name), report->broken_rule)
                            : fct_fail(err, FACTUM_CONDITION_FAILED,
                                       "%.*s: the check was not complete after %" PRIu64 " states",
                                       FCT_FMT(saga->name), report->state_count);
}

static void put_some(factum_json_writer *to, const char *name, factum_slice text)
{
    if (text.len > 0) {
        factum_json_put_member_text(to, name, text);
    }
}

static factum_status format_deployed(const struct factum_saga *saga,
                                     const factum_saga_deploy_options *options, uint64_t states,
                                     factum_arena *arena, factum_slice *data, factum_error *err)
{
    factum_json_writer to;
    factum_json_writer_in(&to, arena);
    factum_json_put_object(&to);
    factum_json_put_member_text(&to, "name", saga->name);
    factum_json_put_member(&to, "version");
    factum_json_put_uint64(&to, saga->version);
    factum_json_put_member_text(&to, "hash", factum_slice_from(saga->hash));
    factum_json_put_member_text(&to, "text", saga->text);
    factum_json_put_member_text(&to, "host", saga->host);
    put_some(&to, "by", options->act.by);
    put_some(&to, "why", options->act.why);
    factum_json_put_member(&to, "forced");
    factum_json_put_bool(&to, options->forced);
    factum_json_put_member(&to, "states");
    factum_json_put_uint64(&to, states);
    factum_json_put_end(&to);
    factum_status status = factum_json_writer_finish(&to, err);
    *data = (factum_slice){to.buffer, to.used};
    return status == FACTUM_OK ? status : fct_wrap(err, status, "saga: the event of a deployment");
}

static factum_status append_deployed(factum_store *store, const struct factum_saga *saga,
                                     const factum_saga_deploy_options *options, uint64_t states,
                                     const struct deployed_reader *reader, factum_act_result *done,
                                     factum_error *err)
{
    char stream[DEFINITION_STREAM_SIZE];
    factum_slice data;
    factum_arena arena;
    factum_append_result result;
    factum_status status = definition_stream(saga->name, stream, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_arena_init(&arena, fct_mem_heap(), DEPLOYED_ARENA_MAX);
    status = format_deployed(saga, options, states, &arena, &data, err);
    if (status == FACTUM_OK) {
        const factum_new_event event = {
            .stream = factum_slice_from(stream), .type = FCT_SLICE(DEPLOYED_TYPE), .data = data};
        const factum_expectation expectation = {
            event.stream, reader->any ? factum_at(reader->revision) : factum_no_stream()};
        const factum_append_request request = {
            .size = sizeof request,
            .events = &event,
            .event_count = 1,
            .expectations = &expectation,
            .expectation_count = 1,
            .system = true,
            .call = options->act.call,
        };
        status = factum_append(store, &request, &result, NULL, err);
    }
    factum_arena_finish(&arena);
    if (status == FACTUM_OK) {
        done->revision = result.revision;
        done->position = result.position;
    }
    return status == FACTUM_WRONG_REVISION
               ? fct_wrap(err, status, "another caller has just deployed the saga")
               : status;
}

/* factum_saga_deploy with complete arguments. */
static factum_status deploy_saga(factum_store *store, const struct factum_saga *saga,
                                 const factum_saga_deploy_options *options, factum_act_result *done,
                                 factum_saga_report *report, factum_error *err)
{
    struct deployed_reader reader = {.any = false};
    factum_status status = read_definition(store, saga->name, options->act.call, &reader, err);
    if (status == FACTUM_OK) {
        status = judge_version(saga, &reader, err);
    }
    if (status == FACTUM_DONE) {
        done->already = true;
        done->revision = reader.newest_revision;
        done->position = reader.newest_position;
        return FACTUM_OK;
    }
    if (status == FACTUM_OK) {
        status = check_before(saga, options, report, err);
    }
    /* Earlier than the deployment, so that a host of a new store finds them. */
    if (status == FACTUM_OK) {
        status = fct_saga_lists_deploy(store, options->act.call, err);
    }
    return status == FACTUM_OK
               ? append_deployed(store, saga, options, report->state_count, &reader, done, err)
               : status;
}

factum_status factum_saga_deploy(factum_store *store, const factum_saga *saga,
                                 const factum_saga_deploy_options *given, factum_act_result *result,
                                 factum_saga_report *report, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_saga_deploy_options options;
    factum_act_result done = {.size = sizeof done};
    factum_saga_report full = {.size = sizeof full};
    factum_status status = FACTUM_OK;
    if (report != NULL) {
        status = fct_sized_check(report, "saga: the report of a check", err);
        if (status != FACTUM_OK) {
            return status;
        }
        fct_sized_write(report, &full, sizeof full); /* it is freed in any case */
    }
    if (store == NULL || saga == NULL) {
        return fct_fail(err, FACTUM_INVALID, "saga: a store and a definition are needed");
    }
    status = read_deploy_options(given, &options, err);
    if (status == FACTUM_OK && result != NULL) {
        status = fct_sized_check(result, "saga: the result of deploying", err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = deploy_saga(store, saga, &options, &done, &full, err);
    if (status == FACTUM_OK && result != NULL) {
        fct_sized_write(result, &done, sizeof done);
    }
    if (report != NULL) {
        fct_saga_report_give(report, &full);
    } else {
        factum_saga_report_free(&full);
    }
    return status;
}

/* ---- listing --------------------------------------------------------------------------------- */

static factum_status list_definitions(factum_store *store, const factum_saga_deployed_each *each,
                                      factum_error *err)
{
    factum_list *list;
    factum_list_entry entry;
    struct deployed_reader reader = {.stopped = false};
    const factum_list_request request = {
        .size = sizeof request,
        .kind = FACTUM_LIST_STREAMS,
        .prefix = FCT_SLICE(FCT_SAGA_DEFINITION_PREFIX),
    };
    factum_status status = factum_list_open(store, &request, &list, err);
    if (status != FACTUM_OK) {
        return status;
    }
    while (!reader.stopped && (status = factum_list_next(list, &entry, err)) == FACTUM_OK) {
        factum_slice name = fct_slice_from(entry.name, sizeof FCT_SAGA_DEFINITION_PREFIX - 1);
        if (!fct_saga_name_valid(name)) {
            continue; /* a stream of another name */
        }
        reader = (struct deployed_reader){.each = each};
        status = read_definition(store, name, NULL, &reader, err);
        if (status != FACTUM_OK) {
            break;
        }
    }
    factum_list_close(list);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

factum_status factum_saga_deployments(factum_store *store, factum_slice name,
                                      const factum_saga_deployed_each *each, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (store == NULL || each == NULL || each->each == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "saga: a store and a function for deployments are needed");
    }
    if (name.len == 0) {
        return list_definitions(store, each, err);
    }
    struct deployed_reader reader = {.each = each};
    factum_status status = read_definition(store, name, NULL, &reader, err);
    return status == FACTUM_OK && reader.newest == 0
               ? fct_fail(err, FACTUM_NOT_FOUND,
                          "no saga %.*s is deployed: see factum saga definitions", FCT_FMT(name))
               : status;
}
