/* store_echo.h - decodes a message of factum.v1.Store or Schemas and encodes the result: for the
 * fuzzer, and for the test that compares with protoc. Layer: tests.
 *
 * The encoded message is equivalent to the given one if that was valid. Memory comes from the heap.
 */
#ifndef FCT_TESTS_STORE_ECHO_H
#define FCT_TESTS_STORE_ECHO_H

#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "wire/schemas.h"
#include "wire/store_append.h"
#include "wire/store_ask.h"
#include "wire/store_list.h"
#include "wire/store_news.h"
#include "wire/store_open.h"
#include "wire/store_read.h"
#include "wire/store_upkeep.h"

enum { STORE_ECHO_REVISIONS = 64 };

static factum_status echo_open(factum_slice message, struct fct_buf *out, factum_error *err)
{
    struct fct_store_open open;
    factum_status status = fct_store_decode_open(message, &open, err);
    return status == FACTUM_OK ? fct_store_encode_open(out, &open) : status;
}

static factum_status echo_opened(factum_slice message, struct fct_buf *out, factum_error *err)
{
    struct fct_store_opened opened;
    factum_status status = fct_store_decode_opened(message, &opened, err);
    return status == FACTUM_OK ? fct_store_encode_opened(out, &opened) : status;
}

/* An array of exactly |size| bytes, so that a sanitizer sees accesses beyond it. */
static void *echo_memory(size_t size)
{
    void *memory = malloc(size > 0 ? size : 1);
    FCT_ASSERT(memory != NULL);
    return memory;
}

static factum_status echo_append(factum_slice message, struct fct_buf *out, factum_error *err)
{
    struct fct_store_append append;
    factum_append_request request = {.size = 0};
    factum_status status = fct_store_decode_append(message, &append, err);
    if (status != FACTUM_OK) {
        return status;
    }
    uint8_t *copy = echo_memory(message.len);
    fct_store_move_append(&append, copy);
    void *memory = echo_memory(append.memory_size);
    if (!append.cancel) {
        status = fct_store_build_append(&append, memory, &request, err);
    }
    if (status == FACTUM_OK) {
        FCT_ASSERT(request.event_count == (append.cancel ? 0 : append.event_count));
        status = fct_store_encode_append(out, &append, &request);
    }
    free(memory);
    free(copy);
    return status;
}

static factum_status echo_appended(factum_slice message, struct fct_buf *out, factum_error *err)
{
    struct fct_store_appended appended;
    factum_status status = fct_store_decode_appended(message, &appended, err);
    if (status != FACTUM_OK) {
        return status;
    }
    uint64_t *revisions = echo_memory(appended.revision_count * sizeof *revisions);
    size_t count = fct_store_appended_revisions(message, revisions, appended.revision_count);
    FCT_ASSERT(count == appended.revision_count);
    appended.revisions = revisions;
    status = fct_store_encode_appended(out, &appended);
    free(revisions);
    return status;
}

static factum_status echo_read(factum_slice message, struct fct_buf *out, factum_error *err)
{
    struct fct_store_read read;
    factum_read_request request;
    factum_status status = fct_store_decode_read(message, &read, err);
    if (status != FACTUM_OK) {
        return status;
    }
    void *memory = echo_memory(read.memory_size);
    status = fct_store_build_read(&read, memory, &request, err);
    if (status == FACTUM_OK) {
        status = fct_store_encode_read(out, &request, read.follow);
    }
    free(memory);
    return status;
}

static factum_status echo_events(factum_slice message, struct fct_buf *out, factum_error *err)
{
    struct fct_store_events events;
    struct fct_store_event_room room;
    struct fct_store_batch batch;
    factum_event event;
    size_t count = 0;
    factum_status status = fct_store_decode_events(message, &events, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_store_batch_begin(&batch, out, events.has_place ? &events.place : NULL);
    while (status == FACTUM_OK) {
        status = fct_store_next_event(&events, &room, &event, err);
        if (status == FACTUM_OK) {
            count++;
            status = fct_store_batch_add(&batch, &event);
        }
    }
    FCT_ASSERT(status != FACTUM_DONE || count == events.count);
    fct_store_batch_end(&batch);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static factum_status echo_interests(factum_slice message, struct fct_buf *out, factum_error *err)
{
    struct fct_store_interest interests[STORE_ECHO_REVISIONS];
    struct fct_pb_reader reader = fct_pb_reader(message);
    size_t count = 0;
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && count < STORE_ECHO_REVISIONS) {
        status = fct_store_next_interest(&reader, &interests[count], err);
        count += status == FACTUM_OK ? 1 : 0;
    }
    return status < 0 ? status : fct_store_encode_interests(out, interests, count);
}

static factum_status echo_news(factum_slice message, struct fct_buf *out, factum_error *err)
{
    struct fct_store_news news;
    static uint32_t hits[FCT_STORE_HITS_MAX];
    factum_status status = fct_store_decode_news(message, &news, hits, err);
    news.hits = hits;
    return status == FACTUM_OK ? fct_store_encode_news(out, &news) : status;
}

static factum_status echo_ask(factum_slice message, struct fct_buf *out, factum_error *err)
{
    struct fct_store_ask ask;
    factum_status status = fct_store_decode_ask(message, &ask, err);
    return status == FACTUM_OK ? fct_store_encode_ask(out, &ask) : status;
}

static factum_status echo_answer(factum_question_kind kind, factum_slice message,
                                 struct fct_buf *out, factum_error *err)
{
    uint64_t revisions[STORE_ECHO_REVISIONS];
    struct fct_store_event_room room;
    factum_event_copy copy = {.capacity = 0};
    factum_stream_info stream = {.size = sizeof stream};
    factum_key_info key = {
        .size = sizeof key, .revisions = revisions, .revisions_max = STORE_ECHO_REVISIONS};
    factum_info info = {.size = sizeof info};
    factum_question question = {.size = sizeof question,
                                .kind = kind,
                                .stream = &stream,
                                .key = &key,
                                .info = &info,
                                .event = &copy};
    factum_slice bytes = {NULL, 0};
    memset(revisions, 0, sizeof revisions);
    factum_status status = fct_store_decode_answer(message, &question, &bytes, err);
    if (status == FACTUM_OK && kind == FACTUM_ASK_EVENT) {
        status = fct_store_decode_event(bytes, &room, &copy.event, err);
    }
    return status == FACTUM_OK ? fct_store_encode_answer(out, &question) : status;
}

static factum_status echo_number(factum_slice message, struct fct_buf *out, factum_error *err)
{
    return echo_answer(FACTUM_ASK_COUNT, message, out, err);
}
static factum_status echo_stream(factum_slice message, struct fct_buf *out, factum_error *err)
{
    return echo_answer(FACTUM_ASK_STREAM, message, out, err);
}
static factum_status echo_event(factum_slice message, struct fct_buf *out, factum_error *err)
{
    return echo_answer(FACTUM_ASK_EVENT, message, out, err);
}
static factum_status echo_key(factum_slice message, struct fct_buf *out, factum_error *err)
{
    return echo_answer(FACTUM_ASK_KEY, message, out, err);
}
static factum_status echo_info(factum_slice message, struct fct_buf *out, factum_error *err)
{
    return echo_answer(FACTUM_ASK_INFO, message, out, err);
}

static factum_status echo_list(factum_slice message, struct fct_buf *out, factum_error *err)
{
    factum_list_request request;
    factum_status status = fct_store_decode_list(message, &request, err);
    return status == FACTUM_OK ? fct_store_encode_list(out, &request) : status;
}

static factum_status echo_entries(factum_slice message, struct fct_buf *out, factum_error *err)
{
    struct fct_pb_reader reader = fct_pb_reader(message);
    struct fct_store_page page;
    factum_list_entry entry;
    factum_status status = fct_store_page_begin(&page, out);
    while (status == FACTUM_OK) {
        status = fct_store_next_entry(&reader, &entry, err);
        if (status == FACTUM_OK) {
            status = fct_store_page_add(&page, &entry);
        }
    }
    fct_store_page_end(&page);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static factum_status echo_verify(factum_slice message, struct fct_buf *out, factum_error *err)
{
    factum_status status = fct_store_decode_verify(message, err);
    return status == FACTUM_OK ? fct_store_encode_verify(out) : status;
}

static factum_status echo_backup(factum_slice message, struct fct_buf *out, factum_error *err)
{
    factum_slice to;
    factum_status status = fct_store_decode_backup(message, &to, err);
    return status == FACTUM_OK ? fct_store_encode_backup(out, to) : status;
}

static factum_status echo_verified(factum_slice message, struct fct_buf *out, factum_error *err)
{
    struct fct_store_upkept upkept;
    factum_status status = fct_store_decode_verified(message, &upkept, err);
    return status == FACTUM_OK ? fct_store_encode_verified(out, &upkept) : status;
}

static factum_status echo_backed_up(factum_slice message, struct fct_buf *out, factum_error *err)
{
    struct fct_store_upkept upkept;
    factum_status status = fct_store_decode_backed_up(message, &upkept, err);
    return status == FACTUM_OK ? fct_store_encode_backed_up(out, &upkept) : status;
}

/* ---- factum.v1.Schemas ----------------------------------------------------------------------- */

static factum_status echo_register(factum_slice message, struct fct_buf *out, factum_error *err)
{
    struct fct_schemas_register request;
    factum_status status = fct_schemas_decode_register(message, &request, err);
    return status == FACTUM_OK ? fct_schemas_encode_register(out, &request) : status;
}

static factum_status echo_registered(factum_slice message, struct fct_buf *out, factum_error *err)
{
    struct fct_schemas_registered answer;
    factum_status status = fct_schemas_decode_registered(message, &answer, err);
    return status == FACTUM_OK ? fct_schemas_encode_registered(out, &answer) : status;
}

static factum_status echo_schemas(factum_slice message, struct fct_buf *out, factum_error *err)
{
    struct fct_schemas_list request;
    factum_status status = fct_schemas_decode_list(message, &request, err);
    return status == FACTUM_OK ? fct_schemas_encode_list(out, &request) : status;
}

static factum_status echo_listed(factum_slice message, struct fct_buf *out, factum_error *err)
{
    struct fct_pb_reader reader = fct_pb_reader(message);
    struct fct_schemas_page page;
    struct fct_schemas_entry entry;
    factum_status status = fct_schemas_page_begin(&page, out);
    while (status == FACTUM_OK) {
        status = fct_schemas_next_entry(&reader, &entry, err);
        if (status == FACTUM_OK) {
            status = entry.is_mode ? fct_schemas_page_mode(&page, &entry.mode)
                                   : fct_schemas_page_version(&page, &entry.version);
        }
    }
    fct_schemas_page_end(&page);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static factum_status echo_show(factum_slice message, struct fct_buf *out, factum_error *err)
{
    struct fct_schemas_show request;
    factum_status status = fct_schemas_decode_show(message, &request, err);
    return status == FACTUM_OK ? fct_schemas_encode_show(out, &request) : status;
}

static factum_status echo_shown(factum_slice message, struct fct_buf *out, factum_error *err)
{
    struct fct_schemas_shown answer;
    factum_status status = fct_schemas_decode_shown(message, &answer, err);
    return status == FACTUM_OK ? fct_schemas_encode_shown(out, &answer) : status;
}

static factum_status echo_set_mode(factum_slice message, struct fct_buf *out, factum_error *err)
{
    struct fct_schemas_mode request;
    factum_status status = fct_schemas_decode_set_mode(message, &request, err);
    return status == FACTUM_OK ? fct_schemas_encode_set_mode(out, &request) : status;
}

static factum_status echo_mode_set(factum_slice message, struct fct_buf *out, factum_error *err)
{
    factum_status status = fct_schemas_decode_mode_set(message, err);
    return status == FACTUM_OK ? fct_schemas_encode_mode_set(out) : status;
}

static const struct store_echo {
    const char *kind;
    factum_status (*echo)(factum_slice message, struct fct_buf *out, factum_error *err);
} store_echoes[] = {
    {"OpenRequest", echo_open},
    {"OpenAnswer", echo_opened},
    {"AppendRequest", echo_append},
    {"AppendAnswer", echo_appended},
    {"ReadRequest", echo_read},
    {"ReadAnswer", echo_events},
    {"NewsRequest", echo_interests},
    {"NewsAnswer", echo_news},
    {"AskRequest", echo_ask},
    {"AskAnswer.number", echo_number},
    {"AskAnswer.stream", echo_stream},
    {"AskAnswer.event", echo_event},
    {"AskAnswer.key", echo_key},
    {"AskAnswer.info", echo_info},
    {"ListRequest", echo_list},
    {"ListAnswer", echo_entries},
    {"VerifyRequest", echo_verify},
    {"VerifyAnswer", echo_verified},
    {"BackupRequest", echo_backup},
    {"BackupAnswer", echo_backed_up},
    {"RegisterSchemaRequest", echo_register},
    {"RegisterSchemaAnswer", echo_registered},
    {"ListSchemasRequest", echo_schemas},
    {"ListSchemasAnswer", echo_listed},
    {"ShowSchemaRequest", echo_show},
    {"ShowSchemaAnswer", echo_shown},
    {"SetSchemaModeRequest", echo_set_mode},
    {"SetSchemaModeAnswer", echo_mode_set},
};

enum { STORE_ECHO_COUNT = sizeof store_echoes / sizeof store_echoes[0] };

#endif
