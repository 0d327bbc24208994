/* machine_list.c - lists of names, whole and by pages. See machine.h. */
#include <inttypes.h>
#include <string.h>

#include "core/check.h"
#include "core/slice.h"
#include "machine.h"

enum { LIST_MAX = 64, NAME_MAX = 40 };

struct listed {
    factum_list_entry entries[LIST_MAX];
    char names[LIST_MAX][NAME_MAX];
    size_t count;
};

static factum_status collect(factum_store *store, const factum_list_request *request,
                             struct listed *listed, factum_error *err)
{
    factum_list *list;
    listed->count = 0;
    factum_status status = factum_list_open(store, request, &list, err);
    while (status == FACTUM_OK) {
        factum_list_entry *entry = &listed->entries[listed->count];
        status = factum_list_next(list, entry, err);
        if (status == FACTUM_OK) {
            FCT_ASSERT(listed->count + 1 < LIST_MAX && entry->name.len < NAME_MAX);
            memcpy(listed->names[listed->count], entry->name.ptr, entry->name.len);
            entry->name.ptr = (const uint8_t *)listed->names[listed->count++];
        }
    }
    factum_list_close(list);
    return status;
}

static void same_entry(struct machine *machine, const factum_list_entry *a,
                       const factum_list_entry *b)
{
    const char *what =
        !fct_slice_equal(a->name, b->name)                                      ? "name"
        : a->event_count != b->event_count                                      ? "event_count"
        : !machine_same_position(machine, a->first_position, b->first_position) ? "first_position"
        : !machine_same_position(machine, a->last_position, b->last_position)   ? "last_position"
        : a->first_created != b->first_created                                  ? "first_created"
        : a->last_created != b->last_created                                    ? "last_created"
                                                                                : NULL;
    if (what != NULL) {
        machine_differ(machine,
                       "%s differs: memory lists %.*s, %" PRIu64 " events, local %.*s, %" PRIu64,
                       what, (int)a->name.len, (const char *)a->name.ptr, a->event_count,
                       (int)b->name.len, (const char *)b->name.ptr, b->event_count);
    }
}

/* Names that collide are one in the index: then the lists are not compared. */
static void list_both(struct machine *machine, const factum_list_request requests[2])
{
    static struct listed listed[2];
    factum_status statuses[2];
    factum_error errors[2] = {{.text = ""}, {.text = ""}};
    statuses[0] = collect(&machine->memory, &requests[0], &listed[0], &errors[0]);
    statuses[1] = collect(&machine->local, &requests[1], &listed[1], &errors[1]);
    if (!machine_same_status(machine, statuses, errors) || machine->colliding) {
        return;
    }
    size_t shorter = listed[0].count < listed[1].count ? listed[0].count : listed[1].count;
    for (size_t i = 0; i < shorter; i++) {
        same_entry(machine, &listed[0].entries[i], &listed[1].entries[i]);
    }
    if (listed[0].count != listed[1].count) {
        machine_differ(machine, "memory lists %zu names, local %zu", listed[0].count,
                       listed[1].count);
    }
}

void machine_list(struct machine *machine)
{
    const factum_list_request request = {.size = sizeof request,
                                         .kind = (factum_list_kind)machine_pick(machine, 4)};
    const factum_list_request requests[2] = {request, request};
    list_both(machine, requests);
}

void machine_list_page(struct machine *machine)
{
    static const char *const prefixes[] = {"", "a", "a-1", "$", "$$", "b", "t", "\xff"};
    factum_list_request requests[2];
    requests[0] = (factum_list_request){
        .size = sizeof requests[0],
        .kind = (factum_list_kind)machine_pick(machine, 4),
        .count_max = machine_pick(machine, 5),
    };
    if (machine_rarely(machine, requests[0].kind == FACTUM_LIST_STREAMS ? 2 : 20)) {
        requests[0].category = machine_pick_name(machine, &machine_categories);
    }
    if (machine_rarely(machine, 2)) {
        size_t count = sizeof prefixes / sizeof prefixes[0];
        requests[0].prefix =
            factum_slice_from(prefixes[machine_pick(machine, count - !machine_rarely(machine, 9))]);
    }
    struct pair after = machine_pick_place(machine);
    requests[1] = requests[0];
    requests[0].after = after.memory;
    requests[1].after = after.local;
    machine_say(machine, "names of kind %d, category %.*s, prefix %.*s, %" PRIu64 " after %" PRIu64,
                (int)requests[0].kind, (int)requests[0].category.len,
                (const char *)requests[0].category.ptr, (int)requests[0].prefix.len,
                (const char *)requests[0].prefix.ptr, requests[0].count_max, requests[1].after);
    list_both(machine, requests);
}
