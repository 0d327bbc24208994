/* parked_plan.c - see parked_plan.h. Layer: cli. */
#include "cli/parked_plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 20u /* keys, and positions of a key */

void parked_plan_free(struct plan *plan)
{
    free(plan->rows);
    free(plan->keys);
}

/* Makes room for |more| items of |size| bytes each after the |used| ones. */
static bool plan_room(void **memory, size_t *capacity, size_t used, size_t more, size_t size)
{
    size_t wanted = *capacity;
    while (wanted < used + more) {
        wanted = wanted == 0 ? 256 : 2 * wanted;
    }
    void *bigger = wanted == *capacity ? *memory : realloc(*memory, wanted * size);
    if (bigger == NULL) {
        return false;
    }
    *memory = bigger;
    *capacity = wanted;
    return true;
}

bool parked_plan_row(void *data, const factum_endpoint_parked *parked)
{
    struct plan *plan = data;
    void *rows = plan->rows;
    void *keys = plan->keys;
    bool room = plan_room(&rows, &plan->capacity, plan->count, 1, sizeof *plan->rows);
    plan->rows = rows;
    room = room && plan_room(&keys, &plan->keys_capacity, plan->keys_len, parked->key.len + 1, 1);
    plan->keys = keys;
    if (!room) {
        plan->no_memory = true;
        return false;
    }
    memcpy(plan->keys + plan->keys_len, parked->key.ptr, parked->key.len);
    plan->rows[plan->count++] = (struct planned){
        .position = parked->position, .key = plan->keys_len, .key_len = parked->key.len};
    plan->keys_len += parked->key.len;
    return !interrupted;
}

static factum_slice planned_key(const struct plan *plan, size_t i)
{
    return (factum_slice){(const uint8_t *)plan->keys + plan->rows[i].key, plan->rows[i].key_len};
}

/* Counts the rows with the key of row |first|, the first of its key, and marks them as printed. */
static size_t mark_key(struct plan *plan, size_t first)
{
    size_t count = 0;
    for (size_t i = first; i < plan->count; i++) {
        if (same_text(planned_key(plan, i), planned_key(plan, first))) {
            plan->rows[i].printed = true;
            count++;
        }
    }
    return count;
}

static void print_positions(const struct plan *plan, size_t first, size_t shown_max,
                            const char *between)
{
    size_t shown = 0;
    for (size_t i = first; i < plan->count && shown < shown_max; i++) {
        if (same_text(planned_key(plan, i), planned_key(plan, first))) {
            (void)printf("%s%" PRIu64, shown > 0 ? between : "", plan->rows[i].position);
            shown++;
        }
    }
}

static void print_key_plan(struct plan *plan, size_t first, const char *service)
{
    char count_text[64];
    size_t count = mark_key(plan, first);
    format_things(count, "delivery", "deliveries", count_text);
    (void)printf("%s of %s, key ", count_text, service);
    print_text(stdout, planned_key(plan, first));
    (void)printf(count == 1 ? ": position " : ": positions ");
    print_positions(plan, first, SHOWN_MAX, ", ");
    if (count > SHOWN_MAX) {
        (void)printf(" and %zu later one%s", count - SHOWN_MAX, count - SHOWN_MAX == 1 ? "" : "s");
    }
    (void)printf("%s\n", count == 1 ? "" : ", in this order");
}

void parked_plan_print(struct plan *plan, const char *service)
{
    size_t keys = 0;
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->rows[i].printed) {
            continue;
        }
        if (keys < SHOWN_MAX) {
            print_key_plan(plan, i, service);
        } else {
            (void)mark_key(plan, i);
        }
        keys++;
    }
    if (keys > SHOWN_MAX) {
        (void)printf("and those of %zu other key%s\n", keys - SHOWN_MAX,
                     keys - SHOWN_MAX == 1 ? "" : "s");
    }
    (void)printf("later commands of their keys follow them\n");
    (void)fflush(stdout);
}

void parked_plan_print_json(struct plan *plan, const char *service, uint64_t retried, bool hosted)
{
    const char *between = "";
    (void)printf("{\"service\":\"%s\",\"retried\":%" PRIu64 ",\"hosted\":%s,\"keys\":[", service,
                 retried, hosted ? "true" : "false");
    for (size_t i = 0; i < plan->count; i++) {
        if (!plan->rows[i].printed) {
            (void)mark_key(plan, i);
            (void)printf("%s{\"key\":", between);
            print_json_text(stdout, planned_key(plan, i));
            (void)printf(",\"positions\":[");
            print_positions(plan, i, SIZE_MAX, ",");
            (void)printf("]}");
            between = ",";
        }
    }
    (void)printf("]}\n");
}
