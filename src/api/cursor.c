/* cursor.c - cursors and lists: an engine's reader or lister behind a public handle. Layer: api.
 *
 * A cursor is the engine's reader itself. A reader that never answers PENDING has answered begin
 * when the cursor is created. A reader that may answer PENDING is asked for its begin in each call,
 * since a cursor of factum_read_start may be used before that answer.
 */
#include "api/store_int.h"

#include "core/error.h"

struct factum_cursor {
    struct fct_reader reader; /* never created: the handle is the engine's reader itself */
};

factum_status factum_read(factum_store *store, const factum_read_request *request,
                          factum_cursor **cursor, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct fct_reader *reader;
    if (store == NULL || cursor == NULL) {
        return fct_api_need(false, "read: a store and a place for the cursor are needed", err);
    }
    factum_status status = fct_engine_read(&store->engine, request, false, &reader, err);
    *cursor = (factum_cursor *)(void *)reader;
    return status;
}

factum_status factum_read_start(factum_store *store, const factum_read_request *request,
                                bool follow, factum_cursor **cursor, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct fct_reader *reader;
    if (store == NULL || cursor == NULL) {
        return fct_api_need(false, "read: a store and a place for the cursor are needed", err);
    }
    *cursor = NULL;
    factum_status status = fct_engine_start_read(&store->engine, request, follow, &reader, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = reader->ops->begin(reader, err);
    if (status != FACTUM_OK && status != FACTUM_PENDING) {
        reader->ops->close(reader);
        return status;
    }
    *cursor = (factum_cursor *)(void *)reader;
    return FACTUM_OK;
}

static bool may_be_pending(const struct fct_reader *reader)
{
    return reader->ops->ready != NULL;
}

factum_status factum_cursor_next(factum_cursor *cursor, factum_event *event, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (cursor == NULL || event == NULL) {
        return fct_api_need(false, "read: a cursor and a place for the event are needed", err);
    }
    struct fct_reader *reader = &cursor->reader;
    factum_status status = may_be_pending(reader) ? fct_reader_begin(reader, err) : FACTUM_OK;
    return status == FACTUM_OK ? fct_reader_next(reader, event, err) : status;
}

factum_status factum_cursor_try_next(factum_cursor *cursor, factum_event *event, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (cursor == NULL || event == NULL) {
        return fct_api_need(false, "read: a cursor and a place for the event are needed", err);
    }
    struct fct_reader *reader = &cursor->reader;
    factum_status status = may_be_pending(reader) ? reader->ops->begin(reader, err) : FACTUM_OK;
    return status == FACTUM_OK ? reader->ops->next(reader, event, err) : status;
}

void factum_cursor_ready(factum_cursor *cursor, const factum_ready *ready)
{
    if (cursor != NULL && ready != NULL && ready->ready != NULL &&
        may_be_pending(&cursor->reader)) {
        cursor->reader.ops->ready(&cursor->reader, ready);
    }
}

factum_status factum_cursor_extend(factum_cursor *cursor, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (cursor == NULL) {
        return fct_api_need(false, "extend: a cursor is needed", err);
    }
    struct fct_reader *reader = &cursor->reader;
    if (!reader->follow) {
        return fct_api_need(
            false, "extend: this cursor does not follow: open it by factum_read_start with follow",
            err);
    }
    factum_status status = may_be_pending(reader) ? reader->ops->begin(reader, err) : FACTUM_OK;
    return status == FACTUM_OK ? reader->ops->extend(reader, err) : status;
}

uint64_t factum_cursor_place(const factum_cursor *cursor)
{
    return cursor == NULL ? 0 : cursor->reader.place;
}

void factum_cursor_close(factum_cursor *cursor)
{
    if (cursor != NULL) {
        fct_reader_close(&cursor->reader);
    }
}

/* ---- lists ----------------------------------------------------------------------------------- */

struct factum_list {
    struct fct_lister lister; /* as with cursors */
};

factum_status factum_list_open(factum_store *store, const factum_list_request *request,
                               factum_list **list, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct fct_lister *lister;
    if (store == NULL || list == NULL) {
        return fct_api_need(false, "list: a store and a place for the list are needed", err);
    }
    factum_status status = fct_engine_list(&store->engine, request, &lister, err);
    *list = (factum_list *)(void *)lister;
    return status;
}

factum_status factum_list_next(factum_list *list, factum_list_entry *entry, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (list == NULL || entry == NULL) {
        return fct_api_need(false, "list: a list and a place for the entry are needed", err);
    }
    return fct_lister_next(&list->lister, entry, err);
}

factum_status factum_list_start(factum_store *store, const factum_list_request *request,
                                factum_list **list, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    return factum_list_open(store, request, list, err); /* creating a lister never waits */
}

factum_status factum_list_try_next(factum_list *list, factum_list_entry *entry, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (list == NULL || entry == NULL) {
        return fct_api_need(false, "list: a list and a place for the entry are needed", err);
    }
    return list->lister.ops->next(&list->lister, entry, err);
}

void factum_list_ready(factum_list *list, const factum_ready *ready)
{
    if (list != NULL && ready != NULL && ready->ready != NULL && list->lister.ops->ready != NULL) {
        list->lister.ops->ready(&list->lister, ready);
    }
}

void factum_list_close(factum_list *list)
{
    if (list != NULL) {
        fct_lister_close(&list->lister);
    }
}
