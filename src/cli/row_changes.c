/* row_changes.c - see row_changes.h. Layer: cli. */
#include "cli/row_changes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table.h"

struct table_counts {
    char *name;
    uint64_t counts[4]; /* by factum_row_change */
};

static const char *const words[] = {[FACTUM_ROW_ADDED] = "added",
                                    [FACTUM_ROW_REMOVED] = "removed",
                                    [FACTUM_ROW_CHANGED] = "changed"};

/* ---- one change ------------------------------------------------------------------------------ */

/* As SQLite compares values, except that an integer and an equal real differ. */
static bool same_value(const factum_value *a, const factum_value *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case FACTUM_VALUE_NULL:
        return true;
    case FACTUM_VALUE_INTEGER:
        return a->integer == b->integer;
    case FACTUM_VALUE_REAL:
        return !(a->real < b->real) && !(a->real > b->real);
    case FACTUM_VALUE_TEXT:
    case FACTUM_VALUE_BYTES:
        break;
    }
    return same_text(a->bytes, b->bytes);
}

static void print_line(factum_slice table, factum_row_change kind, const factum_slice *columns,
                       size_t count, const factum_value *before, const factum_value *after)
{
    static const char signs[] = {
        [FACTUM_ROW_ADDED] = '+', [FACTUM_ROW_REMOVED] = '-', [FACTUM_ROW_CHANGED] = '~'};
    static const char *const colours[] = {[FACTUM_ROW_ADDED] = "\033[32m",
                                          [FACTUM_ROW_REMOVED] = "\033[31m",
                                          [FACTUM_ROW_CHANGED] = "\033[33m"};
    (void)printf("%s%c ", colour(colours[kind]), signs[kind]);
    print_text(stdout, table);
    for (size_t i = 0; i < count; i++) {
        (void)fputs(i == 0 ? ": " : ", ", stdout);
        print_text(stdout, columns[i]);
        (void)fputc('=', stdout);
        print_value(stdout, before != NULL ? &before[i] : &after[i]);
        if (before != NULL && after != NULL && !same_value(&before[i], &after[i])) {
            (void)fputs(" -> ", stdout);
            print_value(stdout, &after[i]);
        }
    }
    (void)printf("%s\n", colour("\033[0m"));
}

static void print_side(const char *name, const factum_value *values, size_t count)
{
    (void)printf(",\"%s\":%s", name, values == NULL ? "null" : "[");
    for (size_t i = 0; values != NULL && i < count; i++) {
        (void)fputs(i > 0 ? "," : "", stdout);
        print_value_json(stdout, &values[i]);
    }
    (void)fputs(values == NULL ? "" : "]", stdout);
}

static void print_json_line(factum_slice table, factum_row_change kind, const factum_slice *columns,
                            size_t count, const factum_value *before, const factum_value *after)
{
    (void)fputs("{\"table\":", stdout);
    print_json_text(stdout, table);
    (void)printf(",\"change\":\"%s\",\"columns\":[", words[kind]);
    for (size_t i = 0; i < count; i++) {
        (void)fputs(i > 0 ? "," : "", stdout);
        print_json_text(stdout, columns[i]);
    }
    (void)fputs("]", stdout);
    print_side("before", before, count);
    print_side("after", after, count);
    (void)fputs("}\n", stdout);
}

/* ---- counting -------------------------------------------------------------------------------- */

/* The counts of |table|, which is the last one or a new one: changes come table by table. NULL
 * without memory. */
static struct table_counts *counts_of(struct row_changes *changes, factum_slice table)
{
    size_t count = changes->table_count;
    if (count > 0 && same_text(factum_slice_from(changes->tables[count - 1].name), table)) {
        return &changes->tables[count - 1];
    }
    if (count == changes->table_capacity) {
        size_t capacity = count == 0 ? 16 : count * 2;
        struct table_counts *grown = realloc(changes->tables, capacity * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        changes->tables = grown;
        changes->table_capacity = capacity;
    }
    char *name = malloc(table.len + 1);
    if (name == NULL) {
        return NULL;
    }
    if (table.len > 0) {
        memcpy(name, table.ptr, table.len);
    }
    name[table.len] = '\0';
    changes->tables[count] = (struct table_counts){.name = name};
    changes->table_count++;
    return &changes->tables[count];
}

void row_changes_count(void *data, factum_slice table, uint64_t added, uint64_t removed,
                       uint64_t changed)
{
    struct row_changes *changes = data;
    struct table_counts *counts = counts_of(changes, table);
    changes->failed = changes->failed || counts == NULL;
    if (counts != NULL) {
        counts->counts[FACTUM_ROW_ADDED] += added;
        counts->counts[FACTUM_ROW_REMOVED] += removed;
        counts->counts[FACTUM_ROW_CHANGED] += changed;
        changes->total += added + removed + changed;
    }
}

bool row_changes_take(void *data, factum_slice table, factum_row_change kind,
                      const factum_slice *columns, size_t count, const factum_value *before,
                      const factum_value *after)
{
    struct row_changes *changes = data;
    if (!changes->counted) {
        row_changes_count(changes, table, kind == FACTUM_ROW_ADDED, kind == FACTUM_ROW_REMOVED,
                          kind == FACTUM_ROW_CHANGED);
    }
    if (changes->shown < changes->shown_max) {
        changes->shown++;
        (changes->options->json ? print_json_line : print_line)(table, kind, columns, count, before,
                                                                after);
    }
    return !changes->failed && !interrupted;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void print_counts_json(const struct row_changes *changes)
{
    (void)fputs("{\"tables\":[", stdout);
    for (size_t i = 0; i < changes->table_count; i++) {
        const struct table_counts *table = &changes->tables[i];
        (void)fputs(i > 0 ? ",{\"table\":" : "{\"table\":", stdout);
        print_json_text(stdout, factum_slice_from(table->name));
        for (unsigned kind = FACTUM_ROW_ADDED; kind <= FACTUM_ROW_CHANGED; kind++) {
            (void)printf(",\"%s\":%" PRIu64, words[kind], table->counts[kind]);
        }
        (void)fputs("}", stdout);
    }
    (void)printf("],\"total\":%" PRIu64 ",\"more\":%s}\n", changes->total,
                 changes->total > changes->shown ? "true" : "false");
}

static void print_counts(const struct row_changes *changes)
{
    char text[64];
    for (size_t i = 0; i < changes->table_count; i++) {
        const struct table_counts *table = &changes->tables[i];
        const char *between = ": ";
        print_text(stdout, factum_slice_from(table->name));
        for (unsigned kind = FACTUM_ROW_ADDED; kind <= FACTUM_ROW_CHANGED; kind++) {
            if (table->counts[kind] > 0) {
                format_count(table->counts[kind], text);
                (void)printf("%s%s %s", between, text, words[kind]);
                between = ", ";
            }
        }
        (void)fputs("\n", stdout);
    }
    if (changes->total == 0) {
        (void)printf("no row would change\n");
        return;
    }
    format_things(changes->total, "row", "rows", text);
    (void)printf("%s would change", text);
    if (changes->total > changes->shown) {
        format_count(changes->shown, text);
        (void)printf(", %s shown", text);
    }
    (void)printf("\n");
}

void row_changes_end(const struct row_changes *changes)
{
    if (changes->options->json) {
        print_counts_json(changes);
    } else if (!changes->options->quiet) {
        print_counts(changes);
    }
}

void row_changes_free(struct row_changes *changes)
{
    for (size_t i = 0; i < changes->table_count; i++) {
        free(changes->tables[i].name);
    }
    free(changes->tables);
    changes->tables = NULL;
    changes->table_count = 0;
}
