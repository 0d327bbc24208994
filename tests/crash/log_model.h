/* log_model.h - what a log must hold, and runs that fill one. For the tests of this folder.
 *
 * The model is a list of the batches submitted, in order. At any moment the log holds the first so
 * many of them, each as a whole, with the bytes that were submitted: at least all that are durable,
 * at most all. What recovery has let go never comes back.
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
    size_t durable; /* so many of them are on disk for certain */
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
    struct fct_log *log; /* NULL if it could not be opened */
    unsigned ops;
    unsigned reopen_percent;
    bool forge;     /* some payloads imitate batch headers */
    bool use_proof; /* hands the model's proof to open */
    bool close;     /* ends with a clean close; else the log is left as a dying process leaves it */
    factum_status status; /* of the call that ended it */
    factum_error err;
    /* If set: how many calls were made to fail so far; a commit that saw one may not succeed. */
    _Atomic uint64_t *failures;
    bool lied; /* a commit or heartbeat said OK although a call inside it had failed */
    unsigned rolls;
    unsigned refusals; /* appends refused for want of space */
};

/* Opens the log as |run| says. */
factum_status model_open(struct model_run *run);
/* Opens, does ops until one fails, and closes if run->close and nothing failed. */
void model_do(struct model_run *run);
/* The same with the log that is open. */
void model_continue(struct model_run *run);
/* Lets go of the log without writing: as a dying process does. */
void model_abandon(struct model_run *run);

/* What is wrong with the log, in words, or NULL. If |settle|, what the log does not hold is let go
 * from the model. The log must be whole: no damage. */
const char *model_check(struct fct_log *log, struct model *model, bool settle);

/* The same for a log that was damaged: served bytes must be right; *complete says whether all that
 * is durable was served. */
const char *model_check_damaged(struct fct_log *log, const struct model *model, bool *complete);

/* What verify named is |from|: does whoever meets damage in the segment that holds it name the same
 * position, forward, backward and at each record? What is wrong, in words, or NULL. */
const char *model_check_named(struct fct_log *log, const struct model *model, uint64_t from);

/* Fails the case and ends the program. */
_Noreturn void model_fail(const char *where, uint64_t seed, const char *what);
#endif
