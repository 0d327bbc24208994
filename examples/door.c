/* door.c - door: a program that owns its store, and serves it to others over the network. Layer:
 * example, public API only.
 *
 *     door STORE [ADDRESS:PORT]
 *
 * Each line of standard input becomes an event of the stream "door-lines": the program appends to
 * its own store, while other programs append and subscribe through the server. It ends when its
 * input ends, or by SIGTERM or SIGINT. "factum serve" is this with more options.
 *
 * The server is open to every program of this machine, without a login. For anything else leave
 * |insecure| out and read docs/guide/security.md. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#include <factum/factum.h>
#include <factum/server.h>

#define LINE_SIZE 4096
#define STOP_MS 5000

static volatile sig_atomic_t stopping;

static void stop(int number)
{
    (void)number;
    stopping = 1;
}

/* Blocks SIGTERM and SIGINT except during pselect, so that none is lost between a check of
 * |stopping| and the wait. Called before the store is opened, so that its threads inherit the
 * blocked signals. */
static void take_signals(sigset_t *while_waiting)
{
    sigset_t signals;
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, while_waiting);
}

static factum_status append_line(factum_store *store, const char *line, size_t len)
{
    factum_error err;
    factum_append_result result;
    const factum_new_event event = {
        .type = factum_slice_from("LineTyped"),
        .data = {(const uint8_t *)line, len},
        .content_type = FACTUM_CONTENT_BINARY,
    };
    factum_status status = factum_append_stream(store, factum_slice_from("door-lines"),
                                                factum_any(), &event, 1, &result, &err);
    if (status == FACTUM_OK) {
        printf("revision %" PRIu64 "\n", result.revision);
        fflush(stdout);
    } else {
        fprintf(stderr, "door: %s\n", err.text);
    }
    return status;
}

/* Appends the complete lines of |text| and moves the rest to its beginning. A line that fills the
 * buffer is taken as it is. */
static factum_status append_lines(factum_store *store, char text[LINE_SIZE], size_t *len)
{
    factum_status status = FACTUM_OK;
    size_t from = 0;
    for (size_t i = 0; i < *len && status == FACTUM_OK; i++) {
        if (text[i] == '\n') {
            status = append_line(store, text + from, i - from);
            from = i + 1;
        }
    }
    if (from == 0 && *len == LINE_SIZE && status == FACTUM_OK) {
        status = append_line(store, text, *len);
        from = *len;
    }
    memmove(text, text + from, *len - from);
    *len -= from;
    return status;
}

/* Until the input ends, a signal comes, or an append fails. */
static factum_status serve_input(factum_store *store, const sigset_t *while_waiting)
{
    static char text[LINE_SIZE];
    size_t len = 0;
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && !stopping) {
        fd_set input;
        FD_ZERO(&input);
        FD_SET(STDIN_FILENO, &input);
        if (pselect(STDIN_FILENO + 1, &input, NULL, NULL, NULL, while_waiting) < 0) {
            continue; /* a signal */
        }
        ssize_t got = read(STDIN_FILENO, text + len, LINE_SIZE - len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        len += (size_t)got;
        status = append_lines(store, text, &len);
    }
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: door STORE [ADDRESS:PORT]\n");
        return 2;
    }
    sigset_t while_waiting;
    take_signals(&while_waiting);

    factum_error err;
    factum_store *store = NULL;
    factum_server *server = NULL;
    const factum_store_options opening = {
        .size = sizeof opening,
        /* KurrentDB's clients append many, and large, events at once */
        .append_events_max = 100000,
        .append_size_max = (uint64_t)32 << 20,
        .event_size_max = (uint64_t)16 << 20,
    };
    const factum_server_options serving = {
        .size = sizeof serving,
        .listen = argc == 3 ? argv[2] : NULL,
        .insecure = true,
    };
    if (factum_open(argv[1], &opening, &store, &err) != FACTUM_OK) {
        fprintf(stderr, "door: %s\n", err.text);
        return 1;
    }
    factum_status status = factum_server_start(store, &serving, &server, &err);
    if (status != FACTUM_OK) {
        fprintf(stderr, "door: %s\n", err.text);
    } else {
        printf("open on %s\n", factum_server_address(server));
        fflush(stdout);
        status = serve_input(store, &while_waiting);
    }
    factum_server_stop(server, STOP_MS); /* before the store is closed */
    factum_status closed = factum_close(store, &err);
    if (closed < 0) {
        fprintf(stderr, "door: %s\n", err.text);
    }
    return status < 0 || closed < 0;
}
