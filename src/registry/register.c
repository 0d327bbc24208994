/* register.c - registering a schema: compiled, proven on stored events, written. Layer: registry.
 * A user of the public API.
 *
 * A registration reads the registry, then checks the events of the type, then appends on the
 * condition that neither has changed: the registry's stream is at the revision that was read, and
 * no event of the type comes after the place up to which events were checked. If one does, only the
 * new events are checked, and the append is tried again.
 *
 * Invariants:
 *  1. |checker| exists if and only if the schema was compiled.
 *  2. Only checked events are at or before |proven_place|, if |proven|.
 *  3. After a pass without a failure, |proven_events| of the answer is at most |seen|.
 */
#include <factum/registry.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "codec/sha256.h"
#include "core/check.h"
#include "core/error.h"
#include "core/sized.h"
#include "core/slice.h"
#include "registry/snapshot.h"
#include "schema/registry_event.h"

#define TRIES_MAX 200u /* of the append; each try checks fewer events than the one before */
#define WAIT_MAX_MS 10
#define EVENT_SIZE_MAX ((size_t)16 << 20)
#define PROGRESS_EVERY 4096u /* events */

/* A registration in progress. */
struct registering {
    factum_store *store;
    factum_slice subject_text;
    struct fct_subject subject;
    factum_slice text;
    factum_register_options options;
    factum_registration answer;
    char hash[FCT_SHA256_TEXT_SIZE];
    factum_schema *schema;
    factum_schema_checker *checker;
    factum_schemas *schemas; /* the registry when it was read last, or NULL */
    bool proven;             /* events up to |proven_place| were checked */
    uint64_t proven_place;
    /* Events of the type that were read; |proven_events| of them are checked by this schema. */
    uint64_t seen;
    uint64_t total; /* events of the type, for |progress| */
};

/* ---- before anything is read ----------------------------------------------------------------- */

static factum_status hash_text(struct registering *work, factum_error *err)
{
    struct fct_sha256 sha;
    factum_status status = fct_sha256_init(&sha, err);
    if (status == FACTUM_OK) {
        fct_sha256_add(&sha, work->text.ptr, work->text.len);
        status = fct_sha256_finish(&sha, work->hash, err);
    }
    return status;
}

static factum_status read_register_options(struct registering *work,
                                           const factum_register_options *given, factum_error *err)
{
    factum_status status = FACTUM_OK;
    work->options = (factum_register_options){.size = sizeof work->options};
    if (given != NULL) {
        status = fct_sized_read(&work->options, sizeof work->options, given, "schemas: the options",
                                err);
    }
    if (status == FACTUM_OK && (unsigned)work->options.proof > FACTUM_SCHEMA_PROOF_NONE) {
        return fct_fail(err, FACTUM_INVALID, "schemas: %d is not a kind of proof",
                        (int)work->options.proof);
    }
    if (status == FACTUM_OK && work->options.after != 0 &&
        work->options.proof != FACTUM_SCHEMA_PROOF_AFTER) {
        return fct_fail(err, FACTUM_INVALID,
                        "schemas: a place to check events after, %" PRIu64
                        ", goes with FACTUM_SCHEMA_PROOF_AFTER only",
                        work->options.after);
    }
    return status;
}

static factum_status begin(struct registering *work, factum_store *store, factum_slice subject,
                           factum_slice text, const factum_register_options *options,
                           factum_error *err)
{
    *work = (struct registering){
        .store = store, .subject_text = subject, .text = fct_slice_trim(text, FCT_JSON_SPACES)};
    work->answer.size = sizeof work->answer;
    if (store == NULL || (text.len > 0 && text.ptr == NULL)) {
        return fct_fail(err, FACTUM_INVALID, "schemas: a store and a schema are needed");
    }
    factum_status status = read_register_options(work, options, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_subject_parse(subject, &work->subject, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (work->subject.type.len == 0) {
        return fct_fail(err, FACTUM_INVALID,
                        "subject %.*s: a schema is for one type, CATEGORY/TYPE", FCT_FMT(subject));
    }
    status = factum_schema_compile(work->text, NULL, &work->schema, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = factum_schema_checker_create(&work->checker, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return hash_text(work, err);
}

static void finish(struct registering *work)
{
    factum_schemas_close(work->schemas);
    factum_schema_checker_destroy(work->checker);
    factum_schema_destroy(work->schema);
}

/* ---- the proof ------------------------------------------------------------------------------- */

static factum_slice category_of(factum_slice stream)
{
    const uint8_t *dash =
        stream.len > 0 && stream.ptr[0] != '$' ? memchr(stream.ptr, '-', stream.len) : NULL;
    return dash == NULL ? fct_slice(NULL, 0) : fct_slice(stream.ptr, (size_t)(dash - stream.ptr));
}

/* Is there a schema for this type in |category| alone? */
static bool has_own_schema(const struct registering *work, factum_slice category)
{
    uint8_t text[2 * FACTUM_NAME_SIZE_MAX + 1];
    factum_slice type = work->subject.type;
    if (category.len == 0 || category.len + 1 + type.len > sizeof text) {
        return false;
    }
    memcpy(text, category.ptr, category.len);
    text[category.len] = '/';
    memcpy(text + category.len + 1, type.ptr, type.len);
    return fct_snapshot_newest(work->schemas, fct_slice(text, category.len + 1 + type.len)) != NULL;
}

/* Would the gate check an event like |event| by this schema? */
static bool is_meant(const struct registering *work, const factum_event *event)
{
    if (event->stream.len > 0 && event->stream.ptr[0] == '$') {
        return false;
    }
    factum_slice category = category_of(event->stream);
    if (work->subject.category.len > 0) {
        return fct_slice_equal(category, work->subject.category);
    }
    return !has_own_schema(work, category);
}

static factum_status blame(struct registering *work, const factum_event *event, const char *pointer,
                           const char *text, factum_error *err)
{
    factum_registration *answer = &work->answer;
    answer->failed_position = event->position;
    answer->failed_revision = event->revision;
    (void)snprintf(answer->failed_stream, sizeof answer->failed_stream, "%.*s",
                   (int)event->stream.len, (const char *)event->stream.ptr);
    (void)snprintf(answer->failed_pointer, sizeof answer->failed_pointer, "%s", pointer);
    return fct_fail(err, FACTUM_SCHEMA_VIOLATION,
                    "a stored event does not fit: position %" PRIu64 ", %.*s at revision %" PRIu64
                    ": %s%s%s",
                    event->position, FCT_FMT(event->stream), event->revision, pointer,
                    pointer[0] == '\0' ? "" : ": ", text);
}

static factum_status prove_event(struct registering *work, const factum_event *event,
                                 factum_error *err)
{
    factum_schema_result result = {.size = sizeof result};
    factum_error why = {.status = FACTUM_OK};
    factum_status status =
        factum_schema_check(work->schema, work->checker, event->data, 1, &result, &why);
    if (status == FACTUM_NO_MEMORY) {
        return fct_fail(err, FACTUM_NO_MEMORY, "schemas: out of memory");
    }
    if (status != FACTUM_OK) {
        return blame(work, event, "", why.text, err);
    }
    return result.valid ? FACTUM_OK
                        : blame(work, event, result.faults[0].pointer, result.faults[0].text, err);
}

static factum_status report_progress(const struct registering *work, factum_error *err)
{
    const factum_progress *progress = work->options.progress;
    if (progress == NULL || work->seen % PROGRESS_EVERY != 0 ||
        progress->step(progress->data, work->seen, work->total)) {
        return FACTUM_OK;
    }
    return fct_fail(err, FACTUM_CANCELLED, "cancelled while stored events were checked");
}

/* Checks the events of |cursor| that this schema is for. */
static factum_status prove_all(struct registering *work, factum_cursor *cursor, factum_error *err)
{
    factum_event event;
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK) {
        status = factum_cursor_next(cursor, &event, err);
        if (status == FACTUM_OK && is_meant(work, &event)) {
            status = prove_event(work, &event, err);
            work->answer.proven_events++;
        }
        if (status == FACTUM_OK) {
            work->seen++;
            status = report_progress(work, err);
        }
    }
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

/* Checks the events of the type that were not checked yet, up to the visible end. */
static factum_status prove(struct registering *work, factum_error *err)
{
    uint64_t after = work->proven ? work->proven_place : work->options.after;
    const factum_read_request request = {
        .size = sizeof request,
        .source = FACTUM_SOURCE_TYPE,
        .name = work->subject.type,
        .from = after > 0 ? FACTUM_FROM_AFTER : FACTUM_FROM_START,
        .from_value = after,
        .call = work->options.call,
    };
    factum_cursor *cursor;
    if (work->options.proof == FACTUM_SCHEMA_PROOF_NONE) {
        return FACTUM_OK;
    }
    factum_status status = factum_read(work->store, &request, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    FCT_ASSERT(work->schema != NULL && work->checker != NULL);
    status = prove_all(work, cursor, err);
    if (status == FACTUM_OK) {
        FCT_ASSERT(work->answer.proven_events <= work->seen);
        work->proven = true;
        work->proven_place = factum_cursor_place(cursor);
    }
    factum_cursor_close(cursor);
    return status;
}

static factum_status count_all(struct registering *work, factum_error *err)
{
    if (work->options.progress == NULL || work->options.proof == FACTUM_SCHEMA_PROOF_NONE) {
        return FACTUM_OK;
    }
    return factum_count_events(work->store, FACTUM_SOURCE_TYPE, work->subject.type,
                               work->options.after, UINT64_MAX, &work->total, err);
}

/* ---- the registry ---------------------------------------------------------------------------- */

static factum_status read_registry(struct registering *work, factum_error *err)
{
    factum_schemas_close(work->schemas);
    work->schemas = NULL;
    return factum_schemas_open(work->store, &work->schemas, err);
}

/* Has a version of the subject this schema? Sets the answer's version, a new one if not. */
static bool find_same(struct registering *work)
{
    const factum_slice hash = fct_slice(work->hash, FCT_SHA256_TEXT_SIZE - 1);
    const factum_schema_version *newest = fct_snapshot_newest(work->schemas, work->subject_text);
    uint64_t id_max = 0;
    uint64_t id = 0;
    for (size_t i = 0; i < work->schemas->version_count; i++) {
        const factum_schema_version *version = &work->schemas->versions[i];
        id_max = version->id > id_max ? version->id : id_max;
        if (!fct_slice_equal(version->hash, hash)) {
            continue;
        }
        id = version->id;
        if (fct_slice_equal(version->subject, work->subject_text)) {
            work->answer.version = version->version;
            work->answer.id = id;
            work->answer.newest = version == newest;
            return true;
        }
    }
    work->answer.version = newest == NULL ? 1 : newest->version + 1;
    work->answer.id = id > 0 ? id : id_max + 1;
    work->answer.newest = true;
    return false;
}

/* Appends |event| to the registry as it was read. |after| adds a condition on the type, if its
 * events were checked. */
static factum_status write_event(factum_store *store, const factum_schemas *schemas,
                                 const struct fct_registry_event *event,
                                 const struct registering *work, factum_error *err)
{
    struct fct_buf buf;
    char tag[FACTUM_NAME_SIZE_MAX + 1];
    fct_buf_init(&buf, fct_mem_heap(), EVENT_SIZE_MAX);
    factum_status status = fct_registry_event_format(event, &buf, err);
    int tag_len = snprintf(tag, sizeof tag, "subject:%.*s", (int)event->subject_text.len,
                           (const char *)event->subject_text.ptr);
    const factum_slice tags[] = {fct_slice(tag, (size_t)tag_len)};
    const factum_new_event stored = {
        .stream = factum_slice_from(FCT_SCHEMAS_STREAM),
        .type = factum_slice_from(event->is_mode ? FCT_SCHEMA_MODE_SET : FCT_SCHEMA_REGISTERED),
        .data = fct_buf_slice(&buf),
        .tags = tags,
        .tag_count = 1,
    };
    const factum_expectation expectation = {
        stored.stream, schemas->exists ? factum_at(schemas->revision) : factum_no_stream()};
    const factum_query_item item = {.types = &event->subject.type, .type_count = 1};
    const factum_append_condition condition = {.query = {&item, 1},
                                               .after = work == NULL ? 0 : work->proven_place};
    const factum_append_request request = {
        .size = sizeof request,
        .events = &stored,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
        .condition = work != NULL && work->proven ? &condition : NULL,
        .system = true,
        .call = work == NULL ? NULL : work->options.call,
    };
    if (status == FACTUM_OK) {
        status = factum_append(store, &request, NULL, NULL, err);
    }
    fct_buf_finish(&buf);
    return status;
}

static bool is_race(factum_status status)
{
    return status == FACTUM_WRONG_REVISION || status == FACTUM_CONDITION_FAILED ||
           status == FACTUM_BUSY;
}

/* Waits before the next try, so that other writers can make some commits. */
static void let_others(factum_store *store, factum_status status, unsigned tries)
{
    if (status != FACTUM_CONDITION_FAILED) {
        factum_status waited = factum_wait(store, UINT64_MAX, tries < 8 ? 1 : WAIT_MAX_MS, NULL);
        (void)waited; /* TIMEOUT: the place never becomes visible */
    }
}

static factum_status give_up(factum_error *err)
{
    return fct_fail(err, FACTUM_BUSY,
                    "others register schemas, or append events of this type, faster than they can "
                    "be checked: pause them and try again");
}

static factum_status register_version(struct registering *work, factum_error *err)
{
    factum_status status = count_all(work, err);
    for (unsigned tries = 0; status == FACTUM_OK && tries < TRIES_MAX; tries++) {
        status = read_registry(work, err);
        if (status != FACTUM_OK) {
            return status;
        }
        if (find_same(work)) {
            work->answer.already = true;
            return FACTUM_OK;
        }
        status = prove(work, err);
        if (status != FACTUM_OK) {
            return status;
        }
        const struct fct_registry_event event = {
            .subject_text = work->subject_text,
            .subject = work->subject,
            .version = work->answer.version,
            .id = work->answer.id,
            .hash = fct_slice(work->hash, FCT_SHA256_TEXT_SIZE - 1),
            .proof = work->options.proof,
            .after = work->options.after,
            .schema = work->text,
        };
        status = write_event(work->store, work->schemas, &event, work, err);
        if (!is_race(status)) {
            return status;
        }
        let_others(work->store, status, tries);
        status = FACTUM_OK;
    }
    return status == FACTUM_OK ? give_up(err) : status;
}

/* ---- the public calls ------------------------------------------------------------------------ */

static factum_status prove_alone(struct registering *work, factum_error *err)
{
    factum_status status = read_registry(work, err);
    if (status != FACTUM_OK) {
        return status;
    }
    work->answer.already = find_same(work);
    status = count_all(work, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return prove(work, err);
}

/* Runs |act| between the check of the public call's arguments and its answer. */
static factum_status carry_out(factum_status (*act)(struct registering *work, factum_error *err),
                               factum_store *store, factum_slice subject, factum_slice text,
                               const factum_register_options *options,
                               factum_registration *registration, factum_error *err)
{
    struct registering work;
    factum_status status = FACTUM_OK;
    if (registration != NULL) {
        status = fct_sized_check(registration, "schemas: the registration", err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = begin(&work, store, subject, text, options, err);
    if (status == FACTUM_OK) {
        status = act(&work, err);
    }
    finish(&work);
    if (registration != NULL) {
        fct_sized_write(registration, &work.answer, sizeof work.answer);
    }
    return status;
}

factum_status factum_schema_register(factum_store *store, factum_slice subject, factum_slice text,
                                     const factum_register_options *options,
                                     factum_registration *registration, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    return carry_out(register_version, store, subject, text, options, registration, err);
}

factum_status factum_schema_prove(factum_store *store, factum_slice subject, factum_slice text,
                                  const factum_register_options *options,
                                  factum_registration *registration, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    return carry_out(prove_alone, store, subject, text, options, registration, err);
}

factum_status factum_schema_mode_set(factum_store *store, factum_slice subject,
                                     factum_schema_mode mode, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct fct_registry_event event = {.is_mode = true, .subject_text = subject, .mode = mode};
    if (store == NULL || (unsigned)mode > FACTUM_SCHEMA_MODE_REJECT) {
        return fct_fail(err, FACTUM_INVALID, "schemas: a store and a mode are needed");
    }
    factum_status status = fct_subject_parse(subject, &event.subject, err);
    for (unsigned tries = 0; status == FACTUM_OK && tries < TRIES_MAX; tries++) {
        factum_schemas *schemas;
        status = factum_schemas_open(store, &schemas, err);
        if (status != FACTUM_OK) {
            return status;
        }
        status = write_event(store, schemas, &event, NULL, err);
        factum_schemas_close(schemas);
        if (!is_race(status)) {
            return status;
        }
        let_others(store, status, tries);
        status = FACTUM_OK;
    }
    return status == FACTUM_OK ? give_up(err) : status;
}
