/* generated.c - how fast generated types are: OrderPlaced from text to struct and back.
 *
 *   generated [SECONDS]      of each measurement; 0.3 by default
 *
 * The types are those of tests/golden/generated. The texts are 1,024 events of some 250 bytes,
 * all different, because a processor learns the branches of one text. Time is that of the
 * processor, and the figure is the best of several rounds, so that other programs on the machine
 * disturb it less. Each line includes the work of the lines above it, except for the last one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "order.gen.h"

#define EVENTS 1024
#define EVENT_SIZE_MAX 1024
#define NODES_MAX 512
#define ROUNDS 7

static char texts[EVENTS][EVENT_SIZE_MAX];
static size_t lens[EVENTS];
static size_t bytes_total;
static factum_json_node nodes[NODES_MAX];
static factum_arena arena;
static volatile uint64_t sink;

static uint64_t random_state = 8259;
static unsigned below(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state % limit);
}

static void fail(const char *what, const char *text)
{
    fprintf(stderr, "bench/generated: %s: %s\n", what, text);
    exit(1);
}

static size_t put_event(char *to)
{
    static const char *const cities[] = {"Łódź", "Wien", "Frankfurt am Main", "Aix-en-Provence"};
    static const char *const currencies[] = {"EUR", "USD", "GBP"};
    unsigned count = 1 + below(3);
    int used =
        snprintf(to, EVENT_SIZE_MAX, "{\"orderId\":\"%08u\",\"customerId\":\"c-%u\",\"lines\":[",
                 below(100000000), below(1000000));
    for (unsigned i = 0; i < count; i++) {
        used += snprintf(to + used, (size_t)(EVENT_SIZE_MAX - used),
                         "%s{\"sku\":\"SKU-%05u\",\"qty\":%u,\"cents\":%u}", i == 0 ? "" : ",",
                         below(100000), 1 + below(20), below(500000));
    }
    used += snprintf(to + used, (size_t)(EVENT_SIZE_MAX - used),
                     "],\"totalCents\":%u,\"currency\":\"%s\",\"shipTo\":{\"street\":\"Gasse %u\","
                     "\"city\":\"%s\",\"country\":\"AT\"}}",
                     below(2000000), currencies[below(3)], below(300), cities[below(4)]);
    return (size_t)used;
}

static factum_slice text_of(size_t i)
{
    return (factum_slice){(const uint8_t *)texts[i], lens[i]};
}

static factum_json tape_of(size_t i)
{
    factum_json json;
    factum_error err;
    if (factum_json_parse(text_of(i), NULL, nodes, NODES_MAX, &json, &err) != FACTUM_OK)
        fail(err.text, texts[i]);
    return json;
}

static order_event event_of(const factum_json *json, size_t i)
{
    order_event event;
    factum_error err;
    factum_arena_reset(&arena);
    if (order_event_parse(factum_slice_from("OrderPlaced"), json, &arena, &event, &err) !=
        FACTUM_OK)
        fail(err.text, texts[i]);
    return event;
}

static size_t print(const order_event *event, uint8_t *buffer, size_t size)
{
    factum_json_writer to;
    factum_error err;
    factum_json_writer_init(&to, buffer, size);
    (void)order_event_print(event, &to);
    if (factum_json_writer_finish(&to, &err) != FACTUM_OK)
        fail("print", err.text);
    return to.used;
}

static uint64_t run_tape(size_t i)
{
    return tape_of(i).count;
}

static uint64_t run_parse(size_t i)
{
    factum_json json = tape_of(i);
    order_event event = event_of(&json, i);
    return (uint64_t)event.as.placed.totalCents + event.as.placed.lines.count;
}

static uint64_t run_print(size_t i)
{
    static order_event event;
    static factum_json json;
    static size_t last = EVENTS;
    uint8_t buffer[EVENT_SIZE_MAX];
    if (last != i / 256) { /* one event of 256 is parsed, and printed 256 times */
        json = tape_of(i);
        event = event_of(&json, i);
        last = i / 256;
    }
    return print(&event, buffer, sizeof buffer);
}

static uint64_t run_both(size_t i)
{
    uint8_t buffer[EVENT_SIZE_MAX];
    factum_json json = tape_of(i);
    order_event event = event_of(&json, i);
    return print(&event, buffer, sizeof buffer);
}

static const struct {
    const char *name;
    uint64_t (*run)(size_t i);
} runs[] = {
    {"text to tape", run_tape},
    {"text to struct", run_parse},
    {"text to struct to text", run_both},
    {"struct to text", run_print},
};

static double processor_time(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Events a second of one round. */
static double measure(uint64_t (*run)(size_t i), double seconds)
{
    uint64_t sum = 0;
    double events = 0;
    double begin = processor_time();
    double now = begin;
    while (now - begin < seconds) {
        for (size_t i = 0; i < EVENTS; i++)
            sum += run(i);
        events += EVENTS;
        now = processor_time();
    }
    sink += sum;
    return events / (now - begin);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.3;
    double best[sizeof runs / sizeof runs[0]] = {0};
    if (!(seconds > 0))
        fail("no number of seconds", argv[1]);
    factum_arena_init(&arena, 0);
    for (size_t i = 0; i < EVENTS; i++) {
        lens[i] = put_event(texts[i]);
        bytes_total += lens[i];
    }
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
            double rate = measure(runs[i].run, seconds / ROUNDS);
            best[i] = rate > best[i] ? rate : best[i];
        }
    double size = (double)bytes_total / EVENTS;
    printf("OrderPlaced of %.0f B on average\n%-26s %10s %8s\n", size, "", "events/s", "MB/s");
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++)
        printf("%-26s %10.0f %8.0f\n", runs[i].name, best[i], best[i] * size / 1e6);
    factum_arena_finish(&arena);
    return 0;
}
