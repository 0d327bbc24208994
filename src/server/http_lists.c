/* http_lists.c - the names that were ever written: streams, categories, types, tags. Layer: server.
 *
 * {"streams":[{"name":...,"events":...,...}],"next":TOKEN}: the next page begins after the token;
 * null: this page is the last. Names that appeared together (tags) stay together, so that a page
 * may have more than ?limit.
 */
#include <inttypes.h>
#include <stdio.h>

#include "core/error.h"
#include "core/slice.h"
#include "server/http_int.h"
#include "wire/json_out.h"

#define ENTRIES_PER_TURN 1000
#define HTTP_LIST_STEPS_PER_CALL 2048

struct lister {
    struct fct_http_call *call;
    factum_list *list;
    struct fct_task task; /* continues in the next turn of the loop */
    const char *member;
    uint64_t limit;
    uint64_t given;
    uint64_t last;
};

static void end_lister(struct lister *lister)
{
    fct_loop_forget(lister->call->server->loop, &lister->task);
    factum_list_close(lister->list);
    lister->list = NULL;
}

static bool lister_closed(struct fct_http_call *call)
{
    end_lister(call->state);
    return false;
}

static factum_status put_entry(struct fct_buf *out, const factum_list_entry *entry, bool first,
                               const char *token)
{
    char first_created[FACTUM_TIME_TEXT_SIZE];
    char last_created[FACTUM_TIME_TEXT_SIZE];
    factum_time_format(entry->first_created, first_created);
    factum_time_format(entry->last_created, last_created);
    fct_buf_clear(out);
    factum_status status = fct_buf_add_text(out, first ? "{\"name\":" : ",\n{\"name\":");
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_json_out_text(out, entry->name);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_buf_printf(out,
                          ",\"events\":%" PRIu64 ",\"firstPosition\":%" PRIu64
                          ",\"lastPosition\":%" PRIu64
                          ",\"firstCreated\":\"%s\",\"lastCreated\":\"%s\",\"token\":\"%s\"}",
                          entry->event_count, entry->first_position, entry->last_position,
                          first_created, last_created, token);
}

static bool begin_list(struct lister *lister)
{
    const struct fct_field type = {FCT_SLICE("content-type"), FCT_SLICE("application/json")};
    char start[32];
    (void)snprintf(start, sizeof start, "{\"%s\":[", lister->member);
    return fct_http_stream(lister->call, &type, 1) &&
           fct_http_write(lister->call, factum_slice_from(start));
}

static bool write_entry(struct lister *lister, const factum_list_entry *entry)
{
    struct fct_http_call *call = lister->call;
    char token[FACTUM_TOKEN_SIZE];
    factum_error err;
    factum_token_format(call->server->store, entry->first_position, token);
    factum_status status = put_entry(&call->out, entry, lister->given == 0, token);
    if (status != FACTUM_OK) {
        (void)fct_fail(&err, status, "a list: out of memory");
        fct_http_fail(call, status, &err);
        return false;
    }
    lister->given++;
    lister->last = entry->first_position;
    return fct_http_write(call, fct_buf_slice(&call->out));
}

static void finish_list(struct lister *lister)
{
    struct fct_http_call *call = lister->call;
    char token[FACTUM_TOKEN_SIZE];
    char end[FACTUM_TOKEN_SIZE + 32];
    bool more = lister->given >= lister->limit;
    factum_token_format(call->server->store, lister->last, token);
    (void)snprintf(end, sizeof end, more ? "],\"next\":\"%s\"}" : "],\"next\":null}", token);
    if (fct_http_write(call, factum_slice_from(end))) {
        fct_http_finish(call, NULL, 0);
    }
    end_lister(lister);
}

static void fill_list(struct lister *lister)
{
    struct fct_http_call *call = lister->call;
    for (int i = 0; i < ENTRIES_PER_TURN; i++) {
        factum_list_entry entry;
        factum_error err;
        if (call->answered && fct_exchange_room(call->exchange) == 0) {
            return;
        }
        factum_status status = factum_list_try_next(lister->list, &entry, &err);
        if (status == FACTUM_PENDING) {
            break; /* many names were examined in vain */
        }
        if (status < 0) {
            fct_http_fail(call, status, &err);
            end_lister(lister);
            return;
        }
        bool going = call->answered || begin_list(lister);
        if (going && status == FACTUM_OK) {
            going = write_entry(lister, &entry);
        }
        if (!going) {
            end_lister(lister);
            return;
        }
        if (status == FACTUM_DONE) {
            finish_list(lister);
            return;
        }
    }
    fct_loop_work(call->server->loop, &lister->task);
}

static void on_list_writable(struct fct_http_call *call)
{
    struct lister *lister = call->state;
    if (lister->task.slot == NULL) {
        fill_list(lister);
    }
}

static void on_list_task(struct fct_task *task)
{
    fill_list(FCT_CONTAINER_OF(task, struct lister, task));
}

static const struct fct_http_work list_work = {on_list_writable, lister_closed};

static factum_status open_list(struct fct_http_call *call, factum_list_kind kind,
                               const char *member, factum_error *err)
{
    factum_list_request request = {
        .size = sizeof request, .kind = kind, .steps_max = HTTP_LIST_STEPS_PER_CALL};
    bool after = false;
    struct lister *lister = fct_http_take(call, sizeof *lister);
    if (lister == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
    }
    *lister = (struct lister){.call = call, .member = member, .limit = FCT_HTTP_LIMIT_DEFAULT};
    lister->task.run = on_list_task;
    request.category = fct_http_text(call, "category");
    request.prefix = fct_http_text(call, "prefix");
    factum_status status = fct_http_limit(call, &lister->limit, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_http_after(call, &request.after, &after, err);
    if (status != FACTUM_OK) {
        return status;
    }
    request.count_max = lister->limit;
    status = factum_list_open(call->server->store, &request, &lister->list, err);
    if (status != FACTUM_OK) {
        return status;
    }
    call->state = lister;
    call->work = &list_work;
    fill_list(lister);
    return FACTUM_OK;
}

static void answer_list(struct fct_http_call *call, factum_list_kind kind, const char *member)
{
    factum_error err;
    factum_status status = open_list(call, kind, member, &err);
    if (status != FACTUM_OK) {
        fct_http_fail(call, status, &err);
    }
}

void fct_http_list_streams(struct fct_http_call *call)
{
    answer_list(call, FACTUM_LIST_STREAMS, "streams");
}

void fct_http_list_categories(struct fct_http_call *call)
{
    answer_list(call, FACTUM_LIST_CATEGORIES, "categories");
}

void fct_http_list_types(struct fct_http_call *call)
{
    answer_list(call, FACTUM_LIST_TYPES, "types");
}

void fct_http_list_tags(struct fct_http_call *call)
{
    answer_list(call, FACTUM_LIST_TAGS, "tags");
}
