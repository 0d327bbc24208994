/* deploy.c - deploying projections and recording acts: the calls of <factum/projection.h> that
 * write to a definition's stream, and those that list deployed projections. Layer: projection. A
 * user of the public API.
 *
 *     read the stream, fold it, judge the act --state is the wanted one--> already
 *          | allowed
 *     append at the revision that was read
 *          | WRONG_REVISION: another writer was faster; the caller decides again
 *
 * So of two acts at once one is refused, and no act is judged by an old state.
 */
#include <inttypes.h>
#include <string.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/sized.h"
#include "core/slice.h"
#include "projection/acts.h"
#include "projection/definition.h"

#define RECORD_ARENA_MAX ((size_t)4 << 20) /* a text of 256 KiB, escaped, and its decoded copy */

/* ---- recording ------------------------------------------------------------------------------- */

static factum_status read_act_options(const factum_act_options *given, factum_act_options *options,
                                      factum_error *err)
{
    *options = (factum_act_options){.size = sizeof *options};
    factum_status status = given == NULL ? FACTUM_OK
                                         : fct_sized_read(options, sizeof *options, given,
                                                          "projection: the options", err);
    if (status == FACTUM_OK &&
        (options->by.len > FACTUM_NAME_SIZE_MAX || options->why.len > FCT_ACT_WHY_MAX)) {
        return fct_fail(err, FACTUM_INVALID,
                        "projection: who acts has at most %d bytes, and why at most %u",
                        FACTUM_NAME_SIZE_MAX, FCT_ACT_WHY_MAX);
    }
    return status;
}

static factum_status append_act(factum_store *store, const char *stream,
                                const struct fct_acts *acts, const struct fct_act *act,
                                const factum_call *call, factum_act_result *done, factum_error *err)
{
    factum_slice data;
    factum_arena arena;
    factum_append_result result;
    fct_arena_init(&arena, fct_mem_heap(), RECORD_ARENA_MAX);
    factum_status status = fct_act_format(act, &arena, &data, err);
    if (status == FACTUM_OK) {
        const factum_new_event event = {
            .stream = factum_slice_from(stream),
            .type = factum_slice_from(fct_act_type(act->act)),
            .data = data,
        };
        const factum_expectation expectation = {event.stream, acts->any ? factum_at(acts->revision)
                                                                        : factum_no_stream()};
        const factum_append_request request = {
            .size = sizeof request,
            .events = &event,
            .event_count = 1,
            .expectations = &expectation,
            .expectation_count = 1,
            .system = true,
            .call = call,
        };
        status = factum_append(store, &request, &result, NULL, err);
    }
    factum_arena_finish(&arena);
    if (status == FACTUM_OK) {
        done->revision = result.revision;
        done->position = result.position;
    }
    return status == FACTUM_WRONG_REVISION
               ? fct_wrap(err, status, "another caller has just acted on the projection")
               : status;
}

/* The position and the time of the deployment at |revision|. */
static factum_status find_deployment(factum_store *store, factum_slice name, uint64_t revision,
                                     factum_act_result *done, factum_error *err)
{
    factum_cursor *cursor;
    factum_event event;
    factum_status status = fct_acts_open(store, name, revision, revision, NULL, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = factum_cursor_next(cursor, &event, err);
    if (status == FACTUM_OK) {
        done->revision = event.revision;
        done->position = event.position;
    }
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static factum_status read_act_request(const factum_act_options *given,
                                      const factum_act_result *result, factum_act_options *options,
                                      factum_error *err)
{
    factum_status status = read_act_options(given, options, err);
    if (status == FACTUM_OK && result != NULL) {
        status = fct_sized_check(result, "projection: the result", err);
    }
    return status;
}

static factum_status not_deployed(factum_slice name, factum_error *err)
{
    return fct_fail(err, FACTUM_NOT_FOUND,
                    "no projection %.*s is deployed: see factum projection list", FCT_FMT(name));
}

/* Judges |act| by the current state of the stream, and appends it. */
static factum_status record_act(factum_store *store, factum_slice name, struct fct_act *act,
                                const factum_act_options *given, factum_act_result *result,
                                factum_error *err)
{
    char stream[FCT_PROJECTION_STREAM_SIZE];
    factum_act_options options;
    struct fct_acts acts = {.any = false};
    factum_act_result done = {.size = sizeof done};
    factum_status status = read_act_request(given, result, &options, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_acts_stream(name, stream, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_acts_read(store, name, UINT64_MAX, options.call, &acts, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (act->act != 0 && (!acts.deployed || acts.removed)) {
        return not_deployed(name, err);
    }
    status = fct_acts_judge(&acts, act, err);
    if (status == FACTUM_OK) {
        act->by = options.by;
        act->why = options.why;
        status = append_act(store, stream, &acts, act, options.call, &done, err);
    } else if (status == FACTUM_DONE) {
        done.already = true;
        done.revision = acts.revision;
        done.position = acts.position;
        status = act->act == 0 ? find_deployment(store, name, acts.text_at, &done, err) : FACTUM_OK;
    }
    if (status == FACTUM_OK && result != NULL) {
        fct_sized_write(result, &done, sizeof done);
    }
    return status;
}

factum_status factum_projection_deploy(factum_store *store, const factum_projection *projection,
                                       const factum_act_options *options, factum_act_result *result,
                                       factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_projection_info info = {.size = sizeof info};
    if (store == NULL) {
        return fct_fail(err, FACTUM_INVALID, "projection: a store is needed");
    }
    factum_status status = factum_projection_info_get(projection, &info, err);
    if (status != FACTUM_OK) {
        return status;
    }
    struct fct_act act = {
        .name = info.name, .version = info.version, .hash = info.hash, .text = info.text};
    return record_act(store, info.name, &act, options, result, err);
}

factum_status factum_projection_act_record(factum_store *store, const factum_act_request *request,
                                           factum_act_result *result, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_act_request asked;
    if (store == NULL) {
        return fct_fail(err, FACTUM_INVALID, "projection: a store is needed");
    }
    factum_status status =
        fct_sized_read(&asked, sizeof asked, request, "projection: the request", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (factum_projection_act_name(asked.act)[0] == '\0' ||
        (asked.act == FACTUM_ACT_RETRY) != (asked.key.len > 0) ||
        (asked.act != FACTUM_ACT_SKIP && asked.position != 0)) {
        return fct_fail(err, FACTUM_INVALID,
                        "projection: an act of factum_projection_act is needed; a key belongs to "
                        "RETRY alone, a position to SKIP alone");
    }
    struct fct_act act = {.act = asked.act, .key = asked.key, .position = asked.position};
    return record_act(store, asked.projection, &act, asked.options, result, err);
}

/* ---- finding --------------------------------------------------------------------------------- */

/* Calls |each| with the state of the projection and the text of the deployment at |text_at|. */
static factum_status report_state(factum_store *store, factum_slice name,
                                  const struct fct_acts *acts, uint64_t text_at,
                                  const factum_projection_each *each, bool *go_on,
                                  factum_error *err)
{
    factum_error ignored;
    factum_arena arena;
    struct fct_act act;
    int64_t created = 0;
    struct fct_definition *definition = NULL;
    fct_arena_init(&arena, fct_mem_heap(), RECORD_ARENA_MAX);
    factum_status status = fct_acts_text(store, name, text_at, NULL, &arena, &act, &created, err);
    if (status == FACTUM_OK) {
        factum_projection_state state = {
            .size = sizeof state,
            .name = name,
            .version = act.version,
            .in_use = acts->in_use.version,
            .previous = acts->previous.version,
            .building = acts->building.version != 0,
            .paused = acts->paused,
            .removed = acts->removed,
            .hash = act.hash,
            .text = act.text,
            .by = act.by,
            .why = act.why,
            .created = created,
            .revision = acts->revision,
        };
        /* A text that this version cannot parse is reported without its contents. */
        if (fct_projection_parse(act.text, NULL, FCT_DIALECT_SQLITE, &definition, &ignored) ==
            FACTUM_OK) {
            state.mode = definition->mode;
            state.host = definition->host;
        }
        *go_on = each->each(each->data, &state);
    }
    fct_projection_definition_free(definition);
    factum_arena_finish(&arena);
    return status;
}

static factum_status check_each(const factum_store *store, const factum_projection_each *each,
                                factum_error *err)
{
    return store != NULL && each != NULL && each->each != NULL
               ? FACTUM_OK
               : fct_fail(err, FACTUM_INVALID,
                          "projection: a store and a function for projections are needed");
}

/* The revision of the deployment of |version|. Versions rise, so the last deployment of a number
 * counts. */
static factum_status find_version(factum_store *store, factum_slice name, uint64_t version,
                                  uint64_t *text_at, factum_error *err)
{
    factum_error ignored;
    factum_cursor *cursor;
    factum_event event;
    factum_arena arena;
    struct fct_act act;
    bool found = false;
    factum_status status = fct_acts_open(store, name, 0, UINT64_MAX, NULL, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_arena_init(&arena, fct_mem_heap(), RECORD_ARENA_MAX);
    while ((status = factum_cursor_next(cursor, &event, err)) == FACTUM_OK) {
        factum_arena_reset(&arena);
        if (fct_act_parse(&event, &arena, &act, &ignored) == FACTUM_OK && act.act == 0 &&
            act.version == version) {
            *text_at = event.revision;
            found = true;
        }
    }
    factum_arena_finish(&arena);
    factum_cursor_close(cursor);
    if (status == FACTUM_DONE && !found) {
        return fct_fail(err, FACTUM_NOT_FOUND, "the projection %.*s has no version %" PRIu64,
                        FCT_FMT(name), version);
    }
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

factum_status factum_projection_find(factum_store *store, factum_slice name, uint64_t version,
                                     const factum_projection_each *each, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct fct_acts acts = {.any = false};
    bool go_on;
    factum_status status = check_each(store, each, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_acts_read(store, name, UINT64_MAX, NULL, &acts, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (!acts.deployed) {
        return not_deployed(name, err);
    }
    uint64_t text_at = acts.text_at;
    if (version != 0 && version != acts.version) {
        status = find_version(store, name, version, &text_at, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    return report_state(store, name, &acts, text_at, each, &go_on, err);
}

factum_status factum_projection_list(factum_store *store, const factum_projection_each *each,
                                     factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_list *list;
    factum_list_entry entry;
    struct fct_acts acts;
    bool go_on = true;
    const factum_list_request request = {
        .size = sizeof request,
        .kind = FACTUM_LIST_STREAMS,
        .prefix = FCT_SLICE(FCT_PROJECTION_PREFIX),
    };
    factum_status status = check_each(store, each, err);
    if (status == FACTUM_OK) {
        status = factum_list_open(store, &request, &list, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    while (go_on && (status = factum_list_next(list, &entry, err)) == FACTUM_OK) {
        factum_slice name = fct_slice_from(entry.name, sizeof FCT_PROJECTION_PREFIX - 1);
        status = fct_acts_read(store, name, UINT64_MAX, NULL, &acts, err);
        if (status == FACTUM_OK && acts.deployed) {
            status = report_state(store, name, &acts, acts.text_at, each, &go_on, err);
        }
        if (status != FACTUM_OK && status != FACTUM_INVALID && status != FACTUM_NOT_FOUND) {
            /* A stream with a name of another form, or with a text that cannot be read, is left
             * out. */
            break;
        }
    }
    factum_list_close(list);
    return status < FACTUM_OK && status != FACTUM_INVALID && status != FACTUM_NOT_FOUND ? status
                                                                                        : FACTUM_OK;
}
