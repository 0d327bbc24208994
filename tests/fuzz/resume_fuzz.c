/* resume_fuzz.c - any text where a live tail over HTTP takes the id to resume from: Last-Event-ID,
 * ?after, and both.
 *
 * Input: a byte that chooses where the text goes, then the text.
 *
 * Oracle: the tail begins exactly after the place that the text names, or the text is refused with
 * a problem; and each id that the server sends resumes with the rest, with nothing lost and nothing
 * twice.
 */
#include <factum/ndjson.h>

#include "core/slice.h"
#include "server_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum where { WHERE_ID, WHERE_AFTER, WHERE_BOTH, WHERE_COUNT };

#define EVENTS 6
#define TEXT_SIZE_MAX 500
#define TOKENS_MAX (EVENTS + 2)

static struct server_fuzz fuzz;
static uint64_t positions[EVENTS];

static const char given[] = "{\"stream\":\"a-1\",\"type\":\"T\",\"data\":1}\n"
                            "{\"stream\":\"a-2\",\"type\":\"U\",\"data\":2}\n"
                            "{\"stream\":\"a-1\",\"type\":\"T\",\"data\":3}\n"
                            "{\"stream\":\"b\",\"type\":\"T\",\"data\":\"id: x\\n\\ndata: y\"}\n"
                            "{\"stream\":\"b\",\"type\":\"U\",\"data\":5}\n"
                            "{\"stream\":\"b\",\"type\":\"U\",\"data\":6}\n";

/* What a tail sent. */
struct tail {
    unsigned status;
    size_t count;                                   /* of events */
    char tokens[TOKENS_MAX][FACTUM_TOKEN_SIZE + 8]; /* ids of events, and of the place at the end */
    size_t token_count;
};

static void hold(size_t number, const factum_event *event)
{
    positions[number] = event->position;
}

/* Reads line by line. The first EVENTS ids are those of events, unless the tail began later. */
static void take_lines(struct tail *tail, char *text)
{
    bool is_event = true;
    for (char *line = text; line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');
        if (end != NULL) {
            *end = '\0';
        }
        if (strncmp(line, "id: ", 4) == 0) {
            FCT_ASSERT(tail->token_count < TOKENS_MAX && strlen(line + 4) < FACTUM_TOKEN_SIZE);
            (void)snprintf(tail->tokens[tail->token_count++], FACTUM_TOKEN_SIZE, "%s", line + 4);
        } else if (strncmp(line, "event: ", 7) == 0) {
            FCT_ASSERT(strcmp(line + 7, "caught-up") == 0);
            is_event = false;
        } else if (strncmp(line, "data: ", 6) == 0) {
            FCT_ASSERT(is_event && tail->count < EVENTS);
            FCT_ASSERT(factum_json_check(factum_slice_from(line + 6), NULL) == FACTUM_OK);
            tail->count++;
        } else {
            FCT_ASSERT(line[0] == '\0' || line[0] == ':' || strcmp(line, "data:") == 0 ||
                       strncmp(line, "retry: ", 7) == 0);
            is_event = is_event || line[0] == '\0';
        }
        line = end == NULL ? NULL : end + 1;
    }
}

static struct tail follow(const char *line, const char *fields)
{
    static struct fake_exchange fake;
    struct tail tail = {.status = 0};
    fake_init(&fake, &server_fuzz_peer, line, fields);
    fct_http_begin(&fuzz.server, &server_fuzz_admin, &fake.exchange);
    fake_send(&fake, "", 0, 1);
    server_fuzz_settle(&fuzz);
    tail.status = fake.status;
    FCT_ASSERT(fake.status != 0 && fake.body_len > 0);
    if (fake.status == 200) {
        FCT_ASSERT(!fake.finished && strlen(fake.body) == fake.body_len);
        take_lines(&tail, fake.body);
    } else {
        FCT_ASSERT(fake.finished && strstr(fake.head, "application/problem+json") != NULL);
        FCT_ASSERT(factum_json_check(fct_slice(fake.body, fake.body_len), NULL) == FACTUM_OK);
    }
    fake_free(&fake);
    FCT_ASSERT(fuzz.server.counters.subscriptions == 0);
    return tail;
}

/* The number of events after |place|. */
static size_t events_after(uint64_t place)
{
    size_t count = 0;
    for (size_t i = 0; i < EVENTS; i++) {
        count += positions[i] > place ? 1 : 0;
    }
    return count;
}

/* Sends back each id that was sent. */
static void check_ids(const struct tail *tail)
{
    for (size_t i = 0; i < tail->token_count; i++) {
        char fields[FACTUM_TOKEN_SIZE + 64];
        (void)snprintf(fields, sizeof fields, "accept: text/event-stream\nlast-event-id: %s\n",
                       tail->tokens[i]);
        const struct tail rest = follow("GET /api/v1/events", fields);
        size_t given_before = i < tail->count ? i + 1 : tail->count;
        FCT_ASSERT(rest.status == 200);
        FCT_ASSERT(rest.count == tail->count - given_before);
    }
}

static void print_request(char *line, char *fields, enum where where, factum_slice text)
{
    char escaped[3 * TEXT_SIZE_MAX + 1] = "";
    for (size_t i = 0; i < text.len; i++) {
        (void)snprintf(escaped + 3 * i, 4, "%%%02X", text.ptr[i]);
    }
    (void)snprintf(line, 2048, "GET /api/v1/events%s%s",
                   where == WHERE_ID ? "" : "?after=", where == WHERE_ID ? "" : escaped);
    if (where == WHERE_AFTER) {
        (void)snprintf(fields, 1024, "accept: text/event-stream\n");
    } else {
        (void)snprintf(fields, 1024, "accept: text/event-stream\nlast-event-id: %.*s\n",
                       PLAIN(text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char line[2048];
    char fields[1024];
    uint64_t place = 0;
    if (size < 1 || size > TEXT_SIZE_MAX || memchr(data, '\n', size) != NULL ||
        memchr(data, '\0', size) != NULL) {
        return 0;
    }
    if (fuzz.server.store == NULL) {
        server_fuzz_open(&fuzz, given);
        server_fuzz_look(&fuzz, EVENTS, hold);
    }
    enum where where = (enum where)(data[0] % WHERE_COUNT);
    factum_slice text = fct_slice(data + 1, size - 1);
    factum_status known = factum_token_parse(fuzz.server.store, text, &place, NULL);
    print_request(line, fields, where, text);
    const struct tail tail = follow(line, fields);
    if (tail.status == 200 && (known == FACTUM_OK || text.len == 0)) {
        FCT_ASSERT(tail.count == events_after(place));
        check_ids(&tail);
    } else {
        FCT_ASSERT(tail.status >= 400 && tail.status < 500);
        FCT_ASSERT(known != FACTUM_OK || place > positions[EVENTS - 1]);
    }
    return 0;
}
