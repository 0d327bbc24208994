/* cmd_serve.c - factum serve: a thin main over <factum/server.h>. Layer: cli.
 *
 * SIGTERM and SIGINT stop it within STOP_MS; SIGHUP reads the certificate again. Under systemd
 * (Type=notify) it says when it is ready and when it stops.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <factum/server.h>

#include "cli/cli.h"

#define STOP_MS 4500

/* sd_notify(3): a datagram to the socket that the environment names. */
static void notify_systemd(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (path == NULL || (path[0] != '/' && path[0] != '@') ||
        strlen(path) >= sizeof name.sun_path) {
        return;
    }
    memcpy(name.sun_path, path, strlen(path));
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (path[0] == '@') {
        name.sun_path[0] = '\0'; /* an abstract name */
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL,
                              (const struct sockaddr *)(const void *)&name, size);
        (void)sent; /* nobody listens: nothing to do about it */
        (void)close(fd);
    }
}

static void say_ready(const factum_server *server, const struct options *options)
{
    const char *address = factum_server_address(server);
    if (factum_server_secret(server)[0] != '\0') {
        (void)fprintf(stderr,
                      "factum: the admin's secret, shown this once: %s\n"
                      "factum: clients log in as admin with it: kurrentdb://admin:SECRET@%s\n",
                      factum_server_secret(server), address);
    }
    if (!options->quiet) {
        (void)fprintf(stderr, "factum: serving %s on %s%s%s%s\n", options->store, address,
                      address[0] != '\0' && options->unix_path != NULL ? " and " : "",
                      options->unix_path == NULL ? "" : options->unix_path,
                      options->insecure ? ", insecure: everybody may do everything" : "");
    }
    notify_systemd("READY=1");
}

/* Until a signal stops it. The signals are blocked in every thread of the process. */
static void wait_for_signals(factum_server *server, const sigset_t *signals)
{
    int number = 0;
    factum_error err;
    while (sigwait(signals, &number) == 0 && number == SIGHUP) {
        if (factum_server_reload(server, &err) != FACTUM_OK) {
            (void)fprintf(stderr, "factum: %s\n", err.text);
        }
    }
}

static int run_serve(const struct options *options)
{
    factum_store *store = NULL;
    factum_server *server = NULL;
    factum_error err;
    sigset_t signals;
    const factum_server_options server_options = {
        .size = sizeof server_options,
        .listen = options->listen,
        .unix_path = options->unix_path,
        .tls_cert_file = options->tls_cert,
        .tls_key_file = options->tls_key,
        .secret_dir = options->store,
        .insecure = options->insecure,
        .insecure_any_address = options->insecure_any_address,
    };
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    if (is_address(options->store)) {
        return complain("serve works on the directory of a store, not on an address: run it where "
                        "the store is");
    }
    int code = open_store(options, true, &store);
    if (code != 0) {
        return code;
    }
    factum_status status = factum_server_start(store, &server_options, &server, &err);
    if (status != FACTUM_OK) {
        return close_store(store, fail_with(status, &err));
    }
    say_ready(server, options);
    wait_for_signals(server, &signals);
    notify_systemd("STOPPING=1");
    factum_server_stop(server, STOP_MS);
    return close_store(store, 0);
}

const struct command command_serve = {
    .name = "serve",
    .usage = "serve [--listen ADDRESS:PORT] [--unix PATH] [--insecure] [options]",
    .summary = "serve the store to other programs, until SIGTERM",
    .help = "  --listen ADDR:PORT where to listen (127.0.0.1:2113); port 0: a free one\n"
            "  --unix PATH        a UNIX socket too, for this user alone\n"
            "  --tls-cert FILE    the certificate, with its chain (PEM); SIGHUP reads it again\n"
            "  --tls-key FILE     and its key, which no other user may read\n"
            "  --insecure         everybody who can connect may do everything; on loopback only\n"
            "  --insecure-any-address  on every other address too: for containers\n",
    .notes = "Without --insecure clients log in as admin with the secret that the first start "
             "prints.\n",
    .options = "listen unix tls-cert tls-key insecure insecure-any-address ",
    .run = run_serve,
};
