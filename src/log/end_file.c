/* end_file.c - log/END and log/LAST: the proof of how far the log was durable. Layer: log.
 *
 * A slot is 56 bytes:
 *
 *   offset size
 *        0    8  magic "FACTUMED"
 *        8   16  store id
 *       24    8  position: the end of the log       32  8  number of the next batch
 *       40    8  chain that it will carry           48  4  epoch
 *       52    4  CRC-32C of [0, 52)
 *
 * LAST has two slots, each at the start of a block of 4096 bytes. A run writes them in turn: before
 * its first batch, at each heartbeat, and when a segment begins. Everything before the position of
 * a slot was durable when the slot was written. The slots are in other blocks than the batches, so
 * no lost block takes a batch together with its proof; and a torn write of one slot leaves the
 * other.
 *
 * END has one slot. A clean close writes it, and it proves more: nothing was written since. It is
 * removed, durably, before the first batch of the next run.
 *
 * Invariants:
 *  1. Before the first byte of a batch is written, LAST names the start of its segment or a later
 *     place. So a segment that disappears or becomes shorter is noticed.
 *  2. The slot of LAST that is not |last_slot| contains the newest proof.
 */
#include <assert.h>
#include <string.h>

#include "codec/bytes.h"
#include "core/check.h"
#include "core/crc32c.h"
#include "core/error.h"
#include "core/slice.h"
#include "core/uuid.h"
#include "log/log_int.h"

enum { SLOT_SIZE = 56, AT_CRC = 52, BLOCK_SIZE = 4096, LAST_SIZE = 2 * BLOCK_SIZE };
static_assert(SLOT_SIZE == 8 + 16 + 3 * 8 + 4 + 4, "the table above");
static_assert(sizeof(struct fct_log_point) == 3 * sizeof(uint64_t), "compared as bytes");

static const char end_magic[8] = {'F', 'A', 'C', 'T', 'U', 'M', 'E', 'D'};

static void encode_slot(uint8_t bytes[SLOT_SIZE], const struct fct_log *log,
                        const struct fct_log_point *point)
{
    FCT_ASSERT(point->position <= FCT_POSITION_MAX);
    memcpy(bytes, end_magic, sizeof end_magic);
    memcpy(bytes + 8, log->store_id.bytes, sizeof log->store_id.bytes);
    fct_put_u64(bytes + 24, point->position);
    fct_put_u64(bytes + 32, point->batch_number);
    fct_put_u64(bytes + 40, point->chain);
    fct_put_u32(bytes + 48, log->epoch);
    fct_put_u32(bytes + AT_CRC, fct_crc32c(0, bytes, AT_CRC));
}

static bool decode_slot(const uint8_t bytes[SLOT_SIZE], struct fct_end_proof *end)
{
    if (memcmp(bytes, end_magic, sizeof end_magic) != 0 ||
        fct_get_u32(bytes + AT_CRC) != fct_crc32c(0, bytes, AT_CRC) ||
        fct_get_u64(bytes + 24) > FCT_POSITION_MAX) {
        return false;
    }
    memcpy(end->store_id.bytes, bytes + 8, sizeof end->store_id.bytes);
    end->point = (struct fct_log_point){
        .position = fct_get_u64(bytes + 24),
        .batch_number = fct_get_u64(bytes + 32),
        .chain = fct_get_u64(bytes + 40),
    };
    end->epoch = fct_get_u32(bytes + 48);
    return true;
}

/* Reads the slot at |offset|; false if none verifies there, or the device cannot read it. */
static bool read_slot(struct fct_file *file, uint64_t offset, struct fct_end_proof *end)
{
    uint8_t bytes[SLOT_SIZE];
    factum_error reason;
    return fct_file_read(file, offset, bytes, sizeof bytes, &reason) == FACTUM_OK &&
           decode_slot(bytes, end);
}

factum_status fct_end_file_read(const struct fct_log *log, const char *name,
                                struct fct_end_proof *end, factum_error *err)
{
    struct fct_file *file;
    uint64_t size;
    struct fct_end_proof other;
    factum_error later;
    factum_status status = fct_file_open_in(log->os, log->dir, name, FCT_OPEN_READ, &file, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_size(file, &size, err);
    if (status != FACTUM_OK) {
        goto done;
    }
    bool first = read_slot(file, 0, end);
    bool second = size == LAST_SIZE && read_slot(file, BLOCK_SIZE, &other);
    end->slot = second && (!first || other.point.position > end->point.position);
    if (end->slot == 1) {
        other.slot = 1;
        *end = other;
    }
    end->slots = size == LAST_SIZE ? 2 : 1;
    FCT_ASSERT(end->slot < end->slots);
    if (!first && !second) {
        status = fct_fail(err, FACTUM_CORRUPT, "log/%s does not verify", name);
    }
done:
    (void)fct_file_close(&file, &later); /* it was open for reading only */
    return status;
}

factum_status fct_end_file_write(const struct fct_log *log, const char *name,
                                 const struct fct_log_point *point, factum_error *err)
{
    uint8_t bytes[SLOT_SIZE];
    encode_slot(bytes, log, point);
    return fct_file_replace(log->os, log->dir, name, fct_slice(bytes, sizeof bytes), err);
}

/* ---- LAST ------------------------------------------------------------------------------------ */

static factum_status create_last(const struct fct_log *log, const struct fct_log_point *point,
                                 factum_error *err)
{
    uint8_t *bytes = fct_mem_zalloc(log->mem, 1, LAST_SIZE); /* too big for a stack */
    if (bytes == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "log/%s: out of memory", FCT_LAST_NAME);
    }
    encode_slot(bytes, log, point);
    factum_status status =
        fct_file_replace(log->os, log->dir, FCT_LAST_NAME, fct_slice(bytes, LAST_SIZE), err);
    fct_mem_free(log->mem, bytes);
    return status;
}

/* Opens LAST for this run. Creates it again unless it has two slots of this store. *current: LAST
 * names |point| already. */
static factum_status open_last(struct fct_log *log, const struct fct_log_point *point,
                               bool *current, factum_error *err)
{
    struct fct_end_proof end = {.slot = 0};
    FCT_ASSERT(log->last == NULL);
    factum_status status = fct_end_file_read(log, FCT_LAST_NAME, &end, err);
    bool usable =
        status == FACTUM_OK && end.slots == 2 && fct_uuid_equal(end.store_id, log->store_id);
    *current = usable && memcmp(&end.point, point, sizeof *point) == 0;
    if (status == FACTUM_NOT_FOUND || status == FACTUM_CORRUPT ||
        (status == FACTUM_OK && !usable)) {
        status = create_last(log, point, err);
        *current = status == FACTUM_OK;
        end.slot = 0;
    }
    if (status == FACTUM_OK) {
        status =
            fct_file_open_in(log->os, log->dir, FCT_LAST_NAME, FCT_OPEN_WRITE, &log->last, err);
    }
    log->last_slot = end.slot == 0 ? 1 : 0;
    return status;
}

/* Writes |point| to the slot that does not contain the newest proof. */
static factum_status write_slot(struct fct_log *log, const struct fct_log_point *point,
                                factum_error *err)
{
    uint8_t bytes[BLOCK_SIZE] = {0}; /* a whole block: that heals one that cannot be read */
    FCT_ASSERT(log->last != NULL);
    FCT_ASSERT(log->last_slot <= 1);
    encode_slot(bytes, log, point);
    factum_status status =
        fct_file_write(log->last, log->last_slot * (uint64_t)BLOCK_SIZE, bytes, sizeof bytes, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_sync(log->last, err);
    if (status == FACTUM_NO_SPACE) {
        return fct_wrap(err, FACTUM_IO, "prove the end"); /* NO_SPACE means: nothing has changed */
    }
    log->last_slot ^= status == FACTUM_OK ? 1U : 0U;
    return status;
}

factum_status fct_last_advance(struct fct_log *log, factum_error *err)
{
    struct fct_log_point point = fct_log_end_point(log);
    bool current = false;
    factum_status status = FACTUM_OK;
    FCT_ASSERT(fct_log_durable(log) == point.position);
    if (log->last == NULL) {
        status = open_last(log, &point, &current, err);
    }
    if (status == FACTUM_OK && !current) {
        status = write_slot(log, &point, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    log->proven_end = point.position;
    log->segment_proven = true;
    atomic_store(&log->wants_heartbeat, false);
    return FACTUM_OK;
}

/* ---- END ------------------------------------------------------------------------------------- */

factum_status fct_end_file_remove(struct fct_log *log, factum_error *err)
{
    FCT_ASSERT(log->end_file);
    factum_status status = fct_os_unlink_in(log->os, log->dir, FCT_END_NAME, err);
    if (status != FACTUM_OK) {
        return status;
    }
    log->end_file = false;
    return fct_os_sync_dir(log->os, log->dir, err);
}
