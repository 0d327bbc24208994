/* publish.c - publish: one event, appended to a store by its address. Layer: example, public API
 * only.
 *
 *     publish STORE STREAM TYPE JSON
 *     publish factum://localhost:2113 order-42 OrderPlaced '{"totalCents":4200}'
 *
 * STORE is an address, or a directory. If the store refuses the event, because it does not fit the
 * schema of its type or for any other reason, the program prints the store's message and ends with
 * 1. */
#include <inttypes.h>
#include <stdio.h>

#include <factum/factum.h>
#include <factum/remote.h>

static factum_status publish(factum_store *store, char **words, factum_error *err)
{
    const factum_new_event event = {.type = factum_slice_from(words[1]),
                                    .data = factum_slice_from(words[2])};
    factum_append_result result;
    factum_status status = factum_append_stream(store, factum_slice_from(words[0]), factum_any(),
                                                &event, 1, &result, err);
    if (status == FACTUM_OK) {
        printf("%s is at revision %" PRIu64 "\n", words[0], result.revision);
    }
    return status;
}

int main(int argc, char **argv)
{
    factum_store *store = NULL;
    factum_error err;
    if (argc != 5) {
        fprintf(stderr, "usage: publish STORE STREAM TYPE JSON\n");
        return 2;
    }
    factum_remote_enable();
    factum_status status = factum_open(argv[1], NULL, &store, &err);
    if (status == FACTUM_OK) {
        status = publish(store, argv + 2, &err);
    }
    if (status != FACTUM_OK) {
        fprintf(stderr, "publish: %s\n", err.text);
    }
    if (factum_close(store, &err) != FACTUM_OK && status == FACTUM_OK) {
        fprintf(stderr, "publish: %s\n", err.text);
        status = FACTUM_IO;
    }
    return status == FACTUM_OK ? 0 : 1;
}
