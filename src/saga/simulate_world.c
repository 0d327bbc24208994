/* simulate_world.c - see simulate_int.h: the disk, the store, time, and the log. Layer: saga. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <factum/json_write.h>

#include "api/open_on.h"
#include "codec/json.h"
#include "core/arena.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/slice.h"
#include "saga/pick.h"
#include "saga/simulate_int.h"

#define STORE_PATH "/store"
#define SIM_ARENA_MAX ((size_t)32 << 20)
#define SIM_OPENINGS_MAX 100 /* a disk may stop while the store is opened, which is then repeated */

/* ---- draws and time -------------------------------------------------------------------------- */

uint64_t fct_sim_below(struct sim *sim, uint64_t bound)
{
    return fct_random_below(&sim->random, bound);
}

bool fct_sim_chance(struct sim *sim, uint32_t of)
{
    return of > 0 && fct_sim_below(sim, 1000) < of;
}

int64_t fct_sim_wall(const struct sim *sim)
{
    return SIM_EPOCH + sim->time + sim->offset;
}

void fct_sim_advance(struct sim *sim, int64_t nanoseconds)
{
    sim->time += nanoseconds;
    fct_sim_disk_set_time(sim->disk, fct_sim_wall(sim));
}

/* ---- opening and crashing -------------------------------------------------------------------- */

static void stop_everybody(struct sim *sim)
{
    for (size_t i = 0; i < SIM_RUNNERS; i++) {
        fct_sim_stop_runner(&sim->runners[i]);
    }
}

static enum fct_crash_mode draw_mode(struct sim *sim)
{
    int mode = sim->options->faults.crash_mode;
    return mode >= 0 ? (enum fct_crash_mode)mode
                     : (enum fct_crash_mode)fct_sim_below(sim, FCT_CRASH_MODES);
}

/* The disk that the power cut leaves. */
static void cut_power(struct sim *sim)
{
    static const char *const modes[] = {"nothing unsynced is left", "everything written is left",
                                        "half of what was not synced is left",
                                        "most of what was not synced is left",
                                        "half of it is left, and torn"};
    enum fct_crash_mode mode = draw_mode(sim);
    factum_error err;
    uint64_t calls = fct_sim_disk_calls(sim->disk);
    fct_sim_reach(sim, FCT_SIM_CRASHED);
    fct_sim_log(sim, "the machine crashes at disk call %" PRIu64 ": %s", calls, modes[mode]);
    /* The close may fail if the disk has stopped; unwritten data is lost either way. */
    (void)factum_close(sim->store, &err);
    sim->store = NULL;
    struct fct_sim_disk *left = fct_sim_disk_crash(sim->disk, mode, fct_random_next(&sim->random));
    sim->calls_before += calls - fct_sim_disk_calls(left);
    fct_sim_disk_destroy(sim->disk);
    sim->disk = left;
    sim->armed = false;
    fct_sim_disk_set_time(sim->disk, fct_sim_wall(sim));
}

void fct_sim_crash(struct sim *sim)
{
    factum_error err;
    factum_status status = FACTUM_IO;
    stop_everybody(sim);
    for (int i = 0; i < SIM_OPENINGS_MAX && status != FACTUM_OK; i++) {
        cut_power(sim);
        if (sim->options->faults.crash == FCT_SIM_CRASH_DRAWN && !sim->heal &&
            fct_sim_chance(sim, 100)) {
            fct_sim_disk_stop_at(sim->disk, fct_sim_disk_calls(sim->disk) + fct_sim_below(sim, 12));
            sim->armed = true;
        }
        status = fct_api_open_on(fct_sim_disk_os(sim->disk), STORE_PATH, &sim->ticker, &sim->store,
                                 &err);
        if (status != FACTUM_OK && !fct_sim_disk_has_stopped(sim->disk)) {
            fct_sim_breach(sim, "the store does not open after a crash: %s", err.text);
            return;
        }
    }
    if (status != FACTUM_OK) {
        fct_sim_fail(sim, status, "opening the store", &err);
        return;
    }
    fct_sim_look(sim);
}

bool fct_sim_went_well(struct sim *sim, factum_status status, const char *what,
                       const factum_error *err)
{
    if (status == FACTUM_OK) {
        return true;
    }
    if (fct_sim_disk_has_stopped(sim->disk)) {
        fct_sim_crash(sim);
    } else if (status == FACTUM_NO_MEMORY) {
        fct_sim_fail(sim, status, what, err);
    } else {
        fct_sim_breach(sim, "%s: %s", what, err->text);
    }
    return false;
}

/* ---- the log --------------------------------------------------------------------------------- */

size_t fct_sim_find(const struct sim *sim, size_t saga, uint8_t slot, bool undo,
                    uint16_t generation)
{
    for (size_t i = 0; i < sim->command_count; i++) {
        const struct sim_command *command = &sim->commands[i];
        if (command->saga == saga && command->slot == slot && command->undo == undo &&
            command->generation == generation) {
            return i;
        }
    }
    return SIM_NONE;
}

static size_t find_saga(const struct sim *sim, const struct fct_saga_key *key)
{
    for (size_t i = 0; i < sim->saga_count; i++) {
        if (fct_slice_equal(sim->sagas[i].key.id, key->id) &&
            fct_slice_equal(sim->sagas[i].key.name, key->name)) {
            return i;
        }
    }
    return SIM_NONE;
}

static bool grow_commands(struct sim *sim)
{
    if (sim->command_count < sim->command_capacity) {
        return true;
    }
    size_t capacity = sim->command_capacity > 0 ? sim->command_capacity * 2 : 64;
    struct sim_command *commands =
        capacity <= SIM_COMMANDS_MAX
            ? fct_mem_resize(sim->mem, sim->commands, capacity * sizeof *commands)
            : NULL;
    if (commands == NULL) {
        fct_sim_fail(sim, capacity > SIM_COMMANDS_MAX ? FACTUM_TOO_BIG : FACTUM_NO_MEMORY,
                     "its commands", NULL);
        return false;
    }
    sim->commands = commands;
    sim->command_capacity = capacity;
    return true;
}

/* Finds or adds it. SIM_NONE: no such saga or step, or the simulation has failed. */
static size_t get_command(struct sim *sim, factum_slice text)
{
    struct fct_command_id id;
    if (!fct_command_id_read(text, &id)) {
        return SIM_NONE;
    }
    size_t saga = find_saga(sim, &id.saga);
    uint8_t slot = fct_saga_slot(sim->saga, id.step);
    if (saga == SIM_NONE || slot == FCT_SLOT_NONE) {
        return SIM_NONE;
    }
    size_t at = fct_sim_find(sim, saga, slot, id.undo, id.generation);
    if (at != SIM_NONE || !grow_commands(sim)) {
        return at;
    }
    at = sim->command_count++;
    sim->commands[at] = (struct sim_command){.id = factum_arena_copy(&sim->arena, text),
                                             .saga = saga,
                                             .slot = slot,
                                             .undo = id.undo,
                                             .generation = id.generation,
                                             .undoes = SIM_NONE};
    sim->commands[at].deaf = fct_sim_chance(sim, sim->options->faults.silent);
    if (sim->commands[at].id.len == 0) {
        fct_sim_fail(sim, FACTUM_NO_MEMORY, "its commands", NULL);
    }
    return at;
}

/* The text of a member of |metadata|, or empty. In sim->scratch. */
static factum_slice member_text_of(struct sim *sim, factum_slice metadata, const char *name)
{
    struct fct_json_member member = {.name = factum_slice_from(name)};
    struct fct_json value;
    char text[FACTUM_NAME_SIZE_MAX];
    size_t len = 0;
    if (metadata.len == 0 || fct_json_pick(metadata, &value, &member, 1, NULL) != FACTUM_OK ||
        !member.found ||
        fct_json_unescape(member.value.raw, text, sizeof text, &len) != FACTUM_OK) {
        return fct_slice(NULL, 0);
    }
    return factum_arena_copy(&sim->scratch, fct_slice(text, len));
}

static void look_at_command(struct sim *sim, const factum_event *event)
{
    factum_slice id = member_text_of(sim, event->metadata, "$commandId");
    if (fct_slice_equal(event->type, FCT_SLICE("CommandCancelled"))) {
        size_t closed = event->key != NULL ? get_command(sim, *event->key) : SIM_NONE;
        if (closed != SIM_NONE) {
            sim->commands[closed].closed = true;
        }
        return;
    }
    size_t at = get_command(sim, id);
    if (at == SIM_NONE) {
        fct_sim_breach(sim, "a command with no id that is known: %.*s", FCT_FMT(id));
        return;
    }
    sim->commands[at].sent++;
    if (sim->commands[at].undo) {
        size_t undone = get_command(sim, member_text_of(sim, event->metadata, "$undoes"));
        sim->commands[at].undoes = undone;
    }
    fct_sim_log(sim, "%.*s is sent: %.*s", FCT_FMT(event->type), FCT_FMT(id));
}

/* A service has had an effect. */
static void look_at_effect(struct sim *sim, const factum_event *event)
{
    factum_slice id = member_text_of(sim, event->metadata, "$did");
    size_t at = get_command(sim, id);
    if (at == SIM_NONE) {
        return;
    }
    struct sim_command *command = &sim->commands[at];
    command->effects++;
    command->ok = command->ok || fct_slice_holds(event->metadata, FCT_SLICE("\"$ok\":true"));
    command->undid =
        command->undid || fct_slice_holds(event->metadata, FCT_SLICE("\"$undid\":true"));
    command->effect_at = command->effect_at == 0 ? event->position : command->effect_at;
    fct_sim_log(sim, "%.*s answers %.*s", FCT_FMT(event->type), FCT_FMT(id));
}

static void note_announced(struct sim *sim, size_t saga, const struct fct_change *change)
{
    char text[FCT_COMMAND_ID_SIZE];
    bool undo = change->kind == FCT_CHANGE_UNDO_STARTED;
    bool sends = undo || (change->kind == FCT_CHANGE_STEP_STARTED && change->why != FCT_WHY_EARLY);
    if (!sends) {
        return;
    }
    factum_slice step = sim->saga->slots[change->slot].name;
    size_t at = get_command(
        sim, fct_command_id(&sim->sagas[saga].key, step, undo, change->generation, text));
    if (at != SIM_NONE) {
        sim->commands[at].announced++;
    }
}

static void look_at_saga(struct sim *sim, const factum_event *event)
{
    struct fct_saga_key key;
    struct fct_record record;
    factum_error err;
    size_t at = fct_saga_stream_read(event->stream, &key) ? find_saga(sim, &key) : SIM_NONE;
    if (at == SIM_NONE) {
        fct_sim_breach(sim, "a saga that nobody started: %.*s", FCT_FMT(event->stream));
        return;
    }
    struct sim_saga *saga = &sim->sagas[at];
    factum_status status =
        fct_record_read(sim->saga, event->type, event->data, &sim->scratch, &record, &err);
    if (status != FACTUM_OK) {
        fct_sim_breach(sim, "an event of a saga cannot be read: %s", err.text);
        return;
    }
    const struct fct_change *change = &record.change;
    factum_slice name =
        change->slot != FCT_SLOT_NONE ? sim->saga->slots[change->slot].name : FCT_SLICE("");
    fct_sim_log(sim, "    %.*s: %.*s %.*s %s", FCT_FMT(key.id), FCT_FMT(event->type), FCT_FMT(name),
                fct_why_name(change->why));
    fct_sim_check_change(sim, saga, change);
    saga->exists = true;
    fct_saga_evolve(&sim->saga->plan, &saga->state, change);
    note_announced(sim, at, change);
}

static void look_at(struct sim *sim, const factum_event *event)
{
    if (fct_slice_starts(event->stream, FCT_SLICE(FCT_SAGA_PREFIX))) {
        look_at_saga(sim, event);
    } else if (fct_slice_starts(event->stream, FCT_SLICE(FCT_COMMAND_PREFIX))) {
        look_at_command(sim, event);
    } else if (fct_slice_starts(event->stream, FCT_SLICE("did-"))) {
        look_at_effect(sim, event);
    } else if (fct_slice_starts(event->stream, FCT_SLICE("start-"))) {
        struct fct_saga_key key = {sim->saga->name, fct_slice_from(event->stream, 6)};
        size_t at = find_saga(sim, &key);
        if (at != SIM_NONE) {
            sim->sagas[at].starts++;
        }
        fct_sim_log(sim, "%.*s of %.*s", FCT_FMT(event->type), FCT_FMT(key.id));
    }
    factum_arena_reset(&sim->scratch);
}

void fct_sim_look(struct sim *sim)
{
    const factum_read_request request = {.size = sizeof request,
                                         .source = FACTUM_SOURCE_ALL,
                                         .from =
                                             sim->seen > 0 ? FACTUM_FROM_AFTER : FACTUM_FROM_START,
                                         .from_value = sim->seen,
                                         .commits = true,
                                         .skip_system = true};
    factum_cursor *cursor = NULL;
    factum_event event;
    factum_error err;
    factum_status status = factum_read(sim->store, &request, &cursor, &err);
    while (status == FACTUM_OK && !fct_sim_over(sim)) {
        status = factum_cursor_next(cursor, &event, &err);
        if (status == FACTUM_OK) {
            sim->seen = event.position;
            look_at(sim, &event);
        }
    }
    factum_cursor_close(cursor);
    if (status != FACTUM_DONE && status != FACTUM_OK) {
        fct_sim_fail(sim, status, "reading the log", &err);
    } else if (!fct_sim_over(sim)) {
        fct_sim_check_sent(sim);
    }
}

/* ---- the setup ------------------------------------------------------------------------------- */

void fct_sim_alter(struct sim *sim, struct fct_deployed_set *set)
{
    for (size_t i = 0; sim->options->alter != NULL && i < set->count; i++) {
        sim->options->alter(set->items[i].saga);
    }
}

static factum_status deploy(struct sim *sim, factum_error *err)
{
    char stream[sizeof FCT_SAGA_DEFINITION_PREFIX + FACTUM_SAGA_NAME_MAX];
    factum_json_writer to;
    const struct factum_saga *saga = sim->saga;
    (void)snprintf(stream, sizeof stream, FCT_SAGA_DEFINITION_PREFIX "%.*s", FCT_FMT(saga->name));
    factum_json_writer_in(&to, &sim->scratch);
    factum_json_put_object(&to);
    factum_json_put_member_text(&to, "name", saga->name);
    factum_json_put_member(&to, "version");
    factum_json_put_uint64(&to, saga->version);
    factum_json_put_member_text(&to, "hash", factum_slice_from(saga->hash));
    factum_json_put_member_text(&to, "text", saga->text);
    factum_json_put_member_text(&to, "host", saga->host);
    factum_json_put_member_bool(&to, "forced", true);
    factum_json_put_member_int64(&to, "states", 0);
    factum_json_put_end(&to);
    factum_status status = factum_json_writer_finish(&to, err);
    if (status != FACTUM_OK) {
        return status;
    }
    const factum_new_event event = {.stream = factum_slice_from(stream),
                                    .type = FCT_SLICE("$SagaDeployed"),
                                    .data = fct_slice(to.buffer, to.used),
                                    .content_type = FACTUM_CONTENT_JSON};
    const factum_expectation expectation = {event.stream, factum_no_stream()};
    const factum_append_request request = {.size = sizeof request,
                                           .events = &event,
                                           .event_count = 1,
                                           .expectations = &expectation,
                                           .expectation_count = 1,
                                           .system = true};
    status = factum_append(sim->store, &request, NULL, NULL, err);
    if (status == FACTUM_OK) {
        status = fct_deployed_refresh(&sim->set, sim->store, NULL, err);
    }
    fct_sim_alter(sim, &sim->set);
    return status;
}

/* The id that the saga finds in |data|. In sim->arena. */
static factum_slice id_in(struct sim *sim, factum_slice data)
{
    factum_error ignored;
    factum_json json;
    char text[FACTUM_SAGA_ID_MAX];
    size_t len = 0;
    if (fct_pick_parse(data, &sim->arena, &json, &ignored) != FACTUM_OK) {
        return fct_slice(NULL, 0);
    }
    uint32_t value = fct_path_find(sim->saga->id, &json, FACTUM_JSON_ROOT);
    if (value == FACTUM_JSON_NONE) {
        return fct_slice(NULL, 0);
    }
    if (factum_json_kind_of(&json, value) != FACTUM_JSON_TEXT) {
        return factum_arena_copy(&sim->arena, factum_json_raw(&json, value));
    }
    if (factum_json_unescape(&json, value, text, sizeof text, &len) != FACTUM_OK) {
        return fct_slice(NULL, 0);
    }
    return factum_arena_copy(&sim->arena, fct_slice(text, len));
}

static void make_saga(struct sim *sim, const struct fct_script_event *given)
{
    struct sim_saga *saga = &sim->sagas[sim->saga_count];
    char text[16];
    factum_error err;
    int len = snprintf(text, sizeof text, "s%zu", sim->saga_count + 1);
    saga->key.name = sim->saga->name;
    saga->start = given != NULL ? given->data : fct_slice(NULL, 0);
    if (saga->start.len == 0) {
        factum_status status = fct_script_fill(sim->saga->id, fct_slice(text, (size_t)len),
                                               &sim->saga->keep, &sim->arena, &saga->start, &err);
        if (status != FACTUM_OK) {
            fct_sim_fail(sim, status, "the start event", &err);
            return;
        }
    }
    saga->key.id = id_in(sim, saga->start);
    if (saga->key.id.len == 0) {
        fct_sim_fail(sim, FACTUM_INVALID, "given: the start event has no id", NULL);
        return;
    }
    fct_saga_state_init(&saga->state);
    sim->saga_count += find_saga(sim, &saga->key) == SIM_NONE;
}

void fct_sim_setup(struct sim *sim)
{
    const struct fct_saga_script *script = sim->options->script;
    factum_error err;
    fct_arena_init(&sim->arena, sim->mem, SIM_ARENA_MAX);
    fct_arena_init(&sim->scratch, sim->mem, SIM_ARENA_MAX);
    fct_deployed_init(&sim->set, sim->mem);
    sim->disk = fct_sim_disk_create(sim->options->seed, false);
    fct_sim_advance(sim, 0);
    factum_status status =
        fct_api_open_on(fct_sim_disk_os(sim->disk), STORE_PATH, &sim->ticker, &sim->store, &err);
    if (status == FACTUM_OK) {
        status = deploy(sim, &err);
    }
    if (status != FACTUM_OK) {
        fct_sim_fail(sim, status, "the setup", &err);
        return;
    }
    size_t given = script != NULL && script->given_count > 0 ? script->given_count
                                                             : sim->options->faults.sagas;
    for (size_t i = 0; i < given && i < FCT_SIM_SAGAS_MAX && sim->status == FACTUM_OK; i++) {
        make_saga(sim, script != NULL && i < script->given_count ? &script->given[i] : NULL);
    }
    sim->base_calls = fct_sim_disk_calls(sim->disk);
    if (sim->options->faults.crash == FCT_SIM_CRASH_AT) {
        fct_sim_disk_stop_at(sim->disk, sim->base_calls + sim->options->faults.crash_at);
        sim->armed = true;
    }
}

void fct_sim_teardown(struct sim *sim)
{
    factum_error err;
    if (sim->disk != NULL) { /* without the calls of closing the store */
        sim->report->disk_calls =
            sim->calls_before + fct_sim_disk_calls(sim->disk) - sim->base_calls;
    }
    stop_everybody(sim);
    if (sim->store != NULL) {
        (void)factum_close(sim->store, &err);
    }
    if (sim->disk != NULL) {
        fct_sim_disk_destroy(sim->disk);
    }
    fct_deployed_finish(&sim->set);
    factum_arena_finish(&sim->arena);
    factum_arena_finish(&sim->scratch);
    fct_mem_free(sim->mem, sim->commands);
}
