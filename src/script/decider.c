/* decider.c - a script as a factum_decider: initial, evolve, decide, query. Layer: script.
 *
 * Knows no store: factum_transact and the folds call it. During a fold its state stays in Lua, in a
 * sandbox that no other call uses (a box); release() gives the box back. Lua's results come as JSON
 * and are parsed as such.
 *
 * Invariants:
 *  1. A box belongs to one state, or to one call, or is idle.
 *  2. decide and query get copies of the state and of initial.
 *  3. An idle box has no state and no garbage, so that a call has the same result in a used box as
 *     in a fresh one.
 *  4. A box whose script was stopped or has failed has lost its state: it is |broken| until it is
 *     released, and calls that need the state fail.
 *  5. |idle_count| boxes are idle, at most IDLE_MAX. |idle_size| is the sum of their sizes, at most
 *     IDLE_BYTES_MAX.
 */
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/slice.h"
#include "os/thread.h"
#include "script/lua.h"
#include "script/sandbox_int.h"

/* Boxes kept for later: so many threads can decide at once without loading small scripts again. */
#define IDLE_MAX 32
#define IDLE_BYTES_MAX ((size_t)4 << 20) /* of all idle boxes together */

static const char state_key; /* the key of the box's state in Lua's registry */

struct lua_box {
    struct fct_sandbox *sandbox;
    struct lua_box *next;
    size_t size; /* in bytes, while it is idle */
    bool has_state;
    bool broken;
};

struct lua_decider;

struct lua_fold_state {
    struct lua_decider *owner;
    struct lua_box *box; /* NULL: initial */
};

struct lua_decider {
    struct factum_script_decider base; /* first: the handle */
    const struct fct_mem *mem;
    factum_script script; /* with its own copies of text and name */
    char *copies;
    struct fct_buf initial_json;
    struct lua_fold_state initial;
    struct fct_mutex lock;
    struct lua_box *idle;
    size_t idle_count;
    size_t idle_size;
};

/* An event for evolve or, with |type_text|, one that decide has returned. */
struct lua_event {
    factum_slice type;
    factum_slice data;
    factum_slice metadata;
    const char *type_text;
    uint64_t revision;
    int64_t time;
};

/* ---- boxes ----------------------------------------------------------------------------------- */

struct fct_sandbox_options fct_lua_options(const factum_script *script)
{
    return (struct fct_sandbox_options){
        .mem = fct_mem_heap(),
        .text = script->text,
        .name = script->name,
        .limits =
            {
                .instructions = script->instructions_max,
                .bytes = script->bytes_max,
                .memory = script->memory_max,
                .elements = script->elements_max,
                .cpu_ms = script->cpu_ms_max,
            },
    };
}

/* Invariant 5. With the lock. */
static void boxes_check(const struct lua_decider *owner)
{
    FCT_ASSERT(owner->idle_count <= IDLE_MAX);
    FCT_ASSERT(owner->idle_size <= IDLE_BYTES_MAX);
    FCT_ASSERT((owner->idle == NULL) == (owner->idle_count == 0));
    FCT_ASSERT((owner->idle == NULL) == (owner->idle_size == 0));
}

static factum_status take_box(struct lua_decider *owner, struct lua_box **box, factum_error *err)
{
    fct_mutex_lock(&owner->lock);
    struct lua_box *taken = owner->idle;
    if (taken != NULL) {
        owner->idle = taken->next;
        owner->idle_count--;
        owner->idle_size -= taken->size;
    }
    boxes_check(owner);
    fct_mutex_unlock(&owner->lock);
    if (taken == NULL) {
        taken = fct_mem_zalloc(owner->mem, 1, sizeof *taken);
        if (taken == NULL) {
            return fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
        }
        struct fct_sandbox_options options = fct_lua_options(&owner->script);
        factum_status status = fct_sandbox_open(&options, &taken->sandbox, err);
        if (status != FACTUM_OK) {
            fct_mem_free(owner->mem, taken);
            return status;
        }
    }
    taken->next = NULL;
    taken->has_state = false;
    taken->broken = false;
    *box = taken;
    return FACTUM_OK;
}

static void free_box(const struct lua_decider *owner, struct lua_box *box)
{
    fct_sandbox_close(box->sandbox);
    fct_mem_free(owner->mem, box);
}

static factum_status run_in(struct lua_box *box, lua_CFunction body, void *call, factum_error *err)
{
    FCT_ASSERT(box != NULL);
    factum_status status = fct_sandbox_run(box->sandbox, body, call, err);
    box->broken = status != FACTUM_OK;
    return status;
}

static int forget_state(lua_State *lua)
{
    lua_pushnil(lua);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &state_key);
    return 0;
}

static void give_box(struct lua_decider *owner, struct lua_box *box)
{
    factum_error ignored;
    if (box->has_state && !box->broken) {
        (void)run_in(box, forget_state, NULL, &ignored); /* a failure unloads the script */
    }
    box->size = sizeof *box + fct_sandbox_trim(box->sandbox);
    fct_mutex_lock(&owner->lock);
    bool keep = owner->idle_count < IDLE_MAX && box->size <= IDLE_BYTES_MAX - owner->idle_size;
    if (keep) {
        box->next = owner->idle;
        owner->idle = box;
        owner->idle_count++;
        owner->idle_size += box->size;
    }
    boxes_check(owner);
    fct_mutex_unlock(&owner->lock);
    if (!keep) {
        free_box(owner, box);
    }
}

/* The box of |state|, or one for this call alone. */
static factum_status borrow_box(const struct lua_fold_state *state, struct lua_box **box,
                                factum_error *err)
{
    if (state->box == NULL) {
        return take_box(state->owner, box, err);
    }
    *box = state->box;
    return (*box)->broken
               ? fct_fail(err, FACTUM_INVALID, "the state was lost by an earlier failure")
               : FACTUM_OK;
}

static void return_box(const struct lua_fold_state *state, struct lua_box *box)
{
    if (box != state->box) {
        give_box(state->owner, box);
    }
}

static void release_box(void *state)
{
    struct lua_fold_state *held = state;
    if (held->box != NULL) {
        give_box(held->owner, held->box);
        held->box = NULL;
    }
}

/* ---- in Lua ---------------------------------------------------------------------------------- */

static void push_function(lua_State *lua, const char *name)
{
    fct_push_globals(lua);
    (void)lua_getfield(lua, -1, name);
    lua_remove(lua, -2);
}

/* Pushes a copy or, for evolve, the state itself, which evolve may change. */
static void push_state(lua_State *lua, bool has_state, bool copy)
{
    if (has_state) {
        (void)lua_rawgetp(lua, LUA_REGISTRYINDEX, &state_key);
    } else {
        push_function(lua, "initial");
    }
    if (copy || !has_state) {
        fct_push_copy(lua, -1, "the state");
        lua_remove(lua, -2);
    }
}

static void set_text(lua_State *lua, const char *name, factum_slice text)
{
    lua_pushlstring(lua, text.len > 0 ? (const char *)text.ptr : "", text.len);
    lua_setfield(lua, -2, name);
}

static void set_json(lua_State *lua, const char *name, const factum_json *json)
{
    if (json->count > 0) {
        fct_push_json(lua, json, FACTUM_JSON_ROOT);
        lua_setfield(lua, -2, name);
    }
}

struct evolve_call {
    const struct lua_event *event;
    factum_json data;
    factum_json metadata;
    bool has_state;
};

static int evolve_body(lua_State *lua)
{
    const struct evolve_call *call = lua_touserdata(lua, 1);
    const struct lua_event *event = call->event;
    push_function(lua, "evolve");
    push_state(lua, call->has_state, false);
    lua_createtable(lua, 0, 5);
    set_text(lua, "type", event->type);
    set_json(lua, "data", &call->data);
    set_json(lua, "metadata", &call->metadata);
    lua_pushinteger(lua, (lua_Integer)event->revision);
    lua_setfield(lua, -2, "revision");
    lua_pushinteger(lua, event->time);
    lua_setfield(lua, -2, "time");
    lua_call(lua, 2, 1);
    if (lua_isnil(lua, -1)) {
        return luaL_error(lua, "evolve returned nothing: it returns the new state");
    }
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &state_key);
    return 0;
}

struct command_call {
    const factum_script_command *command;
    factum_json data;
    bool has_state;
};

static void push_command(lua_State *lua, const struct command_call *call)
{
    lua_createtable(lua, 0, 4);
    set_text(lua, "name", call->command->name);
    set_text(lua, "id", call->command->id);
    set_json(lua, "data", &call->data);
    lua_pushinteger(lua, call->command->time);
    lua_setfield(lua, -2, "time");
}

static int decide_body(lua_State *lua)
{
    const struct command_call *call = lua_touserdata(lua, 1);
    push_function(lua, "decide");
    push_state(lua, call->has_state, true);
    push_command(lua, call);
    lua_call(lua, 2, 1);
    if (lua_isnil(lua, -1)) {
        return luaL_error(lua, "decide returned nothing: {} means that there is nothing to do");
    }
    fct_begin_json(lua);
    fct_add_json(lua, -1, "decide", 0);
    return 0;
}

static int query_body(lua_State *lua)
{
    push_function(lua, "query");
    push_command(lua, lua_touserdata(lua, 1));
    lua_call(lua, 1, 1);
    fct_begin_json(lua);
    fct_add_json(lua, -1, "query", 0);
    return 0;
}

static int state_body(lua_State *lua)
{
    const bool *has_state = lua_touserdata(lua, 1);
    push_state(lua, *has_state, false);
    fct_begin_json(lua);
    fct_add_json(lua, -1, "the state", 0);
    return 0;
}

/* ---- events ---------------------------------------------------------------------------------- */

static factum_status parse_own(factum_slice type, factum_slice data, factum_arena *arena,
                               void *typed, factum_error *err)
{
    (void)arena;
    (void)err;
    struct lua_event *event = typed;
    event->type = type;
    event->data = data;
    return FACTUM_OK;
}

static factum_status parse_stored(const factum_event *stored, factum_arena *arena, void *typed,
                                  factum_error *err)
{
    (void)arena;
    (void)err;
    *(struct lua_event *)typed = (struct lua_event){
        .type = stored->type,
        .data = stored->data,
        .metadata = stored->metadata,
        .revision = stored->revision,
        .time = stored->time,
    };
    return FACTUM_OK;
}

static factum_slice print_event(const void *typed, factum_json_writer *to)
{
    const struct lua_event *event = typed;
    factum_json_put_raw(to, event->data);
    return factum_slice_from(event->type_text);
}

static factum_status parse_json(struct lua_box *box, size_t tape, factum_slice text,
                                const char *what, factum_json *json, factum_error *err)
{
    FCT_ASSERT(box != NULL);
    *json = (factum_json){.count = 0};
    if (text.len == 0) {
        return FACTUM_OK;
    }
    factum_status status = fct_values_parse(box->sandbox, tape, text, json, err);
    return status == FACTUM_OK ? status : fct_wrap(err, status, "%s", what);
}

static void evolve(void *state, const void *typed, factum_arena *arena)
{
    struct lua_fold_state *held = state;
    struct evolve_call call = {.event = typed};
    struct lua_box *box = NULL;
    factum_error err = {.status = FACTUM_OK};
    factum_status status = borrow_box(held, &box, &err);
    if (status == FACTUM_OK) {
        FCT_ASSERT(box != NULL);
        held->box = box;
        call.has_state = box->has_state;
        status = parse_json(box, 0, call.event->data, "its data", &call.data, &err);
    }
    if (status == FACTUM_OK) {
        factum_slice metadata = call.event->metadata; /* a table for the script in any case */
        status = parse_json(box, 1, metadata.len == 0 ? FCT_SLICE("{}") : metadata, "its metadata",
                            &call.metadata, &err);
    }
    if (status == FACTUM_OK) {
        status = run_in(box, evolve_body, &call, &err);
        box->has_state = status == FACTUM_OK;
    }
    if (status != FACTUM_OK) {
        factum_arena_fail(arena, status, "event %.*s, revision %llu: %s", FCT_FMT(call.event->type),
                          (unsigned long long)call.event->revision, err.text);
    }
}

/* ---- decisions ------------------------------------------------------------------------------- */

struct answer {
    const factum_json *json;
    factum_arena *arena;
    factum_decision *out;
    factum_slice stream; /* of events without one */
};

/* A text as a C string in the arena; NULL after a failure. */
static char *text_of(const struct answer *answer, uint32_t value, const char *what)
{
    size_t len = 0;
    if (value == FACTUM_JSON_NONE || factum_json_kind_of(answer->json, value) != FACTUM_JSON_TEXT) {
        factum_arena_fail(answer->arena, FACTUM_INVALID, "%s is missing or not a text", what);
        return NULL;
    }
    size_t size = (size_t)factum_json_at(answer->json, value)->len + 1;
    char *text = factum_arena_alloc(answer->arena, size);
    if (text != NULL &&
        (factum_json_unescape(answer->json, value, text, size - 1, &len) != FACTUM_OK ||
         strlen(text) != len)) {
        factum_arena_fail(answer->arena, FACTUM_INVALID, "%s has a character that a name may not",
                          what);
        return NULL;
    }
    return text;
}

/* Checks that the object only has members of |names|, each followed by a blank. */
static bool knows_members(const struct answer *answer, uint32_t object, const char *names)
{
    const factum_json *json = answer->json;
    for (uint32_t at = factum_json_first(json, object); at != FACTUM_JSON_NONE;
         at = factum_json_next(json, object, at)) {
        factum_slice name = factum_json_inside(json, at);
        const char *word = names;
        while (*word != '\0' &&
               !(strcspn(word, " ") == name.len && memcmp(word, name.ptr, name.len) == 0)) {
            word += strcspn(word, " ") + 1;
        }
        if (*word == '\0') {
            factum_arena_fail(answer->arena, FACTUM_INVALID, "what is \"%.*s\"? It takes %s",
                              FCT_FMT(name), names);
            return false;
        }
    }
    return true;
}

/* A list of texts. */
static factum_slice *texts_of(const struct answer *answer, uint32_t list, size_t *count,
                              const char *what)
{
    *count = 0;
    if (list == FACTUM_JSON_NONE) {
        return NULL;
    }
    factum_slice *texts = factum_arena_alloc(
        answer->arena, ((size_t)factum_json_count(answer->json, list) + 1) * sizeof *texts);
    if (factum_json_kind_of(answer->json, list) != FACTUM_JSON_ARRAY) {
        factum_arena_fail(answer->arena, FACTUM_INVALID, "%s are a list of texts", what);
        return NULL;
    }
    for (uint32_t at = factum_json_first(answer->json, list);
         texts != NULL && at != FACTUM_JSON_NONE; at = factum_json_next(answer->json, list, at)) {
        char *text = text_of(answer, at, what);
        if (text == NULL) {
            return NULL;
        }
        texts[(*count)++] = factum_slice_from(text);
    }
    return texts;
}

static bool emit_event(const struct answer *answer, uint32_t value)
{
    const factum_json *json = answer->json;
    if (factum_json_kind_of(json, value) != FACTUM_JSON_OBJECT) {
        factum_arena_fail(answer->arena, FACTUM_INVALID,
                          "decide returned a list with something that is not an event in it");
        return false;
    }
    if (!knows_members(answer, value, "type data stream tags ")) {
        return false;
    }
    struct lua_event event = {.data = factum_slice_from("{}")};
    event.type_text = text_of(answer, factum_json_find(json, value, FCT_SLICE("type")), "type");
    if (event.type_text == NULL) {
        return false;
    }
    uint32_t data = factum_json_find(json, value, FCT_SLICE("data"));
    if (data != FACTUM_JSON_NONE) {
        event.data = factum_json_raw(json, data);
    }
    factum_slice stream = answer->stream;
    uint32_t named = factum_json_find(json, value, FCT_SLICE("stream"));
    if (named != FACTUM_JSON_NONE) {
        stream = factum_slice_from(text_of(answer, named, "stream"));
    }
    size_t count;
    factum_slice *tags =
        texts_of(answer, factum_json_find(json, value, FCT_SLICE("tags")), &count, "tags");
    (void)factum_emit_to(answer->out, stream, &event, tags, count);
    return true;
}

static factum_verdict reject(const struct answer *answer, uint32_t code)
{
    if (!knows_members(answer, FACTUM_JSON_ROOT, "reject text ")) {
        return FACTUM_NOOP;
    }
    uint32_t text = factum_json_find(answer->json, FACTUM_JSON_ROOT, FCT_SLICE("text"));
    const char *code_text = text_of(answer, code, "reject");
    const char *why = text == FACTUM_JSON_NONE ? "" : text_of(answer, text, "text");
    return code_text == NULL || why == NULL ? FACTUM_NOOP
                                            : factum_reject(answer->out, code_text, "%s", why);
}

/* One event, a list of events, {} or a rejection. */
static factum_verdict take_answer(const struct answer *answer)
{
    const factum_json *json = answer->json;
    factum_json_kind kind = factum_json_kind_of(json, FACTUM_JSON_ROOT);
    if (kind != FACTUM_JSON_OBJECT && kind != FACTUM_JSON_ARRAY) {
        factum_arena_fail(
            answer->arena, FACTUM_INVALID,
            "decide returned neither an event, nor a list of events, nor a rejection");
        return FACTUM_NOOP;
    }
    uint32_t first = factum_json_first(json, FACTUM_JSON_ROOT);
    if (first == FACTUM_JSON_NONE) {
        return FACTUM_NOOP;
    }
    uint32_t code = factum_json_find(json, FACTUM_JSON_ROOT, FCT_SLICE("reject"));
    if (code != FACTUM_JSON_NONE) {
        return reject(answer, code);
    }
    if (kind == FACTUM_JSON_OBJECT) {
        (void)emit_event(answer, FACTUM_JSON_ROOT);
        return FACTUM_ACCEPTED;
    }
    for (uint32_t at = first; at != FACTUM_JSON_NONE;
         at = factum_json_next(json, FACTUM_JSON_ROOT, at)) {
        if (!emit_event(answer, at)) {
            break;
        }
    }
    return FACTUM_ACCEPTED;
}

/* Runs |body| with the command and parses its result into the first tape of the box. */
static factum_status ask_script(struct lua_box *box, lua_CFunction body, struct command_call *call,
                                factum_json *json, factum_error *err)
{
    factum_slice data = call->command->data;
    factum_status status = parse_json(box, 0, data.len == 0 ? FCT_SLICE("{}") : data,
                                      "the command's data", &call->data, err);
    if (status == FACTUM_OK) {
        status = run_in(box, body, call, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_values_parse(box->sandbox, 0, fct_buf_slice(&box->sandbox->out), json, err);
    return status == FACTUM_OK ? status : fct_wrap(err, status, "what the script returned");
}

static factum_verdict decide(const void *state, const void *command, factum_decision *out)
{
    const struct lua_fold_state *held = state;
    struct command_call call = {.command = command};
    struct lua_box *box = NULL;
    factum_json json;
    factum_error err = {.status = FACTUM_OK};
    factum_verdict verdict = FACTUM_NOOP;
    factum_status status = borrow_box(held, &box, &err);
    if (status == FACTUM_OK) {
        FCT_ASSERT(box != NULL);
        call.has_state = box->has_state;
        status = ask_script(box, decide_body, &call, &json, &err);
    }
    if (status == FACTUM_OK) {
        bool over_query = held->owner->base.decider.query != NULL;
        verdict = take_answer(&(struct answer){
            .json = &json,
            .arena = factum_decision_arena(out),
            .out = out,
            .stream = over_query ? call.command->stream : fct_slice(NULL, 0),
        });
    } else {
        factum_arena_fail(factum_decision_arena(out), status, "%s", err.text);
    }
    if (box != NULL) {
        return_box(held, box);
    }
    return verdict;
}

/* ---- commands and queries -------------------------------------------------------------------- */

static void print_command(const void *command, factum_json_writer *to)
{
    const factum_script_command *asked = command;
    factum_json_put_object(to);
    factum_json_put_member_text(to, "name", asked->name);
    factum_json_put_member_text(to, "id", asked->id);
    factum_json_put_member(to, "data");
    factum_json_put_raw(to, asked->data.len == 0 ? FCT_SLICE("{}") : asked->data);
    if (factum_script_has_query(asked->decider)) { /* otherwise the request's stream is read */
        factum_json_put_member_text(to, "stream", asked->stream);
    }
    factum_json_put_end(to);
}

static void take_query(const struct answer *answer, factum_query *query)
{
    const factum_json *json = answer->json;
    size_t count = factum_json_count(json, FACTUM_JSON_ROOT);
    factum_query_item *items = factum_arena_alloc(answer->arena, (count + 1) * sizeof *items);
    if (factum_json_kind_of(json, FACTUM_JSON_ROOT) != FACTUM_JSON_ARRAY) {
        factum_arena_fail(answer->arena, FACTUM_INVALID,
                          "query returned no list of items { types = ..., tags = ... }");
        return;
    }
    count = 0;
    for (uint32_t at = factum_json_first(json, FACTUM_JSON_ROOT);
         items != NULL && at != FACTUM_JSON_NONE;
         at = factum_json_next(json, FACTUM_JSON_ROOT, at)) {
        if (!knows_members(answer, at, "types tags ")) {
            return;
        }
        factum_query_item *item = &items[count++];
        item->types = texts_of(answer, factum_json_find(json, at, FCT_SLICE("types")),
                               &item->type_count, "types");
        item->tags = texts_of(answer, factum_json_find(json, at, FCT_SLICE("tags")),
                              &item->tag_count, "tags");
    }
    *query = (factum_query){items, count};
}

static void query(const void *command, factum_arena *arena, factum_query *wanted)
{
    struct command_call call = {.command = command};
    /* The handle is const for programs; the pool of boxes behind it changes under its lock. */
    union {
        const factum_script_decider *in;
        struct lua_decider *out;
    } owner = {.in = call.command->decider};
    struct lua_box *box = NULL;
    factum_json json;
    factum_error err = {.status = FACTUM_OK};
    factum_status status = take_box(owner.out, &box, &err);
    if (status == FACTUM_OK) {
        status = ask_script(box, query_body, &call, &json, &err);
    }
    if (status == FACTUM_OK) {
        take_query(&(struct answer){.json = &json, .arena = arena}, wanted);
    } else {
        factum_arena_fail(arena, status, "%s", err.text);
    }
    if (box != NULL) {
        give_box(owner.out, box);
    }
}

/* ---- state as JSON --------------------------------------------------------------------------- */

factum_status fct_lua_state_json(const factum_script_decider *decider, const void *state,
                                 factum_slice *json, factum_error *err)
{
    const struct lua_fold_state *held = state;
    struct lua_box *box;
    if (held->box == NULL) { /* a borrowed box does not keep the text */
        *json = fct_buf_slice(&((const struct lua_decider *)decider)->initial_json);
        return FACTUM_OK;
    }
    factum_status status = borrow_box(held, &box, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = run_in(box, state_body, &box->has_state, err);
    if (status != FACTUM_OK) {
        return status;
    }
    *json = fct_buf_slice(&box->sandbox->out);
    return FACTUM_OK;
}

/* ---- open and close -------------------------------------------------------------------------- */

static int check_script(lua_State *lua)
{
    bool *has_query = lua_touserdata(lua, 1);
    static const char *const functions[] = {"evolve", "decide"};
    fct_push_globals(lua);
    for (size_t i = 0; i < 2; i++) {
        if (lua_getfield(lua, -1, functions[i]) != LUA_TFUNCTION) {
            return luaL_error(lua, "there is no function %s", functions[i]);
        }
        lua_pop(lua, 1);
    }
    if (lua_getfield(lua, -1, "initial") == LUA_TNIL) {
        return luaL_error(lua, "there is no initial: the state before the first event");
    }
    fct_begin_json(lua);
    fct_add_json(lua, -1, "initial", 0);
    lua_pop(lua, 1);
    int type = lua_getfield(lua, -1, "query");
    if (type != LUA_TNIL && type != LUA_TFUNCTION) {
        return luaL_error(lua, "query is not a function");
    }
    *has_query = type == LUA_TFUNCTION;
    return 0;
}

static factum_status copy_script(struct lua_decider *decider, const factum_script *script,
                                 const char *name, factum_error *err)
{
    size_t file_len = strlen(script->name) + 1;
    size_t name_len = strlen(name) + 1;
    size_t size = script->text.len + file_len + name_len;
    decider->copies = fct_mem_alloc(decider->mem, size);
    if (decider->copies == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
    }
    char *file = decider->copies + name_len;
    memcpy(decider->copies, name, name_len);
    memcpy(file, script->name, file_len);
    if (script->text.len > 0) {
        memcpy(file + file_len, script->text.ptr, script->text.len);
    }
    decider->script = *script;
    decider->script.name = file;
    decider->script.text = fct_slice(file + file_len, script->text.len);
    return FACTUM_OK;
}

static void fill_decider(struct lua_decider *decider, bool has_query)
{
    decider->initial = (struct lua_fold_state){.owner = decider};
    decider->base.decider = (factum_decider){
        .size = sizeof(factum_decider),
        .name = decider->copies,
        .state_version = (uint32_t)fct_hash64(decider->script.text, 0),
        .state_size = sizeof(struct lua_fold_state),
        .event_size = sizeof(struct lua_event),
        .initial = &decider->initial,
        .parse = parse_own,
        .print = print_event,
        .evolve = evolve,
        .decide = decide,
        .print_command = print_command,
        .query = has_query ? query : NULL,
        .parse_stored = parse_stored,
        .release = release_box,
    };
}

factum_status fct_lua_open(const factum_script *script, const char *name,
                           factum_script_decider **decider, factum_error *err)
{
    bool has_query = false;
    struct lua_box *box = NULL;
    factum_status status = fct_script_size_check(script->text, script->name, err);
    if (status != FACTUM_OK) {
        return status;
    }
    struct lua_decider *fresh = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *fresh);
    if (fresh == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
    }
    fresh->mem = fct_mem_heap();
    fresh->base.host = &fct_lua_host;
    fct_buf_init(&fresh->initial_json, fresh->mem, FACTUM_STATE_SIZE_MAX);
    fct_mutex_init(&fresh->lock);
    status = copy_script(fresh, script, name, err);
    if (status == FACTUM_OK) {
        status = take_box(fresh, &box, err);
    }
    if (status == FACTUM_OK) {
        status = run_in(box, check_script, &has_query, err);
        if (status == FACTUM_OK) {
            status = fct_buf_add_slice(&fresh->initial_json, fct_buf_slice(&box->sandbox->out));
        }
        give_box(fresh, box);
    }
    if (status != FACTUM_OK) {
        fct_lua_close(&fresh->base);
        return status;
    }
    fill_decider(fresh, has_query);
    *decider = &fresh->base;
    return FACTUM_OK;
}

void fct_lua_close(factum_script_decider *decider)
{
    struct lua_decider *owner = (struct lua_decider *)decider;
    while (owner->idle != NULL) {
        struct lua_box *box = owner->idle;
        owner->idle = box->next;
        free_box(owner, box);
    }
    fct_mutex_finish(&owner->lock);
    fct_buf_finish(&owner->initial_json);
    fct_mem_free(owner->mem, owner->copies);
    fct_mem_free(owner->mem, owner);
}

const struct fct_script_host fct_lua_host = {
    .open = fct_lua_open,
    .close = fct_lua_close,
    .state_json = fct_lua_state_json,
    .test = fct_lua_test,
};
