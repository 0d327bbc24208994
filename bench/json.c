/* json.c - how fast JSON is checked, put on a tape and visited, compared with jansson and cJSON.
 *
 *   json [SECONDS]      of each measurement; 0.3 by default
 *
 * The texts are 1,024 events of some 200 bytes and 1,024 of some 600 bytes, all different,
 * because a processor learns the branches of one text. Time is that of the processor, and the
 * figure is the best of several rounds, so that other programs on the machine disturb it less. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <factum/factum.h>

#include "codec/json.h"

#ifdef WITH_JANSSON
#include <jansson.h>
#endif
#ifdef WITH_CJSON
#include <cjson/cJSON.h>
#endif

#define EVENTS 1024
#define EVENT_SIZE_MAX 1024
#define ROUNDS 7

struct texts {
    const char *name;
    size_t count;
    size_t bytes;
    char text[EVENTS][EVENT_SIZE_MAX];
    size_t len[EVENTS];
};

static volatile uint64_t sink;
static factum_json_node nodes[EVENT_SIZE_MAX];

static uint64_t random_state = 8259;
static unsigned below(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state % limit);
}

static const char *pick(const char *const *words, unsigned count)
{
    return words[below(count)];
}

static const char *const names[] = {
    "Ada Lovelace",  "Łucja Müller",     "Jo",   "Maria del Carmen Ortiz",
    "Nguyễn Văn An", "Peter O\\\"Toole", "Chen", "Ingrid Bergström"};
static const char *const wares[] = {"Keyboard",
                                    "Monitor 27\\\" 4K",
                                    "Cable USB-C, 2 m",
                                    "Desk",
                                    "Lamp with a very long name indeed",
                                    "Bücherregal"};
static const char *const words[] = {"true", "false", "null"};

static int put_small(char *to, size_t size)
{
    return snprintf(to, size,
                    "{\"orderId\":\"%08x-7d40-4f0e-9a77-2a4f8c%06x\",\"customerId\":\"C-%u\","
                    "\"currency\":\"%s\",\"totalCents\":%u,\"express\":%s,\"note\":%s,"
                    "\"placedAt\":\"2026-%02u-%02uT09:26:53.%03uZ\",\"channel\":\"%s\"}",
                    below(1u << 31), below(1u << 24), below(100000), below(2) ? "EUR" : "USD",
                    below(1000000), pick(words, 2), below(3) ? "null" : "\"ring twice\"",
                    1 + below(12), 1 + below(28), below(1000), below(2) ? "web" : "branch 17");
}

static int put_large(char *to, size_t size)
{
    int used =
        snprintf(to, size,
                 "{\"orderId\":\"%08x-7d40-4f0e-9a77-2a4f8c%06x\",\"customer\":{\"id\":"
                 "\"C-%u\",\"name\":\"%s\",\"vip\":%s},\"currency\":\"EUR\",\"lines\":[",
                 below(1u << 31), below(1u << 24), below(100000), pick(names, 8), pick(words, 3));
    unsigned lines = 2 + below(3);
    for (unsigned i = 0; i < lines; i++)
        used +=
            snprintf(to + used, size - used,
                     "%s{\"sku\":\"KB-%u-DE\",\"name\":\"%s\",\"quantity\":%u,\"priceCents\":%u,"
                     "\"tags\":[%s]}",
                     i ? "," : "", below(1000), pick(wares, 6), 1 + below(12), below(100000),
                     below(3) ? "\"hardware\",\"input\"" : "");
    used += snprintf(to + used, size - used,
                     "],\"discount\":%s0.%u,\"shipTo\":{\"street\":\"Hauptstraße %u\",\"zip\":"
                     "\"%05u\",\"city\":\"Berlin\",\"country\":\"DE\"},\"placedAt\":"
                     "\"2026-%02u-%02uT09:26:53.%03uZ\"}",
                     below(2) ? "-" : "", below(1000), below(200), below(100000), 1 + below(12),
                     1 + below(28), below(1000));
    return used;
}

static void fill(struct texts *texts, const char *name, int (*put)(char *to, size_t size))
{
    texts->name = name;
    texts->count = EVENTS;
    for (size_t i = 0; i < texts->count; i++) {
        texts->len[i] = (size_t)put(texts->text[i], sizeof texts->text[i]);
        texts->bytes += texts->len[i];
    }
}

/* ---- what is measured ------------------------------------------------------------------------ */

static void fail(const char *what, const char *text)
{
    fprintf(stderr, "bench/json: %s: %s\n", what, text);
    exit(1);
}

static uint64_t run_check(const char *text, size_t len)
{
    struct fct_json value;
    if (fct_json_parse((factum_slice){(const uint8_t *)text, len}, &value, NULL) != FACTUM_OK)
        fail("refused", text);
    return value.raw.len;
}

static void parse(const char *text, size_t len, const factum_json_options *options,
                  factum_json *json)
{
    factum_error err;
    if (factum_json_parse((factum_slice){(const uint8_t *)text, len}, options, nodes,
                          EVENT_SIZE_MAX, json, &err) != FACTUM_OK)
        fail(err.text, text);
}

static uint64_t run_tape(const char *text, size_t len)
{
    factum_json json;
    parse(text, len, NULL, &json);
    return json.count;
}

static uint64_t run_tape_twice(const char *text, size_t len)
{
    static const factum_json_options options = {.size = sizeof options, .duplicates = true};
    factum_json json;
    parse(text, len, &options, &json);
    return json.count;
}

/* Looks at each value and each name once: the end of a text, the beginning of a number. */
static uint64_t run_visit(const char *text, size_t len)
{
    factum_json json;
    uint64_t sum = 0;
    parse(text, len, NULL, &json);
    for (uint32_t at = 0; at < json.count; at++) {
        factum_slice raw = factum_json_raw(&json, at);
        switch (factum_json_kind_of(&json, at)) {
        case FACTUM_JSON_TEXT:
            sum += raw.len + raw.ptr[raw.len - 1];
            break;
        case FACTUM_JSON_NUMBER:
            sum += raw.ptr[0];
            break;
        case FACTUM_JSON_ARRAY:
        case FACTUM_JSON_OBJECT:
            sum += factum_json_first(&json, at);
            break;
        default:
            sum++;
        }
    }
    return sum;
}

#ifdef WITH_JANSSON
static uint64_t run_jansson(const char *text, size_t len)
{
    json_error_t err;
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &err);
    if (json == NULL)
        fail(err.text, text);
    json_decref(json);
    return len;
}
#endif

#ifdef WITH_CJSON
static uint64_t run_cjson(const char *text, size_t len)
{
    cJSON *json = cJSON_ParseWithLength(text, len);
    if (json == NULL)
        fail("cJSON refuses", text);
    cJSON_Delete(json);
    return len;
}
#endif

static const struct {
    const char *name;
    uint64_t (*run)(const char *text, size_t len);
} runs[] = {
    {"check", run_check},     {"tape, members may stand twice", run_tape_twice},
    {"tape", run_tape},       {"tape and visit", run_visit},
#ifdef WITH_JANSSON
    {"jansson", run_jansson},
#endif
#ifdef WITH_CJSON
    {"cJSON", run_cjson},
#endif
};

/* ---- the table ------------------------------------------------------------------------------- */

static double processor_time(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* MB/s of one round. */
static double measure(const struct texts *texts, uint64_t (*run)(const char *, size_t),
                      double seconds)
{
    uint64_t sum = 0;
    double bytes = 0;
    double begin = processor_time();
    double now = begin;
    while (now - begin < seconds) {
        for (size_t i = 0; i < texts->count; i++)
            sum += run(texts->text[i], texts->len[i]);
        bytes += (double)texts->bytes;
        now = processor_time();
    }
    sink += sum;
    return bytes / (now - begin) / 1e6;
}

int main(int argc, char **argv)
{
    static struct texts sizes[2];
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.3;
    double best[sizeof runs / sizeof runs[0]][2] = {{0}};
    if (!(seconds > 0))
        fail("no number of seconds", argv[1]);
    fill(&sizes[0], "small", put_small);
    fill(&sizes[1], "large", put_large);
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++)
            for (size_t s = 0; s < 2; s++) {
                double rate = measure(&sizes[s], runs[i].run, seconds / ROUNDS);
                best[i][s] = rate > best[i][s] ? rate : best[i][s];
            }
    printf("%-30s %6zu B %6zu B   MB/s\n", "", sizes[0].bytes / EVENTS, sizes[1].bytes / EVENTS);
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++)
        printf("%-30s %8.0f %8.0f\n", runs[i].name, best[i][0], best[i][1]);
#ifndef WITH_JANSSON
    printf("jansson is not installed (libjansson-dev)\n");
#endif
#ifndef WITH_CJSON
    printf("cJSON is not installed (libcjson-dev)\n");
#endif
    return 0;
}
