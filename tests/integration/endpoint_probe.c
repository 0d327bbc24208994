/* endpoint_probe.c - a host of endpoints that endpoint_test.py drives through the public API: it
 * reads a line of words, with tabs between, and answers with lines; the last is "." or "! ERROR".
 *
 *     endpoint_probe STORE PATH [allow=HOST]... [secret=NAME:TEXT]... [private] [attempts=N]
 *         [give_up=MS] [first=MS] [last=MS] [ca=FILE] [idle] [resolve=NAME:ADDRESS,ADDRESS...]
 *
 *     deploy SERVICE URL [SECRET] [TIMEOUT_MS] [PARALLEL]      act SERVICE NUMBER
 *     command STREAM TYPE COMMAND_ID DATA [UNDOES]             append STREAM TYPE KEY CAUSE
 *     events [PREFIX]      list      status      parked      retry      skip POSITION WHY
 *
 * It resolves the names of resolve= itself: the first time as the first address, and so on; the
 * last one stays. The addresses are numbers.
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <factum/endpoint.h>

#define WORDS_MAX 8
#define LIST_MAX 16

struct probe {
    factum_store *store;
    factum_endpoints *endpoints; /* NULL: idle */
    char *words[WORDS_MAX];
    factum_error err;
};

static factum_slice word(const struct probe *p, size_t index)
{
    return factum_slice_from(p->words[index] == NULL ? "" : p->words[index]);
}

static uint32_t number(const struct probe *p, size_t index)
{
    return p->words[index] == NULL ? 0 : (uint32_t)strtoul(p->words[index], NULL, 10);
}

#define S(slice) (int)(slice).len, (const char *)(slice).ptr

/* ---- names ----------------------------------------------------------------------------------- */

struct name {
    const char *name;
    char *addresses[LIST_MAX];
    size_t count;
    atomic_size_t asked;
};
static struct name names[LIST_MAX];
static size_t name_count;

static void add_name(char *text)
{
    char *rest = strchr(text, ':');
    if (rest == NULL || name_count == LIST_MAX) {
        return;
    }
    struct name *name = &names[name_count++];
    name->name = text;
    *rest++ = '\0';
    while (rest != NULL && name->count < LIST_MAX) {
        name->addresses[name->count++] = strsep(&rest, ",");
    }
}

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* libcurl calls this one. */
int getaddrinfo(const char *restrict host, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict found)
{
    resolver *system_resolver;
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&system_resolver, &symbol, sizeof symbol);
    for (size_t i = 0; i < name_count && host != NULL; i++) {
        if (strcmp(names[i].name, host) == 0) {
            size_t turn = atomic_fetch_add(&names[i].asked, 1);
            host = names[i].addresses[turn < names[i].count ? turn : names[i].count - 1];
            break;
        }
    }
    return system_resolver(host, service, hints, found);
}

/* ---- writing --------------------------------------------------------------------------------- */

static factum_status deploy(struct probe *p)
{
    const factum_endpoint endpoint = {.size = sizeof endpoint,
                                      .service = word(p, 1),
                                      .url = word(p, 2),
                                      .secret = word(p, 3),
                                      .timeout_ms = number(p, 4),
                                      .parallel = number(p, 5)};
    return factum_endpoint_deploy(p->store, &endpoint, NULL, NULL, &p->err);
}

static factum_status act(struct probe *p)
{
    const factum_endpoint_act_request request = {
        .size = sizeof request, .act = (factum_endpoint_act)number(p, 2), .service = word(p, 1)};
    return factum_endpoint_act_record(p->store, &request, NULL, &p->err);
}

/* "o-1" of "saga:o-1/step/do/1", as JSON text has it. */
static int saga_id_len(const char *command_id)
{
    const char *end = command_id + strlen(command_id);
    for (int slashes = 0; end > command_id && slashes < 3; slashes += *end == '/' ? 1 : 0) {
        end--;
    }
    return end - command_id > 5 ? (int)(end - command_id - 5) : 0;
}

/* A line of the probe cannot hold the end of a line: the texts \r and \n stand for them in a
 * stream. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *at = text; *at != '\0'; at++) {
        bool escape = at[0] == '\\' && (at[1] == 'r' || at[1] == 'n');
        at += escape ? 1 : 0;
        *to++ = (char)(!escape ? *at : *at == 'r' ? '\r' : '\n');
    }
    *to = '\0';
}

static factum_status command(struct probe *p)
{
    char metadata[1024];
    char stream[512];
    factum_append_result result;
    bool undo = p->words[5] != NULL;
    (void)snprintf(metadata, sizeof metadata,
                   "{\"$commandId\":\"%s\",\"$sagaId\":\"%.*s\",\"$correlationId\":\"c-1\","
                   "\"traceparent\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\""
                   "%s%s%s}",
                   p->words[3], saga_id_len(p->words[3]), p->words[3] + 5,
                   undo ? ",\"$undoes\":\"" : "", undo ? p->words[5] : "", undo ? "\"" : "");
    const factum_new_event event = {
        .type = word(p, 2), .data = word(p, 4), .metadata = factum_slice_from(metadata)};
    (void)snprintf(stream, sizeof stream, "%s", p->words[1]);
    unescape(stream);
    factum_status status = factum_append_stream(p->store, factum_slice_from(stream), factum_any(),
                                                &event, 1, &result, &p->err);
    if (status == FACTUM_OK) {
        (void)printf("%" PRIu64 "\n", result.position);
    }
    return status;
}

static factum_status append(struct probe *p)
{
    char metadata[1024];
    (void)snprintf(metadata, sizeof metadata, "{\"$causationId\":\"%s\"}", p->words[4]);
    const factum_new_event event = {.stream = word(p, 1),
                                    .type = word(p, 2),
                                    .data = factum_slice_from("{}"),
                                    .metadata = factum_slice_from(metadata)};
    const factum_expectation expectation = {event.stream, factum_any()};
    const factum_append_request request = {.size = sizeof request,
                                           .events = &event,
                                           .event_count = 1,
                                           .expectations = &expectation,
                                           .expectation_count = 1,
                                           .idempotency_key = word(p, 3)};
    return factum_append(p->store, &request, NULL, NULL, &p->err);
}

/* ---- looking --------------------------------------------------------------------------------- */

static factum_status events(struct probe *p)
{
    factum_event event;
    factum_cursor *cursor;
    const factum_slice prefix = word(p, 1);
    const factum_filter filter = {
        .size = sizeof filter, .stream_prefixes = &prefix, .stream_prefix_count = 1};
    const factum_read_request request = {
        .size = sizeof request, .filter = prefix.len > 0 ? &filter : NULL, .commits = true};
    factum_status status = factum_read(p->store, &request, &cursor, &p->err);
    if (status != FACTUM_OK) {
        return status;
    }
    while ((status = factum_cursor_next(cursor, &event, &p->err)) == FACTUM_OK) {
        const factum_slice none = {NULL, 0};
        factum_slice key = event.key == NULL ? none : *event.key;
        (void)printf("%.*s\t%.*s\t%.*s\t%.*s\t%.*s\n", S(event.stream), S(event.type),
                     S(event.data), S(event.metadata), S(key));
    }
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static bool print_endpoint(void *data, const factum_endpoint_state *state)
{
    (void)data;
    (void)printf("%.*s\t%.*s\t%.*s\t%d\t%d\t%.*s\n", S(state->service), S(state->url),
                 S(state->secret), state->disabled, state->removed, S(state->why));
    return true;
}

static bool print_status(void *data, const factum_endpoint_status *status)
{
    (void)data;
    (void)printf("%.*s\t%d\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%.*s\n", S(status->service),
                 status->disabled, status->waiting, status->parked, status->delivered,
                 S(status->problem));
    return true;
}

static bool print_parked(void *data, const factum_endpoint_parked *parked)
{
    (void)data;
    (void)printf("%" PRIu64 "\t%.*s\t%.*s\t%" PRIu64 "\t%d\t%.*s\n", parked->position,
                 S(parked->service), S(parked->command_id), parked->attempts, parked->may_be_done,
                 S(parked->reason));
    return true;
}

static factum_status retry(struct probe *p)
{
    uint64_t count = 0;
    const factum_slice all = {NULL, 0};
    factum_status status = factum_endpoints_retry(p->endpoints, all, all, &count, &p->err);
    (void)printf("%" PRIu64 "\n", count);
    return status;
}

static factum_status obey(struct probe *p)
{
    const factum_slice all = {NULL, 0};
    const char *what = p->words[0];
    if (strcmp(what, "deploy") == 0) {
        return deploy(p);
    }
    if (strcmp(what, "act") == 0) {
        return act(p);
    }
    if (strcmp(what, "command") == 0) {
        return command(p);
    }
    if (strcmp(what, "append") == 0) {
        return append(p);
    }
    if (strcmp(what, "events") == 0) {
        return events(p);
    }
    if (strcmp(what, "list") == 0) {
        const factum_endpoint_each each = {NULL, print_endpoint};
        return factum_endpoint_list(p->store, word(p, 1), &each, &p->err);
    }
    if (strcmp(what, "status") == 0) {
        const factum_endpoint_status_each each = {NULL, print_status};
        return factum_endpoints_status(p->endpoints, &each, &p->err);
    }
    if (strcmp(what, "parked") == 0) {
        const factum_endpoint_parked_each each = {NULL, print_parked};
        return factum_endpoints_parked(p->endpoints, all, all, &each, &p->err);
    }
    if (strcmp(what, "retry") == 0) {
        return retry(p);
    }
    return factum_endpoints_skip(p->endpoints, strtoull(p->words[1], NULL, 10), word(p, 2),
                                 &p->err);
}

/* ---- the process ----------------------------------------------------------------------------- */

static void print_message(void *data, factum_log_level level, const char *id, const char *text)
{
    (void)data;
    (void)fprintf(stderr, "%d %s %s\n", (int)level, id, text);
}

struct settings {
    factum_endpoints_options options;
    factum_slice allow[LIST_MAX];
    factum_endpoint_secret secrets[LIST_MAX];
    bool idle;
};

/* The text after |name| of "name=text", or NULL. */
static char *value_of(char *argument, const char *name)
{
    size_t len = strlen(name);
    return strncmp(argument, name, len) == 0 ? argument + len : NULL;
}

static void set_number(struct settings *s, char *argument)
{
    char *value;
    if ((value = value_of(argument, "attempts=")) != NULL) {
        s->options.attempts_max = (uint32_t)strtoul(value, NULL, 10);
    } else if ((value = value_of(argument, "give_up=")) != NULL) {
        s->options.give_up_ms = strtoull(value, NULL, 10);
    } else if ((value = value_of(argument, "first=")) != NULL) {
        s->options.retry_first_ms = (uint32_t)strtoul(value, NULL, 10);
    } else if ((value = value_of(argument, "last=")) != NULL) {
        s->options.retry_last_ms = (uint32_t)strtoul(value, NULL, 10);
    }
}

static void set(struct settings *s, char *argument)
{
    char *value;
    char *colon;
    if ((value = value_of(argument, "allow=")) != NULL && s->options.allow_count < LIST_MAX) {
        s->allow[s->options.allow_count++] = factum_slice_from(value);
    } else if ((value = value_of(argument, "secret=")) != NULL &&
               (colon = strchr(value, ':')) != NULL && s->options.secret_count < LIST_MAX) {
        *colon = '\0';
        s->secrets[s->options.secret_count++] =
            (factum_endpoint_secret){factum_slice_from(value), factum_slice_from(colon + 1)};
    } else if ((value = value_of(argument, "resolve=")) != NULL) {
        add_name(value);
    } else if ((value = value_of(argument, "ca=")) != NULL) {
        s->options.ca_file = value;
    } else if (strcmp(argument, "private") == 0) {
        s->options.allow_private = true;
    } else if (strcmp(argument, "idle") == 0) {
        s->idle = true;
    } else {
        set_number(s, argument);
    }
}

static void serve(struct probe *p)
{
    static char line[65536];
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *rest = line;
        line[strcspn(line, "\n")] = '\0';
        for (size_t i = 0; i < WORDS_MAX; i++) {
            p->words[i] = strsep(&rest, "\t");
        }
        factum_status status = obey(p);
        if (status < 0) {
            (void)printf("! %s %s\n", factum_status_name(status), p->err.text);
        } else {
            (void)printf(".\n");
        }
        (void)fflush(stdout);
    }
}

int main(int count, char **arguments)
{
    static struct settings s;
    struct probe p = {.store = NULL};
    const factum_log_sink log = {NULL, print_message};
    if (count < 3) {
        return 2;
    }
    s.options = (factum_endpoints_options){.size = sizeof s.options,
                                           .path = arguments[2],
                                           .allow = s.allow,
                                           .secrets = s.secrets,
                                           .log = &log};
    for (int i = 3; i < count; i++) {
        set(&s, arguments[i]);
    }
    factum_status status = factum_open(arguments[1], NULL, &p.store, &p.err);
    if (status == FACTUM_OK && !s.idle) {
        status = factum_endpoints_open(p.store, &s.options, &p.endpoints, &p.err);
    }
    if (status != FACTUM_OK) {
        (void)printf("! %s %s\n", factum_status_name(status), p.err.text);
    } else {
        (void)printf(".\n");
        (void)fflush(stdout);
        serve(&p);
    }
    factum_endpoints_close(p.endpoints);
    (void)factum_close(p.store, NULL);
    return status == FACTUM_OK ? 0 : 1;
}
