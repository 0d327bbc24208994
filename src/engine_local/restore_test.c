/* restore_test.c - backups that are damaged: found, named, copied again, and never restored. */
#include "support/scratch.h"
#include "support/test.h"

#include "core/slice.h"
#include "engine_local/local.h"
#include "support/engine_calls.h"
#include "support/fault.h"

enum { SEGMENT = 16 << 10, EVENTS = 150 };

#define SEGMENT_2 "00000000000000000002.seg"
#define MANIFEST "factum-backup.json"

/* An open store of some segments, its backup, and the messages that were logged. */
struct fixture {
    struct fct_fault fault;
    char dir[SCRATCH_SIZE];
    struct fct_engine engine;
    factum_log_sink sink;
    char logged[2048]; /* the messages, a line each */
    factum_backup_report backed_up;
    factum_backup_verify_report verified;
    factum_error err;
};

static void note_message(void *data, factum_log_level level, const char *id, const char *text)
{
    struct fixture *f = data;
    size_t used = strlen(f->logged);
    if (level <= FACTUM_LOG_WARN) {
        (void)snprintf(f->logged + used, sizeof f->logged - used, "%s: %s\n", id, text);
    }
}

#define assert_logged(f, part)                                                                     \
    do {                                                                                           \
        if (strstr((f)->logged, (part)) == NULL) {                                                 \
            print_error("\"%s\" does not hold \"%s\"\n", (f)->logged, (part));                     \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

/* Lasts until the next call but one. */
static const char *in_dir(const struct fixture *f, const char *name)
{
    static char paths[2][160];
    static unsigned turn;
    char *path = paths[turn++ % 2];
    (void)snprintf(path, sizeof paths[0], "%s/%s", f->dir, name);
    return path;
}

static void open_store(struct fixture *f, const char *name)
{
    struct fct_local_options options = {.os = &f->fault.os,
                                        .mem = fct_mem_heap(),
                                        .path = in_dir(f, name),
                                        .sink = &f->sink,
                                        .segment_size_first = SEGMENT,
                                        .segment_size_max = SEGMENT};
    assert_ok(fct_engine_local_open(&f->engine, &options, &f->err), f->err);
}

static void append(struct fixture *f, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_ok(engine_append_zeros(&f->engine, 200, NULL, &f->err), f->err);
    }
}

static factum_status back_up(struct fixture *f)
{
    f->logged[0] = '\0';
    return engine_backup(&f->engine, in_dir(f, "backup"), &f->backed_up, &f->err);
}

static factum_status verify(struct fixture *f, const char *name)
{
    f->logged[0] = '\0';
    return fct_engine_local_backup_verify(&f->fault.os, fct_mem_heap(), in_dir(f, name), &f->sink,
                                          NULL, &f->verified, &f->err);
}

static factum_status restore_to(struct fixture *f, const char *to)
{
    factum_backup_report report;
    return fct_engine_local_restore(&f->fault.os, fct_mem_heap(), in_dir(f, "backup"),
                                    in_dir(f, to), NULL, &report, &f->err);
}

/* The restored store verifies and has all events; it is removed. */
static void assert_restores(struct fixture *f, uint64_t events)
{
    struct fixture restored = *f;
    factum_verify_report report;
    assert_ok(restore_to(f, "restored"), f->err);
    open_store(&restored, "restored");
    assert_ok(engine_verify(&restored.engine, &report, &f->err), f->err);
    assert_int_equal(report.events, events);
    assert_ok(fct_engine_close(&restored.engine, &f->err), f->err);
    assert_true(scratch_remove(in_dir(f, "restored")));
}

static int set_up(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    memset(f, 0, sizeof *f);
    f->sink = (factum_log_sink){f, note_message};
    fct_fault_init(&f->fault, fct_os_real());
    assert_true(scratch_make(f->dir));
    open_store(f, "store");
    append(f, EVENTS);
    assert_ok(back_up(f), f->err);
    assert_true(f->backed_up.files >= 3);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    f->fault.at = UINT64_MAX;
    assert_ok(fct_engine_close(&f->engine, &f->err), f->err);
    assert_true(scratch_remove(f->dir));
    return 0;
}

/* Changes a byte of a file; |offset| below 0 counts from its end. */
static void flip(const struct fixture *f, const char *name, long offset)
{
    FILE *file = fopen(in_dir(f, name), "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, offset < 0 ? SEEK_END : SEEK_SET), 0);
    int byte = fgetc(file);
    assert_true(byte != EOF);
    assert_int_equal(fseek(file, -1, SEEK_CUR), 0);
    assert_true(fputc(byte ^ 1, file) != EOF);
    assert_int_equal(fclose(file), 0);
}

static void cut(const struct fixture *f, const char *name, uint64_t size)
{
    struct fct_file *file;
    assert_int_equal(fct_file_open(fct_os_real(), in_dir(f, name), FCT_OPEN_WRITE, &file, NULL),
                     FACTUM_OK);
    assert_int_equal(fct_file_truncate(file, size, NULL), FACTUM_OK);
    assert_int_equal(fct_file_close(&file, NULL), FACTUM_OK);
}

/* The backup, in which SEGMENT_2 alone is damaged, does not verify for the reason |why|, is not
 * restored, and is whole after the next backup. */
static void assert_found_and_copied_again(struct fixture *f, const char *why)
{
    char text[200];
    assert_status(verify(f, "backup"), FACTUM_CORRUPT);
    (void)snprintf(text, sizeof text, "backup.damaged: " SEGMENT_2 " of the backup is damaged: %s",
                   why);
    assert_logged(f, text);
    assert_int_equal(f->verified.problems, 1);
    assert_non_null(strstr(f->verified.first_problem, why));
    assert_text(f->err, SEGMENT_2 " of the backup is damaged: ");
    assert_text(f->err, "run factum backup with its store, which copies it again, or use an older "
                        "backup");
    assert_status(restore_to(f, "restored"), FACTUM_CORRUPT);
    assert_text(f->err, SEGMENT_2 " of the backup is damaged: ");

    assert_ok(back_up(f), f->err);
    assert_logged(f, "backup.copied_again: " SEGMENT_2
                     " of the backup was damaged and was copied again (");
    assert_logged(f, why);
    assert_int_equal(f->backed_up.repaired_files, 1);
    assert_int_equal(f->backed_up.copied_files, 2); /* the last one is copied each time */
    assert_ok(verify(f, "backup"), f->err);
    assert_restores(f, EVENTS);

    assert_ok(back_up(f), f->err);
    assert_string_equal(f->logged, "");
    assert_int_equal(f->backed_up.repaired_files, 0);
    assert_int_equal(f->backed_up.copied_files, 1);
}

TEST(a_copy_that_is_damaged_is_copied_again)
{
    struct fixture *f = *state;
    flip(f, "backup/" SEGMENT_2, 9000);
    assert_found_and_copied_again(f, "at position ");
}

TEST(a_copy_whose_seal_is_damaged_is_copied_again)
{
    struct fixture *f = *state;
    flip(f, "backup/" SEGMENT_2, -20);
    assert_found_and_copied_again(f, "at position ");
}

TEST(a_copy_whose_header_is_damaged_is_copied_again)
{
    struct fixture *f = *state;
    flip(f, "backup/" SEGMENT_2, 2000);
    assert_found_and_copied_again(f, "at position 16032: its header does not verify");
}

TEST(a_copy_that_is_too_short_is_copied_again)
{
    struct fixture *f = *state;
    cut(f, "backup/" SEGMENT_2, 5000);
    assert_found_and_copied_again(f, "it has 5000 bytes, and should have ");
}

TEST(a_copy_that_is_missing_is_copied_again)
{
    struct fixture *f = *state;
    assert_int_equal(remove(in_dir(f, "backup/" SEGMENT_2)), 0);
    assert_found_and_copied_again(f, "it is missing");
}

TEST(a_copy_whose_hash_is_not_the_manifests_is_copied_again)
{
    struct fixture *f = *state;
    char text[4096];
    FILE *file = fopen(in_dir(f, "backup/" MANIFEST), "rb");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    assert_int_equal(fclose(file), 0);
    char *hash = strstr(strstr(text, SEGMENT_2), "\"sha256\":\"") + 10;
    *hash = *hash == '0' ? '1' : '0';
    assert_int_equal(
        fct_file_replace(fct_os_real(), in_dir(f, "backup"), MANIFEST, fct_slice(text, size), NULL),
        FACTUM_OK);
    assert_found_and_copied_again(f, "its hash is not the manifest's");
}

TEST(every_problem_is_named)
{
    struct fixture *f = *state;
    flip(f, "backup/00000000000000000001.seg", 5000);
    assert_int_equal(remove(in_dir(f, "backup/" SEGMENT_2)), 0);
    flip(f, "backup/00000000000000000003.seg", 100);
    assert_status(verify(f, "backup"), FACTUM_CORRUPT);
    assert_int_equal(f->verified.problems, 3);
    assert_int_equal(f->verified.files, f->backed_up.files);
    assert_logged(f, "00000000000000000001.seg of the backup is damaged: at position 4");
    assert_logged(f, SEGMENT_2 " of the backup is damaged: it is missing");
    assert_logged(f, "00000000000000000003.seg of the backup is damaged: at position ");
    assert_text(f->err, "00000000000000000001.seg of the backup is damaged");
    assert_ok(back_up(f), f->err);
    assert_ok(verify(f, "backup"), f->err);
}

TEST(a_sound_backup_verifies_with_the_figures_of_its_store)
{
    struct fixture *f = *state;
    factum_verify_report report;
    factum_info info;
    assert_ok(verify(f, "backup"), f->err);
    assert_string_equal(f->logged, "");
    assert_int_equal(f->verified.problems, 0);
    assert_string_equal(f->verified.first_problem, "");
    assert_int_equal(f->verified.events, EVENTS);
    assert_int_equal(f->verified.files, f->backed_up.files);
    assert_int_equal(f->verified.bytes, f->backed_up.bytes);
    assert_int_equal(f->verified.end_position, f->backed_up.end_position);
    assert_ok(engine_verify(&f->engine, &report, &f->err), f->err);
    assert_int_equal(f->verified.records, report.records);
    assert_int_equal(f->verified.batches, report.batches);
    assert_ok(engine_info(&f->engine, &info, &f->err), f->err);
    assert_memory_equal(f->verified.store_id.bytes, info.store_id.bytes, 16);
}

TEST(damage_in_backup_and_store_is_no_success)
{
    struct fixture *f = *state;
    flip(f, "backup/" SEGMENT_2, 9000);
    flip(f, "store/log/" SEGMENT_2, 9000);
    assert_status(back_up(f), FACTUM_CORRUPT);
    assert_text(f->err, "backup: " SEGMENT_2 " is damaged in the backup (at position ");
    assert_text(f->err, "and in the store (at position ");
    assert_text(f->err, "run factum verify, and keep older backups");
    flip(f, "store/log/" SEGMENT_2, 9000);
    assert_ok(back_up(f), f->err);
    assert_restores(f, EVENTS);
}

TEST(damage_of_the_store_is_not_copied)
{
    struct fixture *f = *state;
    factum_backup_report report;
    flip(f, "store/log/" SEGMENT_2, 9000);
    assert_status(engine_backup(&f->engine, in_dir(f, "new"), &report, &f->err), FACTUM_CORRUPT);
    assert_text(f->err, "backup: segment " SEGMENT_2 " of the store is damaged: at position ");
    assert_text(f->err, ": run factum verify; nothing was backed up");
    flip(f, "store/log/" SEGMENT_2, 9000);
}

/* A map of such a segment would raise a signal. */
TEST(a_segment_that_another_program_cut_is_an_error)
{
    struct fixture *f = *state;
    factum_backup_report report;
    cut(f, "store/log/" SEGMENT_2, 5000);
    assert_status(engine_backup(&f->engine, in_dir(f, "new"), &report, &f->err), FACTUM_CORRUPT);
    assert_text(f->err,
                "segment " SEGMENT_2 " of the store is damaged: it has 5000 bytes, and should "
                "have 16032: run factum verify");
    flip(f, "backup/" SEGMENT_2, 9000);
    assert_status(back_up(f), FACTUM_CORRUPT);
    assert_text(f->err, "is damaged in the backup (");
}

/* The device fails from some call on: the result is an error or damage, never a signal. */
TEST(a_store_that_cannot_be_read_is_not_copied)
{
    factum_error ignored;
    struct fixture *f = *state;
    factum_backup_report report;
    bool seen = false;
    for (uint64_t at = 0; at < 40; at++) {
        f->fault.kind = FCT_FAULT_EIO;
        f->fault.at = f->fault.calls + at;
        f->fault.sticky = true;
        factum_status status = engine_backup(&f->engine, in_dir(f, "new"), &report, &f->err);
        f->fault.at = UINT64_MAX;
        assert_true(status < 0);
        seen =
            seen || (status == FACTUM_CORRUPT &&
                     strstr(f->err.text, ": it cannot be read: read: Input/output error") != NULL);
    }
    assert_true(seen);
    factum_status closed = fct_engine_close(&f->engine, &ignored);
    (void)closed; /* its log may have failed */
    open_store(f, "store");
}

TEST(a_damaged_manifest_is_named_and_written_again)
{
    static const char *const wrong[] = {"", "{", "[]", "{\"format\":1}"};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(fct_file_replace(fct_os_real(), in_dir(f, "backup"), MANIFEST,
                                          factum_slice_from(wrong[i]), NULL),
                         FACTUM_OK);
        assert_status(verify(f, "backup"), FACTUM_CORRUPT);
        assert_logged(f, "the backup's manifest is damaged (" MANIFEST ": it ");
        assert_int_equal(f->verified.problems, 1);
        assert_status(restore_to(f, "restored"), FACTUM_CORRUPT);
        assert_text(f->err, "the backup's manifest is damaged (" MANIFEST);
        assert_ok(back_up(f), f->err);
        assert_logged(f, MANIFEST " of the backup was damaged: all files were copied again");
        assert_int_equal(f->backed_up.copied_files, f->backed_up.files);
        assert_ok(verify(f, "backup"), f->err);
    }
    assert_restores(f, EVENTS);
}

TEST(a_backup_of_another_store_is_kept_though_its_manifest_is_damaged)
{
    struct fixture *f = *state;
    struct fixture other = *f;
    open_store(&other, "other");
    append(&other, 10);
    assert_int_equal(fct_file_replace(fct_os_real(), in_dir(f, "backup"), MANIFEST,
                                      factum_slice_from("{"), NULL),
                     FACTUM_OK);
    assert_status(back_up(&other), FACTUM_EXISTS);
    assert_text(other.err, "/backup holds a backup of another store");
    assert_ok(fct_engine_close(&other.engine, &f->err), f->err);
    assert_ok(back_up(f), f->err);
    assert_restores(f, EVENTS);
}

TEST(each_way_to_be_no_backup_has_its_own_message)
{
    struct fixture *f = *state;
    assert_status(verify(f, "none"), FACTUM_NOT_FOUND);
    assert_text(f->err, "/none: the directory does not exist");
    assert_status(verify(f, "store"), FACTUM_NOT_FOUND);
    assert_text(f->err,
                "/store: it is a store itself; name the directory that factum backup wrote");
    assert_status(verify(f, "store/index"), FACTUM_NOT_FOUND);
    assert_text(f->err, "/store/index: it has no " MANIFEST);
    assert_int_equal(fct_file_replace(fct_os_real(), in_dir(f, "backup"), MANIFEST,
                                      factum_slice_from("{\"format\":2}"), NULL),
                     FACTUM_OK);
    assert_status(verify(f, "backup"), FACTUM_NEWER_FORMAT);
    assert_text(f->err, "the backup has format 2, and this version knows format 1");
    assert_status(back_up(f), FACTUM_NEWER_FORMAT);
}

TEST(nothing_that_exists_is_replaced_by_a_restore)
{
    struct fixture *f = *state;
    assert_status(restore_to(f, "store"), FACTUM_EXISTS);
    assert_text(f->err, "/store is not empty: restore into a new directory");
    assert_status(restore_to(f, "backup"), FACTUM_EXISTS);
    assert_int_equal(fct_os_make_dir(fct_os_real(), in_dir(f, "half"), NULL), FACTUM_OK);
    assert_int_equal(fct_file_replace(fct_os_real(), in_dir(f, "half"), "RESTORING",
                                      factum_slice_from(""), NULL),
                     FACTUM_OK);
    assert_status(restore_to(f, "half"), FACTUM_EXISTS);
    assert_text(f->err, "/half holds a restore that is under way or did not end: if none is "
                        "running, remove it, and restore again");
    assert_ok(verify(f, "backup"), f->err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_copy_that_is_damaged_is_copied_again),
        FIXTURE_CASE(a_copy_whose_seal_is_damaged_is_copied_again),
        FIXTURE_CASE(a_copy_whose_header_is_damaged_is_copied_again),
        FIXTURE_CASE(a_copy_that_is_too_short_is_copied_again),
        FIXTURE_CASE(a_copy_that_is_missing_is_copied_again),
        FIXTURE_CASE(a_copy_whose_hash_is_not_the_manifests_is_copied_again),
        FIXTURE_CASE(every_problem_is_named),
        FIXTURE_CASE(a_sound_backup_verifies_with_the_figures_of_its_store),
        FIXTURE_CASE(damage_in_backup_and_store_is_no_success),
        FIXTURE_CASE(damage_of_the_store_is_not_copied),
        FIXTURE_CASE(a_segment_that_another_program_cut_is_an_error),
        FIXTURE_CASE(a_store_that_cannot_be_read_is_not_copied),
        FIXTURE_CASE(a_damaged_manifest_is_named_and_written_again),
        FIXTURE_CASE(a_backup_of_another_store_is_kept_though_its_manifest_is_damaged),
        FIXTURE_CASE(each_way_to_be_no_backup_has_its_own_message),
        FIXTURE_CASE(nothing_that_exists_is_replaced_by_a_restore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
