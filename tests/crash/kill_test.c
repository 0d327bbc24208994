/* kill_test.c - kill -9 of a real process under load, again and again, and a check of its history.
 *
 * A child appends to streams from several threads (single appends with an expected revision, and
 * atomic appends to two streams) and reports each acknowledgement to the parent through a pipe. The
 * parent kills it at a random moment, opens the store and checks: it has every acknowledged event
 * with its bytes; revisions are dense; beyond these it has at most the append under way of each
 * thread; pairs are whole; verify finds nothing. FCT_KILLS: how
 * many kills (100). Prints TAP.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <factum/factum.h>

#include "support/scratch.h"
#include "support/tap.h"

enum {
    THREADS = 4,
    STORE_ACKS_MAX = 20000, /* then a new store begins: the whole store is read after each kill */
};

struct ack {
    uint32_t thread;
    uint32_t pair; /* also in the thread's second stream */
    uint64_t revision;
};

static int ack_pipe[2];
static uint64_t next_revision[THREADS]; /* as known before the child starts */
static uint64_t next_pair[THREADS];

static void die(const char *what, const char *why)
{
    tap_fail("%s: %s", what, why);
}

static void stream_name(char *to, size_t size, const char *kind, uint32_t thread)
{
    (void)snprintf(to, size, "%s-%" PRIu32, kind, thread);
}

static factum_expected after(uint64_t next)
{
    return next == 0 ? factum_no_stream() : factum_at(next - 1);
}

struct writer {
    factum_store *store;
    uint32_t thread;
};

static void *write_for_ever(void *arg)
{
    const struct writer *writer = arg;
    char single[32];
    char other[32];
    char data[64];
    stream_name(single, sizeof single, "kill", writer->thread);
    stream_name(other, sizeof other, "pair", writer->thread);
    uint64_t revision = next_revision[writer->thread];
    uint64_t pair = next_pair[writer->thread];
    for (uint64_t n = 0;; n++, revision++) {
        bool both = n % 5 == 4;
        int len = snprintf(data, sizeof data, "{\"t\":%" PRIu32 ",\"n\":%" PRIu64 "}",
                           writer->thread, revision);
        factum_slice bytes = {(const uint8_t *)data, (size_t)len};
        factum_new_event events[2] = {
            {.stream = factum_slice_from(single), .type = factum_slice_from("T"), .data = bytes},
            {.stream = factum_slice_from(other), .type = factum_slice_from("P"), .data = bytes},
        };
        factum_expectation expectations[2] = {
            {events[0].stream, after(revision)},
            {events[1].stream, after(pair)},
        };
        factum_append_request request = {
            .size = sizeof request,
            .events = events,
            .event_count = both ? 2 : 1,
            .expectations = expectations,
            .expectation_count = both ? 2 : 1,
        };
        factum_error err;
        if (factum_append(writer->store, &request, NULL, NULL, &err) != FACTUM_OK) {
            (void)fprintf(stderr, "append: %s\n", err.text);
            _exit(3);
        }
        pair += both ? 1 : 0;
        struct ack ack = {writer->thread, both ? 1 : 0, revision};
        if (write(ack_pipe[1], &ack, sizeof ack) != (ssize_t)sizeof ack) {
            _exit(4);
        }
    }
    return NULL;
}

static void child(const char *path)
{
    factum_store *store;
    factum_error err;
    pthread_t threads[THREADS];
    struct writer writers[THREADS];
    if (factum_open(path, NULL, &store, &err) != FACTUM_OK) {
        (void)fprintf(stderr, "open: %s\n", err.text);
        _exit(2);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){store, i};
        (void)pthread_create(&threads[i], NULL, write_for_ever, &writers[i]);
    }
    for (;;) {
        (void)pause();
    }
}

/* Counts a stream's events, checking bytes and density. */
static uint64_t count_events(factum_store *store, const char *kind, uint32_t thread, bool single)
{
    char name[32];
    char data[64];
    factum_error err;
    factum_cursor *cursor;
    factum_event event;
    uint64_t count = 0;
    stream_name(name, sizeof name, kind, thread);
    factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = factum_slice_from(name)};
    factum_status status = factum_read(store, &request, &cursor, &err);
    if (status == FACTUM_STREAM_NOT_FOUND) {
        return 0;
    }
    while (status == FACTUM_OK &&
           (status = factum_cursor_next(cursor, &event, &err)) == FACTUM_OK) {
        int len =
            snprintf(data, sizeof data, "{\"t\":%" PRIu32 ",\"n\":%" PRIu64 "}", thread, count);
        bool same = !single || (event.data.len == (size_t)len &&
                                memcmp(event.data.ptr, data, (size_t)len) == 0);
        if (event.revision != count++ || !same) {
            die("a stream has a hole or other bytes", name);
        }
    }
    if (status < 0) {
        die("read", err.text);
    }
    factum_cursor_close(cursor);
    return count;
}

static void check(const char *path, const uint64_t *acked, const uint64_t *acked_pairs)
{
    factum_store *store;
    factum_error err;
    factum_verify_report report = {.size = sizeof report};
    if (factum_open(path, NULL, &store, &err) != FACTUM_OK) {
        die("open after a kill", err.text);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        uint64_t there = count_events(store, "kill", i, true);
        uint64_t pairs = count_events(store, "pair", i, false);
        if (there < acked[i] || pairs < acked_pairs[i]) {
            die("an acknowledged event is lost", "");
        }
        if (there > acked[i] + 1 || pairs > acked_pairs[i] + 1) {
            die("an event exists that was never appended", "");
        }
        if (pairs > acked_pairs[i] && there == acked[i]) {
            die("half of an append to two streams is there", "");
        }
        next_revision[i] = there;
        next_pair[i] = pairs;
    }
    if (factum_verify(store, NULL, &report, &err) != FACTUM_OK) {
        die("verify after a kill", err.text);
    }
    if (factum_close(store, &err) != FACTUM_OK) {
        die("close", err.text);
    }
}

static uint64_t run_once(const char *path, uint64_t *acked, uint64_t *acked_pairs, unsigned seed)
{
    uint64_t acks = 0;
    if (pipe(ack_pipe) != 0) {
        die("pipe", strerror(errno));
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(ack_pipe[0]);
        child(path);
    }
    (void)close(ack_pipe[1]);
    if (seed % 2 == 1) { /* on a slow machine, too, some are killed in the middle of appends */
        struct pollfd first = {.fd = ack_pipe[0], .events = POLLIN};
        (void)poll(&first, 1, 10000);
    }
    struct timespec moment = {0, (long)(2 + seed * 2654435761u % 40) * 1000000};
    (void)nanosleep(&moment, NULL);
    (void)kill(pid, SIGKILL);
    int status;
    (void)waitpid(pid, &status, 0);
    if (!WIFSIGNALED(status)) {
        die("the child ended by itself", "");
    }
    struct ack ack;
    while (read(ack_pipe[0], &ack, sizeof ack) == (ssize_t)sizeof ack) {
        acked[ack.thread] = ack.revision + 1;
        acked_pairs[ack.thread] += ack.pair;
        acks++;
    }
    (void)close(ack_pipe[0]);
    return acks;
}

int main(void)
{
    unsigned kills = (unsigned)tap_setting("FCT_KILLS", 100);
    char dir[SCRATCH_SIZE];
    char path[SCRATCH_SIZE + 32];
    uint64_t acks = 0;
    uint64_t acks_at_start = 0; /* of the store in use */
    unsigned stores = 0;
    if (!scratch_make(dir)) {
        die("mkdtemp", strerror(errno));
    }
    for (unsigned i = 0; i < kills; i++) {
        if (stores == 0 || acks - acks_at_start > STORE_ACKS_MAX) {
            memset(next_revision, 0, sizeof next_revision);
            memset(next_pair, 0, sizeof next_pair);
            acks_at_start = acks;
            (void)snprintf(path, sizeof path, "%s/store-%u", dir, ++stores);
        }
        uint64_t acked[THREADS];
        uint64_t acked_pairs[THREADS];
        memcpy(acked, next_revision, sizeof acked);
        memcpy(acked_pairs, next_pair, sizeof acked_pairs);
        acks += run_once(path, acked, acked_pairs, i + 1);
        check(path, acked, acked_pairs);
    }
    if (!scratch_remove(dir)) {
        die("remove the stores", strerror(errno));
    }
    tap_case(acks >= kills / 2,
             "%u kills, %" PRIu64 " acknowledged appends, none lost, none invented", kills, acks);
    return tap_end();
}
