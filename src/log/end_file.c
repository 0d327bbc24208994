/* end_file.c - log/END and log/LAST: how far the log went at a clean close. Layer: log.
 *
 *   offset size
 *        0    8  magic "FACTUMED"
 *        8   16  store id
 *       24    8  position: the end of the log       32  8  number of the next batch
 *       40    8  chain that it will carry           48  4  epoch
 *       52    4  CRC-32C of [0, 52)
 *
 * Either is evidence: everything before the position was durable. END says more: nothing was
 * written since. So it is renamed to LAST, durably, before the first write of the next run. If it
 * is there and proves to be the end of what verifies, the shutdown was clean and nothing needs
 * mending.
 */
#include <assert.h>
#include <string.h>

#include "codec/bytes.h"
#include "core/crc32c.h"
#include "core/error.h"
#include "core/slice.h"
#include "log/log_int.h"

enum { END_SIZE = 56, AT_CRC = 52 };
static_assert(END_SIZE == 8 + 16 + 3 * 8 + 4 + 4, "as the table says");

static const char end_magic[8] = {'F', 'A', 'C', 'T', 'U', 'M', 'E', 'D'};

factum_status fct_end_file_read(const struct fct_log *log, const char *name,
                                struct fct_end_mark *end, factum_error *err)
{
    char path[FCT_PATH_SIZE];
    struct fct_file *file;
    factum_status status = fct_path_join(path, log->dir, name, err);
    if (status == FACTUM_OK) {
        status = fct_file_open(log->os, path, FCT_OPEN_READ, &file, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    uint8_t bytes[END_SIZE];
    status = fct_file_read(file, 0, bytes, sizeof bytes, err);
    factum_status closed = fct_file_close(&file, NULL);
    (void)closed; /* it was open for reading only */
    if (status == FACTUM_CORRUPT ||
        (status == FACTUM_OK && (memcmp(bytes, end_magic, sizeof end_magic) != 0 ||
                                 fct_get_u32(bytes + AT_CRC) != fct_crc32c(0, bytes, AT_CRC) ||
                                 fct_get_u64(bytes + 24) > FCT_POSITION_MAX))) {
        return fct_fail(err, FACTUM_CORRUPT, "log/%s does not verify", name);
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

factum_status fct_end_file_write(const struct fct_log *log, const char *name,
                                 const struct fct_log_mark *mark, factum_error *err)
{
    uint8_t bytes[END_SIZE];
    memcpy(bytes, end_magic, sizeof end_magic);
    memcpy(bytes + 8, log->store_id.bytes, sizeof log->store_id.bytes);
    fct_put_u64(bytes + 24, mark->position);
    fct_put_u64(bytes + 32, mark->batch_number);
    fct_put_u64(bytes + 40, mark->chain);
    fct_put_u32(bytes + 48, log->epoch);
    fct_put_u32(bytes + AT_CRC, fct_crc32c(0, bytes, AT_CRC));
    return fct_file_replace(log->os, log->dir, name, fct_slice(bytes, sizeof bytes), err);
}

factum_status fct_end_file_retire(const struct fct_log *log, factum_error *err)
{
    char from[FCT_PATH_SIZE];
    char to[FCT_PATH_SIZE];
    factum_status status = fct_path_join(from, log->dir, FCT_END_NAME, err);
    if (status == FACTUM_OK) {
        status = fct_path_join(to, log->dir, FCT_LAST_NAME, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_rename(log->os, from, to, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_os_sync_dir(log->os, log->dir, err);
    return status == FACTUM_NO_SPACE ? fct_wrap(err, FACTUM_IO, "after END was renamed") : status;
}
