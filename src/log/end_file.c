/* end_file.c - log/END: where a clean close left the log. Layer: log.
 *
 *   offset size
 *        0    8  magic "FACTUMED"
 *        8   16  store id
 *       24    8  position: the end of the log       32  8  number of the next batch
 *       40    8  chain that it will carry           48  4  epoch
 *       52    4  CRC-32C of [0, 52)
 *
 * It is evidence: everything before the position was durable. It is removed, durably, before the first write
 * of the next run, so that if it is there and names the end of what verifies, the end was clean.
 */
#include <string.h>

#include "codec/bytes.h"
#include "core/crc32c.h"
#include "core/error.h"
#include "core/slice.h"
#include "log/log_int.h"

enum { END_SIZE = 56 };
static const char end_magic[8] = {'F', 'A', 'C', 'T', 'U', 'M', 'E', 'D'};

factum_status fct_end_file_read(const struct fct_log *log, struct fct_log_end_mark *end,
                                factum_error *err)
{
    char path[FCT_PATH_SIZE];
    struct fct_file *file;
    factum_status status = fct_path_join(path, log->dir, FCT_END_NAME, err);
    if (status == FACTUM_OK) {
        status = fct_file_open(log->os, path, FCT_OPEN_READ, &file, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    uint8_t bytes[END_SIZE];
    status = fct_file_read(file, 0, bytes, sizeof bytes, err);
    (void)fct_file_close(&file, NULL);
    if (status == FACTUM_CORRUPT ||
        (status == FACTUM_OK && (memcmp(bytes, end_magic, sizeof end_magic) != 0 ||
                                 fct_get_u32(bytes + 52) != fct_crc32c(0, bytes, 52)))) {
        return fct_fail(err, FACTUM_NOT_FOUND, "log/END does not verify");
    }
    if (status == FACTUM_OK) {
        memcpy(end->store_id.bytes, bytes + 8, sizeof end->store_id.bytes);
        end->mark = (struct fct_log_mark){
            .position = fct_get_u64(bytes + 24),
            .batch_number = fct_get_u64(bytes + 32),
            .chain = fct_get_u64(bytes + 40),
        };
        end->epoch = fct_get_u32(bytes + 48);
    }
    return status;
}

factum_status fct_end_file_write(const struct fct_log *log, factum_error *err)
{
    uint8_t bytes[END_SIZE];
    memcpy(bytes, end_magic, sizeof end_magic);
    memcpy(bytes + 8, log->store_id.bytes, sizeof log->store_id.bytes);
    fct_put_u64(bytes + 24, atomic_load(&log->end));
    fct_put_u64(bytes + 32, log->batch_number);
    fct_put_u64(bytes + 40, log->chain);
    fct_put_u32(bytes + 48, log->epoch);
    fct_put_u32(bytes + 52, fct_crc32c(0, bytes, 52));
    return fct_file_replace(log->os, log->dir, FCT_END_NAME, fct_slice(bytes, sizeof bytes), err);
}

factum_status fct_end_file_remove(const struct fct_log *log, factum_error *err)
{
    char path[FCT_PATH_SIZE];
    factum_status status = fct_path_join(path, log->dir, FCT_END_NAME, err);
    if (status == FACTUM_OK) {
        status = fct_os_unlink(log->os, path, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_sync_dir(log->os, log->dir, err);
    }
    return status;
}
