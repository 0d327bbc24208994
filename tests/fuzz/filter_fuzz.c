/* filter_fuzz.c - the filters of KurrentDB's reads and subscriptions of $all, through the service:
 * prefixes and expressions on streams and types, with windows and checkpoint intervals.
 *
 * Input: a byte of options, one for the window, one for the checkpoint interval, then the filter's
 * texts, a line each. With OPTION_REGEX the first line is the expression.
 *
 * Oracles. Prefixes: a comparison written here. Expressions: the prefixes as an expression must
 * select the same; otherwise the three ways to read (forwards, backwards, subscribed) agree. A
 * subscription gives each selected event once, in order, and a checkpoint for each interval of
 * events examined, never ahead of an event that it gives later.
 */
#include "core/slice.h"
#include "server_fuzz.h"
#include "wire/kurrent_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OPTION_TYPE = 1, OPTION_REGEX = 2, OPTION_NO_WINDOW = 4, OPTION_WINDOW_COUNT = 8 };
enum way { WAY_FORWARDS, WAY_BACKWARDS, WAY_SUBSCRIBED };

#define EVENTS 24
#define LINES_MAX 80 /* more than the service takes */
#define WINDOW_OF_SERVER 32
#define REPLY_EVENT 1
#define REPLY_CONFIRMATION 2
#define REPLY_CHECKPOINT 3
#define REPLY_CAUGHT_UP 8

static struct server_fuzz fuzz;

static const char given[] = "{\"stream\":\"order-1\",\"type\":\"OrderPlaced\"}\n"
                            "{\"stream\":\"order-1\",\"type\":\"OrderPaid\"}\n"
                            "{\"stream\":\"order-2\",\"type\":\"OrderPlaced\"}\n"
                            "{\"stream\":\"ORDER-2\",\"type\":\"orderPlaced\"}\n"
                            "{\"stream\":\"orders\",\"type\":\"$weird\"}\n"
                            "{\"stream\":\"a\",\"type\":\"a\"}\n"
                            "{\"stream\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\",\"type\":"
                            "\"aaaaaaaaaaaaaaaaaaaaaaaaa!\"}\n"
                            "{\"stream\":\"\\u20ac-\\u00e4\",\"type\":\"\\u00e4\\u20ac\"}\n"
                            "{\"stream\":\"\\ud83d\\ude00-1\",\"type\":\"\\ud83d\\ude00\"}\n"
                            "{\"stream\":\"x y\\tz\",\"type\":\"x\\ny\"}\n"
                            "{\"stream\":\"(a+)+$\",\"type\":\"[a-z]*\"}\n"
                            "{\"stream\":\"\\\\Qa\\\\E\",\"type\":\"\\\\\"}\n"
                            "{\"stream\":\"customer-1\",\"type\":\"Named\"}\n"
                            "{\"stream\":\"customer-2\",\"type\":\"Named\"}\n"
                            "{\"stream\":\"customer-2\",\"type\":\"Renamed\"}\n"
                            "{\"stream\":\"c\",\"type\":\"N\"}\n"
                            "{\"stream\":\"0\",\"type\":\"0\"}\n"
                            "{\"stream\":\"-\",\"type\":\"-\"}\n"
                            "{\"stream\":\"mine$\",\"type\":\"$mine\"}\n"
                            "{\"stream\":\"user.name@example\",\"type\":\"com.example.T\"}\n"
                            "{\"stream\":\"ab\",\"type\":\"ba\"}\n"
                            "{\"stream\":\"abab\",\"type\":\"baba\"}\n"
                            "{\"stream\":\"ababababab\",\"type\":\"T.v2\"}\n"
                            "{\"stream\":\"end\",\"type\":\"End\"}\n";

/* The events of the store, in its order. */
static struct {
    uint64_t position;
    char stream[128];
    char type[128];
} held[EVENTS];

/* A filter, as the input describes it. */
struct asked {
    unsigned options;
    uint32_t window;
    uint32_t interval;
    factum_slice regex;
    factum_slice lines[LINES_MAX];
    size_t line_count;
};

/* The answers. */
struct answer {
    bool ok; /* answered to the end, or subscribed and caught up */
    uint64_t positions[EVENTS + 1];
    size_t count;
    uint64_t checkpoints[EVENTS + 2];
    size_t checkpoint_count;
    bool caught_up;
};

static void hold(size_t number, const factum_event *event)
{
    held[number].position = event->position;
    (void)snprintf(held[number].stream, sizeof held[number].stream, "%.*s", PLAIN(event->stream));
    (void)snprintf(held[number].type, sizeof held[number].type, "%.*s", PLAIN(event->type));
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void put_filter(struct fct_pb_writer *writer, const struct asked *asked)
{
    size_t filter = fct_pb_begin(writer, 7);
    size_t expression = fct_pb_begin(writer, (asked->options & OPTION_TYPE) != 0 ? 2 : 1);
    fct_pb_put_bytes(writer, 1, asked->regex);
    for (size_t i = 0; i < asked->line_count; i++) {
        fct_pb_add_bytes(writer, 2, asked->lines[i]);
    }
    fct_pb_end(writer, expression);
    if ((asked->options & OPTION_WINDOW_COUNT) != 0) {
        fct_kurrent_add_empty(writer, 4);
    } else if ((asked->options & OPTION_NO_WINDOW) == 0) {
        fct_pb_add_uint(writer, 3, asked->window);
    }
    fct_pb_add_uint(writer, 5, asked->interval);
    fct_pb_end(writer, filter);
}

static void put_request(struct fct_buf *buf, const struct asked *asked, enum way way)
{
    size_t frame;
    FCT_ASSERT(fct_grpc_frame_begin(buf, &frame) == FACTUM_OK);
    struct fct_pb_writer writer = fct_pb_writer(buf);
    size_t options = fct_pb_begin(&writer, 1);
    size_t all = fct_pb_begin(&writer, 2);
    fct_kurrent_add_empty(&writer, way == WAY_BACKWARDS ? 3 : 2);
    fct_pb_end(&writer, all);
    fct_pb_put_uint(&writer, 3, way == WAY_BACKWARDS ? 1 : 0);
    if (way == WAY_SUBSCRIBED) {
        fct_kurrent_add_empty(&writer, 6);
    } else {
        fct_pb_add_uint(&writer, 5, UINT64_MAX);
    }
    put_filter(&writer, asked);
    size_t form = fct_pb_begin(&writer, 9);
    fct_kurrent_add_empty(&writer, 2);
    fct_pb_end(&writer, form);
    fct_pb_end(&writer, options);
    FCT_ASSERT(writer.status == FACTUM_OK);
    fct_grpc_frame_end(buf, frame);
}

/* ---- what comes back ------------------------------------------------------------------------- */

/* The number in field |wanted| of a message; UINT64_MAX if it is missing. */
static uint64_t number_of(factum_slice message, uint32_t wanted)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    uint64_t number = UINT64_MAX;
    while (fct_pb_next(&reader, &field)) {
        if (field.number == wanted && field.type == FCT_PB_VARINT) {
            number = field.value;
        }
    }
    FCT_ASSERT(!reader.failed);
    return number;
}

static void take_reply(struct answer *answer, factum_slice message, bool first, enum way way)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    FCT_ASSERT(fct_pb_next(&reader, &field) && field.type == FCT_PB_BYTES);
    FCT_ASSERT((field.number == REPLY_CONFIRMATION) == (first && way == WAY_SUBSCRIBED));
    if (field.number == REPLY_EVENT) {
        FCT_ASSERT(answer->count < EVENTS);
        answer->positions[answer->count++] = number_of(field.bytes, 3);
    } else if (field.number == REPLY_CHECKPOINT) {
        uint64_t place = number_of(field.bytes, 1);
        FCT_ASSERT(way == WAY_SUBSCRIBED);
        FCT_ASSERT(answer->checkpoint_count <= EVENTS);
        FCT_ASSERT(answer->count == 0 || place >= answer->positions[answer->count - 1]);
        FCT_ASSERT(answer->checkpoint_count == 0 ||
                   place > answer->checkpoints[answer->checkpoint_count - 1]);
        answer->checkpoints[answer->checkpoint_count++] = place;
    } else if (field.number == REPLY_CAUGHT_UP) {
        FCT_ASSERT(way == WAY_SUBSCRIBED && !answer->caught_up);
        answer->caught_up = true;
    } else {
        FCT_ASSERT(field.number == REPLY_CONFIRMATION);
    }
    /* A checkpoint promises that no event at or before it is still to come. */
    FCT_ASSERT(field.number != REPLY_EVENT || answer->checkpoint_count == 0 ||
               answer->positions[answer->count - 1] >
                   answer->checkpoints[answer->checkpoint_count - 1]);
}

static void take_replies(struct answer *answer, const struct fake_exchange *fake, enum way way)
{
    struct fct_grpc_deframer deframer;
    factum_slice message;
    factum_slice bytes = fct_slice(fake->body, fake->body_len);
    fct_grpc_deframer_init(&deframer, fct_mem_heap(), bytes.len);
    for (bool first = true; fct_grpc_deframe(&deframer, &bytes, &message, NULL) == FACTUM_OK;
         first = false) {
        take_reply(answer, message, first, way);
    }
    FCT_ASSERT(bytes.len == 0 && fct_grpc_deframer_is_empty(&deframer));
    fct_grpc_deframer_finish(&deframer);
}

static struct answer ask(const struct asked *asked, enum way way)
{
    static struct fake_exchange fake;
    struct answer answer = {.ok = false};
    struct fct_buf buf;
    fct_buf_init(&buf, fct_mem_heap(), 1 << 20);
    put_request(&buf, asked, way);
    fake_init(&fake, &server_fuzz_peer, "POST /event_store.client.streams.Streams/Read",
              "content-type: application/grpc\n");
    fct_grpc_begin(&fuzz.server, &server_fuzz_admin, &fake.exchange);
    fake_send(&fake, (const char *)buf.ptr, buf.len, 1 + buf.len / 2);
    for (int i = 0; i < SERVER_FUZZ_TURNS_MAX && !fake.finished; i++) {
        answer = (struct answer){.ok = false};
        take_replies(&answer, &fake, way);
        if (answer.caught_up) {
            break;
        }
        server_fuzz_run(&fuzz, 0);
    }
    answer = (struct answer){.ok = false};
    take_replies(&answer, &fake, way);
    FCT_ASSERT(fake.finished || answer.caught_up);
    FCT_ASSERT(!fake.finished || strstr(fake.trailers, "grpc-status: ") != NULL ||
               strstr(fake.head, "grpc-status: ") != NULL);
    answer.ok = !fake.finished || strstr(fake.trailers, "grpc-status: 0\n") != NULL;
    fake_free(&fake);
    fct_buf_finish(&buf);
    FCT_ASSERT(fuzz.server.counters.subscriptions == 0);
    return answer;
}

/* ---- oracles --------------------------------------------------------------------------------- */

static void check_subscription(const struct asked *asked, const struct answer *answer)
{
    uint64_t window = (asked->options & (OPTION_NO_WINDOW | OPTION_WINDOW_COUNT)) != 0
                          ? WINDOW_OF_SERVER
                          : asked->window;
    size_t examined = 0;
    size_t checkpoint = 0;
    for (size_t i = 0; i < EVENTS; i++) {
        examined++;
        if (checkpoint < answer->checkpoint_count &&
            answer->checkpoints[checkpoint] <= held[i].position) {
            checkpoint++;
            examined = 0;
        }
        FCT_ASSERT(examined < window * asked->interval);
    }
    FCT_ASSERT(answer->checkpoint_count > 0);
    FCT_ASSERT(answer->checkpoints[answer->checkpoint_count - 1] >= held[EVENTS - 1].position);
}

static void check_same(const struct answer *one, const struct answer *other, bool reversed)
{
    FCT_ASSERT(one->count == other->count);
    for (size_t i = 0; i < one->count; i++) {
        FCT_ASSERT(one->positions[i] == other->positions[reversed ? one->count - 1 - i : i]);
    }
}

static bool has_prefix(const struct asked *asked, size_t event)
{
    const char *subject =
        (asked->options & OPTION_TYPE) != 0 ? held[event].type : held[event].stream;
    for (size_t i = 0; i < asked->line_count; i++) {
        if (strlen(subject) >= asked->lines[i].len &&
            (asked->lines[i].len == 0 ||
             memcmp(subject, asked->lines[i].ptr, asked->lines[i].len) == 0)) {
            return true;
        }
    }
    return false;
}

static void check_prefixes(const struct asked *asked, const struct answer *answer)
{
    size_t next = 0;
    for (size_t i = 0; i < EVENTS; i++) {
        if (has_prefix(asked, i)) {
            FCT_ASSERT(next < answer->count);
            FCT_ASSERT(answer->positions[next] == held[i].position);
            next++;
        }
    }
    FCT_ASSERT(next == answer->count);
}

/* The prefixes again, as "^(?:\Qone\E|\Qother\E)". */
static void check_as_expression(const struct asked *asked, const struct answer *answer)
{
    char text[1024];
    size_t len = (size_t)snprintf(text, sizeof text, "^(?:");
    struct asked as_regex = *asked;
    for (size_t i = 0; i < asked->line_count; i++) {
        factum_slice line = asked->lines[i];
        if (len + line.len + 8 > sizeof text || memchr(line.ptr, '\\', line.len) != NULL ||
            line.len == 0) {
            return;
        }
        len += (size_t)snprintf(text + len, sizeof text - len, "%s\\Q%.*s\\E", i > 0 ? "|" : "",
                                PLAIN(line));
    }
    len += (size_t)snprintf(text + len, sizeof text - len, ")");
    as_regex.line_count = 0;
    as_regex.regex = fct_slice(text, len);
    const struct answer other = ask(&as_regex, WAY_FORWARDS);
    FCT_ASSERT(other.ok);
    check_same(answer, &other, false);
}

static void split_input(struct asked *asked, const uint8_t *data, size_t size)
{
    factum_slice rest = fct_slice(data + 3, size - 3);
    bool more = true;
    *asked = (struct asked){.options = data[0], .window = data[1], .interval = data[2]};
    if (data[1] > 250) {
        asked->window = UINT32_MAX - (255u - data[1]);
    }
    if (data[2] > 250) {
        asked->interval = UINT32_MAX - (255u - data[2]);
    }
    bool regex = (asked->options & OPTION_REGEX) != 0;
    while (more && asked->line_count < LINES_MAX) {
        const uint8_t *end = rest.len == 0 ? NULL : memchr(rest.ptr, '\n', rest.len);
        more = end != NULL;
        factum_slice line = fct_slice(rest.ptr, more ? (size_t)(end - rest.ptr) : rest.len);
        rest = fct_slice_from(rest, more ? line.len + 1 : line.len);
        if (regex) {
            asked->regex = line;
            regex = false;
        } else {
            asked->lines[asked->line_count++] = line;
        }
    }
}

/* Prefixes that are names of lists are refused. */
static bool names_index(const struct asked *asked)
{
    for (size_t i = 0; i < asked->line_count; i++) {
        if (fct_slice_starts(asked->lines[i], FCT_SLICE("$idx-"))) {
            return true;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct asked asked;
    if (size < 3 || size > 4096 || memchr(data + 3, '\0', size - 3) != NULL) {
        return 0;
    }
    if (fuzz.server.store == NULL) {
        server_fuzz_open(&fuzz, given);
        server_fuzz_look(&fuzz, EVENTS, hold);
    }
    split_input(&asked, data, size);
    const struct answer forwards = ask(&asked, WAY_FORWARDS);
    const struct answer backwards = ask(&asked, WAY_BACKWARDS);
    const struct answer subscribed = ask(&asked, WAY_SUBSCRIBED);
    bool listed = asked.regex.len == 0 && names_index(&asked);
    /* An interval of zero is refused for subscriptions only. */
    FCT_ASSERT(forwards.ok == backwards.ok);
    /* A list without events is not found by a read; a subscription waits for it. */
    bool waits = listed && !forwards.ok && subscribed.ok && subscribed.count == 0;
    FCT_ASSERT(subscribed.ok == (forwards.ok && asked.interval > 0) || waits);
    if (forwards.ok) {
        check_same(&forwards, &backwards, true);
    }
    if (subscribed.ok) {
        check_same(&forwards, &subscribed, false);
    }
    if (subscribed.ok && !listed) {
        check_subscription(&asked, &subscribed);
    }
    if (forwards.ok && asked.regex.len == 0 && !listed) {
        check_prefixes(&asked, &forwards);
        check_as_expression(&asked, &forwards);
    }
    return 0;
}
