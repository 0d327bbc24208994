/* definition.c - see definition.h. Layer: decider. Reads and writes no store. */
#include "decider/definition.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "codec/sha256.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/slice.h"
#include "decider/decision.h"

static_assert(FACTUM_HASH_TEXT_SIZE == FCT_SHA256_TEXT_SIZE, "the public name of the same size");

/* ---- names ----------------------------------------------------------------------------------- */

factum_status fct_definition_stream(factum_slice category, char stream[FACTUM_NAME_SIZE_MAX + 1],
                                    factum_error *err)
{
    const size_t prefix = sizeof FCT_DEFINITION_PREFIX - 1;
    if (category.len == 0 || category.ptr == NULL || category.ptr[0] == '$' ||
        memchr(category.ptr, '-', category.len) != NULL) {
        return fct_fail(
            err, FACTUM_INVALID,
            "\"%.*s\" is not a category: that is the part of a stream's name before its first "
            "'-', which does not begin with '$'",
            FCT_FMT(category));
    }
    if (category.len > FACTUM_NAME_SIZE_MAX - prefix || !fct_utf8_valid(category) ||
        memchr(category.ptr, '\0', category.len) != NULL) {
        return fct_fail(err, FACTUM_INVALID, "a category is UTF-8 of at most %zu bytes",
                        FACTUM_NAME_SIZE_MAX - prefix);
    }
    memcpy(stream, FCT_DEFINITION_PREFIX, prefix);
    memcpy(stream + prefix, category.ptr, category.len);
    stream[prefix + category.len] = '\0';
    return FACTUM_OK;
}

factum_status fct_definition_hash(factum_slice text, char hash[FACTUM_HASH_TEXT_SIZE],
                                  factum_error *err)
{
    struct fct_sha256 sha;
    factum_status status = fct_sha256_init(&sha, err);
    if (status == FACTUM_OK) {
        fct_sha256_add(&sha, text.ptr, text.len);
        status = fct_sha256_finish(&sha, hash, err);
    }
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

factum_status fct_definition_format(const factum_deployed *deployed, factum_arena *arena,
                                    factum_slice *data, factum_error *err)
{
    factum_json_writer to;
    factum_json_writer_in(&to, arena);
    factum_json_put_object(&to);
    factum_json_put_member_text(&to, "category", deployed->category);
    factum_json_put_member_text(&to, "language", FCT_SLICE("lua"));
    factum_json_put_member_text(&to, "hash", deployed->hash);
    if (deployed->by.len > 0) {
        factum_json_put_member_text(&to, "by", deployed->by);
    }
    if (deployed->why.len > 0) {
        factum_json_put_member_text(&to, "why", deployed->why);
    }
    factum_json_put_member_text(&to, "text", deployed->text);
    factum_json_put_end(&to);
    return fct_printed(&to, "deploy: the definition", data, err);
}

/* ---- reading --------------------------------------------------------------------------------- */

enum definition_member { CATEGORY, LANGUAGE, HASH, BY, WHY, TEXT, DEFINITION_MEMBERS };

/* The members while they are read, and the memory for their decoded texts. */
struct definition_reading {
    struct fct_json_member members[DEFINITION_MEMBERS];
    uint8_t *to;
    size_t room;
};

static factum_status refuse_event(const factum_event *event, const char *why, factum_error *err)
{
    return fct_fail(err, FACTUM_INVALID,
                    "the event at position %" PRIu64 " is not a deployed decider: %s",
                    event->position, why);
}

/* The decoded text of a member, placed after the earlier ones; empty if it is missing. False: it is
 * not a text. */
static bool take_text(struct definition_reading *reading, enum definition_member which,
                      factum_slice *text)
{
    const struct fct_json_member *member = &reading->members[which];
    size_t len = 0;
    *text = fct_slice(NULL, 0);
    if (!member->found) {
        return true;
    }
    if (member->value.kind != FACTUM_JSON_TEXT ||
        fct_json_unescape(member->value.raw, (char *)reading->to, reading->room, &len) !=
            FACTUM_OK) {
        return false;
    }
    *text = fct_slice(reading->to, len);
    reading->to += len;
    reading->room -= len;
    return true;
}

static bool take_texts(struct definition_reading *reading, factum_deployed *deployed)
{
    factum_slice language;
    return take_text(reading, CATEGORY, &deployed->category) &&
           take_text(reading, LANGUAGE, &language) && take_text(reading, HASH, &deployed->hash) &&
           take_text(reading, BY, &deployed->by) && take_text(reading, WHY, &deployed->why) &&
           take_text(reading, TEXT, &deployed->text) && fct_slice_equal(language, FCT_SLICE("lua"));
}

static factum_status check_deployed(const factum_event *event, const factum_deployed *deployed,
                                    factum_error *err)
{
    char hash[FACTUM_HASH_TEXT_SIZE];
    factum_slice name = fct_slice_from(event->stream, sizeof FCT_DEFINITION_PREFIX - 1);
    if (!fct_slice_equal(name, deployed->category)) {
        return refuse_event(event, "it is in the stream of another category", err);
    }
    factum_status status = fct_definition_hash(deployed->text, hash, err);
    if (status == FACTUM_OK && !fct_slice_equal(deployed->hash, factum_slice_from(hash))) {
        return refuse_event(event, "its text has another hash", err);
    }
    return status;
}

factum_status fct_definition_parse(const factum_event *event, factum_deployed **deployed,
                                   factum_error *err)
{
    static const char *const names[] = {"category", "language", "hash", "by", "why", "text"};
    struct definition_reading reading;
    struct fct_json object;
    struct fct_json_fault fault;
    *deployed = NULL;
    if (!fct_slice_equal(event->type, FCT_SLICE(FCT_DECIDER_DEPLOYED)) ||
        !fct_slice_starts(event->stream, FCT_SLICE(FCT_DEFINITION_PREFIX))) {
        return refuse_event(event, "it has another type", err);
    }
    for (size_t i = 0; i < DEFINITION_MEMBERS; i++) {
        reading.members[i] = (struct fct_json_member){.name = factum_slice_from(names[i])};
    }
    if (fct_json_pick(event->data, &object, reading.members, DEFINITION_MEMBERS, &fault) !=
        FACTUM_OK) {
        return refuse_event(event, "it is not valid JSON", err);
    }
    /* A decoded text is never longer than its escaped form. */
    factum_deployed *made = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *made + event->data.len);
    if (made == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "deploy: out of memory");
    }
    reading.to = (uint8_t *)(made + 1);
    reading.room = event->data.len;
    *made = (factum_deployed){
        .size = sizeof *made,
        .revision = event->revision,
        .position = event->position,
        .created = event->created,
    };
    factum_status status = take_texts(&reading, made)
                               ? check_deployed(event, made, err)
                               : refuse_event(event, "its members are not as they should be", err);
    if (status != FACTUM_OK) {
        factum_deployed_free(made);
        return status;
    }
    *deployed = made;
    return FACTUM_OK;
}

void factum_deployed_free(factum_deployed *deployed)
{
    fct_mem_free(fct_mem_heap(), deployed);
}
