/* acts.c - events of a projection's definition: printed, parsed, folded. Layer: projection. See
 * acts.h. */
#include "projection/acts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <factum/json.h>
#include <factum/json_write.h>

#include "codec/json_doc.h"
#include "codec/sha256.h"
#include "core/arena.h"
#include "core/error.h"
#include "core/slice.h"

#define ACT_NODES_MAX 64u /* an act has about a dozen */

/* The event type of each act, by enum factum_projection_act; 0 is a deployment. */
static const struct {
    const char *type;
    const char *name;
} act_words[] = {
    [0] = {FCT_PROJECTION_DEPLOYED, "deploy"},
    [FACTUM_ACT_PAUSE] = {"$ProjectionPaused", "pause"},
    [FACTUM_ACT_RESUME] = {"$ProjectionResumed", "resume"},
    [FACTUM_ACT_REMOVE] = {"$ProjectionRemoved", "remove"},
    [FACTUM_ACT_REBUILD] = {"$ProjectionRebuilt", "rebuild"},
    [FACTUM_ACT_SWAP] = {"$ProjectionSwapped", "swap"},
    [FACTUM_ACT_ROLLBACK] = {"$ProjectionRolledBack", "rollback"},
    [FACTUM_ACT_RETRY] = {FCT_PARKED_RETRIED, "retry"},
    [FACTUM_ACT_RETRY_ALL] = {FCT_PARKED_RETRIED, "retry all"},
    [FACTUM_ACT_SKIP] = {FCT_PARKED_SKIPPED, "skip"},
};
#define ACT_WORDS (sizeof act_words / sizeof act_words[0])

/* ---- names ----------------------------------------------------------------------------------- */

factum_status fct_acts_stream(factum_slice name, char stream[FCT_PROJECTION_STREAM_SIZE],
                              factum_error *err)
{
    bool good = name.ptr != NULL && name.len > 0 && name.len <= FACTUM_PROJECTION_NAME_MAX &&
                name.ptr[0] >= 'a' && name.ptr[0] <= 'z';
    for (size_t i = 0; good && i < name.len; i++) {
        uint8_t c = name.ptr[i];
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    }
    if (!good) {
        return fct_fail(err, FACTUM_INVALID,
                        "\"%.*s\" is not the name of a projection: that is a letter a to z, then "
                        "letters, digits and _, %d at most",
                        FCT_FMT(name), FACTUM_PROJECTION_NAME_MAX);
    }
    (void)snprintf(stream, FCT_PROJECTION_STREAM_SIZE, "%s%.*s", FCT_PROJECTION_PREFIX,
                   (int)name.len, (const char *)name.ptr);
    return FACTUM_OK;
}

const char *fct_act_type(factum_projection_act act)
{
    return act_words[act].type;
}

const char *factum_projection_act_name(factum_projection_act act)
{
    return act > 0 && (size_t)act < ACT_WORDS ? act_words[act].name : "";
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put_some_text(factum_json_writer *to, const char *name, factum_slice text)
{
    if (text.len > 0) {
        factum_json_put_member_text(to, name, text);
    }
}

factum_status fct_act_format(const struct fct_act *act, factum_arena *arena, factum_slice *data,
                             factum_error *err)
{
    factum_json_writer to;
    factum_json_writer_in(&to, arena);
    factum_json_put_object(&to);
    put_some_text(&to, "name", act->name);
    if (act->version > 0) {
        factum_json_put_member(&to, "version");
        factum_json_put_uint64(&to, act->version);
    }
    put_some_text(&to, "hash", act->hash);
    put_some_text(&to, "key", act->key);
    if (act->act == FACTUM_ACT_SKIP) {
        factum_json_put_member(&to, "position");
        factum_json_put_uint64(&to, act->position);
    }
    put_some_text(&to, "by", act->by);
    put_some_text(&to, "why", act->why);
    put_some_text(&to, "text", act->text);
    factum_json_put_end(&to);
    factum_status status = factum_json_writer_finish(&to, err);
    if (status != FACTUM_OK) {
        return fct_wrap(err, status, "projection: the event of the act");
    }
    *data = (factum_slice){to.buffer, to.used};
    return FACTUM_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

static factum_status bad_act(const factum_event *event, const char *why, factum_error *err)
{
    return fct_fail(err, FACTUM_INVALID,
                    "the event at position %" PRIu64 " is not an act on a projection: %s",
                    event->position, why);
}

static bool act_of_type(const factum_event *event, factum_projection_act *act)
{
    for (size_t i = 0; i < ACT_WORDS; i++) {
        if (fct_slice_equal(event->type, factum_slice_from(act_words[i].type))) {
            *act = (factum_projection_act)i;
            return true;
        }
    }
    return false;
}

static factum_status check_deployed_text(const factum_event *event, const struct fct_act *act,
                                         factum_error *err)
{
    char hash[FCT_SHA256_TEXT_SIZE];
    struct fct_sha256 sha;
    if (act->version == 0 || act->text.len == 0) {
        return bad_act(event, "it has no version or text", err);
    }
    factum_status status = fct_sha256_init(&sha, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_sha256_add(&sha, act->text.ptr, act->text.len);
    status = fct_sha256_finish(&sha, hash, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (!fct_slice_equal(act->hash, factum_slice_from(hash))) {
        return bad_act(event, "its text has another hash", err);
    }
    return FACTUM_OK;
}

factum_status fct_act_parse(const factum_event *event, factum_arena *arena, struct fct_act *act,
                            factum_error *err)
{
    factum_json_node nodes[ACT_NODES_MAX];
    factum_json json;
    memset(act, 0, sizeof *act);
    if (!act_of_type(event, &act->act)) {
        return bad_act(event, "it has another type", err);
    }
    if (factum_json_parse(event->data, NULL, nodes, ACT_NODES_MAX, &json, NULL) != FACTUM_OK) {
        return bad_act(event, "its data is not the JSON that it should be", err);
    }
    bool good = fct_json_doc_text(&json, "name", arena, &act->name) &&
                fct_json_doc_text(&json, "hash", arena, &act->hash) &&
                fct_json_doc_text(&json, "text", arena, &act->text) &&
                fct_json_doc_text(&json, "key", arena, &act->key) &&
                fct_json_doc_text(&json, "by", arena, &act->by) &&
                fct_json_doc_text(&json, "why", arena, &act->why) &&
                fct_json_doc_number(&json, "version", &act->version) &&
                fct_json_doc_number(&json, "position", &act->position);
    factum_status status = fct_arena_status(arena, "projection: an act", err);
    if (status == FACTUM_OK && !good) {
        return bad_act(event, "its members are not as they should be", err);
    }
    if (status == FACTUM_OK && act->act == FACTUM_ACT_RETRY && act->key.len == 0) {
        act->act = FACTUM_ACT_RETRY_ALL;
    }
    return status == FACTUM_OK && act->act == 0 ? check_deployed_text(event, act, err) : status;
}

/* ---- the fold -------------------------------------------------------------------------------- */

static factum_status judge_deployment(const struct fct_acts *acts, const struct fct_act *act,
                                      factum_error *err)
{
    if (!acts->deployed || acts->removed) {
        return FACTUM_OK;
    }
    if (act->version == acts->version) {
        if (fct_slice_equal(act->hash, factum_slice_from(acts->hash))) {
            return FACTUM_DONE;
        }
        return fct_fail(err, FACTUM_EXISTS,
                        "version %" PRIu64 " of %.*s is deployed with another text: give the file "
                        "the version %" PRIu64,
                        act->version, FCT_FMT(act->name), acts->version + 1);
    }
    if (act->version < acts->version) {
        return fct_fail(err, FACTUM_INVALID,
                        "the newest version of %.*s is %" PRIu64 ": version %" PRIu64
                        " is older. Give the file the version %" PRIu64,
                        FCT_FMT(act->name), acts->version, act->version, acts->version + 1);
    }
    return FACTUM_OK;
}

/* Judges what cannot be done, and what is done already. */
factum_status fct_acts_judge(const struct fct_acts *acts, const struct fct_act *act,
                             factum_error *err)
{
    switch ((int)act->act) {
    case 0:
        return judge_deployment(acts, act, err);
    case FACTUM_ACT_PAUSE:
        return acts->paused ? FACTUM_DONE : FACTUM_OK;
    case FACTUM_ACT_REBUILD:
        return acts->building.version == 0
                   ? FACTUM_OK
                   : fct_fail(err, FACTUM_INVALID,
                              "version %" PRIu64 " is being built: swap to it first, or deploy a "
                              "newer one",
                              acts->building.version);
    case FACTUM_ACT_SWAP:
        if (acts->paused && acts->building.version != 0) {
            return fct_fail(err, FACTUM_INVALID,
                            "it is paused, so version %" PRIu64 " is not built on: resume it "
                            "first, then swap",
                            acts->building.version);
        }
        return acts->building.version != 0 ? FACTUM_OK
                                           : fct_fail(err, FACTUM_INVALID,
                                                      "nothing is built beside version %" PRIu64
                                                      ": deploy a newer version, "
                                                      "or rebuild this one",
                                                      acts->in_use.version);
    case FACTUM_ACT_ROLLBACK:
        return acts->previous.version != 0
                   ? FACTUM_OK
                   : fct_fail(err, FACTUM_INVALID,
                              "there is nothing to return to: no version was in use before "
                              "version %" PRIu64 ", or that is more than 24 hours ago",
                              acts->in_use.version);
    default: /* RESUME also restarts runners that stopped after a failure */
        return FACTUM_OK;
    }
}

static void add_deployment(struct fct_acts *acts, const struct fct_act *act, uint64_t revision,
                           int64_t created)
{
    const struct fct_build_id build = {act->version, 1, revision};
    if (acts->in_use.version == 0) {
        acts->in_use = build;
        acts->in_use_since = created;
    } else {
        acts->building = build;
    }
    acts->deployed = true;
    acts->removed = false;
    acts->version = act->version;
    acts->text_at = revision;
    (void)snprintf(acts->hash, sizeof acts->hash, "%.*s", (int)act->hash.len,
                   (const char *)act->hash.ptr);
}

/* The version in use again, with a run number that no build of that version has. */
static struct fct_build_id next_run(const struct fct_acts *acts)
{
    struct fct_build_id build = acts->in_use;
    if (acts->previous.version == build.version && acts->previous.run > build.run) {
        build.run = acts->previous.run;
    }
    build.run++;
    return build;
}

static void add_removal(struct fct_acts *acts)
{
    memset(&acts->in_use, 0, sizeof acts->in_use);
    memset(&acts->previous, 0, sizeof acts->previous);
    memset(&acts->building, 0, sizeof acts->building);
    acts->paused = false;
    acts->removed = true;
}

void fct_acts_at(struct fct_acts *acts, int64_t now)
{
    if (now > acts->in_use_since && now - acts->in_use_since > FCT_PREVIOUS_KEPT) {
        memset(&acts->previous, 0, sizeof acts->previous);
    }
}

void fct_acts_pass(struct fct_acts *acts, uint64_t revision, uint64_t position)
{
    acts->any = true;
    acts->revision = revision;
    acts->position = position;
}

void fct_acts_add(struct fct_acts *acts, const struct fct_act *act, uint64_t revision,
                  uint64_t position, int64_t created)
{
    factum_error ignored;
    static const struct fct_build_id none = {0, 0, 0};
    const struct fct_build_id was = acts->in_use;
    fct_acts_at(acts, created);
    fct_acts_pass(acts, revision, position);
    if (fct_acts_judge(acts, act, &ignored) != FACTUM_OK) {
        return; /* a writer that did not judge first: its event changes nothing */
    }
    switch ((int)act->act) {
    case 0:
        add_deployment(acts, act, revision, created);
        break;
    case FACTUM_ACT_PAUSE:
    case FACTUM_ACT_RESUME:
        acts->paused = act->act == FACTUM_ACT_PAUSE;
        break;
    case FACTUM_ACT_REMOVE:
        add_removal(acts);
        break;
    case FACTUM_ACT_REBUILD:
        acts->building = next_run(acts);
        break;
    case FACTUM_ACT_SWAP:
        acts->in_use = acts->building;
        acts->building = none;
        acts->previous = was;
        acts->in_use_since = created;
        break;
    case FACTUM_ACT_ROLLBACK:
        acts->in_use = acts->previous;
        acts->previous = was;
        acts->in_use_since = created;
        break;
    default: /* RETRY and SKIP: parked events are not part of the fold */
        break;
    }
}
