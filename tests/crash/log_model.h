/* log_model.h - what a log must contain, and runs that fill one. For the log's tests of this
 * folder.
 *
 * The model is a list of the submitted batches, in order. At any moment the log contains the first
 * n of them, each one whole, with the bytes that were submitted. All durable batches are among
 * these n. A batch that a recovery has removed never comes back.
 */
#ifndef FCT_TESTS_CRASH_LOG_MODEL_H
#define FCT_TESTS_CRASH_LOG_MODEL_H

#include "core/mem.h"
#include "core/random.h"
#include "log/log.h"

#define MODEL_BATCHES_MAX 512u
#define MODEL_DIR "/log"

struct model_batch {
    uint32_t id;
    uint32_t records;
    uint64_t first; /* position of the first record */
    uint64_t end;
    uint64_t proves; /* its header says that everything before this was durable */
};

struct model {
    struct model_batch batches[MODEL_BATCHES_MAX];
    size_t count;
    size_t durable; /* how many of them are certainly on disk */
    uint32_t next_id;
    struct fct_log_point proof; /* of an index, made when all was durable; or zero */
    factum_uuid store_id;
};

/* How to open and what to do. */
struct model_run {
    const struct fct_os *os;
    const struct fct_mem *mem;
    struct fct_random random;
    struct model *model;
    struct fct_log *log; /* NULL if opening failed */
    unsigned ops;
    unsigned reopen_percent;
    bool forge;           /* some payloads imitate batch headers */
    bool use_proof;       /* hands the model's proof to open */
    bool close;           /* ends with a clean close; otherwise as if the process died */
    factum_status status; /* of the call that ended the run */
    factum_error err;
    /* If set: the number of calls that were made to fail. A commit with such a call must fail. */
    _Atomic uint64_t *failures;
    bool lied; /* a commit or heartbeat returned OK although a call in it failed */
    unsigned rolls;
    unsigned refusals; /* appends refused for want of space */
};

/* Opens the log by the settings of |run|. */
factum_status model_open(struct model_run *run);
/* Opens, does ops until one fails, and closes if run->close and nothing failed. */
void model_do(struct model_run *run);
/* The same without the opening: run->log is open. */
void model_continue(struct model_run *run);
/* Frees the log without writing to it, as if the process died. */
void model_abandon(struct model_run *run);

/* Compares a log without damage with |model|. Returns what is wrong, in words, or NULL. With
 * |settle| the batches that the log lacks are removed from the model, and the others count as
 * durable. */
const char *model_check(struct fct_log *log, struct model *model, bool settle);

/* The same for a damaged log: each record that it serves must be right. Sets *complete to whether
 * it serves all durable batches. */
const char *model_check_damaged(struct fct_log *log, const struct model *model, bool *complete);

/* Verify named position |from|. Walks forward and backward, and reads of each record, must name the
 * same position when they meet the damage. Returns what is wrong, in words, or NULL. */
const char *model_check_named(struct fct_log *log, const struct model *model, uint64_t from);

/* Fails the case and ends the program. */
_Noreturn void model_fail(const char *where, uint64_t seed, const char *what);
/* Prints how often each of |count| situations was reached. |all|: fails if one never was. */
void model_reached(const char *const *names, const uint64_t *reached, size_t count, bool all);
#endif
