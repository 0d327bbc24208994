/* row_changes.h - rows that would change, as lines, with counts by table. Layer: cli.
 *
 *     ~ orders: id=o1, status=placed -> PLACED, total=10
 *     + seen: id=o1
 *     orders: 1 changed
 *     seen: 1 added
 *     2 rows would change
 */
#ifndef FACTUM_CLI_ROW_CHANGES_H
#define FACTUM_CLI_ROW_CHANGES_H

#include "cli/served.h"

struct table_counts;

/* Zeroed, except for the first three members. */
struct row_changes {
    const struct options *options;
    uint64_t shown_max;
    bool counted; /* by row_changes_count, and not by the changes taken */
    uint64_t shown;
    uint64_t total;
    struct table_counts *tables;
    size_t table_count, table_capacity;
    bool failed; /* no memory */
};

/* For struct factum_changes: prints the change if it may still be shown. False without memory and
 * on a signal. */
bool row_changes_take(void *data, factum_slice table, factum_row_change kind,
                      const factum_slice *columns, size_t count, const factum_value *before,
                      const factum_value *after);
/* For struct served_counts. */
void row_changes_count(void *data, factum_slice table, uint64_t added, uint64_t removed,
                       uint64_t changed);
/* Prints the counts, after the last change. */
void row_changes_end(const struct row_changes *changes);
void row_changes_free(struct row_changes *changes);

#endif
