/* log_model.c - see log_model.h. */
#include "log_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/slice.h"
#include "support/tap.h"

#define DATA_MAX 12000u

static char failure[512];

_Noreturn void model_fail(const char *where, uint64_t seed, const char *what)
{
    tap_fail("%s, seed %llu: %s", where, (unsigned long long)seed, what);
}

void model_reached(const char *const *names, const uint64_t *reached, size_t count, bool all)
{
    for (size_t i = 0; i < count; i++) {
        printf("# %s: %llu\n", names[i], (unsigned long long)reached[i]);
        if (all && reached[i] == 0) {
            tap_fail("never reached: %s", names[i]);
        }
    }
}

/* ---- records --------------------------------------------------------------------------------- */

/* Writes batch headers that are valid for the salt 0, wherever the data has room for one. */
static void forge_headers(uint8_t *data, size_t size, uint64_t position)
{
    for (size_t at = (8 - position % 8) % 8; at + FCT_BATCH_HEADER_SIZE <= size;
         at += FCT_BATCH_HEADER_SIZE) {
        struct fct_batch_header header = {
            .position = position + at,
            .number = 7,
            .durable_upto = position + at,
            .record_count = 1,
            .epoch = 1,
        };
        fct_batch_header_encode(data + at, &header, 0);
    }
}

/* The |index|-th record of batch |id|, at |position|: the same bytes in each call. */
static void make_record(uint32_t id, uint32_t index, uint64_t position, bool forge,
                        struct fct_record *record, uint8_t data[DATA_MAX])
{
    struct fct_random random = {.state = (uint64_t)id << 20 | index};
    static const uint8_t names[] = "order-000000000000000000";
    size_t size = (size_t)fct_random_below(&random, 400);
    if (fct_random_below(&random, 24) == 0) {
        size = (size_t)fct_random_below(&random, DATA_MAX);
    }
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = fct_random_next(&random);
        memcpy(data + i, &word, size - i < 8 ? size - i : 8);
    }
    size_t stream = 1 + (size_t)fct_random_below(&random, 20);
    *record = (struct fct_record){
        .position = position,
        .revision = (uint64_t)id << 32 | index,
        .created = (int64_t)id,
        .stream = fct_slice(names, stream),
        .type = FCT_SLICE("Placed"),
        .data = fct_slice(data, size),
        .flags = FCT_RECORD_JSON,
        .kind = FCT_RECORD_EVENT,
    };
    if (forge && id % 3 == 0) {
        uint64_t start = FCT_RECORD_HEADER_SIZE + stream + record->type.len;
        forge_headers(data, size, position + start);
    }
}

static const char *compare(const struct fct_record *got, uint32_t id, uint32_t index)
{
    static uint8_t data[DATA_MAX];
    struct fct_record record;
    bool forged = false;
    for (int forge = 0; forge < 2; forge++) { /* either may have been submitted there */
        make_record(id, index, got->position, forge != 0, &record, data);
        forged = fct_slice_equal(record.data, got->data);
        if (forged) {
            break;
        }
    }
    bool same = forged && got->revision == record.revision && got->created == record.created &&
                fct_slice_equal(got->stream, record.stream) &&
                fct_slice_equal(got->type, record.type) && got->metadata.len == 0 &&
                got->kind == record.kind && got->flags == record.flags;
    return same ? NULL : "a record has other bytes than were submitted";
}

/* ---- runs ------------------------------------------------------------------------------------ */

factum_status model_open(struct model_run *run)
{
    struct fct_log_options options = {
        .os = run->os,
        .mem = run->mem,
        .dir = MODEL_DIR,
        .segment_size_first = 16384,
        .segment_size_max = 65536,
        .ahead_size = 512, /* some batches are written while they are encoded */
    };
    if (run->use_proof) {
        options.proof = run->model->proof;
        options.proof_store_id = run->model->store_id;
    }
    run->status = fct_log_open(&run->log, &options, &run->err);
    if (run->status == FACTUM_OK) {
        run->model->store_id = fct_log_store_id(run->log);
    }
    return run->status;
}

void model_abandon(struct model_run *run)
{
    if (run->log != NULL) {
        (void)fct_log_close(run->log, &run->err);
        run->log = NULL;
    }
}

static uint64_t failures(const struct model_run *run)
{
    return run->failures == NULL ? 0 : *run->failures;
}

/* Updates the model by what the log reports as durable. */
static void note_durable(struct model_run *run)
{
    struct model *model = run->model;
    uint64_t durable = fct_log_durable(run->log);
    while (model->durable < model->count && model->batches[model->durable].end <= durable) {
        model->durable++;
    }
    if (durable == fct_log_end(run->log) && fct_log_state(run->log) == FCT_LOG_OPEN &&
        fct_random_below(&run->random, 8) == 0) {
        model->proof = fct_log_end_point(run->log);
    }
}

static factum_status append(struct model_run *run)
{
    static uint8_t data[8][DATA_MAX];
    struct fct_record records[8];
    struct model *model = run->model;
    uint32_t id = model->next_id;
    uint32_t count = 1 + (uint32_t)fct_random_below(&run->random, 4);
    bool sync = fct_random_below(&run->random, 10) < 7;
    size_t room = 0;
    for (uint32_t i = 0; i < count; i++) {
        make_record(id, i, 0, false, &records[i], data[i]);
        room += fct_record_size(&records[i], NULL, 0);
    }
    uint64_t segments = fct_log_segment_count(run->log);
    factum_status status = fct_log_begin(run->log, room, &run->err);
    if (status != FACTUM_OK) {
        return status;
    }
    run->rolls += fct_log_segment_count(run->log) > segments;
    struct model_batch batch = {.id = id, .records = count};
    uint64_t pending = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t position = fct_log_end(run->log) + FCT_BATCH_HEADER_SIZE + pending;
        make_record(id, i, position, run->forge, &records[i], data[i]);
        size_t size = fct_record_size(&records[i], NULL, 0);
        uint64_t got = fct_log_add(run->log, &records[i], NULL, 0, size);
        batch.first = i == 0 ? got : batch.first;
        batch.end = got + size;
        pending += size;
    }
    batch.proves = fct_log_durable(run->log);
    model->next_id++;
    model->batches[model->count++] = batch; /* from now on the log may contain it */
    uint64_t before = failures(run);
    status = fct_log_commit(run->log, sync, &run->err);
    if (status == FACTUM_OK) {
        run->lied = run->lied || failures(run) != before;
        if (sync && fct_log_durable(run->log) != fct_log_end(run->log)) {
            run->lied = true;
        }
    }
    return status;
}

static factum_status step(struct model_run *run)
{
    uint64_t dice = fct_random_below(&run->random, 100);
    factum_status status;
    if (dice < run->reopen_percent) {
        status = fct_log_close(run->log, &run->err);
        run->log = NULL;
        return status == FACTUM_OK ? model_open(run) : status;
    }
    if (dice < run->reopen_percent + 10) {
        uint64_t before = failures(run);
        uint64_t segments = fct_log_segment_count(run->log);
        status = fct_log_heartbeat(run->log, &run->err);
        if (status == FACTUM_OK && fct_log_segment_count(run->log) == segments) {
            run->lied = run->lied || failures(run) != before;
        }
    } else {
        status = append(run);
    }
    if (run->log != NULL) {
        note_durable(run);
    }
    return status;
}

void model_continue(struct model_run *run)
{
    for (unsigned i = 0; i < run->ops && run->status == FACTUM_OK; i++) {
        if (run->model->count == MODEL_BATCHES_MAX) {
            break;
        }
        run->status = step(run);
        if (run->status == FACTUM_NO_SPACE && run->log != NULL &&
            fct_log_state(run->log) == FCT_LOG_OPEN) {
            run->refusals++;
            run->status = FACTUM_OK;
        }
    }
    if (run->close && run->status == FACTUM_OK) {
        run->status = fct_log_close(run->log, &run->err);
        run->log = NULL;
        if (run->status == FACTUM_OK) {
            run->model->durable = run->model->count;
        }
    }
}

void model_do(struct model_run *run)
{
    if (model_open(run) == FACTUM_OK) {
        model_continue(run);
    }
}

/* ---- checks ---------------------------------------------------------------------------------- */

static const char *wrong(const char *what, uint64_t position)
{
    (void)snprintf(failure, sizeof failure, "%s at position %llu", what,
                   (unsigned long long)position);
    return failure;
}

/* Walks forward, and sets *held to the number of whole batches in the log. */
static const char *check_forward(struct fct_log *log, const struct model *model, size_t *held,
                                 factum_status *end, factum_error *err)
{
    struct fct_log_walk walk;
    struct fct_record record;
    uint32_t index = 0;
    *held = 0;
    *end = fct_log_walk_init(&walk, log, 0, err);
    while (*end == FACTUM_OK && (*end = fct_log_walk_next(&walk, &record, err)) == FACTUM_OK) {
        if (*held == model->count) {
            return wrong("a record that was never submitted", record.position);
        }
        const struct model_batch *batch = &model->batches[*held];
        if (index == 0 && record.position != batch->first) {
            return wrong("a record at a position where none was written", record.position);
        }
        const char *bad = compare(&record, batch->id, index);
        if (bad != NULL) {
            return wrong(bad, record.position);
        }
        if (++index == batch->records) {
            if (record.position + record.size != batch->end) {
                return wrong("a batch of another size", record.position);
            }
            index = 0;
            ++*held;
        }
    }
    return index != 0 && *end == FACTUM_DONE ? wrong("half a batch", walk.position) : NULL;
}

static const char *check_backward(struct fct_log *log, const struct model *model, size_t held)
{
    struct fct_log_walk walk;
    struct fct_record record;
    factum_error err;
    factum_status status = fct_log_walk_init_backward(&walk, log, UINT64_MAX, &err);
    for (size_t i = held; status == FACTUM_OK && i-- > 0;) {
        for (uint32_t index = model->batches[i].records; status == FACTUM_OK && index-- > 0;) {
            status = fct_log_walk_previous(&walk, &record, &err);
            if (status == FACTUM_OK && compare(&record, model->batches[i].id, index) != NULL) {
                return wrong("another record backward", record.position);
            }
        }
    }
    if (status != FACTUM_OK) {
        return wrong("the walk backward ends too soon", fct_log_end(log));
    }
    status = fct_log_walk_previous(&walk, &record, &err);
    return status == FACTUM_DONE ? NULL : wrong("too many records backward", record.position);
}

static const char *check_reads(struct fct_log *log, const struct model *model, size_t held)
{
    for (size_t i = 0; i < held; i += 1 + held / 7) {
        struct fct_record record;
        struct fct_log_walk walk;
        factum_error err;
        uint64_t position = model->batches[i].first;
        if (fct_log_read(log, position, &record, &err) != FACTUM_OK ||
            compare(&record, model->batches[i].id, 0) != NULL) {
            return wrong("a record cannot be read", position);
        }
        /* A walk from inside the record begins with the next one. */
        uint32_t index = model->batches[i].records > 1 ? 1 : 0;
        size_t next = index == 1 ? i : i + 1;
        factum_status status = fct_log_walk_init(&walk, log, position + 1 + i % 40, &err);
        status = status == FACTUM_OK ? fct_log_walk_next(&walk, &record, &err) : status;
        if (next == held
                ? status != FACTUM_DONE
                : status != FACTUM_OK || compare(&record, model->batches[next].id, index) != NULL) {
            return wrong("a walk from inside a record returns another record", position);
        }
    }
    return NULL;
}

const char *model_check(struct fct_log *log, struct model *model, bool settle)
{
    size_t held;
    factum_status end;
    factum_error err = {.text = ""};
    if (fct_log_state(log) != FCT_LOG_OPEN) {
        (void)snprintf(failure, sizeof failure, "not open: %s", fct_log_state_reason(log));
        return failure;
    }
    const char *bad = check_forward(log, model, &held, &end, &err);
    if (bad == NULL && end != FACTUM_DONE) {
        (void)snprintf(failure, sizeof failure, "the walk fails: %s", err.text);
        bad = failure;
    }
    if (bad == NULL && held < model->durable) {
        bad = wrong("acknowledged batches are gone", model->batches[held].first);
    }
    if (bad == NULL) {
        bad = check_backward(log, model, held);
    }
    if (bad == NULL) {
        bad = check_reads(log, model, held);
    }
    struct fct_log_verify_report report;
    if (bad == NULL && fct_log_verify(log, NULL, &report, &err) != FACTUM_OK) {
        (void)snprintf(failure, sizeof failure, "verify: %s", err.text);
        bad = failure;
    }
    if (settle) {
        model->count = held;
        model->durable = held;
    }
    return bad;
}

const char *model_check_damaged(struct fct_log *log, const struct model *model, bool *complete)
{
    factum_error ignored;
    size_t held;
    factum_status end;
    const char *bad = check_forward(log, model, &held, &end, &ignored);
    *complete = held >= model->durable && end == FACTUM_DONE;
    for (size_t i = 0; bad == NULL && i < model->count; i++) {
        struct fct_record record;
        factum_error err;
        if (fct_log_read(log, model->batches[i].first, &record, &err) == FACTUM_OK) {
            bad = compare(&record, model->batches[i].id, 0);
        }
    }
    return bad;
}

/* Does the error name |from|, or no position, for --accept-loss? */
static bool names_it(factum_status status, const factum_error *err, uint64_t from)
{
    const char *found = status == FACTUM_CORRUPT ? strstr(err->text, "--accept-loss ") : NULL;
    return found == NULL || strtoull(found + strlen("--accept-loss "), NULL, 10) == from;
}

const char *model_check_named(struct fct_log *log, const struct model *model, uint64_t from)
{
    struct fct_log_walk walk;
    struct fct_record record;
    factum_error err;
    factum_status status = fct_log_walk_init(&walk, log, 0, &err);
    while (status == FACTUM_OK) {
        status = fct_log_walk_next(&walk, &record, &err);
    }
    if (!names_it(status, &err, from)) {
        return "reading forward names another position than verify";
    }
    status = fct_log_walk_init_backward(&walk, log, UINT64_MAX, &err);
    while (status == FACTUM_OK) {
        status = fct_log_walk_previous(&walk, &record, &err);
    }
    if (!names_it(status, &err, from)) {
        return "reading backward names another position than verify";
    }
    for (size_t i = 0; i < model->count; i++) {
        if (!names_it(fct_log_read(log, model->batches[i].first, &record, &err), &err, from)) {
            return "reading a record names another position than verify";
        }
    }
    bool damaged = fct_log_state(log) == FCT_LOG_DAMAGED;
    return damaged && fct_log_recovery(log)->damaged_from != from
               ? "opening names another position than verify"
               : NULL;
}
