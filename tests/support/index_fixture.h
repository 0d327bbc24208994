/* index_fixture.h - an index on a simulated disk, with a model beside it. For unit tests of the
 * index: one fixture a test, by setup and teardown. */
#ifndef FCT_TESTS_SUPPORT_INDEX_FIXTURE_H
#define FCT_TESTS_SUPPORT_INDEX_FIXTURE_H

#include "index/index_int.h"
#include "sim/sim_disk.h"
#include "support/fault.h"
#include "support/index_model.h"
#include "support/mem_fault.h"
#include "support/test.h"

struct fixture {
    struct fct_sim_disk *disk;
    struct fct_fault fault;
    struct fct_mem_fault mem;
    struct fct_index_options options;
    struct fct_index *index;
    struct model model;
    factum_error err;
    factum_error second;
    factum_log_sink sink;
    char logged[600];
};

static inline void note_message(void *data, factum_log_level level, const char *id,
                                const char *text)
{
    struct fixture *f = data;
    (void)snprintf(f->logged, sizeof f->logged, "%d %s %s", (int)level, id, text);
}

static inline int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    f->disk = fct_sim_disk_create(1, false);
    fct_fault_init(&f->fault, fct_sim_disk_os(f->disk));
    fct_mem_fault_init(&f->mem);
    model_init(&f->model, 1000);
    f->sink = (factum_log_sink){f, note_message};
    f->options = (struct fct_index_options){
        .os = &f->fault.os,
        .mem = &f->mem.mem,
        .dir = "/index",
        .sink = &f->sink,
        .store_id = {{1}},
        .memtable_size_max = (size_t)1 << 20,
        .memtable_span_max = UINT64_MAX,
    };
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    fct_index_close(f->index);
    assert_int_equal(atomic_load(&f->mem.held), 0);
    fct_sim_disk_destroy(f->disk);
    model_finish(&f->model);
    test_free(f);
    return 0;
}

/* Before the index is opened: with its thread, on a disk that several threads may use. */
static inline void use_threads(struct fixture *f)
{
    fct_sim_disk_destroy(f->disk);
    f->disk = fct_sim_disk_create(1, true);
    f->options.os = fct_sim_disk_os(f->disk);
    f->options.threads = true;
}

static inline void open_index(struct fixture *f)
{
    assert_ok(fct_index_open(&f->index, &f->options, &f->err), f->err);
}

static inline void close_index(struct fixture *f)
{
    fct_index_close(f->index);
    f->index = NULL;
}

static inline void replay(struct fixture *f)
{
    uint64_t from = fct_index_covered(f->index).position;
    assert_ok(model_replay(&f->model, f->index, from, &f->err), f->err);
}

static inline void reopen(struct fixture *f)
{
    close_index(f);
    open_index(f);
    replay(f);
}

/* Adds |batches| batches to the model and to the index. */
static inline void grow(struct fixture *f, int batches)
{
    for (int i = 0; i < batches; i++) {
        uint64_t from = model_end(&f->model);
        model_batch(&f->model, 12);
        assert_ok(model_replay(&f->model, f->index, from, &f->err), f->err);
    }
}

static inline void flush(struct fixture *f)
{
    assert_ok(fct_index_flush(f->index, &f->err), f->err);
}

static inline void check(struct fixture *f)
{
    assert_ok(model_check(&f->model, f->index, &f->err), f->err);
}

static inline struct fct_index_stats stats_of(struct fixture *f)
{
    struct fct_index_stats stats;
    fct_index_stats(f->index, &stats);
    return stats;
}

/* Makes |count| runs of level 0. */
static inline void make_runs(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        grow(f, 10);
        flush(f);
    }
}

static inline struct fct_index_key key_of(struct fixture *f, unsigned name)
{
    return model_key(f->index, FCT_INDEX_STREAM, name);
}

static inline factum_status find(struct fixture *f, const struct fct_index_key *key)
{
    uint64_t count;
    return fct_index_find(f->index, key, &count, NULL, NULL, &f->err);
}

static inline factum_status note_name(void *data, const char *name)
{
    size_t *count = data;
    *count += fct_run_number(name) != 0;
    return FACTUM_OK;
}

static inline size_t run_files(struct fixture *f)
{
    size_t count = 0;
    assert_ok(fct_os_list_dir(fct_sim_disk_os(f->disk), "/index", note_name, &count, &f->second),
              f->second);
    return count;
}

static inline uint8_t *run_bytes(struct fixture *f, uint64_t number, uint64_t *size)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/index/%016llx.run", (unsigned long long)number);
    uint8_t *bytes = fct_sim_disk_bytes(f->disk, path, size);
    assert_non_null(bytes);
    return bytes;
}

#endif
