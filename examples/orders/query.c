/* query.c - orders-query: a program with read models of its own. Layer: example, public API only.
 *
 *     orders-query STORE MODELS NAME SELECT [TOKEN]
 *     orders-query factum://localhost:2113 mine order_summary 'SELECT * FROM order_summary' f1-...
 *
 * STORE is a directory, or the address of a server. The model NAME, which is deployed there, is
 * kept here, in the directory MODELS: a program with many queries has its tables locally, and the
 * server sends events, not answers. A second run continues where the first one ended.
 *
 * The answer waits for all events up to TOKEN, which is from the answer to an append; without one,
 * for all that the store has now. Rows are printed with '|' between the values, then as of when
 * they are. If the model does not get there in time, the program prints how far it is behind, and
 * ends with 1.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <factum/factum.h>
#include <factum/model_rows.h>
#include <factum/remote.h>

#define WAIT_MS 30000

static bool print_columns(void *data, const factum_slice *names, size_t count)
{
    (void)data;
    for (size_t i = 0; i < count; i++) {
        printf("%s%.*s", i > 0 ? "|" : "", (int)names[i].len, (const char *)names[i].ptr);
    }
    return putchar('\n') != EOF;
}

static void print_value(const factum_value *value)
{
    switch (value->kind) {
    case FACTUM_VALUE_NULL:
        break;
    case FACTUM_VALUE_INTEGER:
        printf("%" PRId64, value->integer);
        break;
    case FACTUM_VALUE_REAL:
        printf("%.17g", value->real);
        break;
    case FACTUM_VALUE_TEXT:
        (void)fwrite(value->bytes.ptr, 1, value->bytes.len, stdout);
        break;
    case FACTUM_VALUE_BYTES:
        printf("(%zu bytes)", value->bytes.len);
        break;
    }
}

static bool print_row(void *data, const factum_value *values, size_t count)
{
    (void)data;
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            putchar('|');
        }
        print_value(&values[i]);
    }
    return putchar('\n') != EOF; /* false would end the answer */
}

static void print_answer(const factum_store *store, const factum_model_answer *answer)
{
    char token[FACTUM_TOKEN_SIZE];
    factum_token_format(store, answer->status.place, token);
    printf("as of %s, version %" PRIu64 ", %" PRIu64 " events behind\n", token,
           answer->status.version, answer->status.behind_events);
}

/* |words|: the name of the model, a SELECT, perhaps a token. */
static factum_status ask(factum_store *store, factum_models *models, char **words, int count,
                         factum_error *err)
{
    const factum_rows rows = {.columns = print_columns, .row = print_row};
    factum_model_answer answer = {.size = sizeof answer};
    factum_model_query query = {
        .size = sizeof query,
        .model = factum_slice_from(words[0]),
        .sql = factum_slice_from(words[1]),
        .wait_set = true,
        .wait_ms = WAIT_MS,
    };
    factum_status status = FACTUM_OK;
    if (count > 2) {
        status = factum_token_parse(store, factum_slice_from(words[2]), &query.wait, err);
    } else {
        status = factum_visible_place(store, &query.wait, err);
    }
    if (status == FACTUM_OK) {
        status = factum_models_query(models, &query, &rows, &answer, err);
    }
    if (status == FACTUM_OK) {
        print_answer(store, &answer);
    }
    return status;
}

static factum_status query_model(factum_store *store, char **words, int count, factum_error *err)
{
    const factum_slice name = factum_slice_from(words[1]);
    const factum_models_options options = {
        .size = sizeof options,
        .path = words[0],
        .names = &name, /* the others are not needed here */
        .name_count = 1,
        .copy = true, /* the server keeps them too, and decides about swaps */
    };
    factum_models *models = NULL;
    factum_status status = factum_models_open(store, &options, &models, err);
    if (status == FACTUM_OK) {
        status = ask(store, models, words + 1, count - 1, err);
    }
    factum_models_close(models);
    return status;
}

int main(int argc, char **argv)
{
    factum_store *store = NULL;
    factum_error err;
    if (argc < 5 || argc > 6) {
        fprintf(stderr, "usage: orders-query STORE MODELS NAME SELECT [TOKEN]\n");
        return 2;
    }
    factum_remote_enable();
    factum_status status = factum_open(argv[1], NULL, &store, &err);
    if (status == FACTUM_OK) {
        status = query_model(store, argv + 2, argc - 2, &err);
    }
    if (status != FACTUM_OK) {
        fprintf(stderr, "orders-query: %s\n", err.text);
    }
    if (factum_close(store, &err) != FACTUM_OK && status == FACTUM_OK) {
        fprintf(stderr, "orders-query: %s\n", err.text);
        status = FACTUM_IO;
    }
    return status == FACTUM_OK ? 0 : 1;
}
