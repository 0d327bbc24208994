/* definition_test.c - what the keys of a definition become, and hostile texts. Layer: saga. Correct
 * and faulty definition files are in tests/saga/definitions. */
#include "saga/definition.h"

#include <limits.h>

#include "core/slice.h"
#include "saga/definition_int.h"
#include "support/mem_fault.h"
#include "support/test.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define HEAD "saga: s\nversion: 1\nstart: Started\nid: .id\nkeep: {id, n}\n"
#define STEP "steps:\n- a: {do: x.Do, with: {id}, ok: Ok, undo: x.Undo, undo_with: {id}}\n"

static const char order[] =
    "saga: order_fulfilment\n"
    "version: 3\n"
    "start: OrderPlaced\n"
    "id: .orderId\n"
    "keep: {orderId, customerId, totalCents, lines, address}\n"
    "deadline: 5d\n"
    "defaults: {within: 20s, retry: {times: 4, from: 200ms, to: 20s}}\n"
    "steps:\n"
    "  - reserve_stock:\n"
    "      do: stock.ReserveStock\n"
    "      with: {orderId, lines}\n"
    "      ok: StockReserved\n"
    "      keep: {reservationId}\n"
    "      fail: [StockUnavailable, StockUnknown]\n"
    "      undo: stock.ReleaseStock\n"
    "      undo_with: {orderId, reservationId}\n"
    "  - charge_payment:\n"
    "      do: payment.Charge\n"
    "      with: {orderId, amountCents: .totalCents, currency: \"EUR\"}\n"
    "      ok: PaymentReceived\n"
    "      within: 2m\n"
    "      retry: {times: 6, from: 1s, to: 60s, factor: 1.5, jitter: none}\n"
    "      undo: none\n"
    "      because: money is only blocked\n"
    "      on_timeout: fail\n"
    "  - ship:\n"
    "      do: shipping.HandOver\n"
    "      with: {orderId, address}\n"
    "      ok: OrderShipped\n"
    "      fail: ShipmentRefused\n"
    "      pivot: true\n"
    "      within: 48h\n"
    "  - parallel:\n"
    "      steps:\n"
    "        - receipt: {do: mail.Send, with: {orderId}, ok: ReceiptSent,\n"
    "                    retry: {times: forever}}\n"
    "        - close: {do: order.Complete, with: {orderId}, ok: Completed}\n"
    "undone: {do: order.Reject, with: {orderId, reason: .failure.code}}\n";

static factum_saga *load_slice(factum_slice text)
{
    const factum_saga_options options = {.size = sizeof options, .name = "s.yaml"};
    factum_saga *saga = NULL;
    factum_error err = {.text = ""};
    assert_ok(factum_saga_load(text, &options, &saga, &err), err);
    return saga;
}

static factum_saga *load(const char *text)
{
    return load_slice(factum_slice_from(text));
}

static void assert_refused_slice(factum_slice text, factum_status wanted, const char *why)
{
    const factum_saga_options options = {.size = sizeof options, .name = "s.yaml"};
    factum_saga *saga = (factum_saga *)(uintptr_t)&options;
    factum_error err = {.text = ""};
    factum_status status = factum_saga_load(text, &options, &saga, &err);
    if (status != wanted || strncmp(err.text, why, strlen(why)) != 0) {
        print_error("%.*s\n%s \"%s\", not %s \"%s\"\n", (int)(text.len < 400 ? text.len : 400),
                    (const char *)text.ptr, factum_status_name(status), err.text,
                    factum_status_name(wanted), why);
        fail();
    }
    assert_null(saga);
}

static void assert_refused(const char *text, const char *why)
{
    assert_refused_slice(factum_slice_from(text), FACTUM_INVALID, why);
}

static void assert_slice(factum_slice found, const char *wanted)
{
    if (!fct_slice_equal(found, factum_slice_from(wanted))) {
        print_error("\"%.*s\", not \"%s\"\n", (int)found.len, (const char *)found.ptr, wanted);
        fail();
    }
}

/* The field of |pick| has its name, its text and its kind. */
static void assert_field(const struct fct_pick *pick, const char *name, const char *text, bool path,
                         bool optional)
{
    for (size_t i = 0; i < pick->count; i++) {
        const struct fct_pick_field *field = &pick->fields[i];
        if (fct_slice_equal(field->name, factum_slice_from(name))) {
            assert_slice(field->text, text);
            assert_int_equal(field->path != NULL, path);
            assert_int_equal(field->optional, optional);
            return;
        }
    }
    print_error("no field %s\n", name);
    fail();
}

/* ---- loaded definitions ---------------------------------------------------------------------- */

TEST(the_parts_of_a_definition_are_loaded)
{
    factum_saga *saga = load(order);
    factum_saga_info info = {.size = sizeof info};
    factum_error err = {.text = ""};
    assert_ok(factum_saga_info_get(saga, &info, &err), err);
    assert_slice(info.name, "order_fulfilment");
    assert_int_equal(info.version, 3);
    assert_slice(info.start, "OrderPlaced");
    assert_slice(info.host, "server");
    assert_slice(info.text, order);
    assert_int_equal(info.hash.len, 64);
    assert_int_equal(info.step_count, 5);
    assert_true(info.has_pivot);
    assert_int_equal(info.warning_count, 0);
    assert_string_equal(factum_saga_warning(saga, 0), "");
    info.size = 0;
    assert_status(factum_saga_info_get(saga, &info, &err), FACTUM_INVALID);
    factum_saga_free(saga);
    factum_saga_free(NULL);
}

TEST(a_plan_has_stages_and_the_pivot)
{
    factum_saga *saga = load(order);
    const struct fct_saga_plan *plan = &saga->plan;
    assert_int_equal(plan->step_count, 5);
    assert_int_equal(plan->stage_count, 4);
    assert_int_equal(plan->pivot, 2);
    assert_false(plan->has_done);
    assert_true(plan->has_undone);
    assert_int_equal(plan->deadline, 5 * 86400 * SECOND);
    const uint8_t first_of[] = {0, 1, 2, 3, 5};
    assert_memory_equal(plan->first_of, first_of, sizeof first_of);
    assert_int_equal(plan->steps[3].stage, 3);
    assert_int_equal(plan->steps[4].stage, 3);
    assert_false(plan->any_of[3]);
    for (uint8_t slot = 0; slot < 7; slot++) {
        assert_int_equal(plan->steps[slot].has_undo, slot == 0);
        assert_int_equal(plan->steps[slot].pivot, slot == 2);
        assert_int_equal(plan->steps[slot].refusable, slot == 0 || slot == 2);
    }
    factum_saga_free(saga);
}

TEST(times_come_from_the_step_the_defaults_and_the_program)
{
    factum_saga *saga = load(order);
    const struct fct_plan_step *steps = saga->plan.steps;
    assert_int_equal(steps[0].within, 20 * SECOND);
    assert_int_equal(steps[0].on_timeout, FCT_TIMEOUT_COMPENSATE);
    assert_int_equal(steps[0].retry.times, 4);
    assert_int_equal(steps[0].retry.from, 200 * MS);
    assert_int_equal(steps[0].retry.to, 20 * SECOND);
    assert_true(steps[0].retry.factor == 2);
    assert_int_equal(steps[0].retry.jitter, FCT_JITTER_FULL);
    assert_int_equal(steps[1].within, 120 * SECOND);
    assert_int_equal(steps[1].on_timeout, FCT_TIMEOUT_FAIL);
    assert_int_equal(steps[1].retry.times, 6);
    assert_true(steps[1].retry.factor == 1.5);
    assert_int_equal(steps[1].retry.jitter, FCT_JITTER_NONE);
    assert_int_equal(steps[2].on_timeout, FCT_TIMEOUT_ASK);
    assert_int_equal(steps[2].retry.times, 4);
    factum_saga_free(saga);
    saga = load(HEAD STEP);
    steps = saga->plan.steps;
    assert_int_equal(steps[0].within, 30 * SECOND);
    assert_int_equal(steps[0].retry.times, 5);
    assert_int_equal(steps[0].retry.from, 500 * MS);
    assert_int_equal(steps[0].retry.to, 30 * SECOND);
    factum_saga_free(saga);
    saga = load(HEAD "defaults: {retry: {from: 1m}}\n" STEP);
    assert_int_equal(saga->plan.steps[0].retry.to, 60 * SECOND);
    factum_saga_free(saga);
    saga = load(HEAD "defaults: {retry: {to: 100ms, jitter: equal}}\n" STEP);
    assert_int_equal(saga->plan.steps[0].retry.from, 100 * MS);
    assert_int_equal(saga->plan.steps[0].retry.jitter, FCT_JITTER_EQUAL);
    factum_saga_free(saga);
}

TEST(what_goes_forward_is_tried_for_ever_and_raises_an_alarm)
{
    factum_saga *saga = load(order);
    assert_int_equal(saga->slots[0].alarm_tries, 0);
    assert_int_equal(saga->slots[2].alarm_tries, 0);
    for (uint8_t slot = 3; slot < 7; slot++) {
        assert_int_equal(saga->plan.steps[slot].retry.times, 0);
        assert_int_equal(saga->slots[slot].alarm_tries, slot == 3 ? 0 : 4);
        assert_int_equal(saga->plan.steps[slot].retry.from, 200 * MS);
        assert_int_equal(saga->plan.steps[slot].within, 20 * SECOND);
    }
    factum_saga_free(saga);
}

TEST(slots_have_names_commands_and_events)
{
    factum_saga *saga = load(order);
    assert_int_equal(fct_saga_slot(saga, FCT_SLICE("reserve_stock")), 0);
    assert_int_equal(fct_saga_slot(saga, FCT_SLICE("close")), 4);
    assert_int_equal(fct_saga_slot(saga, FCT_SLICE("done")), FCT_SLOT_NONE);
    assert_int_equal(fct_saga_slot(saga, FCT_SLICE("undone")), 6);
    assert_int_equal(fct_saga_slot(saga, FCT_SLICE("nobody")), FCT_SLOT_NONE);
    const struct fct_step_text *step = &saga->slots[0];
    assert_slice(step->action.name, "stock.ReserveStock");
    assert_slice(step->action.service, "stock");
    assert_slice(step->undo.name, "stock.ReleaseStock");
    assert_slice(step->ok, "StockReserved");
    assert_int_equal(step->fail_count, 2);
    assert_slice(step->fail[1], "StockUnknown");
    assert_int_equal(step->mark.line, 9);
    assert_int_equal(step->mark.column, 5);
    assert_slice(saga->slots[1].because, "money is only blocked");
    assert_slice(saga->slots[1].undo.name, "");
    assert_slice(saga->slots[6].action.name, "order.Reject");
    assert_slice(saga->slots[6].ok, "");
    factum_saga_free(saga);
}

TEST(fields_are_paths_or_literals)
{
    factum_saga *saga = load(order);
    assert_slice(saga->id_text, ".orderId");
    assert_field(&saga->keep, "address", ".address", true, false);
    assert_field(&saga->slots[0].undo.with, "orderId", ".orderId", true, false);
    assert_field(&saga->slots[0].undo.with, "reservationId", ".reservationId", true, true);
    assert_field(&saga->slots[1].action.with, "amountCents", ".totalCents", true, false);
    assert_field(&saga->slots[1].action.with, "currency", "\"EUR\"", false, false);
    assert_field(&saga->slots[6].action.with, "reason", ".failure.code", true, false);
    factum_saga_free(saga);
}

TEST(literals_become_json)
{
    factum_saga *saga = load(HEAD "steps:\n- a:\n"
                                  "    do: x.Do\n"
                                  "    with:\n"
                                  "      n:\n"
                                  "      text: \"a \\\"b\\\"\\n\\0\\u00e9\"\n"
                                  "      single: 'it''s'\n"
                                  "      word: 'true'\n"
                                  "      block: |\n"
                                  "        one\n"
                                  "        two\n"
                                  "      big: 123456789012345678901234567890e999999\n"
                                  "      list: [1, -2.50, true, null, [], {}]\n"
                                  "      map: {a: {b: \"c\"}, d: [{e: false}]}\n"
                                  "    ok: Ok\n"
                                  "    undo: none\n"
                                  "    because: x\n");
    const struct fct_pick *with = &saga->slots[0].action.with;
    assert_field(with, "n", ".n", true, false);
    assert_field(with, "text", "\"a \\\"b\\\"\\n\\u0000\xc3\xa9\"", false, false);
    assert_field(with, "single", "\"it's\"", false, false);
    assert_field(with, "word", "\"true\"", false, false);
    assert_field(with, "block", "\"one\\ntwo\\n\"", false, false);
    assert_field(with, "big", "123456789012345678901234567890e999999", false, false);
    assert_field(with, "list", "[1,-2.50,true,null,[],{}]", false, false);
    assert_field(with, "map", "{\"a\":{\"b\":\"c\"},\"d\":[{\"e\":false}]}", false, false);
    factum_saga_free(saga);
}

TEST(what_may_be_missing_is_marked)
{
    factum_saga *saga =
        load(HEAD "steps:\n- parallel:\n    join: any\n    steps:\n"
                  "    - a: {do: x.A, with: {}, ok: A, keep: {k}, undo: x.B, undo_with: {k, id}}\n"
                  "    - b: {do: x.A, with: {}, ok: B, undo: x.B, undo_with: {s: .failure.step}}\n"
                  "- c: {do: x.C, with: {k, id}, ok: C, keep: {l}, undo: x.D, undo_with: {k, l}}\n"
                  "- d: {do: x.C, with: {l}, ok: D, undo: x.D, undo_with: {l}}\n"
                  "done: {do: x.E, with: {k, l, id}}\n"
                  "undone: {do: x.E, with: {k, l, id, saga: .saga.id, f: .failure}}\n");
    assert_true(saga->plan.any_of[0]);
    assert_field(&saga->slots[0].undo.with, "k", ".k", true, true);
    assert_field(&saga->slots[0].undo.with, "id", ".id", true, false);
    assert_field(&saga->slots[1].undo.with, "s", ".failure.step", true, true);
    assert_field(&saga->slots[2].action.with, "k", ".k", true, true);
    assert_field(&saga->slots[2].undo.with, "k", ".k", true, true);
    assert_field(&saga->slots[2].undo.with, "l", ".l", true, true);
    assert_field(&saga->slots[3].action.with, "l", ".l", true, false);
    assert_field(&saga->slots[3].undo.with, "l", ".l", true, false);
    assert_field(&saga->slots[4].action.with, "k", ".k", true, true);
    assert_field(&saga->slots[4].action.with, "l", ".l", true, false);
    assert_field(&saga->slots[5].action.with, "l", ".l", true, true);
    assert_field(&saga->slots[5].action.with, "id", ".id", true, false);
    assert_field(&saga->slots[5].action.with, "f", ".failure", true, false);
    factum_saga_free(saga);
}

TEST(the_hash_is_that_of_the_text)
{
    factum_saga *a = load(HEAD STEP);
    factum_saga *b = load(HEAD STEP "# a comment\n");
    factum_saga *c = load(HEAD STEP);
    assert_string_not_equal(a->hash, b->hash);
    assert_string_equal(a->hash, c->hash);
    factum_saga_free(a);
    factum_saga_free(b);
    factum_saga_free(c);
}

TEST(a_definition_may_name_its_host_and_mode)
{
    factum_saga *saga = load(HEAD "host: till\nmode: orchestrate\n" STEP);
    assert_slice(saga->host, "till");
    factum_saga_free(saga);
    assert_refused(HEAD "host: Till\n" STEP,
                   "s.yaml:6:7: name: \"Till\" is not right: the name of a host is");
    assert_refused(HEAD "mode: other\n" STEP, "s.yaml:6:7: value: \"other\" is not right: write");
}

TEST(durations_have_units_and_a_limit)
{
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"1ms", MS},
                {"90s", 90 * SECOND},
                {"2m", 120 * SECOND},
                {"3h", 10800 * SECOND},
                {"\"7s\"", 7 * SECOND},
                {"1000d", 86400000 * SECOND},
                {"86400000000ms", 86400000 * SECOND}};
    static const char *const bad[] = {"0s",
                                      "0ms",
                                      "-1s",
                                      "1.5s",
                                      "1",
                                      "s",
                                      "1 s",
                                      "1S",
                                      "1001d",
                                      "86400000001ms",
                                      "999999999999999999d",
                                      "99999999999999999999999999999999s",
                                      "1us",
                                      "[1s]",
                                      "1:30"};
    char text[512];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        (void)snprintf(text, sizeof text, HEAD "defaults: {within: %s}\n" STEP, good[i].text);
        factum_saga *saga = load(text);
        assert_int_equal(saga->plan.steps[0].within, good[i].value);
        factum_saga_free(saga);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        (void)snprintf(text, sizeof text, HEAD "defaults: {within: %s}\n" STEP, bad[i]);
        assert_refused(text, "s.yaml:6:20: duration: ");
    }
}

TEST(a_deadline_is_as_long_as_the_slowest_way)
{
    static const char steps[] =
        "steps:\n- a: {do: x.A, with: {}, ok: A, undo: none, because: x, within: 10s}\n"
        "- parallel:\n    steps:\n"
        "    - b: {do: x.A, with: {}, ok: B, undo: none, because: x, within: 20s}\n"
        "    - c: {do: x.A, with: {}, ok: C, undo: none, because: x, within: 5s}\n"
        "- d: {do: x.A, with: {}, ok: D, undo: none, because: x, within: 1ms}\n";
    char text[1024];
    (void)snprintf(text, sizeof text, HEAD "deadline: 30001ms\n%s", steps);
    factum_saga_free(load(text));
    (void)snprintf(text, sizeof text, HEAD "deadline: 30s\n%s", steps);
    assert_refused(text, "s.yaml:6:11: deadline: the steps may take 30001ms by their \"within\"");
}

TEST(two_steps_that_wait_for_one_type_are_warned_of)
{
    factum_saga *saga =
        load(HEAD "steps:\n- a: {do: x.A, with: {}, ok: A, undo: none, because: x}\n"
                  "- b: {do: x.A, with: {}, ok: A, undo: none, because: x}\n");
    assert_int_equal(saga->warning_count, 1);
    assert_string_equal(factum_saga_warning(saga, 0),
                        "s.yaml:8:30: shared-type: a waits for A too: an event from outside, which "
                        "names no command, cannot tell them apart; give each step an event of its "
                        "own");
    factum_saga_free(saga);
}

TEST(names_of_fields_are_checked)
{
    assert_refused("saga: s\nversion: 1\nstart: A\nid: .a\nkeep: {a b}\n" STEP,
                   "s.yaml:5:8: path: path .a b");
    assert_refused("saga: s\nversion: 1\nstart: A\nid: .a\nkeep: {\"\": .a}\n" STEP,
                   "s.yaml:5:8: name: a field has a name of 1 to 1024 bytes");
    assert_refused("saga: s\nversion: 1\nstart: A\nid: .a\nkeep: {saga: .a}\n" STEP,
                   "s.yaml:5:8: keep-name: ");
    assert_refused("saga: s\nversion: 1\nstart: A\nid: .a\nkeep: {\"a b\": .a}\n" STEP,
                   "s.yaml:5:8: keep-name: ");
    assert_refused(HEAD "steps:\n- a:\n    do: x.A\n    with:\n      x: .[0]\n    ok: A\n"
                        "    undo: none\n    because: x\n",
                   "s.yaml:10:10: path: path .[0]: a name is missing");
}

/* ---- hostile texts --------------------------------------------------------------------------- */

static void assert_repeated_refused(const char *before, const char *part, size_t count,
                                    factum_status status, const char *why)
{
    static uint8_t text[FACTUM_SAGA_TEXT_MAX + 1];
    size_t size = strlen(part);
    size_t len = strlen(before);
    assert_true(len + size * count <= sizeof text);
    memcpy(text, before, len);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + len + i * size, part, size);
    }
    assert_refused_slice(fct_slice(text, len + size * count), status, why);
}

TEST(deep_and_large_texts_end_early)
{
    assert_repeated_refused("", "[", 262144, FACTUM_TOO_BIG,
                            "s.yaml:1:33: yaml: nesting deeper than 32");
    assert_repeated_refused("", "{a: ", 65536, FACTUM_TOO_BIG, "s.yaml:1:129: yaml: nesting");
    assert_repeated_refused("", "- ", 131072, FACTUM_TOO_BIG, "s.yaml:1:65: yaml: nesting");
    assert_repeated_refused("", "? ", 131072, FACTUM_INVALID, "s.yaml:1:3: yaml: a key is a list");
    assert_repeated_refused("a: [", "1,", 131000, FACTUM_TOO_BIG, "s.yaml:1:");
    assert_repeated_refused("{", "a,", 131000, FACTUM_INVALID,
                            "s.yaml:1:4: yaml: \"a\" occurs twice");
    assert_repeated_refused("", "x", 262145, FACTUM_TOO_BIG, "s.yaml: a definition has at most");
    assert_repeated_refused("", "#", 262144, FACTUM_INVALID, "s.yaml:1:1: yaml: the file is empty");
    assert_repeated_refused("a: ", "x", 262141, FACTUM_INVALID, "s.yaml:1:1: unknown-key: ");
    assert_repeated_refused("\"", "\\x00", 65535, FACTUM_INVALID, "s.yaml:");
    assert_repeated_refused("", "\n", 262144, FACTUM_INVALID, "s.yaml:1:1: yaml: the file is");
    assert_repeated_refused("", "'", 262144, FACTUM_INVALID, "s.yaml:1:1: value: ");
    assert_repeated_refused("", "!", 262144, FACTUM_INVALID, "s.yaml:");
    assert_repeated_refused("", "%", 262144, FACTUM_INVALID, "s.yaml:");
    assert_repeated_refused("", "? a\n", 65536, FACTUM_INVALID,
                            "s.yaml:2:3: yaml: \"a\" occurs twice");
}

TEST(many_members_are_too_big)
{
    static char text[65536];
    size_t len = 0;
    for (int i = 0; i < 2000; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "k%d: 1\n", i);
    }
    assert_refused_slice(fct_slice(text, len), FACTUM_TOO_BIG,
                         "s.yaml:1025:1: yaml: a mapping has more than 1024 members");
    assert_repeated_refused(HEAD "steps:\n- a: {do: x.A, with: {a: [", "[],", 20000, FACTUM_TOO_BIG,
                            "s.yaml:7:");
}

TEST(bytes_that_are_no_text_are_refused_at_their_place)
{
    assert_refused_slice(FCT_SLICE("saga: s\nab\xff"), FACTUM_INVALID,
                         "s.yaml:2:3: yaml: not valid UTF-8 at byte 11");
    assert_refused_slice(FCT_SLICE("\xff\xfes\0a\0"), FACTUM_INVALID,
                         "s.yaml:1:1: yaml: not valid UTF-8 at byte 1");
    assert_refused_slice(FCT_SLICE("saga: s\nx: \0"), FACTUM_INVALID,
                         "s.yaml:2:4: yaml: control characters are not allowed");
    assert_refused_slice(FCT_SLICE("\xed\xa0\x80"), FACTUM_INVALID, "s.yaml:1:1: yaml: not valid");
    assert_refused_slice(FCT_SLICE("saga: \"\\ud800\""), FACTUM_INVALID, "s.yaml:1:");
    assert_refused_slice(FCT_SLICE(""), FACTUM_INVALID, "s.yaml:1:1: yaml: the file is empty");
    assert_refused_slice(FCT_SLICE("---"), FACTUM_INVALID, "s.yaml:2:1: value: ");
    assert_refused_slice(FCT_SLICE("saga: s\x1b[2J"), FACTUM_INVALID, "s.yaml:1:");
    assert_refused_slice(FCT_SLICE("saga: \"s\\e[2J\""), FACTUM_INVALID,
                         "s.yaml:1:7: name: \"s?[2J\" is not right");
    factum_saga_free(load("\xef\xbb\xbf" HEAD STEP));
    factum_saga_free(load("---\r\n" HEAD STEP "...\n"));
}

TEST(a_path_with_brackets_in_braces_is_explained)
{
    assert_refused("saga: s\nkeep: {skus: .lines[].sku}\n",
                   "s.yaml:2:20: yaml: did not find expected ',' or '}' of what begins in line 2 "
                   "(a path with [] stands in no braces: write one field a line)");
}

TEST(aliases_make_no_bombs)
{
    assert_refused("a: &a [x]\n", "s.yaml:1:4: yaml: anchors (&a) are not supported");
    assert_refused("a: *b\n", "s.yaml:1:4: yaml: aliases (*b) are not supported");
    assert_refused("a: !!binary aGk=\n", "s.yaml:1:4: yaml: tags (tag:yaml.org,2002:binary)");
    assert_refused("a: ! x\n", "s.yaml:1:4: yaml: tags (!)");
    assert_refused("a: !x {b: c}\n", "s.yaml:1:4: yaml: tags (!x)");
    assert_refused("a: {<<: {b: c}}\n", "s.yaml:1:5: yaml: merge keys are not supported");
    assert_refused("*a : b\n", "s.yaml:1:1: yaml: aliases (*a) are not supported");
    assert_refused("%TAG ! tag:x,2000:\n---\na: b\n", "s.yaml:1:1: yaml: directives");
}

TEST(what_is_no_field_may_stand_in_quotes)
{
    factum_saga *saga =
        load("\"saga\": 's'\nversion: 1\nstart: \"A\"\nid: \".id\"\nsteps:\n"
             "- \"parallel\": {join: \"all\", steps: [{a: {do: 'x.A', with: {}, ok: \"A b\", "
             "undo: \"none\", because: 'x', retry: {times: \"forever\", jitter: 'none'}}}]}\n");
    assert_slice(saga->slots[0].ok, "A b");
    assert_int_equal(saga->plan.steps[0].retry.times, 0);
    assert_int_equal(saga->plan.steps[0].retry.jitter, FCT_JITTER_NONE);
    factum_saga_free(saga);
    assert_refused(
        HEAD "steps:\n- a: {do: x.A, with: {}, ok: A, pivot: \"true\"}\n",
        "s.yaml:7:40: value: \"true\" is not right: write true or false, without quotes");
}

TEST(numbers_do_not_overflow)
{
    assert_refused("saga: s\nversion: 18446744073709551617\n", "s.yaml:2:10: number: ");
    assert_refused("saga: s\nversion: 0\n", "s.yaml:2:10: number: ");
    assert_refused("saga: s\nversion: -1\n", "s.yaml:2:10: number: ");
    assert_refused("saga: s\nversion: 0x10\n", "s.yaml:2:10: number: ");
    assert_refused("saga: s\nversion: \"1\"\n", "s.yaml:2:10: number: ");
    assert_refused(HEAD "defaults: {retry: {times: 4294967297}}\n" STEP, "s.yaml:6:27: number: ");
    assert_refused(HEAD "defaults: {retry: {factor: 1e999}}\n" STEP, "s.yaml:6:28: number: ");
    assert_refused(HEAD "defaults: {retry: {factor: .inf}}\n" STEP, "s.yaml:6:28: number: ");
    assert_refused(HEAD "defaults: {retry: {factor: 101}}\n" STEP, "s.yaml:6:28: number: ");
}

TEST(many_fields_are_too_big)
{
    char text[4096] = HEAD "steps:\n- a: {do: x.A, with: {";
    for (int i = 0; i < 65; i++) {
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "f%d: %d, ", i, i);
    }
    assert_refused_slice(factum_slice_from(text), FACTUM_INVALID, "s.yaml:8:1: yaml: did not");
    (void)snprintf(text + strlen(text), sizeof text - strlen(text), "}, ok: A}\n");
    assert_refused_slice(factum_slice_from(text), FACTUM_TOO_BIG, "s.yaml:7:22: value: 65 fields");
    assert_refused(HEAD "steps:\n- a: {do: x.A, with: {}, ok: A, fail: []}\n",
                   "s.yaml:7:39: value: 0 types");
}

TEST(options_may_be_left_out)
{
    factum_saga *saga = NULL;
    factum_error err = {.text = ""};
    assert_ok(factum_saga_load(factum_slice_from(order), NULL, &saga, &err), err);
    factum_saga_free(saga);
    assert_status(factum_saga_load(FCT_SLICE("x"), NULL, &saga, &err), FACTUM_INVALID);
    assert_text(err, "saga:1:1: value: ");
    const factum_saga_options no_size = {.name = "x"};
    assert_status(factum_saga_load(FCT_SLICE("x"), &no_size, &saga, &err), FACTUM_INVALID);
    assert_null(saga);
}

TEST(every_lack_of_memory_is_reported_and_nothing_is_lost)
{
    struct fct_mem_fault fault;
    fct_mem_fault_init(&fault);
    for (unsigned long at = 0;; at++) {
        factum_saga *saga = NULL;
        factum_error err = {.text = ""};
        fault.calls = 0;
        fault.failed = 0;
        fault.fail_at = at;
        factum_status status =
            fct_saga_load_in(&fault.mem, factum_slice_from(order), NULL, &saga, &err);
        if (fault.failed == 0) {
            assert_ok(status, err);
            factum_saga_free(saga);
            assert_true(at > 1);
            break;
        }
        assert_int_equal(status, FACTUM_NO_MEMORY);
        assert_null(saga);
        assert_int_equal(fault.held, 0);
    }
    assert_int_equal(fault.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_parts_of_a_definition_are_loaded),
        CASE(a_plan_has_stages_and_the_pivot),
        CASE(times_come_from_the_step_the_defaults_and_the_program),
        CASE(what_goes_forward_is_tried_for_ever_and_raises_an_alarm),
        CASE(slots_have_names_commands_and_events),
        CASE(fields_are_paths_or_literals),
        CASE(literals_become_json),
        CASE(what_may_be_missing_is_marked),
        CASE(the_hash_is_that_of_the_text),
        CASE(a_definition_may_name_its_host_and_mode),
        CASE(durations_have_units_and_a_limit),
        CASE(a_deadline_is_as_long_as_the_slowest_way),
        CASE(two_steps_that_wait_for_one_type_are_warned_of),
        CASE(names_of_fields_are_checked),
        CASE(deep_and_large_texts_end_early),
        CASE(many_members_are_too_big),
        CASE(bytes_that_are_no_text_are_refused_at_their_place),
        CASE(a_path_with_brackets_in_braces_is_explained),
        CASE(aliases_make_no_bombs),
        CASE(what_is_no_field_may_stand_in_quotes),
        CASE(numbers_do_not_overflow),
        CASE(many_fields_are_too_big),
        CASE(options_may_be_left_out),
        CASE(every_lack_of_memory_is_reported_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
