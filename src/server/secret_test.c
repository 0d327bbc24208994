/* secret_test.c - the file of the admin's secret: its bytes, damage, crashes. */
#include "support/test.h"

#include "core/slice.h"
#include "server/secret.h"
#include "sim/sim_disk.h"

/* Calculated with another program (Python's hashlib.scrypt) from "open sesame". */
#define LINE                                                                                       \
    "factum-admin 1 scrypt 14 8 1 000102030405060708090a0b0c0d0e0f "                               \
    "7d37f3a0bc8f007da895288b85f2a303dd90e17a4ac347c66a41f93144ee076e\n"

static const char *const secret_dir = "/store";

static struct fct_sim_disk *new_disk(void)
{
    struct fct_sim_disk *disk = fct_sim_disk_create(1, false);
    const struct fct_os *os = fct_sim_disk_os(disk);
    factum_error err;
    assert_ok(fct_os_make_dir(os, secret_dir, &err), err);
    assert_ok(fct_os_sync_dir(os, "/", &err), err);
    return disk;
}

TEST(the_line_is_what_another_program_calculates)
{
    struct fct_secret secret;
    factum_error err;
    assert_ok(fct_secret_parse(factum_slice_from(LINE), &secret, &err), err);
    assert_int_equal(secret.cost_log2, 14);
    assert_int_equal(secret.block_size, 8);
    assert_int_equal(secret.parallelism, 1);
    assert_int_equal(secret.salt[15], 15);
    bool right = false;
    assert_ok(fct_secret_check(&secret, FCT_SLICE("open sesame"), &right, &err), err);
    assert_true(right);
    assert_ok(fct_secret_check(&secret, FCT_SLICE("open sesamf"), &right, &err), err);
    assert_false(right);
    assert_ok(fct_secret_check(&secret, FCT_SLICE(""), &right, &err), err);
    assert_false(right);
    char line[FCT_SECRET_LINE_SIZE];
    fct_secret_format(&secret, line);
    assert_string_equal(line, LINE);
}

TEST(every_changed_byte_and_every_cut_is_refused_or_another_secret)
{
    char line[] = LINE;
    size_t size = sizeof line - 1;
    struct fct_secret secret = {.cost_log2 = 77};
    factum_error err;
    for (size_t cut = 0; cut < size; cut++) {
        assert_status(fct_secret_parse(fct_slice(line, cut), &secret, &err), FACTUM_CORRUPT);
    }
    assert_status(fct_secret_parse(fct_slice(line, size + 1), &secret, &err), FACTUM_CORRUPT);
    assert_int_equal(secret.cost_log2, 77);
    for (size_t i = 0; i < size; i++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            char kept = line[i];
            line[i] = (char)byte;
            factum_status status = fct_secret_parse(fct_slice(line, size), &secret, &err);
            if (status == FACTUM_OK) {
                char again[FCT_SECRET_LINE_SIZE];
                fct_secret_format(&secret, again);
                assert_string_equal(again, line); /* each secret has one text */
            } else {
                assert_true(status == FACTUM_CORRUPT || status == FACTUM_NEWER_FORMAT);
            }
            line[i] = kept;
        }
    }
}

TEST(a_cost_that_would_take_all_memory_is_refused)
{
    static const char *const heads[] = {
        "1 scrypt 18 8 1",         "1 scrypt 0 8 1",
        "1 scrypt 14 9 1",         "1 scrypt 14 0 1",
        "1 scrypt 14 8 5",         "1 scrypt 14 8 0",
        "1 scrypt 014 8 1",        "1 scrypt 14  8 1",
        "1 scrypt -1 8 1",         "1 scrypt +4 8 1",
        "1 scrypt 4294967310 8 1", "1 scrypt 99999999999999999999999999999999 8 1",
        "0 scrypt 14 8 1",         "1 bcrypt 14 8 1",
        "01 scrypt 14 8 1",        "1 SCRYPT 14 8 1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        char line[300];
        (void)snprintf(line, sizeof line, "factum-admin %s %s", heads[i], strstr(LINE, "000102"));
        struct fct_secret secret;
        factum_error err;
        assert_status(fct_secret_parse(factum_slice_from(line), &secret, &err), FACTUM_CORRUPT);
        assert_text(err, "is damaged: restore it, or remove it for a new secret");
    }
}

TEST(a_file_of_a_newer_version_is_not_called_damaged)
{
    struct fct_secret secret;
    factum_error err;
    assert_status(fct_secret_parse(FCT_SLICE("factum-admin 2 argon2 what ever\n"), &secret, &err),
                  FACTUM_NEWER_FORMAT);
    assert_text(err, "version 2: use a newer factum");
}

TEST(the_first_start_shows_a_secret_and_the_second_knows_it)
{
    struct fct_sim_disk *disk = new_disk();
    const struct fct_os *os = fct_sim_disk_os(disk);
    struct fct_secret secret;
    char text[FCT_SECRET_TEXT_SIZE];
    char nothing[FCT_SECRET_TEXT_SIZE] = "x";
    factum_error err;
    assert_ok(fct_secret_open(os, secret_dir, &secret, text, &err), err);
    assert_int_equal(strlen(text), 52);
    assert_int_equal(strspn(text, "abcdefghijklmnopqrstuvwxyz234567"), 52);
    assert_ok(fct_secret_open(os, secret_dir, &secret, nothing, &err), err);
    assert_string_equal(nothing, "");
    bool right = false;
    assert_ok(fct_secret_check(&secret, factum_slice_from(text), &right, &err), err);
    assert_true(right);
    uint64_t size = 0;
    const char *file = (const char *)fct_sim_disk_bytes(disk, "/store/admin", &size);
    assert_non_null(file);
    assert_memory_equal(file, "factum-admin 1 scrypt 14 8 1 ", 29);
    assert_null(memmem(file, (size_t)size, text, 8));
    fct_sim_disk_destroy(disk);
}

TEST(two_secrets_share_characters_only_by_chance)
{
    struct fct_secret secret;
    char texts[2][FCT_SECRET_TEXT_SIZE];
    factum_error err;
    for (size_t i = 0; i < 2; i++) {
        struct fct_sim_disk *disk = new_disk();
        assert_ok(fct_secret_open(fct_sim_disk_os(disk), secret_dir, &secret, texts[i], &err), err);
        fct_sim_disk_destroy(disk);
    }
    size_t same = 0;
    for (size_t i = 0; i < 52; i++) {
        same += texts[0][i] == texts[1][i];
    }
    assert_in_range(same, 0, 20); /* 1.6 by chance */
}

TEST(damage_a_missing_directory_and_a_longer_file_are_reported)
{
    struct fct_sim_disk *disk = new_disk();
    const struct fct_os *os = fct_sim_disk_os(disk);
    struct fct_secret secret;
    char text[FCT_SECRET_TEXT_SIZE];
    factum_error err;
    assert_status(fct_secret_open(os, "/nowhere", &secret, text, &err), FACTUM_NOT_FOUND);
    assert_text(err, "the admin's secret in /nowhere: ");
    assert_string_equal(text, "");
    assert_ok(fct_file_replace(os, secret_dir, "admin", FCT_SLICE(LINE "#"), &err), err);
    assert_status(fct_secret_open(os, secret_dir, &secret, text, &err), FACTUM_CORRUPT);
    static char huge[100000];
    memcpy(huge, LINE, sizeof LINE);
    assert_ok(fct_file_replace(os, secret_dir, "admin", fct_slice(huge, sizeof huge), &err), err);
    assert_status(fct_secret_open(os, secret_dir, &secret, text, &err), FACTUM_CORRUPT);
    assert_ok(fct_file_replace(os, secret_dir, "admin", FCT_SLICE(""), &err), err);
    assert_status(fct_secret_open(os, secret_dir, &secret, text, &err), FACTUM_CORRUPT);
    assert_string_equal(text, "");
    fct_sim_disk_destroy(disk);
}

/* Whatever is lost, a secret that was shown stays the secret. */
TEST(a_crash_at_any_call_leaves_no_secret_or_a_whole_one_and_a_shown_one_stays)
{
    bool shown = false;
    for (uint64_t at = 0; !shown; at++) {
        assert_in_range(at, 0, 30);
        struct fct_sim_disk *disk = new_disk();
        fct_sim_disk_stop_at(disk, fct_sim_disk_calls(disk) + at);
        struct fct_secret secret;
        char text[FCT_SECRET_TEXT_SIZE];
        factum_error err;
        shown =
            fct_secret_open(fct_sim_disk_os(disk), secret_dir, &secret, text, &err) == FACTUM_OK;
        assert_int_equal(text[0] != '\0', shown);
        for (int mode = FCT_CRASH_NONE; mode < FCT_CRASH_MODES; mode++) {
            struct fct_sim_disk *after = fct_sim_disk_crash(disk, (enum fct_crash_mode)mode, at);
            struct fct_secret kept;
            char fresh[FCT_SECRET_TEXT_SIZE];
            assert_ok(fct_secret_open(fct_sim_disk_os(after), secret_dir, &kept, fresh, &err), err);
            if (shown) {
                assert_string_equal(fresh, "");
                assert_memory_equal(&kept, &secret, sizeof kept);
            }
            fct_sim_disk_destroy(after);
        }
        fct_sim_disk_destroy(disk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_line_is_what_another_program_calculates),
        CASE(every_changed_byte_and_every_cut_is_refused_or_another_secret),
        CASE(a_cost_that_would_take_all_memory_is_refused),
        CASE(a_file_of_a_newer_version_is_not_called_damaged),
        CASE(the_first_start_shows_a_secret_and_the_second_knows_it),
        CASE(two_secrets_share_characters_only_by_chance),
        CASE(damage_a_missing_directory_and_a_longer_file_are_reported),
        CASE(a_crash_at_any_call_leaves_no_secret_or_a_whole_one_and_a_shown_one_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
