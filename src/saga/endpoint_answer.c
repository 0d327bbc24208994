/* endpoint_answer.c - what an answer of an endpoint means; see endpoint_rules.h. Layer: saga. Pure.
 *
 * The bytes come from outside: an endpoint may be broken, or controlled by an attacker. It can
 * write one event for a command, and none in a stream or of a type that others trust.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <factum/json_write.h>
#include <factum/store.h>

#include "codec/json.h"
#include "core/error.h"
#include "core/slice.h"
#include "saga/endpoint_rules.h"

#define SECOND INT64_C(1000000000)
#define CODE_MAX 200u
#define ANSWER_TEXT_MAX 2000u

/* ---- Retry-After ----------------------------------------------------------------------------- */

static int64_t wait_bounded(int64_t wait)
{
    return wait < 0 ? 0 : wait > FCT_ENDPOINT_WAIT_MAX ? FCT_ENDPOINT_WAIT_MAX : wait;
}

static bool read_seconds(factum_slice text, int64_t *wait)
{
    int64_t seconds = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
        if (seconds <= FCT_ENDPOINT_WAIT_MAX / SECOND) {
            seconds = seconds * 10 + (text.ptr[i] - '0');
        }
    }
    *wait = seconds > FCT_ENDPOINT_WAIT_MAX / SECOND ? FCT_ENDPOINT_WAIT_MAX : seconds * SECOND;
    return text.len > 0;
}

/* The parts of a date, whatever separates them. */
struct date_parts {
    factum_slice part[8];
    size_t count;
};

static void split_date(factum_slice text, struct date_parts *parts)
{
    size_t at = 0;
    parts->count = 0;
    while (parts->count < 8) {
        while (at < text.len && memchr(" ,-", text.ptr[at], 3) != NULL) {
            at++;
        }
        size_t start = at;
        while (at < text.len && memchr(" ,-", text.ptr[at], 3) == NULL) {
            at++;
        }
        if (at == start) {
            return;
        }
        parts->part[parts->count++] = fct_slice(text.ptr + start, at - start);
    }
}

static unsigned month_number(factum_slice name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (unsigned i = 0; i < 12 && name.len == 3; i++) {
        if (memcmp(names + 3 * i, name.ptr, 3) == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* A number of one, two or four digits; -1: not a number. */
static int date_number(factum_slice text)
{
    int number = 0;
    if (text.len == 0 || text.len > 4) {
        return -1;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return -1;
        }
        number = number * 10 + (text.ptr[i] - '0');
    }
    return number;
}

/* A year of two digits is within 50 years of now, which is good enough until 2070: RFC 850. */
static int full_year(factum_slice text)
{
    int year = date_number(text);
    return text.len == 2 && year >= 0 ? year + (year < 70 ? 2000 : 1900) : year;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994" */
static bool read_date(factum_slice text, int64_t *time)
{
    char form[48];
    struct date_parts parts;
    split_date(text, &parts);
    bool ends_gmt = parts.count == 6 && fct_slice_equal(parts.part[5], FCT_SLICE("GMT"));
    bool asctime = parts.count == 5;
    if (!ends_gmt && !asctime) {
        return false;
    }
    int day = date_number(parts.part[asctime ? 2 : 1]);
    unsigned month = month_number(parts.part[asctime ? 1 : 2]);
    int year = full_year(parts.part[asctime ? 4 : 3]);
    factum_slice clock = parts.part[asctime ? 3 : 4];
    if (day < 0 || day > 99 || month == 0 || year < 0 || clock.len != 8) {
        return false;
    }
    int len = snprintf(form, sizeof form, "%04d-%02u-%02dT%.8sZ", year, month, day,
                       (const char *)clock.ptr);
    return factum_time_parse(fct_slice(form, (size_t)len), time) == FACTUM_OK;
}

int64_t fct_retry_after(factum_slice value, int64_t now)
{
    int64_t wait;
    int64_t until;
    factum_slice text = fct_slice_trim(value, " \t\r\n");
    if (read_seconds(text, &wait)) {
        return wait;
    }
    if (text.len > 40 || !read_date(text, &until) || until <= now) {
        return 0;
    }
    bool far = now < 0 && until > INT64_MAX + now;
    return far ? FCT_ENDPOINT_WAIT_MAX : wait_bounded(until - now);
}

/* ---- bodies ---------------------------------------------------------------------------------- */

/* The decoded JSON text, in |arena|; empty if it is not a text, or longer than |max|. */
static factum_slice json_text(const struct fct_json_member *member, size_t max, factum_arena *arena)
{
    size_t len = 0;
    if (!member->found || member->value.kind != FACTUM_JSON_TEXT ||
        member->value.raw.len > 6 * max + 2) {
        return (factum_slice){NULL, 0};
    }
    char *text = factum_arena_take(arena, member->value.raw.len);
    if (text == NULL ||
        fct_json_unescape(member->value.raw, text, member->value.raw.len, &len) != FACTUM_OK ||
        len > max) {
        return (factum_slice){NULL, 0};
    }
    return fct_slice(text, len);
}

static FCT_PRINTF(2, 3) void park(struct fct_judgement *judgement, const char *format, ...)
{
    va_list args;
    judgement->verdict = FCT_VERDICT_PARK;
    va_start(args, format);
    (void)vsnprintf(judgement->why, sizeof judgement->why, format, args);
    va_end(args);
    fct_text_clean(judgement->why);
}

static bool stream_is_refused(factum_slice stream)
{
    return fct_slice_starts(stream, FCT_SLICE("$")) ||
           fct_slice_starts(stream, FCT_SLICE("saga:")) ||
           fct_slice_starts(stream, FCT_SLICE("command:"));
}

static bool has_text(const struct fct_json_member *member)
{
    return member->found && member->value.kind == FACTUM_JSON_TEXT;
}

static void judge_reply(factum_slice body, factum_arena *arena, struct fct_judgement *judgement)
{
    struct fct_json whole;
    struct fct_json_fault fault;
    struct fct_json_member members[] = {
        {.name = FCT_SLICE("type")}, {.name = FCT_SLICE("data")}, {.name = FCT_SLICE("stream")}};
    if (fct_json_pick(body, &whole, members, 3, &fault) != FACTUM_OK) {
        park(judgement, "the answer is not valid JSON: %s at byte %zu", fault.reason, fault.at);
        return;
    }
    judgement->type = json_text(&members[0], FACTUM_NAME_SIZE_MAX, arena);
    judgement->stream = json_text(&members[2], FACTUM_NAME_SIZE_MAX, arena);
    judgement->data = members[1].found ? members[1].value.raw : FCT_SLICE("{}");
    if (whole.kind != FACTUM_JSON_OBJECT || judgement->type.len == 0) {
        park(judgement, "the answer is not an object with a \"type\"");
    } else if (fct_slice_starts(judgement->type, FCT_SLICE("$")) ||
               fct_slice_equal(judgement->type, FCT_SLICE("CommandCancelled"))) {
        park(judgement, "the answer's type %.*s is reserved", FCT_FMT(judgement->type));
    } else if (members[2].found && (!has_text(&members[2]) || judgement->stream.len == 0)) {
        park(judgement, "the answer's \"stream\" is not the name of a stream");
    } else if (stream_is_refused(judgement->stream)) {
        park(judgement, "the answer may not be written to the stream %.*s",
             FCT_FMT(judgement->stream));
    } else {
        judgement->verdict = FCT_VERDICT_REPLY;
    }
}

/* A refusal in our form is a reply; any other is parked for an operator. */
static factum_status judge_refusal(const struct fct_http_reply *answer, factum_arena *arena,
                                   struct fct_judgement *judgement, factum_error *err)
{
    struct fct_json whole;
    factum_json_writer to;
    struct fct_json_member members[] = {{.name = FCT_SLICE("code")}, {.name = FCT_SLICE("text")}};
    factum_slice code = {NULL, 0};
    if (!answer->too_big && fct_json_pick(answer->body, &whole, members, 2, NULL) == FACTUM_OK) {
        code = json_text(&members[0], CODE_MAX, arena);
    }
    if (code.len == 0) {
        judgement->undone = true;
        park(judgement, "the answer has status %ld, without an object with a \"code\"",
             answer->status);
        return FACTUM_OK;
    }
    factum_json_writer_in(&to, arena);
    factum_json_put_object(&to);
    factum_json_put_member_text(&to, "code", code);
    factum_json_put_member_text(&to, "text", json_text(&members[1], ANSWER_TEXT_MAX, arena));
    factum_json_put_end(&to);
    factum_status status = factum_json_writer_finish(&to, err);
    judgement->verdict = FCT_VERDICT_FAILED;
    judgement->type = FCT_SLICE("CommandFailed");
    judgement->data = fct_slice(to.buffer, to.used);
    return status;
}

/* ---- the verdict ----------------------------------------------------------------------------- */

static void judge_silence(const struct fct_http_reply *answer, struct fct_judgement *judgement)
{
    judgement->verdict = FCT_VERDICT_RETRY;
    judgement->undone = answer->not_reached;
    (void)snprintf(judgement->why, sizeof judgement->why, "%s",
                   answer->problem != NULL ? answer->problem : "no answer");
    fct_text_clean(judgement->why);
}

static void judge_good(const struct fct_http_reply *answer, factum_arena *arena,
                       struct fct_judgement *judgement)
{
    if (answer->status == 202 || fct_slice_trim(answer->body, FCT_JSON_SPACES).len == 0) {
        judgement->verdict = FCT_VERDICT_TAKEN;
    } else if (answer->too_big) {
        park(judgement, "the answer is bigger than allowed");
    } else {
        judge_reply(answer->body, arena, judgement);
    }
}

static bool is_retried(long status)
{
    return status == 408 || status == 425 || status == 429 || status / 100 == 5;
}

static void judge_other(const struct fct_http_reply *answer, int64_t now,
                        struct fct_judgement *judgement)
{
    bool redirect = answer->status / 100 == 3;
    judgement->undone = answer->status / 100 == 4 || redirect;
    if (is_retried(answer->status)) {
        judgement->verdict = FCT_VERDICT_RETRY;
        judgement->wait = fct_retry_after(answer->retry_after, now);
        (void)snprintf(judgement->why, sizeof judgement->why, "the answer has status %ld",
                       answer->status);
    } else if (answer->status == 410) {
        judgement->verdict = FCT_VERDICT_DISABLE;
        (void)snprintf(judgement->why, sizeof judgement->why, "the endpoint answered 410 Gone");
    } else if (redirect) {
        park(judgement, "the answer has status %ld: redirects are not followed: %.*s",
             answer->status, FCT_FMT(answer->location));
    } else {
        park(judgement, "the answer has status %ld", answer->status);
    }
}

factum_status fct_http_reply_judge(const struct fct_http_reply *answer, int64_t now,
                                   factum_arena *arena, struct fct_judgement *judgement,
                                   factum_error *err)
{
    *judgement = (struct fct_judgement){.verdict = FCT_VERDICT_PARK};
    if (answer->status == 0) {
        judge_silence(answer, judgement);
    } else if (answer->status == 409 || answer->status == 422) {
        return judge_refusal(answer, arena, judgement, err);
    } else if (answer->status / 100 == 2) {
        judge_good(answer, arena, judgement);
        if (factum_arena_status(arena) != FACTUM_OK) {
            return fct_fail(err, factum_arena_status(arena), "endpoint: the answer takes too much");
        }
    } else {
        judge_other(answer, now, judgement);
    }
    return FACTUM_OK;
}
