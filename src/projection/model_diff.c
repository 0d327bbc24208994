/* model_diff.c - see model_diff.h: merges two ordered streams of rows. Layer: projection. */
#include "projection/model_diff.h"

#include "core/buf.h"
#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "projection/model_table.h"
#include "projection/sqlite_status.h"

#define DIFF_TABLES_MAX (2 * FCT_PROJECTION_TABLES_MAX)
#define DIFF_SQL_SIZE_MAX ((size_t)1 << 20)
#define DIFF_STEPS 100000 /* of SQLite's machine between two calls of the progress function */

/* One build's rows of a table, in order. */
struct diff_side {
    struct fct_build build;
    struct fct_model_table table;
    sqlite3_stmt *rows; /* NULL: the build has no such table */
    bool at_row;
    factum_value *values; /* of the row, in the order of the columns of both builds */
};

struct diff_run {
    struct fct_model_file *file;
    const struct fct_model_diff *diff;
    factum_arena arena; /* of one table */
    factum_slice *columns;
    size_t column_count;
    const uint32_t *keys; /* which of |columns|; all of them if the builds' keys differ */
    size_t key_count;
    bool keyed;
    struct diff_side before;
    struct diff_side after;
    uint64_t total;
    uint64_t read;
};

static factum_status diff_no_room(const struct diff_run *run, factum_error *err)
{
    return fct_fail(err, factum_arena_status(&run->arena), "comparing builds: no room");
}

/* ---- columns of both ------------------------------------------------------------------------- */

static size_t diff_column_number(const factum_slice *columns, size_t count, factum_slice name)
{
    size_t i = 0;
    while (i < count && !fct_slice_equal(columns[i], name)) {
        i++;
    }
    return i;
}

static factum_status join_columns(struct diff_run *run, factum_error *err)
{
    const struct fct_model_table *after = &run->after.table;
    const struct fct_model_table *before = &run->before.table;
    size_t most = after->column_count + before->column_count;
    run->columns = factum_arena_alloc(&run->arena, (most + 1) * sizeof *run->columns);
    run->before.values = factum_arena_alloc(&run->arena, (most + 1) * sizeof(factum_value));
    run->after.values = factum_arena_alloc(&run->arena, (most + 1) * sizeof(factum_value));
    if (run->columns == NULL || run->before.values == NULL || run->after.values == NULL) {
        return diff_no_room(run, err);
    }
    run->column_count = 0;
    for (size_t i = 0; i < after->column_count; i++) {
        run->columns[run->column_count++] = after->columns[i];
    }
    for (size_t i = 0; i < before->column_count; i++) {
        if (diff_column_number(after->columns, after->column_count, before->columns[i]) ==
            after->column_count) {
            run->columns[run->column_count++] = before->columns[i];
        }
    }
    return FACTUM_OK;
}

/* Do both have the same key? A table that does not exist fits any key. */
static bool same_key(const struct fct_model_table *a, const struct fct_model_table *b)
{
    if (a->column_count == 0 || b->column_count == 0) {
        return a->key_count + b->key_count > 0;
    }
    if (a->key_count != b->key_count) {
        return false;
    }
    for (size_t i = 0; i < a->key_count; i++) {
        if (!fct_slice_equal(a->columns[a->keys[i]], b->columns[b->keys[i]])) {
            return false;
        }
    }
    return a->key_count > 0;
}

static factum_status choose_key(struct diff_run *run, factum_error *err)
{
    const struct fct_model_table *of =
        run->after.table.column_count > 0 ? &run->after.table : &run->before.table;
    run->keyed = same_key(&run->before.table, &run->after.table);
    run->key_count = run->keyed ? of->key_count : run->column_count;
    uint32_t *keys = factum_arena_alloc(&run->arena, (run->key_count + 1) * sizeof *keys);
    if (keys == NULL) {
        return diff_no_room(run, err);
    }
    for (size_t i = 0; i < run->key_count; i++) {
        size_t number = run->keyed ? diff_column_number(run->columns, run->column_count,
                                                        of->columns[of->keys[i]])
                                   : i;
        keys[i] = (uint32_t)number;
    }
    run->keys = keys;
    return FACTUM_OK;
}

/* ---- the statement of a side ----------------------------------------------------------------- */

static factum_status add_quoted(struct fct_buf *sql, factum_slice name)
{
    factum_status status = fct_buf_add_text(sql, "\"");
    for (size_t i = 0; i < name.len && status == FACTUM_OK; i++) {
        status = fct_buf_add(sql, name.ptr + i, 1);
        if (status == FACTUM_OK && name.ptr[i] == '"') {
            status = fct_buf_add_text(sql, "\"");
        }
    }
    return status == FACTUM_OK ? fct_buf_add_text(sql, "\"") : status;
}

static bool has_column(const struct diff_side *side, factum_slice name)
{
    size_t count = side->table.column_count;
    return diff_column_number(side->table.columns, count, name) < count;
}

static factum_status print_select(const struct diff_run *run, const struct diff_side *side,
                                  struct fct_buf *sql)
{
    factum_status status = fct_buf_add_text(sql, "SELECT ");
    for (size_t i = 0; i < run->column_count && status == FACTUM_OK; i++) {
        status = fct_buf_add_text(sql, i > 0 ? ", " : "");
        if (status == FACTUM_OK) {
            status = has_column(side, run->columns[i]) ? add_quoted(sql, run->columns[i])
                                                       : fct_buf_add_text(sql, "NULL");
        }
    }
    char suffix[FCT_BUILD_SUFFIX_SIZE];
    fct_build_suffix(side->build, suffix);
    if (status == FACTUM_OK) {
        status = fct_buf_printf(sql, " FROM \"%.*s%s\"", (int)side->table.name.len,
                                (const char *)side->table.name.ptr, suffix);
    }
    const char *before = " ORDER BY ";
    for (size_t i = 0; i < run->key_count && status == FACTUM_OK; i++) {
        factum_slice column = run->columns[run->keys[i]];
        if (!has_column(side, column)) {
            continue; /* constant: the same in all rows */
        }
        status = fct_buf_add_text(sql, before);
        before = ", ";
        status = status == FACTUM_OK ? add_quoted(sql, column) : status;
        status = status == FACTUM_OK ? fct_buf_add_text(sql, " COLLATE BINARY") : status;
    }
    return status;
}

static factum_status next_row(struct diff_run *run, struct diff_side *side, factum_error *err)
{
    side->at_row = false;
    if (side->rows == NULL) {
        return FACTUM_OK;
    }
    factum_status status = fct_sqlite_step(side->rows, "comparing builds", &side->at_row, err);
    if (status == FACTUM_OK && side->at_row) {
        run->read++;
        for (size_t i = 0; i < run->column_count; i++) {
            side->values[i] = fct_value_of_column(side->rows, (int)i);
        }
    } else {
        (void)sqlite3_finalize(side->rows); /* a step after the end would begin again */
        side->rows = NULL;
    }
    return status;
}

static factum_status open_side(struct diff_run *run, struct diff_side *side, factum_error *err)
{
    struct fct_buf sql;
    if (side->table.column_count == 0) {
        return next_row(run, side, err);
    }
    fct_buf_init(&sql, run->file->mem, DIFF_SQL_SIZE_MAX);
    factum_status status = print_select(run, side, &sql);
    if (status != FACTUM_OK) {
        status = fct_fail(err, status, "comparing builds: a table has too many columns");
    } else {
        status = fct_sqlite_prepare(run->file->db, fct_buf_slice(&sql), "comparing builds",
                                    &side->rows, err);
    }
    fct_buf_finish(&sql);
    return status == FACTUM_OK ? next_row(run, side, err) : status;
}

/* ---- the merge ------------------------------------------------------------------------------- */

/* Below 0: the row of before is before that of after in the order; 0: both have the same key; above
 * 0: after it. */
static int compare_places(const struct diff_run *run)
{
    int order = 0;
    if (!run->before.at_row || !run->after.at_row) {
        return run->before.at_row ? -1 : 1;
    }
    for (size_t i = 0; i < run->key_count && order == 0; i++) {
        order =
            fct_value_compare(&run->before.values[run->keys[i]], &run->after.values[run->keys[i]]);
    }
    return order;
}

static bool rows_equal(const struct diff_run *run)
{
    for (size_t i = 0; i < run->column_count; i++) {
        if (fct_value_compare(&run->before.values[i], &run->after.values[i]) != 0) {
            return false;
        }
    }
    return true;
}

static factum_status report_change(struct diff_run *run, factum_row_change kind, factum_error *err)
{
    const struct fct_model_diff *diff = run->diff;
    factum_slice name = run->after.table.name;
    run->total++;
    if (diff->changes == NULL || (diff->changes_max != 0 && run->total > diff->changes_max)) {
        return FACTUM_OK;
    }
    bool more =
        diff->changes->change(diff->changes->data, name, kind, run->columns, run->column_count,
                              kind == FACTUM_ROW_ADDED ? NULL : run->before.values,
                              kind == FACTUM_ROW_REMOVED ? NULL : run->after.values);
    return more ? FACTUM_OK : fct_fail(err, FACTUM_CANCELLED, "comparing builds: cancelled");
}

static factum_status merge_sides(struct diff_run *run, factum_error *err)
{
    factum_status status = FACTUM_OK;
    while (run->before.at_row || run->after.at_row) {
        int order = compare_places(run);
        if (order < 0) {
            status = report_change(run, FACTUM_ROW_REMOVED, err);
        } else if (order > 0) {
            status = report_change(run, FACTUM_ROW_ADDED, err);
        } else if (!rows_equal(run)) {
            status = report_change(run, FACTUM_ROW_CHANGED, err);
        }
        if (status != FACTUM_OK) {
            return status;
        }
        if (order <= 0) {
            status = next_row(run, &run->before, err);
        }
        if (status != FACTUM_OK) {
            return status;
        }
        if (order >= 0) {
            status = next_row(run, &run->after, err);
        }
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return FACTUM_OK;
}

static factum_status compare_table(struct diff_run *run, factum_slice name, factum_error *err)
{
    factum_arena_reset(&run->arena);
    factum_status status = fct_model_table_load(run->file, run->before.build, name, false,
                                                &run->arena, &run->before.table, err);
    if (status != FACTUM_OK) {
        goto done;
    }
    status = fct_model_table_load(run->file, run->after.build, name, false, &run->arena,
                                  &run->after.table, err);
    if (status != FACTUM_OK) {
        goto done;
    }
    status = join_columns(run, err);
    if (status != FACTUM_OK) {
        goto done;
    }
    status = choose_key(run, err);
    if (status != FACTUM_OK) {
        goto done;
    }
    status = open_side(run, &run->before, err);
    if (status != FACTUM_OK) {
        goto done;
    }
    status = open_side(run, &run->after, err);
    if (status != FACTUM_OK) {
        goto done;
    }
    status = merge_sides(run, err);

done:
    (void)sqlite3_finalize(run->before.rows);
    (void)sqlite3_finalize(run->after.rows);
    run->before.rows = NULL;
    run->after.rows = NULL;
    return status;
}

/* ---- all tables ------------------------------------------------------------------------------ */

/* SQLite's progress handler. Other than 0 interrupts the statement. */
static int report_progress(void *data)
{
    const struct diff_run *run = data;
    const factum_progress *progress = run->diff->progress;
    return progress->step(progress->data, run->read, 0) ? 0 : 1;
}

static factum_status compare_all(struct diff_run *run, factum_error *err)
{
    struct fct_build_row row;
    factum_slice names[DIFF_TABLES_MAX];
    size_t count = 0;
    factum_arena arena;
    factum_arena_init(&arena, 0);
    factum_status status = fct_model_build_find(run->file, run->before.build, &row, err);
    if (status == FACTUM_OK) {
        status = fct_model_build_find(run->file, run->after.build, &row, err);
    }
    if (status == FACTUM_OK) {
        status = fct_model_table_names(run->file, run->after.build, &arena, names, DIFF_TABLES_MAX,
                                       &count, err);
    }
    if (status == FACTUM_OK) {
        status = fct_model_table_names(run->file, run->before.build, &arena, names, DIFF_TABLES_MAX,
                                       &count, err);
    }
    for (size_t i = 0; i < count && status == FACTUM_OK; i++) {
        status = compare_table(run, names[i], err);
    }
    factum_arena_finish(&arena);
    return status;
}

factum_status fct_model_diff_run(struct fct_model_file *file, const struct fct_model_diff *diff,
                                 uint64_t *total, factum_error *err)
{
    FCT_ASSERT(sqlite3_get_autocommit(file->db) != 0);
    struct diff_run run = {.file = file,
                           .diff = diff,
                           .before = {.build = diff->before},
                           .after = {.build = diff->after}};
    factum_status status = fct_sqlite_exec(file->db, "BEGIN", "comparing builds", err);
    if (status != FACTUM_OK) {
        return status;
    }
    factum_arena_init(&run.arena, 0);
    if (diff->progress != NULL) {
        sqlite3_progress_handler(file->db, DIFF_STEPS, report_progress, &run);
    }
    status = compare_all(&run, err);
    sqlite3_progress_handler(file->db, 0, NULL, NULL);
    factum_arena_finish(&run.arena);
    (void)sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
    if (status == FACTUM_OK && total != NULL) {
        *total = run.total;
    }
    return status;
}
