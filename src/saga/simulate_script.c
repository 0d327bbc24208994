/* simulate_script.c - see simulate_script.h: reading. Layer: saga. */
#include "saga/simulate_script.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <factum/json_write.h>

#include "codec/json.h"
#include "codec/json_number.h"
#include "core/error.h"
#include "core/slice.h"
#include "saga/yaml.h"

#define SCRIPT_SECOND INT64_C(1000000000)

struct script_reader {
    const struct factum_saga *saga;
    const char *name;
    factum_arena *arena;
    struct fct_saga_script *script;
    factum_error *err;
};

FCT_COLD FCT_PRINTF(3, 4) static factum_status
    script_fail(const struct script_reader *r, struct fct_mark mark, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fct_fail(r->err, FACTUM_INVALID, "%s:%u:%u: %s", r->name, mark.line, mark.column, text);
}

static factum_status script_no_room(const struct script_reader *r)
{
    return fct_fail(r->err, factum_arena_status(r->arena), "%s: no room for it", r->name);
}

/* ---- values ---------------------------------------------------------------------------------- */

static void put_scalar(const struct fct_yaml *node, factum_json_writer *to)
{
    struct fct_json value;
    bool literal = node->plain && fct_json_parse(node->text, &value, NULL) == FACTUM_OK &&
                   value.kind != FACTUM_JSON_TEXT && value.kind != FACTUM_JSON_OBJECT &&
                   value.kind != FACTUM_JSON_ARRAY;
    if (literal) {
        factum_json_put_raw(to, node->text);
    } else {
        factum_json_put_text(to, node->text);
    }
}

/* The writer knows the depth too; yaml.c bounds it by FCT_YAML_DEPTH_MAX. */
static void put_node(const struct fct_yaml *node, factum_json_writer *to)
{
    if (node->kind == FCT_YAML_SCALAR) {
        put_scalar(node, to);
        return;
    }
    bool map = node->kind == FCT_YAML_MAP;
    if (map) {
        factum_json_put_object(to);
    } else {
        factum_json_put_array(to);
    }
    for (const struct fct_yaml *item = node->first; item != NULL; item = item->next) {
        if (map) {
            factum_json_put_name(to, (const char *)item->text.ptr, item->text.len);
        }
        put_node(map ? item->value : item, to);
    }
    factum_json_put_end(to);
}

static factum_status read_json(const struct script_reader *r, const struct fct_yaml *node,
                               factum_slice *data)
{
    factum_json_writer to;
    *data = fct_slice(NULL, 0);
    if (node->kind != FCT_YAML_MAP) {
        return script_fail(r, node->mark, "the data of an event is a mapping");
    }
    if (node->count == 0) {
        return FACTUM_OK; /* it exists */
    }
    factum_json_writer_in(&to, r->arena);
    put_node(node, &to);
    factum_status status = factum_json_writer_finish(&to, r->err);
    *data = fct_slice(to.buffer, to.used);
    return status;
}

static factum_status read_word(const struct script_reader *r, const struct fct_yaml *node,
                               factum_slice *text)
{
    if (node->kind != FCT_YAML_SCALAR || node->text.len == 0) {
        return script_fail(r, node->mark, "write a word here");
    }
    *text = factum_arena_copy(r->arena, node->text);
    return text->len > 0 ? FACTUM_OK : script_no_room(r);
}

static factum_status read_flag(const struct script_reader *r, const struct fct_yaml *node,
                               bool *value)
{
    *value = fct_yaml_is_word(node, "true");
    return *value || fct_yaml_is_word(node, "false")
               ? FACTUM_OK
               : script_fail(r, node->mark, "write true or false");
}

/* Only digits, at least one: the form of JSON's whole numbers. */
static bool is_whole_number(factum_slice text)
{
    bool good = text.len > 0 && text.len < 20;
    for (size_t i = 0; i < text.len && good; i++) {
        good = text.ptr[i] >= '0' && text.ptr[i] <= '9';
    }
    return good;
}

static factum_status read_count(const struct script_reader *r, const struct fct_yaml *node,
                                uint64_t most, uint64_t *value)
{
    bool good = node->kind == FCT_YAML_SCALAR && node->plain && is_whole_number(node->text) &&
                fct_json_number_uint64(node->text, value) == FACTUM_OK && *value <= most;
    return good ? FACTUM_OK
                : script_fail(r, node->mark, "write a whole number, %llu at most",
                              (unsigned long long)most);
}

/* "+24h", "-1h", "30s". */
static factum_status read_jump(const struct script_reader *r, const struct fct_yaml *node,
                               int64_t *jump)
{
    static const struct {
        char unit;
        int64_t size;
    } units[] = {{'s', SCRIPT_SECOND},
                 {'m', 60 * SCRIPT_SECOND},
                 {'h', 3600 * SCRIPT_SECOND},
                 {'d', 86400 * SCRIPT_SECOND}};
    int64_t value = 0;
    factum_slice text = node->kind == FCT_YAML_SCALAR ? node->text : fct_slice(NULL, 0);
    size_t at = text.len > 0 && (text.ptr[0] == '+' || text.ptr[0] == '-') ? 1 : 0;
    size_t first = at;
    while (at < text.len && at < first + 4 && text.ptr[at] >= '0' && text.ptr[at] <= '9') {
        value = value * 10 + (text.ptr[at++] - '0');
    }
    for (size_t i = 0; i < 4 && at > first && at + 1 == text.len; i++) {
        if (text.ptr[at] == (uint8_t)units[i].unit) {
            *jump = (text.ptr[0] == '-' ? -1 : 1) * value * units[i].size;
            return FACTUM_OK;
        }
    }
    return script_fail(r, node->mark, "write a jump of the clock, such as +24h or -30s");
}

/* ---- given, script, faults ------------------------------------------------------------------- */

static factum_status read_given(struct script_reader *r, const struct fct_yaml *node)
{
    if (node->kind != FCT_YAML_LIST || node->count == 0 || node->count > FCT_SCRIPT_GIVEN_MAX) {
        return script_fail(r, node->mark, "given is a list of 1 to %u events, each TYPE: {data}",
                           FCT_SCRIPT_GIVEN_MAX);
    }
    factum_status status = FACTUM_OK;
    for (const struct fct_yaml *item = node->first; item != NULL && status == FACTUM_OK;
         item = item->next) {
        struct fct_script_event *event = &r->script->given[r->script->given_count++];
        if (item->kind != FCT_YAML_MAP || item->count != 1) {
            return script_fail(r, item->mark, "an event is TYPE: {data}");
        }
        if (!fct_slice_equal(item->first->text, r->saga->start)) {
            return script_fail(r, item->mark, "the saga starts with %.*s", FCT_FMT(r->saga->start));
        }
        event->type = r->saga->start;
        status = read_json(r, item->first->value, &event->data);
    }
    return status;
}

static factum_status read_crash(struct script_reader *r, const struct fct_yaml *node)
{
    static const char *const words[] = {"none", "drawn", "every-write"};
    for (unsigned i = 0; i < 3; i++) {
        if (fct_yaml_is_word(node, words[i])) {
            r->script->crash = (enum fct_script_crash)i;
            return FACTUM_OK;
        }
    }
    return script_fail(r, node->mark, "crash is none, drawn or every-write");
}

static factum_status read_clock(struct script_reader *r, const struct fct_yaml *node)
{
    factum_status status = FACTUM_OK;
    if (node->kind != FCT_YAML_LIST || node->count > 8) {
        return script_fail(r, node->mark, "clock is a list of at most 8 jumps: [+24h, -1h]");
    }
    for (const struct fct_yaml *item = node->first; item != NULL && status == FACTUM_OK;
         item = item->next) {
        status = read_jump(r, item, &r->script->clock[r->script->clock_count++]);
    }
    return status;
}

static factum_status read_faults(struct script_reader *r, const struct fct_yaml *node)
{
    factum_status status = FACTUM_OK;
    if (node->kind != FCT_YAML_MAP) {
        return script_fail(r, node->mark, "faults is a mapping: {crash: drawn, reorder: true}");
    }
    r->script->has_faults = true;
    for (const struct fct_yaml *key = node->first; key != NULL && status == FACTUM_OK;
         key = key->next) {
        if (fct_yaml_is_word(key, "crash")) {
            status = read_crash(r, key->value);
        } else if (fct_yaml_is_word(key, "reorder")) {
            status = read_flag(r, key->value, &r->script->reorder);
        } else if (fct_yaml_is_word(key, "clock")) {
            status = read_clock(r, key->value);
        } else {
            status = script_fail(r, key->mark, "faults are crash, reorder and clock");
        }
    }
    return status;
}

static factum_status read_answer_key(struct script_reader *r, const struct fct_yaml *key,
                                     struct fct_script_answer *answer)
{
    uint64_t count = 0;
    factum_status status;
    if (fct_yaml_is_word(key, "reply")) {
        return read_word(r, key->value, &answer->reply);
    }
    if (fct_yaml_is_word(key, "data")) {
        return read_json(r, key->value, &answer->data);
    }
    if (fct_yaml_is_word(key, "silent")) {
        return read_flag(r, key->value, &answer->silent);
    }
    if (fct_yaml_is_word(key, "duplicate")) {
        status = read_count(r, key->value, FCT_SCRIPT_DUPLICATES_MAX, &count);
        answer->duplicate = (uint32_t)count;
        return status;
    }
    if (fct_yaml_is_word(key, "fail")) {
        if (fct_yaml_is_word(key->value, "true")) {
            answer->fail = UINT32_MAX;
            return FACTUM_OK;
        }
        status = read_count(r, key->value, UINT16_MAX, &count);
        answer->fail = (uint32_t)count;
        return status;
    }
    return script_fail(r, key->mark,
                       "an answer has reply, data, silent, duplicate and fail, not \"%.*s\"",
                       FCT_FMT(key->text));
}

static bool names_command(const struct factum_saga *saga, factum_slice name)
{
    for (uint32_t i = 0; i < saga->plan.step_count + 2u; i++) {
        if (fct_slice_equal(saga->slots[i].action.name, name) ||
            fct_slice_equal(saga->slots[i].undo.name, name)) {
            return true;
        }
    }
    return false;
}

static factum_status read_answer(struct script_reader *r, const struct fct_yaml *key)
{
    struct fct_script_answer *answer = &r->script->answers[r->script->answer_count++];
    if (!names_command(r->saga, key->text)) {
        return script_fail(r, key->mark, "the saga has no command \"%.*s\"", FCT_FMT(key->text));
    }
    if (key->value->kind != FCT_YAML_MAP) {
        return script_fail(r, key->value->mark, "an answer is a mapping: {reply: TYPE}");
    }
    factum_status status = read_word(r, key, &answer->command);
    for (const struct fct_yaml *one = key->value->first; one != NULL && status == FACTUM_OK;
         one = one->next) {
        status = read_answer_key(r, one, answer);
    }
    return status;
}

static factum_status read_script(struct script_reader *r, const struct fct_yaml *node)
{
    factum_status status = FACTUM_OK;
    if (node->kind != FCT_YAML_MAP || node->count > FCT_SCRIPT_ANSWERS_MAX) {
        return script_fail(r, node->mark, "script is a mapping of at most %u commands",
                           FCT_SCRIPT_ANSWERS_MAX);
    }
    r->script->answers =
        factum_arena_alloc(r->arena, (node->count + 1) * sizeof *r->script->answers);
    if (r->script->answers == NULL) {
        return script_no_room(r);
    }
    memset(r->script->answers, 0, (node->count + 1) * sizeof *r->script->answers);
    for (const struct fct_yaml *key = node->first; key != NULL && status == FACTUM_OK;
         key = key->next) {
        status = fct_yaml_is_word(key, "faults") ? read_faults(r, key->value) : read_answer(r, key);
    }
    return status;
}

/* ---- then ------------------------------------------------------------------------------------ */

static factum_status read_commands(struct script_reader *r, const struct fct_yaml *node)
{
    factum_status status = FACTUM_OK;
    if (node->kind != FCT_YAML_LIST || node->count > FCT_SCRIPT_COMMANDS_MAX) {
        return script_fail(r, node->mark, "commands is a list of at most %u commands",
                           FCT_SCRIPT_COMMANDS_MAX);
    }
    r->script->commands = factum_arena_alloc(r->arena, (node->count + 1) * sizeof(factum_slice));
    if (r->script->commands == NULL) {
        return script_no_room(r);
    }
    r->script->has_commands = true;
    for (const struct fct_yaml *item = node->first; item != NULL && status == FACTUM_OK;
         item = item->next) {
        if (item->kind != FCT_YAML_SCALAR || !names_command(r->saga, item->text)) {
            return script_fail(r, item->mark, "the saga does not send this command");
        }
        status = read_word(r, item, &r->script->commands[r->script->command_count++]);
    }
    return status;
}

static factum_status read_status(struct script_reader *r, const struct fct_yaml *node)
{
    for (factum_saga_status status = FACTUM_SAGA_WAITING; status <= FACTUM_SAGA_COMPLETED;
         status = (factum_saga_status)(status + 1)) {
        if (fct_yaml_is_word(node, factum_saga_status_name(status))) {
            r->script->status = status;
            return FACTUM_OK;
        }
    }
    return script_fail(r, node->mark,
                       "status is done, undone, stuck, running, compensating, "
                       "waiting or completed");
}

static factum_status read_then(struct script_reader *r, const struct fct_yaml *node)
{
    factum_status status = FACTUM_OK;
    if (node->kind != FCT_YAML_MAP) {
        return script_fail(r, node->mark, "then is a mapping: {commands: [...], status: done}");
    }
    for (const struct fct_yaml *key = node->first; key != NULL && status == FACTUM_OK;
         key = key->next) {
        if (fct_yaml_is_word(key, "commands")) {
            status = read_commands(r, key->value);
        } else if (fct_yaml_is_word(key, "status")) {
            status = read_status(r, key->value);
        } else {
            status = script_fail(r, key->mark, "then has commands and status");
        }
    }
    return status;
}

/* ---- run ------------------------------------------------------------------------------------- */

static const struct fct_yaml *find_key(const struct fct_yaml *map, const char *name)
{
    for (const struct fct_yaml *key = map->first; key != NULL; key = key->next) {
        if (fct_yaml_is_word(key, name)) {
            return key->value;
        }
    }
    return NULL;
}

/* STEP/do/GENERATION */
static factum_status read_run_command(const struct script_reader *r, const struct fct_yaml *node,
                                      struct fct_script_run *run)
{
    char text[FCT_COMMAND_ID_SIZE];
    struct fct_command_id id;
    int len = node->kind == FCT_YAML_SCALAR && node->text.len < 128
                  ? snprintf(text, sizeof text, "saga:s-1/%.*s", FCT_FMT(node->text))
                  : 0;
    if (len <= 0 || !fct_command_id_read(fct_slice(text, (size_t)len), &id)) {
        return script_fail(r, node->mark, "a command is STEP/do/NUMBER or STEP/undo/NUMBER");
    }
    run->slot = fct_saga_slot(r->saga, id.step);
    run->undo = id.undo;
    run->generation = id.generation;
    return run->slot != FCT_SLOT_NONE
               ? FACTUM_OK
               : script_fail(r, node->mark, "the saga does not have this step");
}

static factum_status read_run_step(const struct script_reader *r, const struct fct_yaml *node,
                                   struct fct_script_run *run)
{
    run->slot = node->kind == FCT_YAML_SCALAR ? fct_saga_slot(r->saga, node->text) : FCT_SLOT_NONE;
    return run->slot != FCT_SLOT_NONE
               ? FACTUM_OK
               : script_fail(r, node->mark, "the saga does not have this step");
}

static factum_status read_run_act(const struct script_reader *r, const struct fct_yaml *item,
                                  const struct fct_yaml *act, struct fct_script_run *run)
{
    static const char *const acts[] = {"retry", "skip", "undo", "cancel"};
    const struct fct_yaml *step = find_key(item, "step");
    const struct fct_yaml *result = find_key(item, "result");
    for (unsigned i = 0; i < 4; i++) {
        if (fct_yaml_is_word(act, acts[i])) {
            run->what = (enum fct_script_what)(FCT_RUN_RETRY + i);
            run->ok = result != NULL && fct_yaml_is_word(result, "ok");
            return step != NULL ? read_run_step(r, step, run) : FACTUM_OK;
        }
    }
    return script_fail(r, act->mark, "an act is retry, skip, undo or cancel");
}

static factum_status read_run_item(const struct script_reader *r, const struct fct_yaml *item,
                                   struct fct_script_run *run)
{
    const struct fct_yaml *value;
    *run = (struct fct_script_run){.slot = FCT_SLOT_NONE, .mark = item->mark};
    if (item->kind != FCT_YAML_MAP) {
        return script_fail(r, item->mark, "what happens is a mapping, such as {timer: charge}");
    }
    if (find_key(item, "start") != NULL) {
        run->what = FCT_RUN_START;
        return FACTUM_OK;
    }
    if ((value = find_key(item, "handle")) != NULL) {
        const struct fct_yaml *answer = find_key(item, "answer");
        run->what = FCT_RUN_HANDLE;
        run->ok = answer == NULL || fct_yaml_is_word(answer, "ok");
        return read_run_command(r, value, run);
    }
    if ((value = find_key(item, "deliver")) != NULL) {
        const struct fct_yaml *outside = find_key(item, "outside");
        run->what = FCT_RUN_DELIVER;
        run->outside = outside != NULL && fct_yaml_is_word(outside, "true");
        return read_run_command(r, value, run);
    }
    if ((value = find_key(item, "timer")) != NULL) {
        run->what = FCT_RUN_TIMER;
        return fct_yaml_is_word(value, "deadline") ? FACTUM_OK : read_run_step(r, value, run);
    }
    value = find_key(item, "act");
    return value != NULL ? read_run_act(r, item, value, run)
                         : script_fail(r, item->mark,
                                       "what happens is start, handle, deliver, "
                                       "timer or act");
}

static factum_status read_run(struct script_reader *r, const struct fct_yaml *node)
{
    factum_status status = FACTUM_OK;
    if (node->kind != FCT_YAML_LIST || node->count > FCT_SCRIPT_RUN_MAX) {
        return script_fail(r, node->mark, "run is a list of at most %u things that happen",
                           FCT_SCRIPT_RUN_MAX);
    }
    r->script->run = factum_arena_alloc(r->arena, (node->count + 1) * sizeof *r->script->run);
    if (r->script->run == NULL) {
        return script_no_room(r);
    }
    for (const struct fct_yaml *item = node->first; item != NULL && status == FACTUM_OK;
         item = item->next) {
        status = read_run_item(r, item, &r->script->run[r->script->run_count++]);
    }
    return status;
}

/* ---- the document ---------------------------------------------------------------------------- */

static factum_status read_part(struct script_reader *r, const struct fct_yaml *key)
{
    if (fct_yaml_is_word(key, "given")) {
        return read_given(r, key->value);
    }
    if (fct_yaml_is_word(key, "script")) {
        return read_script(r, key->value);
    }
    if (fct_yaml_is_word(key, "faults")) {
        return read_faults(r, key->value);
    }
    if (fct_yaml_is_word(key, "then")) {
        return read_then(r, key->value);
    }
    if (fct_yaml_is_word(key, "run")) {
        return read_run(r, key->value);
    }
    if (fct_yaml_is_word(key, "saga")) {
        bool same =
            key->value->kind == FCT_YAML_SCALAR && fct_slice_equal(key->value->text, r->saga->name);
        return same ? FACTUM_OK
                    : script_fail(r, key->value->mark, "the script is for another saga");
    }
    bool known = fct_yaml_is_word(key, "version") || fct_yaml_is_word(key, "breaks");
    return known ? FACTUM_OK
                 : script_fail(r, key->mark,
                               "a script has given, script, then and run, not "
                               "\"%.*s\"",
                               FCT_FMT(key->text));
}

factum_status fct_script_read(const struct factum_saga *saga, factum_slice text, const char *name,
                              factum_arena *arena, struct fct_saga_script *script,
                              factum_error *err)
{
    struct script_reader reader = {saga, name, arena, script, err};
    struct fct_yaml *root = NULL;
    struct fct_yaml_fault fault;
    memset(script, 0, sizeof *script);
    factum_status status = fct_yaml_read(text, arena, &root, &fault);
    if (status == FACTUM_INVALID || status == FACTUM_TOO_BIG) {
        return script_fail(&reader, fault.mark, "%s", fault.text);
    }
    if (status != FACTUM_OK) {
        return script_no_room(&reader);
    }
    if (root->kind != FCT_YAML_MAP) {
        return script_fail(&reader, root->mark, "a script is a mapping: given, script, then");
    }
    for (const struct fct_yaml *key = root->first; key != NULL && status == FACTUM_OK;
         key = key->next) {
        status = read_part(&reader, key);
    }
    return status;
}

const struct fct_script_answer *fct_script_answer(const struct fct_saga_script *script,
                                                  factum_slice command)
{
    for (size_t i = 0; script != NULL && i < script->answer_count; i++) {
        if (fct_slice_equal(script->answers[i].command, command)) {
            return &script->answers[i];
        }
    }
    return NULL;
}
