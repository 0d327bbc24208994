/* machine_batch.c - appends by completion that form one group. See machine.h.
 *
 * They are decided together and written as one batch; deletions and tombstones may be among them.
 * The store's thread is held in the |done| of a first append, which checks nothing and writes
 * nothing, until all others have joined. The memory engine takes them one after the other: a group
 * must answer as if it had.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "core/check.h"
#include "machine.h"
#include "os/thread.h"

enum { BATCH_MAX = 6 };

struct member {
    factum_append_op op;
    factum_append_condition condition;
    struct recipe recipe;
    factum_append_action action;
    factum_expectation removed; /* the stream of a deletion or tombstone */
    struct answer answers[2];
    bool submitted;
};

struct batch {
    struct member members[BATCH_MAX];
    size_t count;
    factum_append_op gate;
    _Atomic uint32_t gate_open;
    _Atomic uint32_t ended;
};

static void gate_done(void *data, factum_append_op *const *ops, size_t count)
{
    struct batch *batch = data;
    FCT_ASSERT(count == 1);
    FCT_ASSERT(ops[0]->status == FACTUM_OK);
    while (atomic_load(&batch->gate_open) == 0) {
        (void)fct_word_wait(&batch->gate_open, 0, UINT64_MAX);
    }
    atomic_fetch_add(&batch->ended, 1);
    fct_word_wake(&batch->ended, 1);
}

static void members_done(void *data, factum_append_op *const *ops, size_t count)
{
    struct batch *batch = data;
    for (size_t i = 0; i < count; i++) {
        struct member *member = ops[i]->data;
        struct answer *answer = &member->answers[1];
        answer->status = ops[i]->status;
        answer->result = ops[i]->result;
        if (ops[i]->status < 0) {
            answer->error = ops[i]->err;
        }
    }
    atomic_fetch_add(&batch->ended, (uint32_t)count);
    fct_word_wake(&batch->ended, 1);
}

static void pick_removal(struct machine *machine, struct member *member)
{
    static const struct recipe one = {.event_count = 1};
    factum_slice stream = machine_pick_stream(machine);
    bool any = machine_pick(machine, 2) == 0;
    member->recipe = one;
    member->action = machine_rarely(machine, 4) ? FACTUM_ACTION_TOMBSTONE : FACTUM_ACTION_DELETE;
    member->removed =
        (factum_expectation){stream, any ? factum_any() : machine_pick_expected(machine, stream)};
    machine_say(machine, "removal %d of %.*s, expected %d/%" PRIu64, (int)member->action,
                (int)stream.len, (const char *)stream.ptr, (int)member->removed.expected.kind,
                member->removed.expected.revision);
}

static void pick_append(struct machine *machine, struct batch *batch, size_t index)
{
    struct member *member = &batch->members[index];
    const struct member *other = index == 0 ? NULL : &batch->members[machine_pick(machine, index)];
    bool again = other != NULL && other->action == FACTUM_ACTION_APPEND;
    if (again && machine_pick(machine, 3) == 0) {
        member->recipe = machine_vary_recipe(machine, &other->recipe);
    } else {
        member->recipe = machine_pick_recipe(machine);
    }
    machine->recipes[machine->recipe_count++ % RECIPES_KEPT] = member->recipe;
    machine_say_recipe(machine, &member->recipe);
}

static void pick_members(struct machine *machine, struct batch *batch)
{
    batch->count = 2 + machine_pick(machine, BATCH_MAX - 1);
    for (size_t i = 0; i < batch->count; i++) {
        struct member *member = &batch->members[i];
        if (machine_rarely(machine, 6)) {
            pick_removal(machine, member);
        } else {
            pick_append(machine, batch, i);
        }
        machine_answer_init(&member->answers[0]);
        machine_answer_init(&member->answers[1]);
    }
}

static factum_status tell_memory_one(struct machine *machine, struct member *member)
{
    factum_store *store = &machine->memory;
    const factum_expectation *removed = &member->removed;
    struct answer *answer = &member->answers[0];
    factum_append_request request;
    switch (member->action) {
    case FACTUM_ACTION_DELETE:
        return factum_delete(store, removed->stream, removed->expected, &answer->result,
                             &answer->error);
    case FACTUM_ACTION_TOMBSTONE:
        return factum_tombstone(store, removed->stream, removed->expected, &answer->result,
                                &answer->error);
    case FACTUM_ACTION_APPEND:
        break;
    }
    machine_request(&member->recipe, 0, &member->condition, &request);
    return factum_append(store, &request, &answer->result, answer->revisions, &answer->error);
}

static void tell_memory(struct machine *machine, struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        batch->members[i].answers[0].status = tell_memory_one(machine, &batch->members[i]);
    }
}

static void request_of(struct member *member, factum_append_request *request)
{
    if (member->action == FACTUM_ACTION_APPEND) {
        machine_request(&member->recipe, 1, &member->condition, request);
    } else {
        *request = (factum_append_request){
            .size = sizeof *request, .expectations = &member->removed, .expectation_count = 1};
    }
}

static void tell_local(struct machine *machine, struct batch *batch)
{
    uint32_t wanted = 1;
    const factum_append_request nothing = {.size = sizeof nothing};
    const factum_completer at_gate = {batch, gate_done};
    const factum_completer after_gate = {batch, members_done};
    batch->gate =
        (factum_append_op){.size = sizeof batch->gate, .request = &nothing, .completer = &at_gate};
    factum_status status = factum_append_submit(&machine->local, &batch->gate, NULL);
    FCT_ASSERT(status == FACTUM_OK);
    for (size_t i = 0; i < batch->count; i++) {
        struct member *member = &batch->members[i];
        struct answer *answer = &member->answers[1];
        factum_append_request request; /* needed during the submit only */
        request_of(member, &request);
        member->op = (factum_append_op){
            .size = sizeof member->op,
            .action = member->action,
            .request = &request,
            .revisions = member->action == FACTUM_ACTION_APPEND ? answer->revisions : NULL,
            .completer = &after_gate,
            .data = member,
        };
        status = factum_append_submit(&machine->local, &member->op, &answer->error);
        memset(&request, 0xdd, sizeof request);
        member->submitted = status == FACTUM_OK;
        if (member->submitted) {
            wanted++;
        } else {
            answer->status = status;
        }
    }
    atomic_store(&batch->gate_open, 1);
    fct_word_wake(&batch->gate_open, 1);
    uint32_t ended = atomic_load(&batch->ended);
    while (ended != wanted) {
        (void)fct_word_wait(&batch->ended, ended, UINT64_MAX);
        ended = atomic_load(&batch->ended);
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
    machine->now_least = machine->now; /* set by the gate as by any append without events */
    machine_learn(machine);
    for (size_t i = 0; i < batch.count && !machine->failed; i++) {
        machine_same_answers(machine, &batch.members[i].recipe, batch.members[i].answers);
    }
}
