/* schema.c - how many events a second are parsed and checked against a JSON Schema, on one core.
 *
 *   schema SCHEMA [SECONDS]           of each measurement; 0.5 by default
 *   schema SCHEMA --dump FILE         writes the events, a line each, for other programs
 *
 * The events are 1,024 orders of some 200 bytes and 1,024 of some 600 bytes, all different. Time is
 * that of the processor, and the figure is the best of several rounds. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <factum/factum.h>
#include <factum/schema.h>

#define EVENTS 1024
#define EVENT_SIZE_MAX 2048
#define ROUNDS 7

struct texts {
    const char *name;
    size_t bytes;
    size_t len[EVENTS];
    char text[EVENTS][EVENT_SIZE_MAX];
};

static uint64_t random_state = 7;
static unsigned below(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state % limit);
}

static const char *currency(void)
{
    static const char *const names[] = {"EUR", "USD", "GBP", "CHF"};
    return names[below(4)];
}

static size_t make_lines(char *to, size_t len, unsigned count, int titles)
{
    size_t start = len;
    for (unsigned i = 0; i < count; i++) {
        len += (size_t)snprintf(to + len, EVENT_SIZE_MAX - len,
                                "%s{\"sku\":\"SKU-%05u\",\"qty\":%u,\"priceCents\":%u",
                                i == 0 ? "" : ",", below(100000), 1 + below(9), below(100000));
        if (titles) {
            len +=
                (size_t)snprintf(to + len, EVENT_SIZE_MAX - len,
                                 ",\"title\":\"Item number %u of the catalogue\"", below(1000000));
        }
        len += (size_t)snprintf(to + len, EVENT_SIZE_MAX - len, "}");
    }
    return len - start;
}

static size_t make_event(char *to, int large)
{
    size_t len = (size_t)snprintf(to, EVENT_SIZE_MAX,
                                  "{\"orderId\":\"order-%07u\",\"customerId\":\"c-%06u\","
                                  "\"currency\":\"%s\",\"totalCents\":%u,",
                                  below(10000000), below(1000000), currency(), below(10000000));
    len += (size_t)snprintf(to + len, EVENT_SIZE_MAX - len, "\"lines\":[");
    len += make_lines(to, len, large ? 4 : 1 + below(2), large);
    len += (size_t)snprintf(to + len, EVENT_SIZE_MAX - len, "]");
    if (large) {
        len += (size_t)snprintf(
            to + len, EVENT_SIZE_MAX - len,
            ",\"note\":null,\"express\":%s,\"address\":{\"name\":\"Ada Example %u\","
            "\"street\":\"Long Street %u\",\"city\":\"Springfield\",\"zip\":\"%05u\","
            "\"country\":\"DE\"}",
            below(2) ? "true" : "false", below(1000), below(200), below(100000));
    }
    len += (size_t)snprintf(to + len, EVENT_SIZE_MAX - len, "}");
    return len;
}

static void make_texts(struct texts *texts, int large)
{
    texts->name = large ? "600 B" : "200 B";
    for (size_t i = 0; i < EVENTS; i++) {
        texts->len[i] = make_event(texts->text[i], large);
        texts->bytes += texts->len[i];
    }
}

static double processor_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void die(const char *what, const factum_error *err)
{
    fprintf(stderr, "%s: %s\n", what, err->text);
    exit(1);
}

/* Checks every event once; without a schema it only parses. */
static void check_all(const struct texts *texts, const factum_schema *schema,
                      factum_schema_checker *checker)
{
    static factum_json_node nodes[EVENT_SIZE_MAX];
    factum_error err;
    factum_schema_result result = {.size = sizeof result};
    factum_json json;
    for (size_t i = 0; i < EVENTS; i++) {
        factum_slice text = {(const uint8_t *)texts->text[i], texts->len[i]};
        if (schema == NULL) {
            if (factum_json_parse(text, NULL, nodes, EVENT_SIZE_MAX, &json, &err) != FACTUM_OK) {
                die("parse", &err);
            }
        } else if (factum_schema_check(schema, checker, text, 1, &result, &err) != FACTUM_OK) {
            die("check", &err);
        } else if (!result.valid) {
            fprintf(stderr, "%s: %s\n", texts->text[i], result.faults[0].text);
            exit(1);
        }
    }
}

static void measure(const char *what, const struct texts *texts, const factum_schema *schema,
                    factum_schema_checker *checker, double seconds)
{
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double start = processor_seconds();
        double spent;
        uint64_t events = 0;
        do {
            check_all(texts, schema, checker);
            events += EVENTS;
            spent = processor_seconds() - start;
        } while (spent < seconds / ROUNDS);
        best = (double)events / spent > best ? (double)events / spent : best;
    }
    printf("%-28s %s (%zu bytes)  %10.0f events/s  %6.0f MB/s\n", what, texts->name,
           texts->bytes / EVENTS, best, best * (double)texts->bytes / EVENTS / 1e6);
}

static void dump(const char *path, const struct texts *small, const struct texts *large)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    for (size_t i = 0; i < EVENTS; i++) {
        fprintf(file, "%s\n", small->text[i]);
    }
    for (size_t i = 0; i < EVENTS; i++) {
        fprintf(file, "%s\n", large->text[i]);
    }
    fclose(file);
}

int main(int argc, char **argv)
{
    static struct texts small;
    static struct texts large;
    static char text[1 << 16];
    factum_error err;
    factum_schema *schema;
    factum_schema_checker *checker;
    FILE *file = argc > 1 ? fopen(argv[1], "r") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: schema SCHEMA [SECONDS | --dump FILE]\n");
        return 2;
    }
    size_t len = fread(text, 1, sizeof text, file);
    fclose(file);
    make_texts(&small, 0);
    make_texts(&large, 1);
    if (argc > 3 && strcmp(argv[2], "--dump") == 0) {
        dump(argv[3], &small, &large);
        return 0;
    }
    factum_slice slice = {(const uint8_t *)text, len};
    if (factum_schema_compile(slice, NULL, &schema, &err) != FACTUM_OK ||
        factum_schema_checker_create(&checker, &err) != FACTUM_OK) {
        die(argv[1], &err);
    }
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 0.5;
    measure("Factum: parse", &small, NULL, NULL, seconds);
    measure("Factum: parse and check", &small, schema, checker, seconds);
    measure("Factum: parse", &large, NULL, NULL, seconds);
    measure("Factum: parse and check", &large, schema, checker, seconds);
    factum_schema_checker_destroy(checker);
    factum_schema_destroy(schema);
    return 0;
}
