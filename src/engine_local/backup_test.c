/* backup_test.c - backups of stores that have one origin and different histories. */
#include "support/scratch.h"
#include "support/test.h"

#include "core/slice.h"
#include "engine/token.h"
#include "engine_local/local.h"
#include "sim/sim_disk.h"
#include "support/engine_calls.h"

enum { SEGMENT = 16 << 10, DATA = 200 };

/* On a real disk, in |dir|, or on a simulated one that can crash. */
struct fixture {
    const struct fct_os *os;
    char dir[SCRATCH_SIZE];
    factum_error err;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.os = fct_os_real()};
    assert_true(scratch_make(fixture.dir));
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    assert_true(scratch_remove(f->dir));
    return 0;
}

/* Lasts until the next call but one. */
static const char *in_dir(const struct fixture *f, const char *name)
{
    static char paths[2][128];
    static unsigned turn;
    char *path = paths[turn++ % 2];
    (void)snprintf(path, sizeof paths[0], "%s/%s", f->dir, name);
    return path;
}

static void open_store(struct fixture *f, struct fct_engine *engine, const char *path)
{
    struct fct_local_options options = {
        .os = f->os,
        .mem = fct_mem_heap(),
        .path = in_dir(f, path),
        .segment_size_first = SEGMENT,
        .segment_size_max = SEGMENT,
    };
    assert_ok(fct_engine_local_open(engine, &options, &f->err), f->err);
}

static void close_store(struct fixture *f, struct fct_engine *engine)
{
    assert_ok(fct_engine_close(engine, &f->err), f->err);
}

/* Appends |count| events of |byte|, all of one size. */
static void append(struct fixture *f, struct fct_engine *engine, int byte, int count,
                   factum_durability durability)
{
    char data[DATA];
    memset(data, byte, sizeof data);
    factum_new_event event = {
        .stream = FCT_SLICE("s-1"), .type = FCT_SLICE("T"), .data = fct_slice(data, sizeof data)};
    factum_expectation any = {event.stream, factum_any()};
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &any,
        .expectation_count = 1,
        .durability = durability,
    };
    for (int i = 0; i < count; i++) {
        assert_ok(fct_engine_append(engine, &request, NULL, NULL, &f->err), f->err);
    }
}

static void back_up(struct fixture *f, struct fct_engine *engine, factum_backup_report *report)
{
    assert_ok(engine_backup(engine, in_dir(f, "backup"), report, &f->err), f->err);
}

static void restore(struct fixture *f, const char *to)
{
    factum_backup_report report;
    assert_ok(fct_engine_local_restore(f->os, fct_mem_heap(), in_dir(f, "backup"), in_dir(f, to),
                                       NULL, &report, &f->err),
              f->err);
}

/* The number of events with |byte|. The store verifies. */
static uint64_t count_of(struct fixture *f, struct fct_engine *engine, int byte)
{
    struct fct_reader *reader;
    factum_event event;
    factum_status status;
    factum_verify_report report;
    uint64_t count = 0;
    factum_read_request request = {.size = sizeof request};
    assert_ok(engine_verify(engine, &report, &f->err), f->err);
    assert_ok(fct_engine_read(engine, &request, false, &reader, &f->err), f->err);
    while ((status = fct_reader_next(reader, &event, &f->err)) == FACTUM_OK) {
        count += event.data.ptr[0] == byte ? 1 : 0;
    }
    assert_status(status, FACTUM_DONE);
    fct_reader_close(reader);
    return count;
}

/* Both stores fill their segments alike, so that names and sizes are the same. */
TEST(a_segment_of_another_history_is_copied_again)
{
    struct fixture *f = *state;
    struct fct_engine first;
    struct fct_engine second;
    struct fct_engine restored;
    factum_backup_report report;
    open_store(f, &first, "first");
    append(f, &first, 'o', 10, FACTUM_DURABILITY_SYNC);
    back_up(f, &first, &report);
    restore(f, "second");
    open_store(f, &second, "second");
    append(f, &second, 'b', 200, FACTUM_DURABILITY_SYNC);
    back_up(f, &second, &report);
    close_store(f, &second);
    append(f, &first, 'a', 260, FACTUM_DURABILITY_SYNC);
    back_up(f, &first, &report);
    assert_int_equal(report.copied_files, report.files);
    assert_int_equal(report.repaired_files, 0); /* they were whole */
    back_up(f, &first, &report);
    assert_int_equal(report.copied_files, 1);
    close_store(f, &first);
    restore(f, "restored");
    open_store(f, &restored, "restored");
    assert_int_equal(count_of(f, &restored, 'o'), 10);
    assert_int_equal(count_of(f, &restored, 'b'), 0);
    assert_int_equal(count_of(f, &restored, 'a'), 260);
    close_store(f, &restored);
}

TEST(a_backup_holds_nothing_that_the_store_could_lose)
{
    struct fct_engine engine;
    factum_backup_report report;
    struct fct_sim_disk *disk = fct_sim_disk_create(1, false);
    assert_non_null(disk);
    struct fixture simulated = {.os = fct_sim_disk_os(disk)};
    struct fixture *f = &simulated;
    open_store(f, &engine, "store");
    append(f, &engine, 'x', 5, FACTUM_DURABILITY_OS);
    back_up(f, &engine, &report);
    struct fct_sim_disk *image = fct_sim_disk_crash(disk, FCT_CRASH_NONE, 1);
    assert_non_null(image);
    close_store(f, &engine);
    fct_sim_disk_destroy(disk);
    f->os = fct_sim_disk_os(image);
    open_store(f, &engine, "store");
    assert_int_equal(count_of(f, &engine, 'x'), 5);
    uint64_t place;
    assert_ok(fct_engine_place(&engine, &place, &f->err), f->err);
    assert_true(place + 1 >= report.end_position);
    close_store(f, &engine);
    fct_sim_disk_destroy(image);
}

/* ---- tokens of restored stores --------------------------------------------------------------- */

/* |place| as a token of |engine|. */
static void token_of(const struct fct_engine *engine, uint64_t place, char text[FACTUM_TOKEN_SIZE])
{
    fct_token_format(&engine->timelines, place, text);
}

static uint64_t place_of(struct fixture *f, struct fct_engine *engine)
{
    uint64_t place;
    assert_ok(fct_engine_place(engine, &place, &f->err), f->err);
    return place;
}

static factum_status parse(struct fixture *f, const struct fct_engine *engine, const char *token)
{
    uint64_t place;
    return fct_token_parse(&engine->timelines, factum_slice_from(token), &place, &f->err);
}

TEST(tokens_hold_in_all_stores_that_share_their_history)
{
    struct fixture *f = *state;
    struct fct_engine first;
    struct fct_engine second;
    struct fct_engine third;
    factum_backup_report report;
    char common[FACTUM_TOKEN_SIZE];
    char end[FACTUM_TOKEN_SIZE];
    char of_first[FACTUM_TOKEN_SIZE];
    char of_second[FACTUM_TOKEN_SIZE];
    open_store(f, &first, "first");
    append(f, &first, 'a', 10, FACTUM_DURABILITY_SYNC);
    token_of(&first, place_of(f, &first) / 2, common);
    back_up(f, &first, &report);
    token_of(&first, report.end_position - 1,
             end); /* the place after which nothing is in the backup */
    restore(f, "second");
    append(f, &first, 'a', 10, FACTUM_DURABILITY_SYNC);
    token_of(&first, report.end_position, of_first);

    open_store(f, &second, "second");
    assert_ok(parse(f, &second, common), f->err);
    assert_ok(parse(f, &second, end), f->err);
    assert_status(parse(f, &second, of_first), FACTUM_WRONG_TIMELINE);
    append(f, &second, 'b', 20, FACTUM_DURABILITY_SYNC);
    token_of(&second, report.end_position, of_second);
    assert_string_not_equal(of_second, of_first);
    assert_status(parse(f, &first, of_second), FACTUM_WRONG_TIMELINE);
    close_store(f, &first);

    back_up(f, &second, &report);
    restore(f, "third");
    append(f, &second, 'b', 1, FACTUM_DURABILITY_SYNC);
    char later[FACTUM_TOKEN_SIZE];
    token_of(&second, report.end_position, later);
    close_store(f, &second);
    open_store(f, &third, "third");
    assert_ok(parse(f, &third, common), f->err);
    assert_ok(parse(f, &third, end), f->err);
    assert_ok(parse(f, &third, of_second), f->err);
    assert_status(parse(f, &third, of_first), FACTUM_WRONG_TIMELINE);
    assert_status(parse(f, &third, later), FACTUM_WRONG_TIMELINE);
    close_store(f, &third);
}

/* Replaces, in the backup's manifest, the text from |old| to the next |end| by |fresh|. */
static void change_manifest(struct fixture *f, const char *old, const char *end, const char *fresh)
{
    char text[4096];
    char changed[4096];
    struct fct_file *file;
    uint64_t size;
    const char *dir = in_dir(f, "backup");
    char path[160];
    (void)snprintf(path, sizeof path, "%s/factum-backup.json", dir);
    assert_ok(fct_file_open(f->os, path, FCT_OPEN_READ, &file, &f->err), f->err);
    assert_ok(fct_file_size(file, &size, &f->err), f->err);
    assert_true(size < sizeof text);
    assert_ok(fct_file_read(file, 0, text, (size_t)size, &f->err), f->err);
    assert_ok(fct_file_close(&file, &f->err), f->err);
    text[size] = '\0';
    const char *from = strstr(text, old);
    assert_non_null(from);
    const char *to = strstr(from, end);
    assert_non_null(to);
    int len = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(from - text), text, fresh,
                       to + strlen(end));
    assert_true(len > 0 && (size_t)len < sizeof changed);
    assert_ok(fct_file_replace(f->os, dir, "factum-backup.json", fct_slice(changed, (size_t)len),
                               &f->err),
              f->err);
}

TEST(a_backup_from_before_there_were_timelines_is_restored)
{
    struct fixture *f = *state;
    struct fct_engine engine;
    factum_backup_report report;
    char end[FACTUM_TOKEN_SIZE];
    char after[FACTUM_TOKEN_SIZE];
    open_store(f, &engine, "store");
    append(f, &engine, 'x', 5, FACTUM_DURABILITY_SYNC);
    back_up(f, &engine, &report);
    token_of(&engine, report.end_position - 1, end);
    token_of(&engine, report.end_position, after);
    close_store(f, &engine);
    change_manifest(f, "\"timelines\"", ",", "");
    restore(f, "restored");
    open_store(f, &engine, "restored");
    assert_int_equal(count_of(f, &engine, 'x'), 5);
    assert_ok(parse(f, &engine, end), f->err);
    assert_status(parse(f, &engine, after), FACTUM_WRONG_TIMELINE);
    close_store(f, &engine);
}

TEST(a_backup_whose_timelines_do_not_verify_is_not_restored)
{
    static char too_long[1200] = "\"timelines\":\"";
    const char *const wrong[] = {"\"timelines\":\"\",", "\"timelines\":\"46\",", "\"timelines\":7,",
                                 too_long};
    memset(too_long + strlen(too_long), 'f', sizeof too_long - 32);
    memcpy(too_long + strlen(too_long), "\",", 3);
    struct fixture *f = *state;
    struct fct_engine engine;
    factum_backup_report report;
    open_store(f, &engine, "store");
    append(f, &engine, 'x', 5, FACTUM_DURABILITY_SYNC);
    back_up(f, &engine, &report);
    close_store(f, &engine);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        change_manifest(f, "\"timelines\"", ",", wrong[i]);
        assert_status(fct_engine_local_restore(f->os, fct_mem_heap(), in_dir(f, "backup"),
                                               in_dir(f, "restored"), NULL, &report, &f->err),
                      FACTUM_CORRUPT);
        assert_text(f->err, "the backup's manifest is damaged");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_segment_of_another_history_is_copied_again),
        FIXTURE_CASE(a_backup_holds_nothing_that_the_store_could_lose),
        FIXTURE_CASE(tokens_hold_in_all_stores_that_share_their_history),
        FIXTURE_CASE(a_backup_from_before_there_were_timelines_is_restored),
        FIXTURE_CASE(a_backup_whose_timelines_do_not_verify_is_not_restored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
