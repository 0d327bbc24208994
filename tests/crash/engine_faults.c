/* engine_faults.c - the whole embedded engine with every call to the machine, and every allocation,
 * failing: one alone, or all from one on.
 *
 * One fixed script (appends to one and to two streams, with keys, ids and conditions, reads in
 * every direction, queries, filters, questions, lists, metadata, a deletion, a tombstone,
 * background work, verify, backups, a restore, reopening) runs without a fault to count the calls,
 * and then once for each call and kind of fault. Each call that fails must return a reason, and a
 * read returns only events that were appended. Afterwards, without the fault, the store opens
 * undamaged and verifies. All acknowledged appends are there, and no refused one; an append whose
 * result is unknown is there whole or not at all. Appends succeed. No block of memory is left over.
 * Prints TAP.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "core/check.h"
#include "core/slice.h"
#include "engine/event_copy.h"
#include "engine_local/local.h"
#include "sim/sim_disk.h"
#include "support/engine_calls.h"
#include "support/fault.h"
#include "support/tap.h"

enum { STREAMS = 3, TRIES = 80, DATA_SIZE = 300 };

enum outcome { REFUSED, UNKNOWN, ACKNOWLEDGED };

/* One append: to stream |a|, and to |b| if |b| differs from |a|. */
struct
try {
    unsigned a;
    unsigned b;
    bool keyed;
    uint64_t position; /* of its last event, if it was acknowledged */
    enum outcome outcome;
    bool found[2]; /* in a, in b; by the check */
};

struct world {
    const struct fct_os *os;
    const struct fct_mem *mem;
    struct fct_engine engine;
    bool open;
    struct try tries[TRIES];
    unsigned try_count;
    bool deleted;    /* the stream "gone-1", acknowledged */
    bool tombstoned; /* the stream "gone-2", acknowledged */
    bool backed_up;  /* a backup into "/backup" was acknowledged */
};

/* The heap with a count of its blocks, and an allocation that fails. */
struct failing_heap {
    struct fct_mem mem;
    uint64_t calls;
    uint64_t at; /* index of the call to fail; UINT64_MAX: none */
    bool sticky;
    uint64_t blocks; /* not freed yet */
};

static char what_runs[96];
static uint64_t crypto_calls;                /* libcrypto's allocations */
static uint64_t crypto_fail_at = UINT64_MAX; /* the one to fail */
static bool crypto_sticky;                   /* and all after it */

static void die(const char *what, const char *why)
{
    tap_fail("%s: %s (%s)", what, why, what_runs);
}

static void *failing_resize(void *data, void *block, size_t size)
{
    struct failing_heap *heap = data;
    const struct fct_mem *inner = fct_mem_heap();
    if (size == 0) {
        heap->blocks -= block != NULL;
        return inner->resize(inner->data, block, 0);
    }
    uint64_t call = heap->calls++;
    if (heap->sticky ? call >= heap->at : call == heap->at) {
        return NULL;
    }
    heap->blocks += block == NULL;
    return inner->resize(inner->data, block, size);
}

/* libcrypto has a heap of its own. */
static bool crypto_fails(void)
{
    uint64_t call = crypto_calls++;
    return crypto_sticky ? call >= crypto_fail_at : call == crypto_fail_at;
}

static void *crypto_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return crypto_fails() ? NULL : malloc(size);
}

static void *crypto_realloc(void *block, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return crypto_fails() ? NULL : realloc(block, size);
}

static void crypto_free(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    free(block);
}

static void failing_heap_init(struct failing_heap *heap)
{
    *heap = (struct failing_heap){.at = UINT64_MAX};
    heap->mem = (struct fct_mem){.data = heap, .resize = failing_resize};
}

/* ---- the script ------------------------------------------------------------------------------ */

/* Every failure has a reason, and no call reports a sound store as damaged. One exception: verify
 * reports a file that it cannot read. */
static void expect_reason(factum_status status, const factum_error *err)
{
    if (status < 0 && (err->status != status || err->text[0] == '\0')) {
        die("a failure without a reason", err->text);
    }
    if (status == FACTUM_CORRUPT && strstr(err->text, "cannot be read") == NULL) {
        die("damage is reported where none is", err->text);
    }
}

/* The statuses of factum_append that a failing machine can cause. */
static void expect_status_of_append(factum_status status, const factum_error *err)
{
    static const factum_status named[] = {FACTUM_OK,     FACTUM_UNKNOWN_OUTCOME, FACTUM_NO_SPACE,
                                          FACTUM_IO,     FACTUM_NO_MEMORY,       FACTUM_CORRUPT,
                                          FACTUM_FAILED, FACTUM_READ_ONLY,       FACTUM_BUSY};
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        if (status == named[i]) {
            return;
        }
    }
    die("a status that append does not name", err->text);
}

static bool open_world(struct world *world)
{
    factum_error err;
    struct fct_local_options options = {
        .os = world->os,
        .mem = world->mem,
        .path = "/store",
        .segment_size_first = 8 << 10,
        .segment_size_max = 16 << 10,
        .memtable_span_max = 2 << 10,
    };
    factum_status status = fct_engine_local_open(&world->engine, &options, &err);
    expect_reason(status, &err);
    world->open = status == FACTUM_OK;
    return world->open;
}

static void close_world(struct world *world)
{
    factum_error err;
    if (world->open) {
        expect_reason(fct_engine_close(&world->engine, &err), &err);
        world->open = false;
    }
}

static factum_slice stream_name(unsigned stream)
{
    static const char *const names[STREAMS] = {"order-1", "order-2", "invoice-1"};
    return factum_slice_from(names[stream]);
}

/* The bytes of an event: the number of its append, and a tail computed from the number. */
static size_t data_of(unsigned number, char data[DATA_SIZE])
{
    size_t size = 8 + number * 37 % (DATA_SIZE - 8);
    (void)snprintf(data, DATA_SIZE, "%07u", number);
    memset(data + 7, 'a' + (int)(number % 26), size - 7);
    return size;
}

/* Every second event has an id. */
static factum_uuid id_of(unsigned number)
{
    return (factum_uuid){{number % 2 == 0 ? 0 : (uint8_t)(number + 1)}};
}

static void key_of(unsigned number, char key[16])
{
    (void)snprintf(key, 16, "key-%u", number);
}

static enum outcome outcome_of(factum_status status)
{
    if (status == FACTUM_OK) {
        return ACKNOWLEDGED;
    }
    return status == FACTUM_UNKNOWN_OUTCOME ? UNKNOWN : REFUSED;
}

static void reopen_if_failed(struct world *world)
{
    factum_info info;
    factum_error err;
    if (world->open && engine_info(&world->engine, &info, &err) == FACTUM_OK && info.failed) {
        close_world(world);
    }
    if (!world->open) {
        (void)open_world(world);
    }
}

static void append(struct world *world, unsigned a, unsigned b, bool keyed)
{
    char data[DATA_SIZE];
    char key[16];
    factum_error err;
    FCT_ASSERT(world->try_count < TRIES);
    unsigned number = world->try_count++;
    struct try *try = &world->tries[number];
    *try = (struct try){.a = a, .b = b, .keyed = keyed, .outcome = REFUSED};
    size_t size = data_of(number, data);
    size_t count = a == b ? 1 : 2;
    factum_slice tag = FCT_SLICE("tagged");
    factum_new_event events[2];
    factum_expectation expectations[2];
    for (size_t i = 0; i < count; i++) {
        events[i] = (factum_new_event){.stream = stream_name(i == 0 ? a : b),
                                       .type = FCT_SLICE("Tried"),
                                       .data = fct_slice(data, size),
                                       .metadata = FCT_SLICE("{\"$correlationId\":\"c\"}"),
                                       .tags = &tag,
                                       .tag_count = 1,
                                       .id = id_of(number)};
        expectations[i] = (factum_expectation){events[i].stream, factum_any()};
    }
    factum_slice other = FCT_SLICE("no-such-tag");
    factum_query_item item = {.tags = &other, .tag_count = 1};
    factum_append_condition condition = {.query = {&item, 1}};
    key_of(number, key);
    factum_append_request request = {.size = sizeof request,
                                     .events = events,
                                     .event_count = count,
                                     .expectations = expectations,
                                     .expectation_count = count,
                                     .condition = keyed ? &condition : NULL,
                                     .idempotency_key =
                                         keyed ? factum_slice_from(key) : (factum_slice){0}};
    reopen_if_failed(world);
    for (int attempt = 0; attempt < (keyed ? 2 : 1) && world->open; attempt++) {
        factum_append_result result = {.already = false};
        factum_status status = fct_engine_append(&world->engine, &request, &result, NULL, &err);
        expect_reason(status, &err);
        expect_status_of_append(status, &err);
        if (attempt == 1 && try->outcome == ACKNOWLEDGED && status == FACTUM_OK &&
            !result.already) {
            die("a repeated append was not recognised", key);
        }
        if (outcome_of(status) > try->outcome) {
            try->outcome = outcome_of(status);
            try->position = result.position;
        }
    }
}

/* Checks |event| byte for byte. Returns the number of the append that wrote it. */
static unsigned number_of(const struct world *world, const factum_event *event)
{
    char data[DATA_SIZE];
    char text[8] = "";
    if (event->data.len >= 8) {
        memcpy(text, event->data.ptr, 7);
    }
    unsigned number = (unsigned)strtoul(text, NULL, 10);
    if (number >= world->try_count ||
        !fct_slice_equal(event->data, fct_slice(data, data_of(number, data)))) {
        die("a read returns an event that was never appended", text);
    }
    return number;
}

/* Reads until the end or a failure. */
static void read_all(struct world *world, const factum_read_request *request)
{
    struct fct_reader *reader;
    factum_event event;
    factum_error err;
    if (!world->open) {
        return;
    }
    factum_status status = fct_engine_read(&world->engine, request, false, &reader, &err);
    expect_reason(status, &err);
    if (status != FACTUM_OK) {
        return;
    }
    while ((status = fct_reader_next(reader, &event, &err)) == FACTUM_OK) {
        if (fct_slice_equal(event.type, FCT_SLICE("Tried"))) {
            (void)number_of(world, &event);
        }
    }
    expect_reason(status, &err);
    fct_reader_close(reader);
}

static void read_list(struct world *world, factum_source source, factum_slice name, bool backwards)
{
    const factum_read_request request = {
        .size = sizeof request, .source = source, .name = name, .backwards = backwards};
    read_all(world, &request);
}

static void read_query(struct world *world, bool backwards)
{
    factum_slice type = FCT_SLICE("Tried");
    factum_slice tag = FCT_SLICE("tagged");
    const factum_query_item items[2] = {
        {.types = &type, .type_count = 1, .tags = &tag, .tag_count = 1},
        {.tags = &tag, .tag_count = 1},
    };
    const factum_query query = {items, 2};
    const factum_read_request request = {.size = sizeof request,
                                         .source = FACTUM_SOURCE_QUERY,
                                         .from = FACTUM_FROM_AFTER,
                                         .from_value = backwards ? UINT64_MAX : 5000,
                                         .query = &query,
                                         .backwards = backwards};
    read_all(world, &request);
}

static void read_filtered(struct world *world, bool backwards)
{
    factum_slice prefix = FCT_SLICE("order-");
    const factum_filter filter = {
        .size = sizeof filter, .stream_prefixes = &prefix, .stream_prefix_count = 1};
    const factum_read_request request = {
        .size = sizeof request, .filter = &filter, .backwards = backwards};
    read_all(world, &request);
}

/* Returns the status of the question; what it finds must have been appended. */
static factum_status ask(struct world *world, factum_question *question)
{
    factum_event_copy copy = {.memory = NULL};
    factum_key_info key = {.size = sizeof key};
    factum_error err;
    question->size = sizeof *question;
    question->event = &copy;
    question->key = &key;
    factum_status status = fct_engine_answer(&world->engine, question, &err);
    expect_reason(status, &err);
    if (status == FACTUM_OK && copy.memory != NULL) {
        (void)number_of(world, &copy.event);
    }
    fct_event_copy_finish(&copy);
    question->event = NULL;
    question->key = NULL;
    return status;
}

static void ask_around(struct world *world)
{
    factum_stream_info stream = {.size = sizeof stream};
    factum_info info;
    factum_error err;
    char key[16];
    unsigned last = world->try_count - 1;
    factum_question event = {.kind = FACTUM_ASK_EVENT, .position = world->tries[last].position};
    factum_question recent = {.kind = FACTUM_ASK_FIND_EVENT, .id = id_of(last | 1)};
    factum_question in_stream = {
        .kind = FACTUM_ASK_FIND_EVENT, .id = id_of(1), .name = stream_name(1)};
    factum_question by_key = {.kind = FACTUM_ASK_KEY, .name = factum_slice_from(key)};
    factum_question count = {.kind = FACTUM_ASK_COUNT,
                             .source = FACTUM_SOURCE_TAG,
                             .name = FCT_SLICE("tagged"),
                             .upto = UINT64_MAX};
    key_of(last - last % 5, key);
    by_key.name = factum_slice_from(key);
    (void)ask(world, &event);
    (void)ask(world, &recent);
    (void)ask(world, &in_stream);
    (void)ask(world, &by_key);
    (void)ask(world, &count);
    expect_reason(fct_engine_stream(&world->engine, stream_name(1), &stream, &err), &err);
    expect_reason(engine_info(&world->engine, &info, &err), &err);
}

static void look_around(struct world *world)
{
    struct fct_lister *lister;
    factum_list_entry entry;
    factum_error err;
    read_list(world, FACTUM_SOURCE_STREAM, stream_name(0), false);
    read_list(world, FACTUM_SOURCE_STREAM, stream_name(2), true);
    read_list(world, FACTUM_SOURCE_CATEGORY, FCT_SLICE("order"), false);
    read_list(world, FACTUM_SOURCE_TAG, FCT_SLICE("tagged"), true);
    read_list(world, FACTUM_SOURCE_ALL, (factum_slice){0}, false);
    for (int backwards = 0; backwards < 2; backwards++) {
        read_query(world, backwards == 1);
        read_filtered(world, backwards == 1);
    }
    if (!world->open) {
        return;
    }
    ask_around(world);
    factum_status status = engine_list(&world->engine, FACTUM_LIST_STREAMS, &lister, &err);
    expect_reason(status, &err);
    if (status == FACTUM_OK) {
        while ((status = fct_lister_next(lister, &entry, &err)) == FACTUM_OK) {
        }
        expect_reason(status, &err);
        fct_lister_close(lister);
    }
}

/* Two more streams: one is written, given metadata and deleted, the other gets a tombstone. */
static void remove_streams(struct world *world)
{
    factum_slice name = FCT_SLICE("gone-1");
    factum_new_event event = {.stream = name, .type = FCT_SLICE("Gone")};
    factum_expectation expectation = {name, factum_any()};
    factum_append_request request = {.size = sizeof request,
                                     .events = &event,
                                     .event_count = 1,
                                     .expectations = &expectation,
                                     .expectation_count = 1};
    factum_error err;
    reopen_if_failed(world);
    if (!world->open) {
        return;
    }
    factum_status status = fct_engine_append(&world->engine, &request, NULL, NULL, &err);
    expect_reason(status, &err);
    expect_reason(fct_engine_metadata_set(&world->engine, FCT_SLICE("order-2"), factum_any(),
                                          FCT_SLICE("{\"$maxCount\":1000}"), NULL, &err),
                  &err);
    if (status == FACTUM_OK) {
        status =
            fct_engine_remove(&world->engine, FACTUM_ACTION_DELETE, name, factum_any(), NULL, &err);
        expect_reason(status, &err);
        world->deleted = status == FACTUM_OK;
    }
    status = fct_engine_remove(&world->engine, FACTUM_ACTION_TOMBSTONE, FCT_SLICE("gone-2"),
                               factum_no_stream(), NULL, &err);
    expect_reason(status, &err);
    world->tombstoned = status == FACTUM_OK;
}

static void look_after(struct world *world)
{
    factum_verify_report verified;
    factum_backup_report copied;
    factum_error err;
    if (world->open) {
        expect_reason(fct_engine_local_tick(&world->engine, &err), &err);
        expect_reason(engine_verify(&world->engine, &verified, &err), &err);
        for (int i = 0; i < 2; i++) {
            factum_status status = engine_backup(&world->engine, "/backup", &copied, &err);
            expect_reason(status, &err);
            world->backed_up = world->backed_up || status == FACTUM_OK;
        }
    }
    if (world->backed_up) {
        factum_backup_verify_report checked;
        expect_reason(fct_engine_local_backup_verify(world->os, world->mem, "/backup", NULL, NULL,
                                                     &checked, &err),
                      &err);
        expect_reason(fct_engine_local_restore(world->os, world->mem, "/backup", "/restored", NULL,
                                               &copied, &err),
                      &err);
    }
}

static void script(struct world *world)
{
    for (unsigned round = 0; round < 2; round++) {
        (void)open_world(world);
        for (unsigned i = 0; i < 24; i++) {
            append(world, i % STREAMS, i % 4 == 3 ? (i + 1) % STREAMS : i % STREAMS, i % 5 == 0);
            if (i % 8 == 7 && world->open) {
                factum_error err;
                expect_reason(fct_engine_local_tick(&world->engine, &err), &err);
            }
        }
        look_around(world);
        if (round == 0) {
            remove_streams(world);
        } else {
            look_after(world);
        }
        close_world(world);
    }
}

/* ---- afterwards ------------------------------------------------------------------------------ */

static void check_stream(struct world *world, unsigned stream)
{
    struct fct_reader *reader;
    factum_event event;
    factum_error err;
    factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = stream_name(stream)};
    factum_status status = fct_engine_read(&world->engine, &request, true, &reader, &err);
    if (status != FACTUM_OK) {
        die("read afterwards", err.text);
    }
    unsigned next = 0;
    uint64_t count = 0;
    for (uint64_t revision = 0; (status = fct_reader_next(reader, &event, &err)) == FACTUM_OK;
         revision++, count++) {
        unsigned number = number_of(world, &event);
        struct try *try = &world->tries[number];
        if (number < next || event.revision != revision) {
            die("events out of order or twice", "");
        }
        if (try->outcome == REFUSED || (try->a != stream && try->b != stream)) {
            die("an event is there that was refused", "");
        }
        try->found[try->a != stream] = true;
        next = number + 1;
    }
    uint64_t read = reader->place;
    fct_reader_close(reader);
    if (status != FACTUM_DONE) {
        die("read afterwards", err.text);
    }
    factum_question question = {.kind = FACTUM_ASK_COUNT,
                                .source = FACTUM_SOURCE_STREAM,
                                .name = stream_name(stream),
                                .upto = read};
    if (ask(world, &question) != FACTUM_OK || question.number != count) {
        die("the count of events is not the number of events", "");
    }
}

/* A key and an id are known exactly if the events that were appended with them are there. */
static void check_names(struct world *world, unsigned number)
{
    const struct try *try = &world->tries[number];
    char key[16];
    key_of(number, key);
    factum_question by_key = {.kind = FACTUM_ASK_KEY, .name = factum_slice_from(key)};
    factum_status wanted = try->found[0] && try->keyed ? FACTUM_OK : FACTUM_NOT_FOUND;
    if (ask(world, &by_key) != wanted) {
        die("a key is lost, or known without its events", key);
    }
    for (int everywhere = 0; everywhere < 2 && number % 2 == 1; everywhere++) {
        factum_question by_id = {.kind = FACTUM_ASK_FIND_EVENT, .id = id_of(number)};
        by_id.name = everywhere == 1 ? (factum_slice){0} : stream_name(try->a);
        if (ask(world, &by_id) != (try->found[0] ? FACTUM_OK : FACTUM_NOT_FOUND)) {
            die("an id is lost, or known without its event", key);
        }
    }
}

static void check_tries(struct world *world)
{
    for (unsigned i = 0; i < world->try_count; i++) {
        const struct try *try = &world->tries[i];
        bool b = try->a == try->b ? try->found[0] : try->found[1];
        if (try->found[0] != b) {
            die("half an append is there", "");
        }
        if (try->outcome == ACKNOWLEDGED && !try->found[0]) {
            die("an acknowledged append is lost", "");
        }
        check_names(world, i);
    }
}

/* Checks the store that the run left, without a fault. */
static void check_after(struct world *world)
{
    factum_info info;
    factum_verify_report report;
    factum_error err;
    if (!open_world(world)) {
        die("the store does not open afterwards", "");
    }
    if (engine_info(&world->engine, &info, &err) != FACTUM_OK || info.damaged) {
        die("damage is reported where none is", info.reason);
    }
    for (unsigned stream = 0; stream < STREAMS; stream++) {
        check_stream(world, stream);
    }
    check_tries(world);
    factum_read_request gone = {
        .size = sizeof gone, .source = FACTUM_SOURCE_STREAM, .name = FCT_SLICE("gone-1")};
    struct fct_reader *reader;
    if (world->deleted &&
        fct_engine_read(&world->engine, &gone, false, &reader, &err) != FACTUM_STREAM_NOT_FOUND) {
        die("a deletion is lost", "");
    }
    gone.name = FCT_SLICE("gone-2");
    if (world->tombstoned &&
        fct_engine_read(&world->engine, &gone, false, &reader, &err) != FACTUM_STREAM_DELETED) {
        die("a tombstone is lost", "");
    }
    append(world, 0, 1, true);
    if (world->tries[world->try_count - 1].outcome != ACKNOWLEDGED) {
        die("an append fails afterwards", "");
    }
    if (engine_verify(&world->engine, &report, &err) != FACTUM_OK) {
        die("verify afterwards", err.text);
    }
    close_world(world);
    factum_backup_report copied;
    if (world->backed_up &&
        fct_engine_local_restore(world->os, world->mem, "/backup", "/restored-2", NULL, &copied,
                                 &err) != FACTUM_OK) {
        die("a backup does not restore", err.text);
    }
}

/* ---- the sweeps ------------------------------------------------------------------------------ */

/* Runs the script with call |at| failing. Returns the number of calls. */
static uint64_t run_with_fault(enum fct_fault_kind kind, uint64_t at, bool sticky)
{
    struct fct_fault fault;
    static struct world world;
    struct fct_sim_disk *disk = fct_sim_disk_create(1, false);
    FCT_ASSERT(disk != NULL);
    fct_fault_init(&fault, fct_sim_disk_os(disk));
    fault.kind = kind;
    fault.at = at;
    fault.sticky = sticky;
    memset(&world, 0, sizeof world);
    world.os = &fault.os;
    world.mem = fct_mem_heap();
    script(&world);
    uint64_t calls = fault.calls;
    fault.kind = FCT_FAULT_NONE;
    check_after(&world);
    fct_sim_disk_destroy(disk);
    return calls;
}

static uint64_t run_with_heap(uint64_t at, bool sticky)
{
    struct failing_heap heap;
    static struct world world;
    struct fct_sim_disk *disk = fct_sim_disk_create(1, false);
    FCT_ASSERT(disk != NULL);
    failing_heap_init(&heap);
    heap.at = at;
    heap.sticky = sticky;
    memset(&world, 0, sizeof world);
    world.os = fct_sim_disk_os(disk);
    world.mem = &heap.mem;
    script(&world);
    uint64_t calls = heap.calls;
    heap.at = UINT64_MAX;
    crypto_fail_at = UINT64_MAX;
    check_after(&world);
    if (heap.blocks != 0) {
        die("memory is still allocated", "");
    }
    fct_sim_disk_destroy(disk);
    return calls;
}

static void sweep_calls(enum fct_fault_kind kind, const char *name, bool sticky)
{
    const char *how = sticky ? "from then on" : "once";
    (void)snprintf(what_runs, sizeof what_runs, "without a fault");
    uint64_t calls = run_with_fault(FCT_FAULT_NONE, 0, false);
    for (uint64_t at = 0; at < calls; at++) {
        (void)snprintf(what_runs, sizeof what_runs, "%s at call %" PRIu64 ", %s", name, at, how);
        (void)run_with_fault(kind, at, sticky);
    }
    tap_case(true, "%s at each of %" PRIu64 " calls, %s", name, calls, how);
}

static void sweep_heap(bool sticky)
{
    const char *how = sticky ? "from then on" : "once";
    (void)snprintf(what_runs, sizeof what_runs, "with all memory");
    uint64_t calls = run_with_heap(UINT64_MAX, false);
    for (uint64_t at = 0; at < calls; at++) {
        (void)snprintf(what_runs, sizeof what_runs, "no memory at allocation %" PRIu64 ", %s", at,
                       how);
        (void)run_with_heap(at, sticky);
    }
    tap_case(true, "no memory at each of %" PRIu64 " allocations, %s", calls, how);
}

static void sweep_crypto(bool sticky)
{
    const char *how = sticky ? "from then on" : "once";
    (void)snprintf(what_runs, sizeof what_runs, "with all memory");
    (void)run_with_heap(UINT64_MAX, false); /* libcrypto has now made what it makes only once */
    uint64_t before = crypto_calls;
    (void)run_with_heap(UINT64_MAX, false);
    uint64_t calls = crypto_calls - before;
    for (uint64_t at = 0; at < calls; at++) {
        (void)snprintf(what_runs, sizeof what_runs,
                       "no memory at libcrypto's allocation %" PRIu64 ", %s", at, how);
        crypto_sticky = sticky;
        crypto_fail_at = crypto_calls + at;
        (void)run_with_heap(UINT64_MAX, false);
    }
    tap_case(true, "no memory at each of libcrypto's %" PRIu64 " allocations, %s", calls, how);
}

int main(void)
{
    FCT_ASSERT(CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) == 1);
    sweep_calls(FCT_FAULT_EIO, "EIO", false);
    sweep_calls(FCT_FAULT_EIO, "EIO", true);
    sweep_calls(FCT_FAULT_ENOSPC, "ENOSPC", false);
    sweep_calls(FCT_FAULT_ENOSPC, "ENOSPC", true);
    sweep_calls(FCT_FAULT_SHORT, "short transfers", false);
    sweep_calls(FCT_FAULT_SHORT, "short transfers", true);
    sweep_heap(false);
    sweep_heap(true);
    sweep_crypto(false);
    sweep_crypto(true);
    return tap_end();
}
