/* definition_yaml.c - the keys of a definition: which values each may have, and which are required.
 * Layer: saga. See definition_int.h. rules.c checks the relations between keys.
 *
 * Keys may be in any order, so defaults are applied after reading (definition_plan.c).
 */
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "saga/definition_int.h"

static factum_status load_missing(const struct fct_loader *loader, struct fct_mark mark,
                                  const char *what, const char *key, const char *right)
{
    return fct_saga_load_fail(loader, FACTUM_INVALID, mark, "missing-key",
                              "%s has no \"%s\": add %s", what, key, right);
}

/* ---- a step ---------------------------------------------------------------------------------- */

static factum_status step_read_do(struct fct_loader *loader, const struct fct_yaml *value,
                                  void *into)
{
    struct fct_step_parsed *step = into;
    return fct_saga_load_command(loader, value, &step->text.action);
}

static factum_status step_read_with(struct fct_loader *loader, const struct fct_yaml *value,
                                    void *into)
{
    struct fct_step_parsed *step = into;
    step->with_mark = value->mark;
    return fct_saga_load_pick(loader, value, &step->text.action.with);
}

static factum_status step_read_ok(struct fct_loader *loader, const struct fct_yaml *value,
                                  void *into)
{
    struct fct_step_parsed *step = into;
    step->ok_mark = value->mark;
    return fct_saga_load_type(loader, value, &step->text.ok);
}

static factum_status step_read_keep(struct fct_loader *loader, const struct fct_yaml *value,
                                    void *into)
{
    struct fct_step_parsed *step = into;
    return fct_saga_load_pick(loader, value, &step->text.keep);
}

static factum_status step_read_fail(struct fct_loader *loader, const struct fct_yaml *value,
                                    void *into)
{
    struct fct_step_parsed *step = into;
    bool list = value->kind == FCT_YAML_LIST;
    size_t count = list ? value->count : 1;
    if (count == 0 || count > FCT_SAGA_FAILS_MAX) {
        return fct_saga_load_fail(loader, FACTUM_INVALID, value->mark, "value",
                                  "%zu types: name 1 to %u, or leave \"fail\" out", count,
                                  FCT_SAGA_FAILS_MAX);
    }
    step->text.fail = factum_arena_alloc(loader->saga->arena, count * sizeof *step->text.fail);
    step->fail_marks = factum_arena_alloc(loader->saga->arena, count * sizeof *step->fail_marks);
    if (step->text.fail == NULL || step->fail_marks == NULL) {
        return fct_saga_load_no_room(loader);
    }
    factum_status status = FACTUM_OK;
    const struct fct_yaml *type = list ? value->first : value;
    for (size_t i = 0; i < count && status == FACTUM_OK; i++) {
        step->fail_marks[i] = type->mark;
        status = fct_saga_load_type(loader, type, &step->text.fail[i]);
        type = type->next;
    }
    step->text.fail_count = count;
    return status;
}

static factum_status step_read_undo(struct fct_loader *loader, const struct fct_yaml *value,
                                    void *into)
{
    struct fct_step_parsed *step = into;
    step->undo_mark = value->mark;
    step->undo_none = fct_yaml_is_text(value, "none");
    return step->undo_none ? FACTUM_OK : fct_saga_load_command(loader, value, &step->text.undo);
}

static factum_status step_read_undo_with(struct fct_loader *loader, const struct fct_yaml *value,
                                         void *into)
{
    struct fct_step_parsed *step = into;
    step->undo_with_mark = value->mark;
    return fct_saga_load_pick(loader, value, &step->text.undo.with);
}

static factum_status step_read_because(struct fct_loader *loader, const struct fct_yaml *value,
                                       void *into)
{
    struct fct_step_parsed *step = into;
    step->because_mark = value->mark;
    return fct_saga_load_text(loader, value, "why there is nothing to undo", &step->text.because);
}

static factum_status step_read_within(struct fct_loader *loader, const struct fct_yaml *value,
                                      void *into)
{
    struct fct_step_parsed *step = into;
    step->within_mark = value->mark;
    return fct_saga_load_duration(loader, value, &step->within);
}

static factum_status step_read_retry(struct fct_loader *loader, const struct fct_yaml *value,
                                     void *into)
{
    struct fct_step_parsed *step = into;
    return fct_saga_load_retry(loader, value, &step->retry);
}

static factum_status step_read_pivot(struct fct_loader *loader, const struct fct_yaml *value,
                                     void *into)
{
    struct fct_step_parsed *step = into;
    step->pivot_mark = value->mark;
    return fct_saga_load_bool(loader, value, &step->pivot);
}

static factum_status step_read_on_timeout(struct fct_loader *loader, const struct fct_yaml *value,
                                          void *into)
{
    static const char *const words[] = {"compensate", "ask", "fail", NULL};
    struct fct_step_parsed *step = into;
    unsigned index = 0;
    step->on_timeout_mark = value->mark;
    factum_status status = fct_saga_load_word(loader, value, words, &index);
    step->on_timeout = (enum fct_on_timeout)index; /* in the order of the enum */
    return status;
}

/* Checks which keys require others. */
static factum_status step_check_keys(const struct fct_loader *loader,
                                     const struct fct_step_parsed *step)
{
    const struct fct_step_text *text = &step->text;
    if (text->action.name.len == 0) {
        return load_missing(loader, text->mark, "the step", "do",
                            "the command, such as do: stock.ReserveStock");
    }
    if (step->with_mark.line == 0) {
        return load_missing(loader, text->action.mark, "the step", "with",
                            "the data of the command, with: {} for none");
    }
    if (text->ok.len == 0) {
        return load_missing(loader, text->mark, "the step", "ok",
                            "the event that means success, such as ok: StockReserved");
    }
    if (text->undo.name.len > 0 && step->undo_with_mark.line == 0) {
        return load_missing(loader, text->undo.mark, "the step", "undo_with",
                            "the data of the undo, undo_with: {} for none");
    }
    if (text->undo.name.len == 0 && step->undo_with_mark.line > 0) {
        return load_missing(loader, step->undo_with_mark, "the step", "undo",
                            "the command that undo_with is for, or leave undo_with out");
    }
    if (step->undo_none && text->because.len == 0) {
        return load_missing(loader, step->undo_mark, "the step", "because",
                            "because: \"why there is nothing to undo\"");
    }
    if (!step->undo_none && step->because_mark.line > 0) {
        return fct_saga_load_fail(loader, FACTUM_INVALID, step->because_mark, "because",
                                  "\"because\" is the reason of undo: none: leave it out, or write "
                                  "undo: none");
    }
    return FACTUM_OK;
}

/* Reads the step |key|, into the stage at hand. */
static factum_status load_step(struct fct_loader *loader, const struct fct_yaml *key)
{
    static const struct fct_saga_load_key keys[] = {
        {"do", step_read_do},
        {"with", step_read_with},
        {"ok", step_read_ok},
        {"keep", step_read_keep},
        {"fail", step_read_fail},
        {"undo", step_read_undo},
        {"undo_with", step_read_undo_with},
        {"because", step_read_because},
        {"within", step_read_within},
        {"retry", step_read_retry},
        {"pivot", step_read_pivot},
        {"on_timeout", step_read_on_timeout},
        {"when", NULL},
        {"by", NULL},
        {NULL, NULL},
    };
    if (loader->step_count == FCT_SAGA_STEPS_MAX) {
        return fct_saga_load_fail(loader, FACTUM_INVALID, key->mark, "steps",
                                  "more than %u steps: let some of them be a saga of their own",
                                  FCT_SAGA_STEPS_MAX);
    }
    struct fct_step_parsed *step = &loader->steps[loader->step_count];
    loader->stage_of[loader->step_count++] = (uint8_t)(loader->stage_count - 1);
    step->text.mark = key->mark;
    factum_status status = fct_saga_load_name(loader, key, "a step", &step->text.name);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_saga_load_keys(loader, key->value, "a step", keys, step);
    if (status != FACTUM_OK) {
        return status;
    }
    return step_check_keys(loader, step);
}

/* ---- items ----------------------------------------------------------------------------------- */

/* Items that are not steps. */
static factum_status item_refuse(const struct fct_loader *loader, const struct fct_yaml *key,
                                 bool inside)
{
    if (fct_yaml_is_text(key, "choose") || fct_yaml_is_text(key, "wait")) {
        return fct_saga_load_fail(loader, FACTUM_UNSUPPORTED, key->mark, "later",
                                  "\"%.*s\" comes later: this version does not know it yet",
                                  FCT_FMT(key->text));
    }
    if (inside && fct_yaml_is_text(key, "parallel")) {
        return fct_saga_load_fail(loader, FACTUM_INVALID, key->mark, "parallel",
                                  "parallel is inside parallel: put its steps into the outer one, "
                                  "or let it follow");
    }
    return FACTUM_OK;
}

/* The only key of |item|, a member of `steps`; NULL fills the error. */
static const struct fct_yaml *item_key(const struct fct_loader *loader, const struct fct_yaml *item,
                                       factum_status *status)
{
    const struct fct_yaml *key = item->kind == FCT_YAML_MAP ? item->first : NULL;
    *status = FACTUM_OK;
    if (key != NULL && item->count == 1) {
        return key;
    }
    *status =
        fct_saga_load_fail(loader, FACTUM_INVALID, item->mark, "value",
                           "a step is a name with one mapping, such as reserve_stock: {do: ...}%s",
                           item->count > 1 ? ": indent do, with, ok further than the name" : "");
    return NULL;
}

static factum_status parallel_read_join(struct fct_loader *loader, const struct fct_yaml *value,
                                        void *into)
{
    static const char *const words[] = {"all", "any", NULL};
    struct fct_stage_parsed *stage = into;
    unsigned index = 0;
    factum_status status = fct_saga_load_word(loader, value, words, &index);
    stage->any = index == 1;
    if (stage->any) {
        stage->mark = value->mark;
    }
    return status;
}

static factum_status parallel_read_steps(struct fct_loader *loader, const struct fct_yaml *value,
                                         void *into)
{
    (void)into;
    factum_status status = FACTUM_OK;
    if (value->kind != FCT_YAML_LIST || value->count == 0) {
        return fct_saga_load_fail(
            loader, FACTUM_INVALID, value->mark, "steps",
            "parallel has no steps: write a list of steps that run side by side");
    }
    for (const struct fct_yaml *item = value->first; item != NULL && status == FACTUM_OK;
         item = item->next) {
        const struct fct_yaml *key = item_key(loader, item, &status);
        if (key != NULL) {
            status = item_refuse(loader, key, true);
        }
        if (status == FACTUM_OK) {
            status = load_step(loader, key);
        }
    }
    return status;
}

static factum_status load_parallel(struct fct_loader *loader, const struct fct_yaml *key,
                                   struct fct_stage_parsed *stage)
{
    static const struct fct_saga_load_key keys[] = {
        {"steps", parallel_read_steps}, {"join", parallel_read_join}, {NULL, NULL}};
    size_t before = loader->step_count;
    stage->parallel = true;
    factum_status status = fct_saga_load_keys(loader, key->value, "parallel", keys, stage);
    if (status == FACTUM_OK && loader->step_count == before) {
        status = load_missing(loader, key->mark, "parallel", "steps",
                              "a list of steps that run side by side");
    }
    return status;
}

static factum_status load_item(struct fct_loader *loader, const struct fct_yaml *item)
{
    factum_status status;
    const struct fct_yaml *key = item_key(loader, item, &status);
    if (key == NULL) {
        return status;
    }
    status = item_refuse(loader, key, false);
    if (status != FACTUM_OK) {
        return status;
    }
    if (loader->stage_count == FCT_SAGA_STEPS_MAX) {
        return fct_saga_load_fail(loader, FACTUM_INVALID, key->mark, "steps",
                                  "more than %u steps: let some of them be a saga of their own",
                                  FCT_SAGA_STEPS_MAX);
    }
    struct fct_stage_parsed *stage = &loader->stages[loader->stage_count++];
    stage->mark = key->mark;
    return fct_yaml_is_text(key, "parallel") ? load_parallel(loader, key, stage)
                                             : load_step(loader, key);
}

/* ---- the calls at the end -------------------------------------------------------------------- */

static factum_status load_call(struct fct_loader *loader, const struct fct_yaml *value,
                               const char *name, struct fct_step_parsed *call)
{
    static const struct fct_saga_load_key keys[] = {
        {"do", step_read_do}, {"with", step_read_with}, {NULL, NULL}};
    call->text.name = factum_slice_from(name);
    call->text.mark = value->mark;
    factum_status status = fct_saga_load_keys(loader, value, name, keys, call);
    if (status == FACTUM_OK && call->text.action.name.len == 0) {
        status =
            load_missing(loader, value->mark, name, "do", "the command, such as do: order.Reject");
    }
    if (status == FACTUM_OK && call->with_mark.line == 0) {
        status = load_missing(loader, call->text.action.mark, name, "with",
                              "the data of the command, with: {} for none");
    }
    return status;
}

/* ---- the head -------------------------------------------------------------------------------- */

static factum_status head_read_saga(struct fct_loader *loader, const struct fct_yaml *value,
                                    void *into)
{
    (void)into;
    return fct_saga_load_name(loader, value, "a saga", &loader->saga->name);
}

static factum_status head_read_version(struct fct_loader *loader, const struct fct_yaml *value,
                                       void *into)
{
    (void)into;
    return fct_saga_load_whole(loader, value, 1, 1000000000, &loader->saga->version);
}

static factum_status head_read_start(struct fct_loader *loader, const struct fct_yaml *value,
                                     void *into)
{
    (void)into;
    loader->start_mark = value->mark;
    return fct_saga_load_type(loader, value, &loader->saga->start);
}

static factum_status head_read_id(struct fct_loader *loader, const struct fct_yaml *value,
                                  void *into)
{
    (void)into;
    loader->id_mark = value->mark;
    loader->saga->id_text = value->text;
    return fct_saga_load_path(loader, value, &loader->saga->id);
}

static factum_status head_read_host(struct fct_loader *loader, const struct fct_yaml *value,
                                    void *into)
{
    (void)into;
    return fct_saga_load_name(loader, value, "a host", &loader->saga->host);
}

static factum_status head_read_keep(struct fct_loader *loader, const struct fct_yaml *value,
                                    void *into)
{
    (void)into;
    return fct_saga_load_pick(loader, value, &loader->saga->keep);
}

static factum_status head_read_deadline(struct fct_loader *loader, const struct fct_yaml *value,
                                        void *into)
{
    (void)into;
    loader->deadline_mark = value->mark;
    return fct_saga_load_duration(loader, value, &loader->saga->plan.deadline);
}

static factum_status defaults_read_within(struct fct_loader *loader, const struct fct_yaml *value,
                                          void *into)
{
    (void)into;
    return fct_saga_load_duration(loader, value, &loader->within);
}

static factum_status defaults_read_retry(struct fct_loader *loader, const struct fct_yaml *value,
                                         void *into)
{
    (void)into;
    return fct_saga_load_retry(loader, value, &loader->retry);
}

static factum_status head_read_defaults(struct fct_loader *loader, const struct fct_yaml *value,
                                        void *into)
{
    static const struct fct_saga_load_key keys[] = {
        {"within", defaults_read_within}, {"retry", defaults_read_retry}, {NULL, NULL}};
    return fct_saga_load_keys(loader, value, "defaults", keys, into);
}

static factum_status head_read_steps(struct fct_loader *loader, const struct fct_yaml *value,
                                     void *into)
{
    (void)into;
    factum_status status = FACTUM_OK;
    if (value->kind != FCT_YAML_LIST || value->count == 0) {
        return fct_saga_load_fail(loader, FACTUM_INVALID, value->mark, "steps",
                                  "there are no steps: write a list of them, one at least");
    }
    for (const struct fct_yaml *item = value->first; item != NULL && status == FACTUM_OK;
         item = item->next) {
        status = load_item(loader, item);
    }
    return status;
}

static factum_status head_read_done(struct fct_loader *loader, const struct fct_yaml *value,
                                    void *into)
{
    (void)into;
    loader->saga->plan.has_done = true;
    return load_call(loader, value, "done", &loader->done);
}

static factum_status head_read_undone(struct fct_loader *loader, const struct fct_yaml *value,
                                      void *into)
{
    (void)into;
    loader->saga->plan.has_undone = true;
    return load_call(loader, value, "undone", &loader->undone);
}

/* "mode" is accepted only with the value that describes the present behaviour. */
static factum_status head_read_mode(struct fct_loader *loader, const struct fct_yaml *value,
                                    void *into)
{
    static const char *const words[] = {"orchestrate", NULL};
    unsigned index;
    (void)into;
    if (fct_yaml_is_text(value, "choreograph")) {
        return fct_saga_load_fail(
            loader, FACTUM_UNSUPPORTED, value->mark, "later",
            "\"mode: choreograph\" comes later: this version does not know it "
            "yet");
    }
    return fct_saga_load_word(loader, value, words, &index);
}

static factum_status head_check_keys(const struct fct_loader *loader, struct fct_mark mark)
{
    static const char what[] = "the definition";
    const struct factum_saga *saga = loader->saga;
    if (saga->name.len == 0) {
        return load_missing(loader, mark, what, "saga", "its name, such as saga: order_fulfilment");
    }
    if (saga->version == 0) {
        return load_missing(loader, mark, what, "version", "version: 1, and more with each change");
    }
    if (saga->start.len == 0) {
        return load_missing(loader, mark, what, "start",
                            "the event that begins one, such as start: OrderPlaced");
    }
    if (saga->id == NULL) {
        return load_missing(loader, mark, what, "id",
                            "what tells one from another, such as id: .orderId");
    }
    if (loader->step_count == 0) {
        return load_missing(loader, mark, what, "steps", "a list of steps, one at least");
    }
    return FACTUM_OK;
}

factum_status fct_saga_load_tree(struct fct_loader *loader, const struct fct_yaml *root)
{
    static const struct fct_saga_load_key keys[] = {
        {"saga", head_read_saga},
        {"version", head_read_version},
        {"start", head_read_start},
        {"id", head_read_id},
        {"host", head_read_host},
        {"keep", head_read_keep},
        {"deadline", head_read_deadline},
        {"defaults", head_read_defaults},
        {"steps", head_read_steps},
        {"done", head_read_done},
        {"undone", head_read_undone},
        {"mode", head_read_mode},
        {"lock", NULL},
        {"migrate", NULL},
        {NULL, NULL},
    };
    loader->saga->host = FCT_SLICE("server");
    factum_status status = fct_saga_load_keys(loader, root, "the definition", keys, NULL);
    return status == FACTUM_OK ? head_check_keys(loader, root->mark) : status;
}
