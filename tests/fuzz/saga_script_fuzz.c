/* saga_script_fuzz.c - any bytes as the script of a simulation: read within its limits, or refused
 * with a text and a place. Layer: tests. */
#include <string.h>

#include "codec/json.h"
#include "core/arena.h"
#include "core/check.h"
#include "core/slice.h"
#include "saga/simulate_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const factum_saga *the_saga(void)
{
    static factum_saga *saga;
    static const char text[] =
        "saga: shop\nversion: 1\nstart: Placed\nid: .id\nkeep: {id}\nsteps:\n"
        "- take: {do: stock.Take, with: {id}, ok: Taken, fail: Gone, undo: stock.Give,\n"
        "         undo_with: {id}}\n"
        "- pay: {do: bank.Pay, with: {id}, ok: Paid, pivot: true}\n"
        "undone: {do: shop.Reject, with: {id}}\n";
    if (saga == NULL) {
        factum_error err;
        FCT_ASSERT(factum_saga_load(factum_slice_from(text), NULL, &saga, &err) == FACTUM_OK);
    }
    return saga;
}

static void check_data(factum_slice data)
{
    struct fct_json value;
    FCT_ASSERT(data.len == 0 || (fct_json_parse(data, &value, NULL) == FACTUM_OK &&
                                 value.kind == FACTUM_JSON_OBJECT));
}

static void check_script(const struct factum_saga *saga, const struct fct_saga_script *script)
{
    FCT_ASSERT(script->given_count <= FCT_SCRIPT_GIVEN_MAX && script->clock_count <= 8);
    FCT_ASSERT(script->answer_count <= FCT_SCRIPT_ANSWERS_MAX);
    FCT_ASSERT(script->command_count <= FCT_SCRIPT_COMMANDS_MAX);
    FCT_ASSERT(script->run_count <= FCT_SCRIPT_RUN_MAX);
    for (size_t i = 0; i < script->given_count; i++) {
        FCT_ASSERT(fct_slice_equal(script->given[i].type, saga->start));
        check_data(script->given[i].data);
    }
    for (size_t i = 0; i < script->answer_count; i++) {
        FCT_ASSERT(script->answers[i].duplicate <= FCT_SCRIPT_DUPLICATES_MAX);
        FCT_ASSERT(fct_script_answer(script, script->answers[i].command) != NULL);
        check_data(script->answers[i].data);
    }
    for (size_t i = 0; i < script->run_count; i++) {
        const struct fct_script_run *run = &script->run[i];
        FCT_ASSERT(run->slot == FCT_SLOT_NONE || run->slot < saga->plan.step_count + 2u);
        FCT_ASSERT(run->mark.line > 0);
        FCT_ASSERT(run->what > FCT_RUN_DELIVER || run->what == FCT_RUN_START ||
                   (run->slot != FCT_SLOT_NONE && run->generation > 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const factum_saga *saga = the_saga();
    struct fct_saga_script script;
    factum_arena arena;
    factum_error err = {.text = ""};
    fct_arena_init(&arena, fct_mem_heap(), (size_t)16 << 20);
    factum_status status =
        fct_script_read(saga, fct_slice(data, size), "s.yaml", &arena, &script, &err);
    if (status == FACTUM_OK) {
        check_script(saga, &script);
    } else {
        FCT_ASSERT(status == FACTUM_INVALID || status == FACTUM_TOO_BIG);
        FCT_ASSERT(strncmp(err.text, "s.yaml:", 7) == 0);
    }
    factum_arena_finish(&arena);
    return 0;
}
