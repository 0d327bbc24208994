/* run_fuzz.c - any bytes as an index run and as a manifest: an error or a walk, never a crash.
 *
 * The checksums of a run are corrected first, so that the code after their check is reached.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/check.h"
#include "core/crc32c.h"
#include "index/manifest.h"
#include "index/run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/factum-fuzz-XXXXXX";

static void write_file(const char *name, const uint8_t *data, size_t size)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "wb");
    FCT_ASSERT(file != NULL);
    FCT_ASSERT(fwrite(data, 1, size, file) == size);
    FCT_ASSERT(fclose(file) == 0);
}

static void mend(uint8_t *bytes, size_t size)
{
    if (size < FCT_RUN_FOOTER_SIZE) {
        return;
    }
    uint8_t *footer = bytes + size - FCT_RUN_FOOTER_SIZE;
    for (size_t i = 0; i < (size - FCT_RUN_FOOTER_SIZE) / FCT_RUN_PAGE_SIZE; i++) {
        uint8_t *page = bytes + i * FCT_RUN_PAGE_SIZE;
        fct_put_u32(page + FCT_RUN_PAGE_ROOM, fct_run_page_crc(1, i, page));
    }
    fct_put_u32(footer + 8, FCT_RUN_FORMAT); /* the corpus is older */
    fct_put_u32(footer + 156, fct_crc32c(0, footer, 156));
}

static void look_into(struct fct_run *run)
{
    struct fct_run_entry entry;
    struct fct_run_walk walk = {.run = run};
    struct fct_index_key key = {.kind = FCT_INDEX_STREAM};
    while (fct_run_walk_next(&walk, &entry) == FACTUM_OK) {
        key = entry.key;
        (void)fct_run_entry_last(&entry);
    }
    factum_status status = fct_run_probe(run, &key);
    FCT_ASSERT(status == FACTUM_OK || status == FACTUM_DONE); /* with corrected checksums */
    status = fct_run_find_ordinal(run, &key, 3, &entry);
    FCT_ASSERT(status == FACTUM_OK || status == FACTUM_DONE || status == FACTUM_CORRUPT);
    status = fct_run_find_position(run, &key, 4096, &entry);
    FCT_ASSERT(status == FACTUM_OK || status == FACTUM_DONE || status == FACTUM_CORRUPT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    factum_error ignored;
    static bool made;
    struct fct_run *run;
    struct fct_manifest manifest;
    if (!made) {
        made = mkdtemp(dir) != NULL;
        FCT_ASSERT(made);
    }
    uint8_t *copy = malloc(size + 1);
    FCT_ASSERT(copy != NULL);
    if (size > 0) {
        memcpy(copy, data, size);
    }
    mend(copy, size);
    write_file("0000000000000001.run", copy, size);
    if (fct_run_open(&run, fct_os_real(), fct_mem_heap(), dir, 1, &ignored) == FACTUM_OK) {
        look_into(run);
        fct_run_release(run);
    }
    if (size > 4) {
        fct_put_u32(copy + size - 4, fct_crc32c(0, copy, size - 4));
    }
    write_file(FCT_MANIFEST_NAME, copy, size);
    if (fct_manifest_read(&manifest, fct_os_real(), fct_mem_heap(), dir, &ignored) == FACTUM_OK) {
        fct_manifest_finish(&manifest, fct_mem_heap());
    }
    free(copy);
    return 0;
}
