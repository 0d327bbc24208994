/* load.c - see load.h. Layer: decider.
 *
 * A deletion, or a change of metadata, changes the result of reading a stream while the stream's
 * revision stays. So a fold remembers the revision of the stream's metadata, and an append also
 * expects that revision.
 *
 * Invariants:
 *  1. Reading a whole stream: the metadata is read before the stream. A change in between is found
 *     by the append, which expects the older revision.
 *  2. Reading newer events only: the metadata is read afterwards. If it still is the fold's, it was
 *     so during the read.
 */
#include "decider/load.h"

#include "core/error.h"
#include "os/thread.h"

/* ---- a question, waited for ------------------------------------------------------------------ */

static void answered(factum_question *question)
{
    _Atomic uint32_t *word = question->data;
    atomic_store(word, 1);
    fct_word_wake(word, 1);
}

factum_status fct_ask_and_wait(factum_store *store, factum_question *question, factum_error *err)
{
    _Atomic uint32_t word = 0;
    /* cppcheck-suppress autoVariables; the question has ended when this returns */
    question->data = &word;
    question->done = answered;
    factum_status status = factum_ask(store, question, err);
    if (status != FACTUM_PENDING) {
        return status;
    }
    while (atomic_load(&word) == 0) {
        (void)fct_word_wait(&word, 0, UINT64_MAX);
    }
    if (question->status < 0) {
        *err = question->err;
    }
    return question->status;
}

/* ---- streams --------------------------------------------------------------------------------- */

static factum_status ask_stream(const struct fct_source *source, factum_stream_info *info,
                                factum_error *err)
{
    *info = (factum_stream_info){.size = sizeof *info};
    factum_question question = {
        .size = sizeof question,
        .kind = FACTUM_ASK_STREAM,
        .call = source->call,
        .name = source->subject->stream,
        .stream = info,
    };
    return fct_ask_and_wait(source->store, &question, err);
}

static factum_read_request read_of(const struct fct_source *source)
{
    const struct fct_subject *subject = source->subject;
    bool stream = subject->stream.len > 0;
    return (factum_read_request){
        .size = sizeof(factum_read_request),
        .source = stream ? FACTUM_SOURCE_STREAM : FACTUM_SOURCE_QUERY,
        .name = subject->stream,
        .query = stream ? NULL : &subject->query,
        .call = source->call,
    };
}

static factum_status load_stream(const struct fct_source *source, struct factum_fold *fold,
                                 factum_error *err)
{
    factum_stream_info info;
    factum_read_request request = read_of(source);
    factum_fold_reset(fold);
    factum_status status = ask_stream(source, &info, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fold->has_metadata = info.has_metadata;
    fold->metadata_revision = info.metadata_revision;
    fold->windowed = info.max_count > 0 || info.max_age > 0;
    status = fct_fold_read(fold, source->store, &request, err);
    if (status == FACTUM_STREAM_NOT_FOUND) {
        return FACTUM_OK;
    }
    fold->exists = fold->info.event_count > 0;
    if (status == FACTUM_OK && !fold->exists && info.state == FACTUM_STREAM_PRESENT) {
        fold->exists = true; /* metadata hides every event */
        fold->info.revision = info.last_revision;
    }
    return status;
}

static factum_status load_newer_of_stream(const struct fct_source *source, struct factum_fold *fold,
                                          bool *changed, factum_error *err)
{
    factum_stream_info info;
    factum_read_request request = read_of(source);
    request.from = FACTUM_FROM_REVISION;
    request.from_value = fold->info.revision + 1;
    uint64_t before = fold->info.event_count;
    factum_status status =
        fold->exists ? fct_fold_read(fold, source->store, &request, err) : FACTUM_STREAM_NOT_FOUND;
    if (status == FACTUM_OK) {
        status = ask_stream(source, &info, err);
    }
    if (status == FACTUM_OK && info.has_metadata == fold->has_metadata &&
        info.metadata_revision == fold->metadata_revision) {
        *changed = fold->info.event_count != before;
        return FACTUM_OK;
    }
    if (status != FACTUM_OK && status != FACTUM_STREAM_NOT_FOUND) {
        return status;
    }
    *changed = true;
    return load_stream(source, fold, err);
}

/* ---- both ------------------------------------------------------------------------------------ */

factum_status fct_load_all(const struct fct_source *source, struct factum_fold *fold,
                           factum_error *err)
{
    if (source->subject->stream.len > 0) {
        return load_stream(source, fold, err);
    }
    factum_read_request request = read_of(source);
    factum_fold_reset(fold);
    return fct_fold_read(fold, source->store, &request, err);
}

factum_status fct_load_newer(const struct fct_source *source, struct factum_fold *fold,
                             bool *changed, factum_error *err)
{
    if (source->subject->stream.len > 0) {
        return load_newer_of_stream(source, fold, changed, err);
    }
    factum_read_request request = read_of(source);
    uint64_t before = fold->info.event_count;
    request.from = FACTUM_FROM_AFTER;
    request.from_value = fold->info.place;
    factum_status status = fct_fold_read(fold, source->store, &request, err);
    *changed = fold->info.event_count != before;
    return status;
}
