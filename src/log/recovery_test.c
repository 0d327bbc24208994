/* recovery_test.c - opening what users, earlier crashes and other stores have left, on the real
 * disk. Layer: log. Crashes and damage in all their forms are in tests/crash. */
#include <stdlib.h>
#include <unistd.h>

#include "log/log.h"

#include "codec/bytes.h"
#include "core/crc32c.h"
#include "core/slice.h"
#include "support/test.h"

#define FIRST "00000000000000000001.seg"
#define SECOND "00000000000000000002.seg"
#define SEGMENT_SIZE 16384u

struct fixture {
    char dir[64];
    struct fct_log_options options;
    struct fct_log *log;
    factum_error err;
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    assert_non_null(f);
    memcpy(f->dir, "/tmp/factum-recovery-XXXXXX", sizeof "/tmp/factum-recovery-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->options = (struct fct_log_options){
        .os = fct_os_real(),
        .mem = fct_mem_heap(),
        .dir = f->dir,
        .segment_size_first = SEGMENT_SIZE,
        .segment_size_max = 65536,
    };
    *state = f;
    return 0;
}

static void path_of(const struct fixture *f, const char *name, char path[FCT_PATH_SIZE])
{
    assert_int_equal(fct_path_join(path, f->dir, name, NULL), FACTUM_OK);
}

static void remove_file(const struct fixture *f, const char *name)
{
    char path[FCT_PATH_SIZE];
    path_of(f, name, path);
    assert_int_equal(fct_os_unlink(fct_os_real(), path, NULL), FACTUM_OK);
}

static factum_status remove_one(void *data, const char *name)
{
    remove_file(data, name);
    return FACTUM_OK;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    (void)fct_log_close(f->log, &f->err);
    assert_int_equal(fct_os_list_dir(fct_os_real(), f->dir, remove_one, f, NULL), FACTUM_OK);
    assert_int_equal(rmdir(f->dir), 0);
    test_free(f);
    return 0;
}

static void open_log(struct fixture *f)
{
    assert_ok(fct_log_open(&f->log, &f->options, &f->err), f->err);
}

static void close_log(struct fixture *f)
{
    struct fct_log *log = f->log;
    f->log = NULL;
    assert_ok(fct_log_close(log, &f->err), f->err);
}

static uint64_t append(struct fixture *f, uint64_t revision, uint8_t fill)
{
    uint8_t data[1000];
    memset(data, fill, sizeof data);
    struct fct_record record = {
        .revision = revision,
        .stream = FCT_SLICE("order-1"),
        .data = fct_slice(data, sizeof data),
        .kind = FCT_RECORD_EVENT,
    };
    size_t size = fct_record_size(&record, NULL, 0);
    assert_ok(fct_log_begin(f->log, size, &f->err), f->err);
    uint64_t position = fct_log_add(f->log, &record, NULL, 0, size);
    assert_ok(fct_log_commit(f->log, true, &f->err), f->err);
    return position;
}

static void assert_events(struct fixture *f, uint64_t count)
{
    struct fct_log_walk walk;
    struct fct_record record;
    assert_ok(fct_log_walk_init(&walk, f->log, 0, &f->err), f->err);
    for (uint64_t i = 0; i < count; i++) {
        assert_ok(fct_log_walk_next(&walk, &record, &f->err), f->err);
        assert_int_equal(record.revision, i);
    }
    assert_status(fct_log_walk_next(&walk, &record, &f->err), FACTUM_DONE);
}

static void write_at(const struct fixture *f, const char *name, uint64_t offset, const void *bytes,
                     size_t size)
{
    char path[FCT_PATH_SIZE];
    struct fct_file *file;
    path_of(f, name, path);
    assert_int_equal(
        fct_file_open(fct_os_real(), path, FCT_OPEN_WRITE | FCT_OPEN_CREATE, &file, NULL),
        FACTUM_OK);
    assert_int_equal(fct_file_write(file, offset, bytes, size, NULL), FACTUM_OK);
    assert_int_equal(fct_file_close(&file, NULL), FACTUM_OK);
}

static void set_size(const struct fixture *f, const char *name, uint64_t size)
{
    char path[FCT_PATH_SIZE];
    struct fct_file *file;
    path_of(f, name, path);
    assert_int_equal(fct_file_open(fct_os_real(), path, FCT_OPEN_WRITE, &file, NULL), FACTUM_OK);
    assert_int_equal(fct_file_truncate(file, size, NULL), FACTUM_OK);
    assert_int_equal(fct_file_close(&file, NULL), FACTUM_OK);
}

static size_t read_whole(const struct fixture *f, const char *name, uint8_t *bytes, size_t room)
{
    char path[FCT_PATH_SIZE];
    struct fct_file *file;
    uint64_t size;
    path_of(f, name, path);
    assert_int_equal(fct_file_open(fct_os_real(), path, FCT_OPEN_READ, &file, NULL), FACTUM_OK);
    assert_int_equal(fct_file_size(file, &size, NULL), FACTUM_OK);
    assert_true(size <= room);
    assert_int_equal(fct_file_read(file, 0, bytes, (size_t)size, NULL), FACTUM_OK);
    assert_int_equal(fct_file_close(&file, NULL), FACTUM_OK);
    return (size_t)size;
}

static bool exists(const struct fixture *f, const char *name)
{
    char path[FCT_PATH_SIZE];
    path_of(f, name, path);
    return access(path, F_OK) == 0;
}

/* Nothing except the log records the loss. */
static factum_status forget_nothing(void *data, factum_error *err)
{
    (void)data;
    (void)err;
    return FACTUM_OK;
}

/* ---- copies ---------------------------------------------------------------------------------- */

TEST(a_copy_whose_completion_was_interrupted_opens)
{
    struct fixture *f = *state;
    open_log(f);
    append(f, 0, 'a');
    append(f, 1, 'b');
    uint64_t used = fct_log_end(f->log);
    close_log(f);
    remove_file(f, "END");
    remove_file(f, "LAST");
    for (uint64_t size = used; size < SEGMENT_SIZE; size += 2048) {
        set_size(f, FIRST, used); /* the copy has only the used bytes */
        set_size(f, FIRST, size); /* up to the end of the zeros */
        f->options.read_only = true;
        open_log(f);
        assert_int_equal(fct_log_state(f->log), FCT_LOG_READ_ONLY);
        assert_events(f, 2);
        close_log(f);
    }
    f->options.read_only = false;
    open_log(f);
    assert_int_equal(fct_log_state(f->log), FCT_LOG_OPEN);
    for (uint64_t i = 2; i < 30; i++) {
        append(f, i, 'c');
    }
    assert_events(f, 30);
}

/* ---- files of another log -------------------------------------------------------------------- */

TEST(another_history_of_the_same_length_is_refused)
{
    struct fixture *f = *state;
    static uint8_t before[SEGMENT_SIZE];
    static uint8_t other[SEGMENT_SIZE];
    uint8_t end[64];
    open_log(f);
    append(f, 0, 'a');
    close_log(f);
    size_t size = read_whole(f, FIRST, before, sizeof before);
    size_t end_size = read_whole(f, "END", end, sizeof end);
    open_log(f);
    append(f, 1, 'b');
    close_log(f);
    (void)read_whole(f, FIRST, other, sizeof other);
    write_at(f, FIRST, 0, before, size);
    write_at(f, "END", 0, end, end_size);
    open_log(f);
    append(f, 1, 'c');
    uint64_t upto = fct_log_end(f->log);
    struct fct_log_point point = fct_log_end_point(f->log);
    close_log(f);
    write_at(f, FIRST, 0, other, size); /* as long as at the time of END, and whole */
    assert_status(fct_log_open(&f->log, &f->options, &f->err), FACTUM_CORRUPT);
    assert_text(f->err, "segment " FIRST " belongs to another history");
    remove_file(f, "END");
    remove_file(f, "LAST");
    open_log(f);
    assert_true(fct_log_end(f->log) >= upto);
    f->options.proof_store_id = fct_log_store_id(f->log);
    close_log(f);
    f->options.proof = point; /* the proof of an index */
    assert_status(fct_log_open(&f->log, &f->options, &f->err), FACTUM_CORRUPT);
    assert_text(f->err, "belongs to another history");
    f->options.proof_store_id.bytes[0] ^= 1; /* a proof of another store is ignored */
    open_log(f);
    assert_events(f, 2);
}

static void a_damaged_END_still_proves_that_there_was_a_log(void **state)
{
    struct fixture *f = *state;
    open_log(f);
    append(f, 0, 'a');
    close_log(f);
    write_at(f, "END", 30, "\xff", 1);
    open_log(f); /* the segments are enough */
    assert_events(f, 1);
    close_log(f);
    write_at(f, "END", 30, "\xff", 1);
    remove_file(f, FIRST);
    assert_status(fct_log_open(&f->log, &f->options, &f->err), FACTUM_CORRUPT);
    assert_text(f->err, "segments are missing");
    f->options.read_only = true;
    assert_status(fct_log_open(&f->log, &f->options, &f->err), FACTUM_CORRUPT);
    assert_text(f->err, "segments are missing");
}

TEST(a_proof_of_an_impossible_position_is_not_believed)
{
    struct fixture *f = *state;
    uint8_t end[56];
    open_log(f);
    append(f, 0, 'a');
    f->options.proof_store_id = fct_log_store_id(f->log);
    close_log(f);
    assert_int_equal(read_whole(f, "END", end, sizeof end), sizeof end);
    fct_put_u64(end + 24, UINT64_MAX - 7);
    fct_put_u32(end + 52, fct_crc32c(0, end, 52));
    write_at(f, "END", 0, end, sizeof end);
    f->options.proof.position = UINT64_MAX - 7; /* the proof of an index */
    open_log(f);
    assert_int_equal(fct_log_state(f->log), FCT_LOG_OPEN);
    assert_events(f, 1);
}

/* ---- tails ----------------------------------------------------------------------------------- */

static void tear(struct fixture *f)
{
    static const char garbage[] = "no batch";
    uint64_t end = fct_log_end(f->log);
    close_log(f);
    remove_file(f, "END");
    write_at(f, FIRST, end, garbage, sizeof garbage);
}

TEST(only_torn_files_of_its_own_are_removed)
{
    struct fixture *f = *state;
    static const char *const others[] = {"torn-5", "torn-", "torn-00000000000000000001.mine",
                                         "torn-99999999999999999999"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        write_at(f, others[i], 0, "x", 1);
    }
    open_log(f);
    for (uint64_t i = 0; i < 10; i++) {
        append(f, i, 'a');
        tear(f);
        open_log(f);
        assert_true(fct_log_recovery(f->log)->torn_bytes > 0);
        assert_events(f, i + 1);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_true(exists(f, others[i]));
    }
}

/* A crash between the seal and the truncation of its file, then damage before the place where the
 * scan starts: repair must not read past the new end of the file. */
static void a_sealed_file_that_is_truncated_is_not_read_past_its_end(void **state)
{
    struct fixture *f = *state;
    open_log(f);
    append(f, 0, 'a');
    uint64_t bad = append(f, 1, 'b');
    append(f, 2, 'c');
    f->options.proof = fct_log_end_point(f->log);
    f->options.proof_store_id = fct_log_store_id(f->log);
    assert_ok(fct_log_begin(f->log, 12000, &f->err), f->err); /* rolls, pages before the end */
    assert_int_equal(fct_log_segment_count(f->log), 2);
    close_log(f);
    remove_file(f, SECOND);
    remove_file(f, "END");
    set_size(f, FIRST, SEGMENT_SIZE);
    write_at(f, FIRST, bad + 80, "\xff", 1);
    assert_status(fct_log_accept_loss(&f->options, bad + 8, forget_nothing, NULL, &f->err),
                  FACTUM_INVALID);
    set_size(f, FIRST, SEGMENT_SIZE);
    assert_ok(fct_log_accept_loss(&f->options, bad - FCT_BATCH_HEADER_SIZE, forget_nothing, NULL,
                                  &f->err),
              f->err);
    f->options.proof.position = 0;
    open_log(f);
    assert_events(f, 1);
}

/* No run of this program leaves such a file. */
TEST(a_segment_without_room_for_a_seal_is_not_written_to)
{
    struct fixture *f = *state;
    static uint8_t bytes[SEGMENT_SIZE];
    struct fct_segment_header segment;
    open_log(f);
    append(f, 0, 'a');
    struct fct_log_point at = fct_log_end_point(f->log);
    close_log(f);
    remove_file(f, "END");
    (void)read_whole(f, FIRST, bytes, sizeof bytes);
    assert_int_equal(fct_segment_header_decode(bytes, &segment), FACTUM_OK);
    for (; at.position + FCT_BATCH_HEADER_SIZE <= SEGMENT_SIZE;
         at.position += FCT_BATCH_HEADER_SIZE) {
        struct fct_batch_header header = {
            .position = at.position,
            .number = at.batch_number++,
            .durable_upto = at.position,
            .chain = at.chain,
            .payload_crc = fct_batch_payload_crc(at.chain, bytes, 0),
            .epoch = 1,
            .flags = FCT_BATCH_IDLE,
        };
        fct_batch_header_encode(bytes + at.position, &header, segment.salt);
        at.chain = fct_batch_chain(bytes + at.position);
    }
    write_at(f, FIRST, 0, bytes, sizeof bytes);
    open_log(f);
    assert_int_equal(fct_log_state(f->log), FCT_LOG_DAMAGED);
    assert_non_null(strstr(fct_log_state_reason(f->log), "it has no room for a seal"));
    assert_int_equal(fct_log_recovery(f->log)->damaged_from, at.position);
    assert_status(fct_log_begin(f->log, 10, &f->err), FACTUM_CORRUPT);
    assert_events(f, 1);
    close_log(f);
    assert_status(fct_log_accept_loss(&f->options, at.position, forget_nothing, NULL, &f->err),
                  FACTUM_CORRUPT);
    assert_text(f->err, "no room for a seal");
}

/* ---- losses ---------------------------------------------------------------------------------- */

TEST(a_second_loss_keeps_what_the_first_one_quarantined)
{
    struct fixture *f = *state;
    static uint8_t first[65536];
    static uint8_t kept[65536];
    size_t size = 0;
    for (int loss = 0; loss < 2; loss++) {
        open_log(f);
        uint64_t count = 2;
        uint64_t bad = loss == 0 ? 0 : fct_log_start(f->log);
        if (loss == 0) {
            append(f, 0, 'a');
            bad = append(f, 1, 'b') - FCT_BATCH_HEADER_SIZE;
            while (fct_log_segment_count(f->log) == 1) {
                append(f, count++, 'c');
            }
        }
        close_log(f);
        if (loss == 0) {
            size = read_whole(f, SECOND, first, sizeof first);
        }
        write_at(f, FIRST, bad + 10, "\xff", 1);
        assert_ok(fct_log_accept_loss(&f->options, bad, forget_nothing, NULL, &f->err), f->err);
    }
    assert_int_equal(read_whole(f, "lost-" SECOND, kept, sizeof kept), size);
    assert_memory_equal(kept, first, size);
    assert_true(exists(f, "lost-" SECOND ".2"));
    open_log(f);
    assert_int_equal(fct_log_state(f->log), FCT_LOG_OPEN);
    assert_events(f, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_copy_whose_completion_was_interrupted_opens),
        FIXTURE_CASE(another_history_of_the_same_length_is_refused),
        FIXTURE_CASE(a_damaged_END_still_proves_that_there_was_a_log),
        FIXTURE_CASE(a_proof_of_an_impossible_position_is_not_believed),
        FIXTURE_CASE(only_torn_files_of_its_own_are_removed),
        FIXTURE_CASE(a_sealed_file_that_is_truncated_is_not_read_past_its_end),
        FIXTURE_CASE(a_segment_without_room_for_a_seal_is_not_written_to),
        FIXTURE_CASE(a_second_loss_keeps_what_the_first_one_quarantined),
    };
    return cmocka_run_group_tests_name("recovery", tests, NULL, NULL);
}
