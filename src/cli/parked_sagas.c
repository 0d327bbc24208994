/* parked_sagas.c - see parked_sagas.h. Layer: cli. */
#include "cli/parked_sagas.h"

#include <inttypes.h>
#include <string.h>

#include "cli/parked_deliveries.h"
#include "cli/sagas.h"

#define STUCK_MAX 1000

struct parked_listing {
    const struct read_models *models;
    struct table *table;
};

static void print_member(const char *name, factum_slice text)
{
    (void)printf(",\"%s\":", name);
    print_json_text(stdout, text);
}

static void print_begin(factum_slice name)
{
    (void)printf("{\"name\":");
    print_json_text(stdout, name);
}

static void print_end(const struct read_models *models, const char *kind, int64_t since,
                      uint64_t position)
{
    char text[FACTUM_TIME_TEXT_SIZE];
    if (since != 0) {
        factum_time_format(since, text);
        print_member("since", factum_slice_from(text));
    }
    (void)printf(",\"position\":%" PRIu64 ",\"kind\":\"%s\",", position, kind);
    print_json_token(models->store, position);
    (void)printf("}\n");
}

/* ---- deliveries ------------------------------------------------------------------------------ */

static bool list_delivery(void *data, const factum_endpoint_parked *parked)
{
    struct parked_listing *listing = data;
    char since[FACTUM_TIME_TEXT_SIZE];
    if (listing->models->options->json) {
        print_begin(parked->service);
        print_member("key", parked->key);
        print_member("commandId", parked->command_id);
        print_member("reason", parked->reason);
        (void)printf(",\"attempts\":%" PRIu64 ",\"mayBeDone\":%s", parked->attempts,
                     parked->may_be_done ? "true" : "false");
        print_end(listing->models, "delivery", parked->since, parked->position);
        return !interrupted;
    }
    const factum_value values[] = {
        table_text(parked->service),      table_text((factum_slice){NULL, 0}),
        table_number(parked->position),   table_text(parked->command_id),
        table_text(parked->key),          table_number(parked->attempts),
        table_time(parked->since, since), table_text(factum_slice_from("delivery")),
        table_text(parked->reason),
    };
    return table_row(listing->table, values, sizeof values / sizeof values[0]) && !interrupted;
}

/* ---- sagas ----------------------------------------------------------------------------------- */

/* The reason why the saga is stuck: that of its stuck step. */
static factum_slice stuck_reason(const factum_saga_view *view, factum_slice step)
{
    for (size_t i = 0; i < view->step_count; i++) {
        if (same_text(view->steps[i].name, step)) {
            return view->steps[i].text;
        }
    }
    return (factum_slice){NULL, 0};
}

static bool print_stuck(struct parked_listing *listing, const factum_saga_entry *entry,
                        factum_slice id, factum_slice reason)
{
    char changed[FACTUM_TIME_TEXT_SIZE];
    if (listing->models->options->json) {
        print_begin(entry->saga);
        (void)printf(",\"version\":%" PRIu64, entry->version);
        print_member("key", id);
        print_member("step", entry->step);
        print_member("reason", reason);
        print_end(listing->models, "saga", entry->changed, entry->position);
        return !interrupted;
    }
    const factum_value values[] = {
        table_text(entry->saga),
        table_number(entry->version),
        table_number(entry->position),
        table_text(entry->step),
        table_text(id),
        table_text((factum_slice){NULL, 0}),
        table_time(entry->changed, changed),
        table_text(factum_slice_from("saga")),
        table_text(reason),
    };
    return table_row(listing->table, values, sizeof values / sizeof values[0]) && !interrupted;
}

static bool list_stuck_saga(void *data, const factum_saga_entry *entry)
{
    struct parked_listing *listing = data;
    char text[SAGA_ID_TEXT_SIZE];
    factum_saga_view view = {.size = sizeof view};
    factum_error err;
    factum_slice id = saga_id_text(entry->saga, entry->id, text);
    factum_slice reason = factum_slice_from("its stream cannot be read");
    if (factum_saga_view_get(listing->models->store, id, &view, &err) == FACTUM_OK) {
        reason = stuck_reason(&view, entry->step);
    }
    bool go_on = print_stuck(listing, entry, id, reason);
    factum_saga_view_free(&view);
    return go_on;
}

/* Is any saga deployed? The lists of sagas are built from the whole store, so they are not built
 * for a store without definitions. */
static factum_status any_saga(factum_store *store, bool *any, factum_error *err)
{
    factum_list *list;
    factum_list_entry entry;
    const factum_list_request request = {.size = sizeof request,
                                         .kind = FACTUM_LIST_STREAMS,
                                         .prefix = factum_slice_from("$definition:saga-")};
    *any = false;
    factum_status status = factum_list_open(store, &request, &list, err);
    if (status == FACTUM_OK) {
        status = factum_list_next(list, &entry, err);
        *any = status == FACTUM_OK;
        factum_list_close(list);
    }
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static int list_stuck(struct parked_listing *listing)
{
    bool any = true;
    factum_error err;
    struct saga_lists lists;
    const struct options *options = listing->models->options;
    const factum_saga_each each = {listing, list_stuck_saga};
    const factum_saga_filter filter = {
        .size = sizeof filter, .status = FACTUM_SAGA_STUCK, .count_max = STUCK_MAX};
    bool served = is_address(options->store);
    factum_status status = served ? FACTUM_OK : any_saga(listing->models->store, &any, &err);
    if (status == FACTUM_OK && any) {
        status = saga_lists_use(options, listing->models->store, &lists, &err);
        if (status == FACTUM_OK) {
            status = saga_lists_list(&lists, &filter, &each, &err);
        }
        saga_lists_release(&lists);
    }
    /* A server that runs no sagas has no stuck saga. */
    bool none = served && (status == FACTUM_UNSUPPORTED || status == FACTUM_NOT_FOUND);
    return status == FACTUM_OK || none || interrupted ? 0 : fail_with(status, &err);
}

int parked_sagas_list(const struct read_models *models, factum_slice key, struct table *table)
{
    struct parked_listing listing = {.models = models, .table = table};
    const factum_endpoint_parked_each each = {&listing, list_delivery};
    int code = parked_deliveries_list(models, key, &each);
    return code == 0 && key.len == 0 ? list_stuck(&listing) : code;
}
