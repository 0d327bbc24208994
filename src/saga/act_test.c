/* act_test.c - what operators see and do: views, verbs, races, pictures. Layer: saga. */
#include <factum/saga_view.h>

#include "core/slice.h"
#include "saga/instance.h"
#include "support/test_store.h"

static const char saga_text[] =
    "saga: order\n"
    "version: 1\n"
    "start: OrderPlaced\n"
    "id: .orderId\n"
    "keep: {orderId, amount}\n"
    "defaults: {within: 30s, retry: {times: 2, from: 500ms, to: 30s}}\n"
    "steps:\n"
    "  - charge: {do: pay.Charge, with: {orderId, amount}, ok: Charged, keep: {paymentId},\n"
    "             fail: Declined, undo: pay.Refund, undo_with: {orderId, paymentId}}\n"
    "  - ship: {do: ship.HandOver, with: {orderId}, ok: Shipped, fail: Refused, pivot: true}\n";

struct world {
    factum_store *store;
    char dir[SCRATCH_SIZE];
    factum_saga *saga;
    struct fct_deployed_set set;
    uint64_t position;
    factum_saga_act_outcome outcome;
    factum_error err;
};

static int set_up(void **state)
{
    static struct world only;
    struct world *world = &only;
    factum_saga_deploy_options options = {.size = sizeof options};
    memset(world, 0, sizeof *world);
    options.act.size = sizeof options.act;
    assert_ok(factum_testing_open_memory(NULL, &world->store, &world->err), world->err);
    assert_ok(factum_saga_load(factum_slice_from(saga_text), NULL, &world->saga, &world->err),
              world->err);
    assert_ok(factum_saga_deploy(world->store, world->saga, &options, NULL, NULL, &world->err),
              world->err);
    fct_deployed_init(&world->set, fct_mem_heap());
    assert_ok(fct_deployed_refresh(&world->set, world->store, NULL, &world->err), world->err);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    fct_deployed_finish(&world->set);
    factum_saga_free(world->saga);
    assert_ok(factum_close(world->store, &world->err), world->err);
    return 0;
}

/* Feeds an input to the saga order-1, as a host would. */
static void give(struct world *world, struct fct_saga_input control, const char *data)
{
    struct fct_instance instance;
    struct fct_step_append append;
    factum_arena arena;
    const struct fct_saga_key key = {FCT_SLICE("order"), FCT_SLICE("1")};
    bool timer = control.kind == FCT_INPUT_TIMER;
    const factum_event event = {.type = FCT_SLICE("Something"),
                                .data = factum_slice_from(data),
                                .position = UINT64_C(1000000) + ++world->position};
    const struct fct_step_input input = {
        .control = control, .event = timer ? NULL : &event, .refused_slot = FCT_SLOT_NONE};
    factum_arena_init(&arena, 0);
    fct_instance_init(&instance, fct_mem_heap(), &world->set, &key);
    assert_ok(fct_instance_load(&instance, world->store, &world->err), world->err);
    assert_ok(fct_instance_step(&instance, world->set.items[0].saga, &input,
                                factum_now(world->store), &arena, &append, &world->err),
              world->err);
    assert_true(append.outcome.count > 0);
    assert_ok(factum_append(world->store, &append.request, NULL, NULL, &world->err), world->err);
    fct_instance_finish(&instance);
    factum_arena_finish(&arena);
}

static void start(struct world *world, const char *data)
{
    give(world, (struct fct_saga_input){.kind = FCT_INPUT_START, .slot = FCT_SLOT_NONE}, data);
}

static void answer(struct world *world, const char *step, bool undo, bool ok)
{
    uint8_t slot = fct_saga_slot(world->saga, factum_slice_from(step));
    give(world,
         (struct fct_saga_input){
             .kind = FCT_INPUT_REPLY, .slot = slot, .undo = undo, .ok = ok, .generation = 1},
         "{\"paymentId\":\"p1\"}");
}

static factum_saga_act_request request_of(factum_saga_verb verb, const char *step)
{
    return (factum_saga_act_request){.size = sizeof(factum_saga_act_request),
                                     .verb = verb,
                                     .saga_id = FCT_SLICE("order-1"),
                                     .step = factum_slice_from(step),
                                     .by = FCT_SLICE("ann"),
                                     .reason = FCT_SLICE("a test")};
}

static factum_status act(struct world *world, const factum_saga_act_request *request)
{
    world->outcome = (factum_saga_act_outcome){.size = sizeof world->outcome};
    return factum_saga_act(world->store, request, &world->outcome, &world->err);
}

static void assert_says(const struct world *world, const char *part)
{
    if (strstr(world->outcome.consequence, part) == NULL) {
        print_error("\"%s\" does not hold \"%s\"\n", world->outcome.consequence, part);
        fail();
    }
}

static void assert_view(struct world *world, factum_saga_status status, const char *step,
                        const char *phase)
{
    factum_saga_view view = {.size = sizeof view};
    bool found = false;
    assert_ok(factum_saga_view_get(world->store, FCT_SLICE("order-1"), &view, &world->err),
              world->err);
    assert_string_equal(factum_saga_status_name(view.status), factum_saga_status_name(status));
    for (size_t i = 0; i < view.step_count; i++) {
        if (fct_slice_equal(view.steps[i].name, factum_slice_from(step))) {
            assert_string_equal(view.steps[i].phase, phase);
            found = true;
        }
    }
    assert_true(found);
    factum_saga_view_free(&view);
}

/* ---- looking --------------------------------------------------------------------------------- */

TEST(a_view_shows_steps_with_times_answers_and_what_is_kept)
{
    struct world *world = *state;
    factum_saga_view view = {.size = sizeof view};
    start(world, "{\"orderId\":\"1\",\"amount\":5}");
    answer(world, "charge", false, true);
    assert_ok(factum_saga_view_get(world->store, FCT_SLICE("order-1"), &view, &world->err),
              world->err);
    assert_int_equal(view.status, FACTUM_SAGA_RUNNING);
    assert_int_equal(view.step_count, 2);
    const factum_saga_step *charge = &view.steps[0];
    assert_string_equal(charge->phase, "done");
    assert_true(fct_slice_equal(charge->command_id, FCT_SLICE("saga:order-1/charge/do/1")));
    assert_true(fct_slice_equal(charge->reply, FCT_SLICE("Something")));
    assert_int_equal(charge->reply_position, 1000002);
    assert_int_equal(charge->attempts, 1);
    assert_true(charge->started > 0 && charge->ended >= charge->started && charge->due == 0);
    assert_true(view.steps[1].due > 0 && view.steps[1].pivot);
    assert_true(fct_slice_equal(
        view.kept, FCT_SLICE("{\"orderId\":\"1\",\"amount\":5,\"paymentId\":\"p1\"}")));
    factum_saga_view_free(&view);
    assert_status(factum_saga_view_get(world->store, FCT_SLICE("order-2"), &view, &world->err),
                  FACTUM_NOT_FOUND);
    assert_status(factum_saga_view_get(world->store, FCT_SLICE("order"), &view, &world->err),
                  FACTUM_INVALID);
}

TEST(a_stuck_undo_shows_the_answer_of_its_participant)
{
    struct world *world = *state;
    const struct fct_saga_input timer = {.kind = FCT_INPUT_TIMER, .slot = 0, .undo = true};
    struct fct_saga_input reply = {.kind = FCT_INPUT_REPLY, .slot = 1, .generation = 1};
    factum_saga_view view = {.size = sizeof view};
    start(world, "{\"orderId\":\"1\",\"amount\":5}");
    answer(world, "charge", false, true);
    give(world, reply, "{\"code\":\"no.route\",\"text\":\"nobody goes there\"}");
    reply.slot = 0;
    reply.undo = true;
    give(world, reply, "{\"code\":\"card.closed\",\"text\":\"the card is closed\"}");
    give(world, timer, "");
    reply.generation = 2;
    give(world, reply, "{\"code\":\"card.closed\",\"text\":\"the card is still closed\"}");
    assert_ok(factum_saga_view_get(world->store, FCT_SLICE("order-1"), &view, &world->err),
              world->err);
    /* The words are those of the last answer; the reason for compensating stays. */
    assert_int_equal(view.status, FACTUM_SAGA_STUCK);
    assert_true(fct_slice_equal(view.steps[0].text, FCT_SLICE("the card is still closed")));
    assert_true(fct_slice_equal(view.failure_code, FCT_SLICE("no.route")));
    assert_true(fct_slice_equal(view.failure_text, FCT_SLICE("nobody goes there")));
    factum_saga_view_free(&view);
}

TEST(a_view_is_json_and_a_picture)
{
    struct world *world = *state;
    factum_saga_view view = {.size = sizeof view};
    factum_json_writer to;
    factum_arena arena;
    factum_json json;
    factum_json_node nodes[512];
    factum_slice text;
    start(world, "{\"orderId\":\"1\",\"amount\":5}");
    assert_ok(factum_saga_view_get(world->store, FCT_SLICE("order-1"), &view, &world->err),
              world->err);
    factum_arena_init(&arena, 0);
    factum_json_writer_in(&to, &arena);
    factum_saga_view_write(&view, &to);
    assert_ok(factum_json_writer_finish(&to, &world->err), world->err);
    assert_ok(
        factum_json_parse(fct_slice(to.buffer, to.used), NULL, nodes, 512, &json, &world->err),
        world->err);
    factum_arena_finish(&arena);
    assert_ok(factum_saga_graph(&view, FACTUM_SAGA_MERMAID, &text, &world->err), world->err);
    assert_non_null(memmem(text.ptr, text.len, "s0 --> s1", 9));
    assert_non_null(memmem(text.ptr, text.len, ":::waiting", 10));
    factum_saga_view_free(&view);
    assert_ok(factum_saga_view_of(world->saga, &view, &world->err), world->err);
    assert_ok(factum_saga_graph(&view, FACTUM_SAGA_DOT, &text, &world->err), world->err);
    assert_non_null(memmem(text.ptr, text.len, "s0 -> s1;", 9));
    assert_null(memmem(text.ptr, text.len, "not started", 11));
    factum_saga_view_free(&view);
}

/* ---- acting ---------------------------------------------------------------------------------- */

TEST(what_if_shows_the_consequence_and_writes_nothing)
{
    struct world *world = *state;
    uint64_t before;
    uint64_t after;
    start(world, "{\"orderId\":\"1\",\"amount\":5}");
    answer(world, "charge", false, true);
    assert_ok(factum_visible_place(world->store, &before, &world->err), world->err);
    factum_saga_act_request request = request_of(FACTUM_SAGA_SKIP, "ship");
    request.what_if = true;
    request.reason = fct_slice(NULL, 0);
    assert_ok(act(world, &request), world->err);
    assert_says(world, "sends pay.Refund (undo of charge)");
    assert_says(world, "The command of ship is closed");
    assert_says(world, "If the undo of charge succeeds: the saga ends: undone.");
    assert_says(world, "If the undo of charge fails: charge is tried again later.");
    assert_ok(factum_visible_place(world->store, &after, &world->err), world->err);
    assert_int_equal(before, after);
    request.what_if = false;
    assert_status(act(world, &request), FACTUM_INVALID);
    assert_text(world->err, "needs a reason");
}

TEST(a_blocked_step_continues_after_edit_and_retry)
{
    struct world *world = *state;
    start(world, "{\"orderId\":\"1\"}");
    assert_view(world, FACTUM_SAGA_STUCK, "charge", "blocked");
    factum_saga_act_request request = request_of(FACTUM_SAGA_EDIT, NULL);
    request.data = FCT_SLICE("{\"colour\":1}");
    assert_status(act(world, &request), FACTUM_INVALID);
    assert_text(world->err, "keeps no \"colour\"");
    request.data = FCT_SLICE("[1]");
    assert_status(act(world, &request), FACTUM_INVALID);
    request.data = FCT_SLICE("{\"amount\":7}");
    assert_ok(act(world, &request), world->err);
    assert_view(world, FACTUM_SAGA_STUCK, "charge", "blocked");
    request = request_of(FACTUM_SAGA_RETRY, NULL); /* the only stuck step */
    assert_ok(act(world, &request), world->err);
    assert_says(world, "sends pay.Charge (charge)");
    assert_view(world, FACTUM_SAGA_RUNNING, "charge", "waiting for its answer");
    assert_ok(factum_testing_expect(world->store, "command:pay-order-1",
                                    "{\"stream\":\"command:pay-order-1\",\"type\":\"pay.Charge\","
                                    "\"data\":{\"orderId\":\"1\",\"amount\":7}}\n",
                                    &world->err),
              world->err);
}

TEST(of_two_operators_one_wins_and_the_other_learns_who_did)
{
    struct world *world = *state;
    start(world, "{\"orderId\":\"1\",\"amount\":5}");
    factum_saga_act_request first = request_of(FACTUM_SAGA_CANCEL, NULL);
    first.revision_set = true;
    first.what_if = true;
    first.revision = 2;
    assert_ok(act(world, &first), world->err);
    first.revision = world->outcome.revision;
    first.what_if = false;
    factum_saga_act_request second = first;
    second.verb = FACTUM_SAGA_COMPLETE;
    second.by = FCT_SLICE("bob");
    assert_ok(act(world, &first), world->err);
    assert_true(world->outcome.revision > first.revision);
    assert_status(act(world, &second), FACTUM_WRONG_REVISION);
    assert_text(world->err, "it is compensating");
    assert_text(world->err, "SagaCancelled by ann");
    second.verb = FACTUM_SAGA_CANCEL;
    second.revision_set = false;
    assert_status(act(world, &second), FACTUM_CONDITION_FAILED);
    assert_text(world->err, "it is being compensated; the last change is SagaCancelled by ann");
}

TEST(a_skip_as_failed_is_refused_if_the_participant_has_acted)
{
    struct world *world = *state;
    factum_append_result result;
    start(world, "{\"orderId\":\"1\",\"amount\":5}");
    const factum_new_event event = {
        .stream = FCT_SLICE("payment-1"), .type = FCT_SLICE("Charged"), .data = FCT_SLICE("{}")};
    const factum_expectation expectation = {event.stream, factum_any()};
    const factum_append_request request = {.size = sizeof request,
                                           .events = &event,
                                           .event_count = 1,
                                           .expectations = &expectation,
                                           .expectation_count = 1,
                                           .idempotency_key =
                                               FCT_SLICE("saga:order-1/charge/do/1")};
    assert_ok(factum_append(world->store, &request, &result, NULL, &world->err), world->err);
    factum_saga_act_request skip = request_of(FACTUM_SAGA_SKIP, "charge");
    assert_status(act(world, &skip), FACTUM_KEY_CONFLICT);
    assert_text(world->err, "the participant has acted");
    assert_view(world, FACTUM_SAGA_RUNNING, "charge", "waiting for its answer");
    skip.ok = true;
    skip.data = FCT_SLICE("{\"paymentId\":\"by hand\"}");
    assert_ok(act(world, &skip), world->err);
    assert_view(world, FACTUM_SAGA_RUNNING, "charge", "done");
}

TEST(timers_are_moved_and_cancelled)
{
    struct world *world = *state;
    factum_saga_view view = {.size = sizeof view};
    start(world, "{\"orderId\":\"1\",\"amount\":5}");
    factum_saga_act_request request = request_of(FACTUM_SAGA_TIMER_MOVE, "charge");
    assert_status(act(world, &request), FACTUM_INVALID);
    request.due = INT64_C(2000000000000000000);
    assert_ok(act(world, &request), world->err);
    assert_says(world, "the timer of charge fires at 2033-05-18T03:33:20Z");
    assert_ok(factum_saga_view_get(world->store, FCT_SLICE("order-1"), &view, &world->err),
              world->err);
    assert_int_equal(view.steps[0].due, request.due);
    factum_saga_view_free(&view);
    request = request_of(FACTUM_SAGA_TIMER_CANCEL, "charge");
    assert_ok(act(world, &request), world->err);
    assert_status(act(world, &request), FACTUM_CONDITION_FAILED);
    request = request_of(FACTUM_SAGA_TIMER_CANCEL, "deadline");
    assert_status(act(world, &request), FACTUM_CONDITION_FAILED);
}

TEST(wrong_requests_are_refused_by_name)
{
    struct world *world = *state;
    start(world, "{\"orderId\":\"1\",\"amount\":5}");
    factum_saga_act_request request = request_of(FACTUM_SAGA_RETRY, "nothing");
    assert_status(act(world, &request), FACTUM_NOT_FOUND);
    assert_text(world->err, "has no step nothing");
    request = request_of(FACTUM_SAGA_CANCEL, "charge");
    assert_status(act(world, &request), FACTUM_INVALID);
    request = request_of(FACTUM_SAGA_RETRY, NULL);
    assert_status(act(world, &request), FACTUM_INVALID);
    assert_text(world->err, "say which step");
    request = request_of(FACTUM_SAGA_RETRY, "ship");
    assert_status(act(world, &request), FACTUM_CONDITION_FAILED);
    assert_text(world->err, "has not been started");
    request = request_of(FACTUM_SAGA_COMPLETE, NULL);
    assert_ok(act(world, &request), world->err);
    assert_status(act(world, &request), FACTUM_CONDITION_FAILED);
    assert_text(world->err, "SagaCompleted by ann");
    for (int i = FACTUM_SAGA_RETRY; i <= FACTUM_SAGA_TIMER_CANCEL; i++) {
        assert_true(factum_saga_verb_name((factum_saga_verb)i)[0] != '\0');
    }
    request.verb = (factum_saga_verb)99;
    assert_status(act(world, &request), FACTUM_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_view_shows_steps_with_times_answers_and_what_is_kept),
        FIXTURE_CASE(a_stuck_undo_shows_the_answer_of_its_participant),
        FIXTURE_CASE(a_view_is_json_and_a_picture),
        FIXTURE_CASE(what_if_shows_the_consequence_and_writes_nothing),
        FIXTURE_CASE(a_blocked_step_continues_after_edit_and_retry),
        FIXTURE_CASE(of_two_operators_one_wins_and_the_other_learns_who_did),
        FIXTURE_CASE(a_skip_as_failed_is_refused_if_the_participant_has_acted),
        FIXTURE_CASE(timers_are_moved_and_cancelled),
        FIXTURE_CASE(wrong_requests_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
