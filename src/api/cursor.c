/* cursor.c - cursors and lists: an engine's reader or lister behind a public handle. Layer: api. */
#include "api/store_int.h"

#include "core/error.h"

struct factum_cursor {
    struct fct_reader reader; /* never made: the handle is the engine's reader itself */
};

factum_status factum_read(factum_store *store, const factum_read_request *request,
                          factum_cursor **cursor, factum_error *err)
{
    struct fct_reader *reader;
    if (store == NULL || cursor == NULL) {
        return fct_api_need(false, "read: a store and a place for the cursor are needed", err);
    }
    factum_status status = fct_engine_read(&store->engine, request, false, &reader, err);
    *cursor = (factum_cursor *)(void *)reader;
    return status;
}

factum_status factum_cursor_next(factum_cursor *cursor, factum_event *event, factum_error *err)
{
    if (cursor == NULL || event == NULL) {
        return fct_api_need(false, "read: a cursor and a place for the event are needed", err);
    }
    struct fct_reader *reader = &cursor->reader;
    return reader->ops->next(reader, event, err);
}

void factum_cursor_close(factum_cursor *cursor)
{
    if (cursor != NULL) {
        cursor->reader.ops->close(&cursor->reader);
    }
}

struct factum_list {
    struct fct_lister lister; /* as with cursors */
};

factum_status factum_list_open(factum_store *store, factum_list_kind kind, factum_list **list,
                               factum_error *err)
{
    struct fct_lister *lister = NULL;
    if (store == NULL || list == NULL) {
        return fct_api_need(false, "list: a store and a place for the list are needed", err);
    }
    *list = NULL;
    if (kind > FACTUM_LIST_TAGS) {
        return fct_fail(err, FACTUM_INVALID, "list: kind %d is not known", (int)kind);
    }
    factum_status status = store->engine.ops->list(store->engine.self, kind, &lister, err);
    *list = (factum_list *)(void *)lister;
    return status;
}

factum_status factum_list_next(factum_list *list, factum_list_entry *entry, factum_error *err)
{
    if (list == NULL || entry == NULL) {
        return fct_api_need(false, "list: a list and a place for the entry are needed", err);
    }
    return list->lister.ops->next(&list->lister, entry, err);
}

void factum_list_close(factum_list *list)
{
    if (list != NULL) {
        list->lister.ops->close(&list->lister);
    }
}
