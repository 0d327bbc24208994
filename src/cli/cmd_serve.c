/* cmd_serve.c - factum serve: a thin main over <factum/server.h> and its configuration
 * (server/config.h). Layer: cli.
 *
 * SIGTERM and SIGINT stop the server within STOP_MS; SIGHUP reloads the certificate. Under systemd
 * (Type=notify) it reports when it is ready and when it stops.
 */
#include <errno.h>
#include <limits.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifdef FCT_WITH_LUA
#include <factum/script.h>
#endif
#include <factum/server.h>

#include "cli/cli.h"
#include "cli/hosts.h"
#include "server/config.h"

#define STOP_MS 4500

/* sd_notify(3): sends a datagram to the socket that the environment names. */
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
        (void)sent; /* a lost notification changes nothing here */
        (void)close(fd);
    }
}

static void report_ready(const factum_server *server, const struct fct_config *config, bool quiet)
{
    const char *address = factum_server_address(server);
    const char *path = config->options.unix_path;
    if (factum_server_secret(server)[0] != '\0') {
        (void)fprintf(stderr,
                      "factum: the admin's secret, shown this once: %s\n"
                      "factum: clients log in as admin with it: kurrentdb://admin:SECRET@%s\n",
                      factum_server_secret(server), address);
    }
    if (!quiet) {
        (void)fprintf(stderr, "factum: serving %s on %s%s%s%s\n", config->store, address,
                      address[0] != '\0' && path != NULL ? " and " : "", path == NULL ? "" : path,
                      config->options.insecure ? ", insecure: everybody may do everything" : "");
    }
    notify_systemd("READY=1");
}

/* Waits until a signal stops the server. The signals are blocked in every thread of the process. */
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

/* ---- the configuration ----------------------------------------------------------------------- */

static void write_log(void *data, factum_log_level level, const char *id, const char *text)
{
    (void)data;
    (void)level;
    (void)id;
    (void)fprintf(stderr, "factum: %s\n", text);
}

static void warn(void *data, const char *text)
{
    (void)data;
    (void)fprintf(stderr, "factum: %s\n", text);
}

static void print_setting(void *data, const char *text)
{
    (void)data;
    (void)printf("%s\n", text);
}

/* Collects the flags that were given; returns their count. */
static size_t flags_of(const struct options *options,
                       struct fct_config_flag flags[FCT_CONFIG_COUNT])
{
    const struct fct_config_flag all[] = {
        {"store", options->store_given ? options->store : NULL},
        {"listen", options->listen},
        {"unix", options->unix_path},
        {"tls-cert", options->tls_cert},
        {"tls-key", options->tls_key},
        {"secret-dir", options->secret_dir},
        {"advertise-host", options->advertise_host},
        {"advertise-port", options->advertise_port},
        {"connections-max", options->connections_max},
        {"connections-per-address-max", options->connections_per_address_max},
        {"endpoints-allow", options->endpoints_allow},
        {"endpoints-secrets", options->endpoints_secrets},
        {"endpoints-ca", options->endpoints_ca},
    };
    size_t count = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].value != NULL) {
            flags[count++] = all[i];
        }
    }
    if (options->insecure) {
        flags[count++] = (struct fct_config_flag){"insecure", NULL};
    }
    if (options->insecure_any_address) {
        flags[count++] = (struct fct_config_flag){"insecure-any-address", NULL};
    }
    if (options->allow_deploy) {
        flags[count++] = (struct fct_config_flag){"allow-deploy", NULL};
    }
    if (options->no_run) {
        flags[count++] = (struct fct_config_flag){"no-run", NULL};
    }
    if (options->endpoints_allow_private) {
        flags[count++] = (struct fct_config_flag){"endpoints-allow-private", NULL};
    }
    return count;
}

/* Reads a configuration file into |text|; 0 or an exit code. */
static int read_config_file(const char *name, char text[FCT_CONFIG_FILE_MAX + 1], size_t *len)
{
    FILE *file = fopen(name, "rb");
    if (file == NULL) {
        (void)fprintf(stderr, "factum: %s: %s\n", name, strerror(errno));
        return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_FAILURE_;
    }
    *len = fread(text, 1, FCT_CONFIG_FILE_MAX + 1, file);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (failed) {
        (void)fprintf(stderr, "factum: %s: cannot be read\n", name);
        return EXIT_FAILURE_;
    }
    return 0;
}

static int configure(const struct options *options, struct fct_config *config)
{
    extern char **environ;
    static char text[FCT_CONFIG_FILE_MAX + 1];
    struct fct_config_flag flags[FCT_CONFIG_COUNT];
    size_t len = 0;
    factum_error err;
    const char *file_name = options->config != NULL ? options->config : getenv("FACTUM_CONFIG");
    if (file_name != NULL) {
        int code = read_config_file(file_name, text, &len);
        if (code != 0) {
            return code;
        }
    }
    const struct fct_config_input input = {
        .flags = flags,
        .flag_count = flags_of(options, flags),
        .environment = (const char *const *)environ,
        .file_name = file_name,
        .file = {(const uint8_t *)text, len},
        .warn = warn,
    };
    factum_status status = fct_config_read(fct_mem_heap(), &input, config, &err);
    return status == FACTUM_OK ? 0 : fail_with(status, &err);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int serve_store(const struct options *options, const struct fct_config *config,
                       const sigset_t *signals)
{
    struct options opened = *options;
    factum_store *store = NULL;
    factum_server *server = NULL;
    struct hosts hosts = {NULL, NULL, NULL};
    const factum_log_sink log = {.write = write_log};
    factum_error err;
    opened.store = config->store;
    if (is_address(config->store)) {
        return complain("serve works on the directory of a store, not on an address: run it where "
                        "the store is");
    }
    int code = open_store(&opened, true, &store);
    if (code != 0) {
        return code;
    }
    factum_server_options serving = config->options;
    serving.log = &log;
    factum_status status = FACTUM_OK;
    if (config->run_models) {
        status = hosts_open(store, config, &log, &hosts, &err);
        serving.models = hosts.models;
        serving.sagas = hosts.sagas;
        serving.endpoints = hosts.endpoints;
    }
    if (status == FACTUM_OK) {
        status = factum_server_start(store, &serving, &server, &err);
    }
    if (status != FACTUM_OK) {
        hosts_close(&hosts);
        return close_store(store, fail_with(status, &err));
    }
    report_ready(server, config, options->quiet);
    wait_for_signals(server, signals);
    notify_systemd("STOPPING=1");
    factum_server_stop(server, STOP_MS);
    hosts_close(&hosts);
    return close_store(store, 0);
}

/* Each connection needs a file descriptor: raises the limit to what this user may have. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Returns the memory of a big message to the system when the message is freed. Otherwise glibc,
 * after a few big messages, keeps them in its heap, where small allocations pin them. */
static void give_memory_back(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, 4 << 20);
#endif
}

static int run_serve(const struct options *options)
{
    struct fct_config config = {.store = NULL};
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
#ifdef FCT_WITH_LUA
    factum_lua_enable(); /* for commands that are sent over HTTP */
#endif
    int code = configure(options, &config);
    if (code == 0 && is_address(config.store)) {
        code = complain("serve works on the directory of a store, not on an address: run it where "
                        "the store is");
    }
    if (code == 0 && options->config_check) {
        fct_config_print(&config, print_setting, NULL);
        code = finish_output(0);
    } else if (code == 0) {
        raise_file_limit();
        give_memory_back();
        code = serve_store(options, &config, &signals);
    }
    fct_config_finish(&config);
    return code;
}

const struct command command_serve = {
    .name = "serve",
    .usage = "serve [--listen ADDRESS:PORT] [--unix PATH] [--insecure] [options]",
    .summary = "serve the store to other programs, until SIGTERM",
    .help =
        "  --listen ADDR:PORT where to listen (127.0.0.1:2113); port 0: a free one; none: no TCP\n"
        "  --unix PATH        a UNIX socket too, only for this user\n"
        "  --tls-cert FILE    the certificate, with its chain (PEM); SIGHUP reads it again\n"
        "  --tls-key FILE     and its key, which no other user may read\n"
        "  --secret-dir DIR   where the hash of the admin's secret is kept (the store)\n"
        "  --insecure         everybody who can connect may do everything; on loopback only\n"
        "  --insecure-any-address  on every other address too: for containers\n"
        "  --allow-deploy     deciders and projections may be deployed over TCP too, not only "
        "over\n"
        "                     the UNIX socket\n"
        "  --no-run           no read models are kept and queried here, and no sagas run: only "
        "their\n"
        "                     definitions\n"
        "  --advertise-host NAME   what KurrentDB clients that ask for members are told\n"
        "  --advertise-port PORT   and its port\n"
        "  --connections-max N     the most connections at once (10000)\n"
        "  --connections-per-address-max N\n"
        "                          the most of one address (1000)\n"
        "  --endpoints-allow LIST  what HTTP endpoints may be called: HOST, HOST:PORT, *.DOMAIN,\n"
        "                          with commas between them\n"
        "  --endpoints-allow-private  they may have loopback and private addresses\n"
        "  --endpoints-secrets FILE   lines of NAME = SECRET, which no other user may read\n"
        "  --endpoints-ca FILE     the certificates that they are checked by (PEM)\n"
        "  --config FILE      lines of \"key = value\"; the keys are the options\n"
        "  --config-check     print each setting and its source, and exit\n",
    .notes = "Without --insecure clients log in as admin with the secret that the first start "
             "prints.\nEach option can also come from the environment: FACTUM_LISTEN for --listen. "
             "A flag\noverrides the environment, which overrides the file.\n",
    .options = "listen unix tls-cert tls-key secret-dir insecure insecure-any-address "
               "allow-deploy no-run advertise-host advertise-port connections-max "
               "connections-per-address-max endpoints-allow endpoints-allow-private "
               "endpoints-secrets endpoints-ca config "
               "config-check ",
    .run = run_serve,
};
