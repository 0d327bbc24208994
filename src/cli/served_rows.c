/* served_rows.c - see served.h: answers in rows. Layer: cli.
 *
 * The server is asked for "typed" values, so that bytes and texts differ.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/served.h"

#define COLUMNS_MAX 32767 /* SQLite allows no more */

/* ---- values ---------------------------------------------------------------------------------- */

static int digit_of(uint8_t c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)(at - digits);
}

/* Decodes |text| to |to|, which may be the same memory. False: it is not base64. */
static bool decode_base64(factum_slice text, uint8_t *to, size_t *len)
{
    uint32_t bits = 0;
    size_t padding = 0;
    *len = 0;
    while (padding < 2 && padding < text.len && text.ptr[text.len - 1 - padding] == '=') {
        padding++;
    }
    for (size_t i = 0; i < text.len - padding; i++) {
        int digit = digit_of(text.ptr[i]);
        if (digit < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 > 0) {
            to[(*len)++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
        }
    }
    return text.len % 4 == 0;
}

/* The bytes replace their base64 text, which is longer. */
static bool take_bytes(struct served_answer *answer, uint32_t object, factum_value *value)
{
    factum_slice text = served_text(answer, object, "bytes");
    bool inside = text.ptr >= answer->bytes && text.ptr < answer->bytes + answer->len;
    size_t len = 0;
    if (answer->lacks != NULL || (text.len > 0 && !inside)) {
        return false;
    }
    uint8_t *to = text.len == 0 ? answer->bytes : answer->bytes + (text.ptr - answer->bytes);
    value->kind = FACTUM_VALUE_BYTES;
    bool good = decode_base64(text, to, &len);
    value->bytes = (factum_slice){to, len};
    return good;
}

static bool take_number(const struct served_answer *answer, uint32_t at, factum_value *value)
{
    factum_slice raw = factum_json_raw(&answer->json, at);
    bool real = (factum_json_at(&answer->json, at)->flags & FACTUM_JSON_INTEGER) == 0;
    value->kind = real ? FACTUM_VALUE_REAL : FACTUM_VALUE_INTEGER;
    if (!real) {
        return factum_json_to_int64(&answer->json, at, &value->integer) == FACTUM_OK;
    }
    if (factum_json_to_double(&answer->json, at, &value->real) != FACTUM_OK) {
        value->real = raw.ptr[0] == '-' ? -HUGE_VAL : HUGE_VAL; /* 9e999 */
    }
    return true;
}

static bool take_value(struct served_answer *answer, uint32_t at, factum_value *value)
{
    *value = (factum_value){.kind = FACTUM_VALUE_NULL};
    switch (factum_json_kind_of(&answer->json, at)) {
    case FACTUM_JSON_NULL:
        return true;
    case FACTUM_JSON_NUMBER:
        return take_number(answer, at, value);
    case FACTUM_JSON_TEXT:
        value->kind = FACTUM_VALUE_TEXT;
        value->bytes = served_unescaped(answer, at);
        return true;
    case FACTUM_JSON_OBJECT:
        return take_bytes(answer, at, value);
    case FACTUM_JSON_FALSE:
    case FACTUM_JSON_TRUE:
    case FACTUM_JSON_ARRAY:
        break;
    }
    return false;
}

/* Takes |count| values of the array |list|. */
static bool take_values(struct served_answer *answer, uint32_t list, factum_value *values,
                        size_t count)
{
    size_t taken = 0;
    bool good = factum_json_kind_of(&answer->json, list) == FACTUM_JSON_ARRAY;
    for (uint32_t at = good ? factum_json_first(&answer->json, list) : FACTUM_JSON_NONE;
         good && at != FACTUM_JSON_NONE; at = factum_json_next(&answer->json, list, at)) {
        good = taken < count && take_value(answer, at, &values[taken]);
        taken++;
    }
    good = good && taken == count;
    answer->lacks = good || answer->lacks != NULL ? answer->lacks : "(a row)";
    return good;
}

/* The names of |object|'s columns; the caller frees them. NULL: noted in |lacks|. */
static factum_slice *take_columns(struct served_answer *answer, uint32_t object, size_t *count)
{
    uint32_t list = served_member(answer, object, "columns", FACTUM_JSON_ARRAY);
    *count = list == FACTUM_JSON_NONE ? 0 : factum_json_count(&answer->json, list);
    factum_slice *names =
        *count == 0 || *count > COLUMNS_MAX ? NULL : calloc(*count, sizeof *names);
    if (names == NULL) {
        answer->lacks = answer->lacks == NULL ? "columns" : answer->lacks;
        return NULL;
    }
    size_t i = 0;
    for (uint32_t at = factum_json_first(&answer->json, list); at != FACTUM_JSON_NONE;
         at = factum_json_next(&answer->json, list, at)) {
        if (factum_json_kind_of(&answer->json, at) != FACTUM_JSON_TEXT) {
            answer->lacks = "columns";
            break;
        }
        names[i++] = served_unescaped(answer, at);
    }
    return names;
}

static factum_status stopped(factum_error *err)
{
    *err = (factum_error){.status = FACTUM_CANCELLED, .text = "it was stopped"};
    return FACTUM_CANCELLED;
}

/* ---- queries --------------------------------------------------------------------------------- */

static void put_value(FILE *to, const factum_value *value)
{
    if (value->kind == FACTUM_VALUE_INTEGER) {
        (void)fprintf(to, "%" PRId64, value->integer);
    } else if (value->kind == FACTUM_VALUE_REAL) {
        (void)fprintf(to, "%.17e", value->real);
    } else if (value->kind == FACTUM_VALUE_TEXT) {
        print_json_text(to, value->bytes);
    } else {
        (void)fputs("null", to);
    }
}

static void put_moment(FILE *to, const factum_store *store, const factum_model_query *query)
{
    char time[FACTUM_TIME_TEXT_SIZE];
    char token[FACTUM_TOKEN_SIZE];
    if (query->at_created_set || query->at_time_set) {
        factum_time_format(query->at, time);
        (void)fprintf(to, ",\"%s\":\"%s\"", query->at_time_set ? "timeAt" : "at", time);
    } else if (query->at_position_set) {
        factum_token_format(store, query->at_position, token);
        (void)fprintf(to, ",\"at\":\"%s\"", token);
    }
}

/* NULL without memory; the caller frees it. */
static char *query_body(const factum_store *store, const factum_model_query *query, size_t *len)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, len);
    if (to == NULL) {
        return NULL;
    }
    (void)fprintf(to, "{\"typed\":true,\"plan\":%s,\"%s\":", query->plan ? "true" : "false",
                  query->sql.len > 0 ? "sql" : "query");
    print_json_text(to, query->sql.len > 0 ? query->sql : query->named);
    if (query->rows_max > 0) {
        (void)fprintf(to, ",\"rowsMax\":%" PRIu64, query->rows_max);
    }
    put_moment(to, store, query);
    (void)fputs(",\"parameters\":{", to);
    for (size_t i = 0; i < query->parameter_count; i++) {
        (void)fputs(i > 0 ? "," : "", to);
        print_json_text(to, query->parameters[i].name);
        (void)fputs(":", to);
        put_value(to, &query->parameters[i].value);
    }
    (void)fputs("}}", to);
    if (fclose(to) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* How fresh the rows are. The token gives the place, and also the history that it belongs to. */
static factum_status take_fresh(struct served_answer *answer, const factum_store *store,
                                factum_build_status *status, factum_error *err)
{
    uint32_t as_of = served_member(answer, FACTUM_JSON_ROOT, "asOf", FACTUM_JSON_OBJECT);
    uint32_t behind = served_member(answer, FACTUM_JSON_ROOT, "behind", FACTUM_JSON_OBJECT);
    factum_slice token = served_text(answer, as_of, "token");
    status->version = served_number(answer, as_of, "version");
    status->place_created = served_time(answer, as_of, "created");
    status->state = served_state(served_optional(answer, behind, "state"));
    served_behind(answer, FACTUM_JSON_ROOT, status);
    factum_status checked = served_check(answer, err);
    return checked == FACTUM_OK ? factum_token_parse(store, token, &status->place, err) : checked;
}

static factum_status take_rows(struct served_answer *answer, const factum_slice *names,
                               size_t count, const factum_rows *rows, uint64_t *taken,
                               factum_error *err)
{
    uint32_t list = served_member(answer, FACTUM_JSON_ROOT, "rows", FACTUM_JSON_ARRAY);
    factum_value *values = calloc(count, sizeof *values);
    bool goes_on = values != NULL && rows->columns(rows->data, names, count);
    uint32_t at = list == FACTUM_JSON_NONE ? list : factum_json_first(&answer->json, list);
    while (goes_on && at != FACTUM_JSON_NONE && take_values(answer, at, values, count)) {
        goes_on = rows->row(rows->data, values, count);
        (*taken)++;
        at = factum_json_next(&answer->json, list, at);
    }
    free(values);
    return goes_on ? served_check(answer, err) : stopped(err);
}

factum_status served_query(factum_store *store, const factum_model_query *query,
                           const factum_rows *rows, factum_model_answer *answer, factum_error *err)
{
    char target[SERVED_TARGET_SIZE];
    struct served_answer reply = {.len = 0};
    size_t len = 0;
    size_t count = 0;
    char *body = query_body(store, query, &len);
    (void)snprintf(target, sizeof target, "/api/v1/models/%.*s/query", (int)query->model.len,
                   (const char *)query->model.ptr);
    const struct served_question question = {
        .method = "POST", .target = target, .body = {(const uint8_t *)body, len}};
    if (body == NULL) {
        *err = (factum_error){.status = FACTUM_NO_MEMORY, .text = "out of memory"};
        return FACTUM_NO_MEMORY;
    }
    factum_status status = served_ask(store, &question, &reply, err);
    free(body);
    if (status == FACTUM_OK) {
        factum_slice *names = take_columns(&reply, FACTUM_JSON_ROOT, &count);
        status = names == NULL ? served_check(&reply, err)
                               : take_rows(&reply, names, count, rows, &answer->row_count, err);
        free(names);
    }
    if (status == FACTUM_OK) {
        status = take_fresh(&reply, store, &answer->status, err);
    }
    served_finish(&reply);
    return status;
}

/* ---- changes --------------------------------------------------------------------------------- */

static factum_row_change kind_of(struct served_answer *answer, uint32_t object)
{
    static const char *const names[] = {[FACTUM_ROW_ADDED] = "added",
                                        [FACTUM_ROW_REMOVED] = "removed",
                                        [FACTUM_ROW_CHANGED] = "changed"};
    factum_slice name = served_text(answer, object, "change");
    for (unsigned kind = FACTUM_ROW_ADDED; kind <= FACTUM_ROW_CHANGED; kind++) {
        if (same_text(name, factum_slice_from(names[kind]))) {
            return (factum_row_change)kind;
        }
    }
    answer->lacks = answer->lacks == NULL ? "change" : answer->lacks;
    return FACTUM_ROW_CHANGED;
}

/* False: stop. */
static bool take_change(struct served_answer *answer, uint32_t object,
                        const factum_changes *changes)
{
    size_t count = 0;
    factum_row_change kind = kind_of(answer, object);
    factum_slice table = served_text(answer, object, "table");
    factum_slice *names = take_columns(answer, object, &count);
    factum_value *values = names == NULL ? NULL : calloc(count, 2 * sizeof *values);
    bool good = values != NULL;
    if (good && kind != FACTUM_ROW_ADDED) {
        uint32_t before = served_member(answer, object, "before", FACTUM_JSON_ARRAY);
        good = before != FACTUM_JSON_NONE && take_values(answer, before, values, count);
    }
    if (good && kind != FACTUM_ROW_REMOVED) {
        uint32_t after = served_member(answer, object, "after", FACTUM_JSON_ARRAY);
        good = after != FACTUM_JSON_NONE && take_values(answer, after, values + count, count);
    }
    if (good && answer->lacks == NULL) {
        good = changes->change(changes->data, table, kind, names, count,
                               kind == FACTUM_ROW_ADDED ? NULL : values,
                               kind == FACTUM_ROW_REMOVED ? NULL : values + count);
    }
    free(names);
    free(values);
    return good;
}

static void take_counts(struct served_answer *answer, const struct served_counts *counts)
{
    uint32_t list = served_member(answer, FACTUM_JSON_ROOT, "tables", FACTUM_JSON_ARRAY);
    for (uint32_t at = list == FACTUM_JSON_NONE ? list : factum_json_first(&answer->json, list);
         at != FACTUM_JSON_NONE; at = factum_json_next(&answer->json, list, at)) {
        factum_slice table = served_text(answer, at, "table");
        uint64_t added = served_number(answer, at, "added");
        uint64_t removed = served_number(answer, at, "removed");
        uint64_t changed = served_number(answer, at, "changed");
        if (answer->lacks != NULL) {
            return;
        }
        counts->table(counts->data, table, added, removed, changed);
    }
}

static factum_status ask_for_changes(factum_store *store, const struct served_question *question,
                                     const factum_changes *changes,
                                     const struct served_counts *counts, factum_error *err)
{
    struct served_answer answer = {.len = 0};
    bool goes_on = true;
    factum_status status = served_ask(store, question, &answer, err);
    if (status == FACTUM_OK) {
        uint32_t list = served_member(&answer, FACTUM_JSON_ROOT, "changes", FACTUM_JSON_ARRAY);
        uint32_t at = list == FACTUM_JSON_NONE ? list : factum_json_first(&answer.json, list);
        while (at != FACTUM_JSON_NONE && goes_on) {
            goes_on = take_change(&answer, at, changes);
            at = factum_json_next(&answer.json, list, at);
        }
        take_counts(&answer, counts);
        status = served_check(&answer, err);
    }
    served_finish(&answer);
    return status == FACTUM_OK && !goes_on ? stopped(err) : status;
}

factum_status served_diff(factum_store *store, factum_slice model, uint64_t changes_max,
                          const factum_changes *changes, const struct served_counts *counts,
                          factum_error *err)
{
    char target[SERVED_TARGET_SIZE];
    const struct served_question question = {.method = "GET", .target = target};
    (void)snprintf(target, sizeof target, "/api/v1/projections/%.*s/diff?typed&limit=%" PRIu64,
                   (int)model.len, (const char *)model.ptr, changes_max);
    return ask_for_changes(store, &question, changes, counts, err);
}

factum_status served_try(factum_store *store, factum_slice model, uint64_t position,
                         const factum_changes *changes, const struct served_counts *counts,
                         factum_error *err)
{
    char target[SERVED_TARGET_SIZE];
    const struct served_question question = {.method = "POST", .target = target};
    (void)snprintf(target, sizeof target, "/api/v1/models/%.*s/parked/%" PRIu64 "/try?typed",
                   (int)model.len, (const char *)model.ptr, position);
    return ask_for_changes(store, &question, changes, counts, err);
}
