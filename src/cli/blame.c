/* blame.c - shows which event gave each value of a state its value. Layer: cli. */
#include <inttypes.h>

#include "cli/script.h"

#define WIDTH_MAX 60 /* of a column */

static void print_blamer(const factum_blamed *value)
{
    char time[FACTUM_TIME_TEXT_SIZE];
    char id[FACTUM_UUID_TEXT_SIZE];
    if (value->initial) {
        (void)printf("initial\n");
        return;
    }
    factum_time_format(value->time, time);
    factum_uuid_format(value->id, id);
    (void)printf("revision %" PRIu64 "  ", value->revision);
    print_text(stdout, value->type);
    (void)printf("  %s  %s\n", time, id);
}

static void print_blamer_json(const factum_blamed *value)
{
    char time[FACTUM_TIME_TEXT_SIZE];
    char id[FACTUM_UUID_TEXT_SIZE];
    (void)printf("{\"path\":");
    print_json_text(stdout, value->path);
    (void)printf(",\"value\":");
    print_text(stdout, value->value);
    if (value->initial) {
        (void)printf(",\"initial\":true}\n");
        return;
    }
    factum_time_format(value->time, time);
    factum_uuid_format(value->id, id);
    (void)printf(",\"revision\":%" PRIu64 ",\"type\":", value->revision);
    print_json_text(stdout, value->type);
    (void)printf(",\"time\":\"%s\",\"id\":\"%s\"}\n", time, id);
}

void blame_print(const factum_blame *blame, bool json)
{
    size_t widest = 0;
    factum_blamed value = {.size = sizeof value};
    for (size_t i = 0; factum_blame_at(blame, i, &value, NULL) == FACTUM_OK; i++) {
        size_t width = value.path.len + 2 + value.value.len;
        widest = width > widest && width <= WIDTH_MAX ? width : widest;
    }
    for (size_t i = 0; factum_blame_at(blame, i, &value, NULL) == FACTUM_OK; i++) {
        size_t width = value.path.len + 2 + value.value.len;
        if (json) {
            print_blamer_json(&value);
            continue;
        }
        print_text(stdout, value.path);
        (void)printf("  ");
        print_text(stdout, value.value);
        (void)printf("%*s", (int)(widest > width ? widest - width : 0) + 2, "");
        print_blamer(&value);
    }
}
