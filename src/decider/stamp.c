/* stamp.c - see stamp.h. Layer: decider.
 *
 * The hash covers the decider's name, its subject and the content, so that a command id belongs to
 * one command for one decider and subject. Equal content gives an equal hash: neither time nor
 * trace is in it. The result of the decider's own query is not in it either: it follows from the
 * command, and may differ at another time or in another version of the decider.
 */
#include "decider/stamp.h"

#include <string.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/slice.h"
#include "core/trace_context.h"
#include "decider/decision.h"

#define HASH_TEXT_SIZE 32

/* ---- the hash -------------------------------------------------------------------------------- */

static factum_status content_of(const factum_decider *decider,
                                const factum_transact_request *request, struct factum_arena *arena,
                                factum_slice *content, factum_error *err)
{
    if (request->content.len > 0) {
        *content = request->content;
        return FACTUM_OK;
    }
    if (decider->print_command == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "decider %s: a command with an id needs its content, or a decider with "
                        "print_command",
                        decider->name);
    }
    factum_json_writer to;
    factum_json_writer_in(&to, arena);
    decider->print_command(request->command, &to);
    return fct_printed(&to, "the command", content, err);
}

static void put_number(uint8_t *to, uint64_t number)
{
    for (size_t i = 0; i < 8; i++) {
        to[i] = (uint8_t)(number >> (8 * i));
    }
}

/* Hashes the content, after a hash of the name and the subject and their sizes. */
static factum_status hash_command(const factum_decider *decider, const struct fct_subject *subject,
                                  factum_slice content, struct factum_arena *arena,
                                  factum_fingerprint *hash, factum_error *err)
{
    /* The key contains the version of the state, which is not part of the request. */
    factum_slice name = factum_slice_from(decider->name);
    factum_slice about = subject->about;
    size_t size = 16 + name.len + about.len + content.len;
    uint8_t *bytes = factum_arena_alloc(arena, size);
    if (bytes == NULL) {
        return fct_arena_status(arena, "the command", err);
    }
    put_number(bytes, name.len);
    put_number(bytes + 8, about.len);
    memcpy(bytes + 16, name.ptr, name.len);
    if (about.len > 0) {
        memcpy(bytes + 16 + name.len, about.ptr, about.len);
    }
    if (content.len > 0) {
        memcpy(bytes + 16 + name.len + about.len, content.ptr, content.len);
    }
    struct fct_hash128 made = fct_hash128(fct_slice(bytes, size), 0);
    put_number(hash->bytes, made.low | 1); /* zero would mean that no hash is given */
    put_number(hash->bytes + 8, made.high);
    return FACTUM_OK;
}

/* ---- the metadata ---------------------------------------------------------------------------- */

static void add_member(factum_json_writer *to, const char *name, factum_slice value)
{
    if (value.len == 0) {
        return;
    }
    if (to->used == 0) {
        factum_json_put_object(to);
    }
    factum_json_put_member_text(to, name, value);
}

static void add_hash(factum_json_writer *to, const factum_fingerprint *hash)
{
    static const char digits[] = "0123456789abcdef";
    char text[HASH_TEXT_SIZE];
    for (size_t i = 0; i < sizeof hash->bytes; i++) {
        text[2 * i] = digits[hash->bytes[i] >> 4];
        text[2 * i + 1] = digits[hash->bytes[i] & 15];
    }
    add_member(to, "$commandHash", fct_slice(text, sizeof text));
}

static void add_trace(factum_json_writer *to, const factum_transact_request *request)
{
    char normal[FCT_TRACEPARENT_SIZE];
    if (!fct_traceparent_normal(request->traceparent, normal)) {
        return;
    }
    add_member(to, "traceparent", fct_slice(normal, sizeof normal));
    if (fct_tracestate_valid(request->tracestate)) {
        add_member(to, "tracestate", request->tracestate);
    }
}

static factum_status check_id(const factum_decider *decider, const char *what, factum_slice id,
                              factum_error *err)
{
    if (id.len > FACTUM_NAME_SIZE_MAX || (id.len > 0 && !fct_utf8_valid(id))) {
        return fct_fail(err, FACTUM_INVALID, "decider %s: a %s is UTF-8 of at most %d bytes",
                        decider->name, what, FACTUM_NAME_SIZE_MAX);
    }
    return FACTUM_OK;
}

static factum_status check_ids(const factum_decider *decider,
                               const factum_transact_request *request, factum_error *err)
{
    factum_status status = check_id(decider, "command id", request->command_id, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = check_id(decider, "correlation id", request->correlation_id, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return check_id(decider, "causation id", request->causation_id, err);
}

static factum_status print_metadata(struct fct_stamp *stamp, const factum_transact_request *request,
                                    struct factum_arena *arena, factum_error *err)
{
    factum_json_writer to;
    factum_json_writer_in(&to, arena);
    add_member(&to, "$commandId", request->command_id);
    if (request->command_id.len > 0) {
        add_hash(&to, &stamp->hash);
    }
    add_member(&to, "$correlationId",
               request->correlation_id.len > 0 ? request->correlation_id : request->command_id);
    add_member(&to, "$causationId", request->causation_id);
    add_trace(&to, request);
    if (to.used > 0) {
        factum_json_put_end(&to);
    }
    return fct_printed(&to, "the metadata", &stamp->metadata, err);
}

factum_status fct_stamp_make(struct fct_stamp *stamp, const factum_decider *decider,
                             const factum_transact_request *request,
                             const struct fct_subject *subject, struct factum_arena *arena,
                             factum_error *err)
{
    *stamp = (struct fct_stamp){.metadata = {.ptr = NULL}};
    factum_status status = check_ids(decider, request, err);
    if (status == FACTUM_OK && request->command_id.len > 0) {
        factum_slice content = {.ptr = NULL};
        status = content_of(decider, request, arena, &content, err);
        if (status == FACTUM_OK) {
            status = hash_command(decider, subject, content, arena, &stamp->hash, err);
        }
    }
    return status == FACTUM_OK ? print_metadata(stamp, request, arena, err) : status;
}
