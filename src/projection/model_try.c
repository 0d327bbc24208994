/* model_try.c - see model_try.h. Layer: projection.
 *
 * Each call of the hook becomes a step of one row: its values before (none: the row did not exist)
 * and after. An update that changes the key is two steps, one for each row. The steps are sorted by
 * table, key and number; the first and the last step of a row give its change.
 */
#include "projection/model_try.h"

#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "projection/model_table.h"

#define BEGIN_TRIES_MAX 100u
#define TRY_SIZE_MAX ((size_t)64 << 20) /* bytes of the changed rows */
#define TRY_TABLES_MAX FCT_PROJECTION_TABLES_MAX

struct try_table {
    struct fct_model_table table;
    factum_slice full_name; /* with its suffix */
};

struct try_step {
    struct try_step *next;
    const struct try_table *table;
    const factum_value *before; /* NULL: the row did not exist */
    const factum_value *after;
    int64_t row;     /* the rowid; unused in a table WITHOUT ROWID, which has a key */
    uint64_t number; /* of this step */
};

struct try_run {
    struct fct_model_file *file;
    factum_arena arena;
    struct try_table tables[TRY_TABLES_MAX];
    size_t table_count;
    struct try_step *steps; /* the newest first */
    size_t step_count;
    factum_status status; /* of the hook, which has no result */
};

/* ---- the hook -------------------------------------------------------------------------------- */

static const struct try_table *try_table_of(const struct try_run *run, const char *full_name)
{
    factum_slice name = factum_slice_from(full_name);
    for (size_t i = 0; i < run->table_count; i++) {
        if (fct_slice_equal(run->tables[i].full_name, name)) {
            return &run->tables[i];
        }
    }
    return NULL;
}

/* Copies the values of the row before or after the change. NULL: a failure, in |status|. */
static const factum_value *copy_row(struct try_run *run, sqlite3 *db, const struct try_table *table,
                                    int (*get)(sqlite3 *, int, sqlite3_value **))
{
    size_t count = table->table.column_count;
    factum_value *values = factum_arena_alloc(&run->arena, count * sizeof *values);
    for (size_t i = 0; values != NULL && i < count; i++) {
        sqlite3_value *value = NULL;
        if (get(db, (int)i, &value) != SQLITE_OK || value == NULL) {
            run->status = FACTUM_FAILED;
            return NULL;
        }
        values[i] = fct_value_of(value);
        factum_slice bytes = values[i].bytes;
        values[i].bytes = factum_arena_copy(&run->arena, bytes);
        if (values[i].bytes.len != bytes.len) {
            values = NULL;
        }
    }
    if (values == NULL) {
        run->status = factum_arena_status(&run->arena);
    }
    return values;
}

static void add_step(struct try_run *run, const struct try_table *table, int64_t row,
                     const factum_value *before, const factum_value *after)
{
    struct try_step *step = factum_arena_alloc(&run->arena, sizeof *step);
    if (step == NULL) {
        run->status = factum_arena_status(&run->arena);
        return;
    }
    *step = (struct try_step){.next = run->steps,
                              .table = table,
                              .before = before,
                              .after = after,
                              .row = row,
                              .number = run->step_count++};
    run->steps = step;
}

static const factum_value *values_of(const struct try_step *step)
{
    return step->before != NULL ? step->before : step->after;
}

/* The order of two rows of a table by their keys. */
static int compare_rows(const struct try_table *table, const factum_value *a, int64_t a_row,
                        const factum_value *b, int64_t b_row)
{
    bool null = table->table.key_count == 0; /* keys with NULL are not equal to any key */
    for (size_t i = 0; i < table->table.key_count; i++) {
        uint32_t key = table->table.keys[i];
        int order = fct_value_compare(&a[key], &b[key]);
        if (order != 0) {
            return order;
        }
        null = null || a[key].kind == FACTUM_VALUE_NULL;
    }
    return null ? (a_row > b_row) - (a_row < b_row) : 0;
}

static void note_change(void *data, sqlite3 *db, int kind, const char *schema,
                        const char *full_name, sqlite3_int64 old_row, sqlite3_int64 new_row)
{
    struct try_run *run = data;
    const struct try_table *table = try_table_of(run, full_name);
    (void)schema;
    if (table == NULL || run->status != FACTUM_OK) {
        return; /* a bookkeeping table, or an earlier failure */
    }
    const factum_value *before = NULL;
    const factum_value *after = NULL;
    if (kind != SQLITE_INSERT) {
        before = copy_row(run, db, table, sqlite3_preupdate_old);
    }
    if (kind != SQLITE_DELETE) {
        after = copy_row(run, db, table, sqlite3_preupdate_new);
    }
    if (run->status != FACTUM_OK) {
        return;
    }
    if (before != NULL && after != NULL &&
        compare_rows(table, before, old_row, after, new_row) != 0) {
        add_step(run, table, old_row, before, NULL);
        before = NULL;
    }
    add_step(run, table, kind == SQLITE_DELETE ? old_row : new_row, before, after);
}

/* ---- what has become of each row ------------------------------------------------------------- */

static int compare_step_rows(const struct try_step *a, const struct try_step *b)
{
    if (a->table != b->table) {
        return a->table < b->table ? -1 : 1;
    }
    return compare_rows(a->table, values_of(a), a->row, values_of(b), b->row);
}

static int compare_steps(const void *left, const void *right)
{
    const struct try_step *a = *(const struct try_step *const *)left;
    const struct try_step *b = *(const struct try_step *const *)right;
    int order = compare_step_rows(a, b);
    return order != 0 ? order : (a->number > b->number) - (a->number < b->number);
}

static bool same_values(const struct try_table *table, const factum_value *a, const factum_value *b)
{
    for (size_t i = 0; i < table->table.column_count; i++) {
        if (fct_value_compare(&a[i], &b[i]) != 0) {
            return false;
        }
    }
    return true;
}

/* False: the caller wants no more. */
static bool report_row(const struct try_step *first, const struct try_step *last,
                       const factum_changes *changes)
{
    const struct fct_model_table *table = &first->table->table;
    const factum_value *before = first->before;
    const factum_value *after = last->after;
    factum_row_change kind = FACTUM_ROW_CHANGED;
    if (before == NULL && after == NULL) {
        return true;
    }
    if (before == NULL) {
        kind = FACTUM_ROW_ADDED;
    } else if (after == NULL) {
        kind = FACTUM_ROW_REMOVED;
    } else if (same_values(first->table, before, after)) {
        return true;
    }
    return changes->change(changes->data, table->name, kind, table->columns, table->column_count,
                           before, after);
}

static factum_status report_rows(struct try_run *run, const factum_changes *changes,
                                 factum_error *err)
{
    size_t count = run->step_count;
    struct try_step **steps = factum_arena_take(&run->arena, (count + 1) * sizeof(void *));
    if (steps == NULL) {
        return fct_fail(err, factum_arena_status(&run->arena),
                        "trying an event: it changes too many rows");
    }
    size_t filled = 0;
    for (struct try_step *step = run->steps; step != NULL; step = step->next) {
        steps[filled++] = step;
    }
    FCT_ASSERT(filled == count);
    qsort(steps, count, sizeof *steps, compare_steps);
    for (size_t from = 0, to; from < count; from = to) {
        to = from + 1;
        while (to < count && compare_step_rows(steps[from], steps[to]) == 0) {
            to++;
        }
        if (!report_row(steps[from], steps[to - 1], changes)) {
            return fct_fail(err, FACTUM_CANCELLED, "trying an event: cancelled");
        }
    }
    return FACTUM_OK;
}

/* ---- the transaction ------------------------------------------------------------------------- */

static factum_status load_tables(struct try_run *run, struct fct_build build, factum_error *err)
{
    factum_slice names[TRY_TABLES_MAX];
    char suffix[FCT_BUILD_SUFFIX_SIZE];
    fct_build_suffix(build, suffix);
    size_t suffix_len = strlen(suffix);
    factum_status status = fct_model_table_names(run->file, build, &run->arena, names,
                                                 TRY_TABLES_MAX, &run->table_count, err);
    for (size_t i = 0; i < run->table_count && status == FACTUM_OK; i++) {
        struct try_table *table = &run->tables[i];
        status =
            fct_model_table_load(run->file, build, names[i], true, &run->arena, &table->table, err);
        uint8_t *full = factum_arena_take(&run->arena, names[i].len + suffix_len);
        if (status == FACTUM_OK && full == NULL) {
            status = fct_fail(err, factum_arena_status(&run->arena), "trying an event: no room");
        } else if (status == FACTUM_OK) {
            memcpy(full, names[i].ptr, names[i].len);
            memcpy(full + names[i].len, suffix, suffix_len);
            table->full_name = fct_slice(full, names[i].len + suffix_len);
        }
    }
    return status;
}

static int allow_all(void *data, int action, const char *a, const char *b, const char *c,
                     const char *d)
{
    (void)data;
    (void)action;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return SQLITE_OK;
}

/* A "DELETE FROM t" that was prepared without a hook truncates the table and calls no hook. A new
 * authorizer makes SQLite prepare every statement again before its next step. */
static void set_hook(struct try_run *run, bool on)
{
    sqlite3 *db = run->file->db;
    (void)sqlite3_preupdate_hook(db, on ? note_change : NULL, run);
    (void)sqlite3_set_authorizer(db, allow_all, NULL);
    (void)sqlite3_set_authorizer(db, NULL, NULL);
}

static factum_status try_in_transaction(struct try_run *run, struct fct_target *target,
                                        const struct fct_bound_event *event, factum_error *err)
{
    struct fct_checkpoint at;
    factum_status status = FACTUM_DENIED;
    /* The runner may have moved the checkpoint in between. */
    for (unsigned i = 0; status == FACTUM_DENIED && i < BEGIN_TRIES_MAX; i++) {
        status = target->ops->read_checkpoint(target, &at, err);
        if (status == FACTUM_OK) {
            status = target->ops->begin(target, &at, &at, err);
        }
    }
    if (status == FACTUM_DENIED) {
        return fct_fail(err, FACTUM_BUSY, "the model is being written without a pause: try again");
    }
    if (status != FACTUM_OK) {
        return status;
    }
    set_hook(run, true);
    status = target->ops->apply(target, event, err);
    set_hook(run, false);
    target->ops->rollback(target);
    if (status == FACTUM_OK && run->status != FACTUM_OK) {
        status = fct_fail(err, run->status, "trying an event: its rows cannot be kept");
    }
    return status;
}

factum_status fct_model_try(struct fct_model_file *file, struct fct_build build,
                            struct fct_target *target, const struct fct_bound_event *event,
                            const factum_changes *changes, factum_error *err)
{
    FCT_ASSERT(file->write);
    struct try_run *run = fct_mem_zalloc(file->mem, 1, sizeof *run);
    if (run == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "trying an event: out of memory");
    }
    run->file = file;
    factum_arena_init(&run->arena, TRY_SIZE_MAX);
    factum_status status = load_tables(run, build, err);
    if (status == FACTUM_OK) {
        status = try_in_transaction(run, target, event, err);
    }
    if (status == FACTUM_OK) {
        status = report_rows(run, changes, err);
    }
    factum_arena_finish(&run->arena);
    fct_mem_free(file->mem, run);
    return status;
}
