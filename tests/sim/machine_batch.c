/* machine_batch.c - appends by completion that form one group. See machine.h.
 *
 * They are decided together and written as one batch.
 * The store's thread is held in the |done| of a first append, which checks nothing and writes
 * nothing, until all others have joined. The memory engine takes them one after the other: a group
 * must answer as if it had.
 */
#include <stdatomic.h>
#include <string.h>

#include "core/check.h"
#include "core/slice.h"
#include "machine.h"
#include "os/thread.h"

enum { BATCH_MAX = 6 };

struct member {
    factum_append_op op;
    factum_append_condition condition;
    struct recipe recipe;
    struct answer answers[2];
    struct batch *batch;
    bool submitted;
};

struct batch {
    struct member members[BATCH_MAX];
    size_t count;
    factum_append_op gate;
    _Atomic uint32_t gate_open;
    _Atomic uint32_t told;
};

static void gate_done(factum_append_op *op, factum_status status,
                      const factum_append_result *result, const factum_error *err)
{
    struct batch *batch = op->data;
    (void)result;
    (void)err;
    FCT_ASSERT(status == FACTUM_OK);
    while (atomic_load(&batch->gate_open) == 0) {
        (void)fct_word_wait(&batch->gate_open, 0, UINT64_MAX);
    }
    atomic_fetch_add(&batch->told, 1);
    fct_word_wake(&batch->told, 1);
}

static void member_done(factum_append_op *op, factum_status status,
                        const factum_append_result *result, const factum_error *err)
{
    struct member *member = op->data;
    struct batch *batch = member->batch; /* the member is not ours any more once it is told */
    struct answer *answer = &member->answers[1];
    answer->status = status;
    answer->result = *result;
    if (err != NULL) {
        answer->error = *err;
    }
    atomic_fetch_add(&batch->told, 1);
    fct_word_wake(&batch->told, 1);
}

static void pick_members(struct machine *machine, struct batch *batch)
{
    batch->count = 2 + machine_pick(machine, BATCH_MAX - 1);
    for (size_t i = 0; i < batch->count; i++) {
        struct member *member = &batch->members[i];
        bool again = i > 0 && machine_pick(machine, 3) == 0;
        if (again) {
            const struct member *other = &batch->members[machine_pick(machine, i)];
            member->recipe = machine_vary_recipe(machine, &other->recipe);
        } else {
            member->recipe = machine_pick_recipe(machine);
        }
        machine->recipes[machine->recipe_count++ % RECIPES_KEPT] = member->recipe;
        machine_say_recipe(machine, &member->recipe);
        member->batch = batch;
        machine_answer_init(&member->answers[0]);
        machine_answer_init(&member->answers[1]);
    }
}

static void tell_memory(struct machine *machine, struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct member *member = &batch->members[i];
        struct answer *answer = &member->answers[0];
        factum_append_request request;
        machine_request(&member->recipe, 0, &member->condition, &request);
        answer->status = factum_append(&machine->memory, &request, &answer->result,
                                       answer->revisions, &answer->error);
    }
}

static void tell_local(struct machine *machine, struct batch *batch)
{
    uint32_t wanted = 1;
    batch->gate =
        (factum_append_op){.request = {.size = sizeof(factum_append_request)}, .data = batch};
    batch->gate.done = gate_done;
    factum_status status = factum_append_submit(&machine->local, &batch->gate, NULL);
    FCT_ASSERT(status == FACTUM_OK);
    for (size_t i = 0; i < batch->count; i++) {
        struct member *member = &batch->members[i];
        struct answer *answer = &member->answers[1];
        member->op =
            (factum_append_op){.revisions = answer->revisions, .data = member, .done = member_done};
        machine_request(&member->recipe, 1, &member->condition, &member->op.request);
        status = factum_append_submit(&machine->local, &member->op, &answer->error);
        member->submitted = status == FACTUM_OK;
        if (member->submitted) {
            wanted++;
        } else {
            answer->status = status;
        }
    }
    atomic_store(&batch->gate_open, 1);
    fct_word_wake(&batch->gate_open, 1);
    uint32_t told = atomic_load(&batch->told);
    while (told != wanted) {
        (void)fct_word_wait(&batch->told, told, UINT64_MAX);
        told = atomic_load(&batch->told);
    }
}

void machine_batch(struct machine *machine)
{
    static struct batch batch;
    if (!machine->options.threads) {
        machine_append(machine);
        return;
    }
    memset(&batch, 0, sizeof batch);
    pick_members(machine, &batch);
    tell_memory(machine, &batch);
    tell_local(machine, &batch);
    machine->now_least = machine->now; /* of the gate, as of any append without events */
    machine_learn(machine);
    for (size_t i = 0; i < batch.count && !machine->failed; i++) {
        machine_same_answers(machine, &batch.members[i].recipe, batch.members[i].answers);
    }
}
