/* registry_event.c - see registry_event.h. Layer: schema. */
#include "schema/registry_event.h"

#include <inttypes.h>
#include <string.h>

#include "codec/json.h"
#include "core/error.h"
#include "core/slice.h"

#define SUBJECT_SIZE_MAX 1024u /* of a name, less the beginning of the tag "subject:..." */
#define SUBJECT_TAG_SIZE (sizeof "subject:" - 1)

static const char *const mode_names[] = {"unset", "off", "warn", "reject"};
static const char *const proof_names[] = {"all", "after", "none"};

/* ---- subjects -------------------------------------------------------------------------------- */

factum_status fct_subject_parse(factum_slice text, struct fct_subject *subject, factum_error *err)
{
    if (text.len == 0 || text.ptr == NULL) {
        return fct_fail(err, FACTUM_INVALID, "a subject is TYPE, CATEGORY/TYPE or CATEGORY/");
    }
    if (text.len > SUBJECT_SIZE_MAX - SUBJECT_TAG_SIZE) {
        return fct_fail(err, FACTUM_INVALID, "a subject has %zu bytes: at most %zu", text.len,
                        (size_t)(SUBJECT_SIZE_MAX - SUBJECT_TAG_SIZE));
    }
    if (!fct_utf8_valid(text)) {
        return fct_fail(err, FACTUM_INVALID, "a subject is not valid UTF-8");
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < 0x20 || text.ptr[i] == '"' || text.ptr[i] == '\\' ||
            text.ptr[i] == 0x7f) {
            return fct_fail(err, FACTUM_INVALID,
                            "subject %.*s: control characters, quotes and backslashes cannot be "
                            "in a subject",
                            FCT_FMT(text));
        }
    }
    const uint8_t *slash = memchr(text.ptr, '/', text.len);
    size_t category = slash == NULL ? 0 : (size_t)(slash - text.ptr);
    struct fct_subject parsed = {
        .category = fct_slice(text.ptr, category),
        .type = slash == NULL ? text : fct_slice_from(text, category + 1),
    };
    if (slash != NULL && category == 0) {
        return fct_fail(err, FACTUM_INVALID, "subject %.*s: there is no category before the slash",
                        FCT_FMT(text));
    }
    if (text.ptr[0] == '$' || (parsed.type.len > 0 && parsed.type.ptr[0] == '$')) {
        return fct_fail(err, FACTUM_INVALID,
                        "subject %.*s: names that begin with $ are the system's, which checks its "
                        "events itself",
                        FCT_FMT(text));
    }
    *subject = parsed;
    return FACTUM_OK;
}

/* ---- words ----------------------------------------------------------------------------------- */

const char *factum_schema_mode_name(factum_schema_mode mode)
{
    bool set =
        mode != FACTUM_SCHEMA_MODE_UNSET && (unsigned)mode < sizeof mode_names / sizeof *mode_names;
    return set ? mode_names[mode] : "";
}

const char *factum_schema_proof_name(factum_schema_proof proof)
{
    return (unsigned)proof < sizeof proof_names / sizeof *proof_names ? proof_names[proof] : "";
}

/* The index of |word| in |names|, or |count|. */
static size_t find_word(const char *const *names, size_t count, factum_slice word)
{
    for (size_t i = 0; i < count; i++) {
        if (fct_slice_equal(word, fct_slice(names[i], strlen(names[i])))) {
            return i;
        }
    }
    return count;
}

bool fct_schema_mode_parse(factum_slice name, factum_schema_mode *mode)
{
    size_t count = sizeof mode_names / sizeof *mode_names;
    size_t found = find_word(mode_names, count, name);
    if (found == count) {
        return false;
    }
    *mode = (factum_schema_mode)found;
    return true;
}

/* ---- reading --------------------------------------------------------------------------------- */

static factum_status missing(const char *name, factum_error *err)
{
    return fct_fail(err, FACTUM_INVALID, "an event of the schema registry has no valid \"%s\"",
                    name);
}

/* The members of both types of event, in the order of |member_names|. */
enum member {
    SUBJECT,
    MODE,
    VERSION,
    ID,
    HASH,
    PROOF,
    AFTER,
    SCHEMA,
    MEMBER_COUNT,
};
static const char *const member_names[] = {"subject", "mode",  "version", "id",
                                           "hash",    "proof", "after",   "schema"};

/* The raw text of a member. False: not a text, or one with escapes. */
static bool text_of_member(const struct fct_json_member *member, factum_slice *text)
{
    factum_slice raw = member->value.raw;
    if (!member->found || member->value.kind != FACTUM_JSON_TEXT || raw.len < 2 ||
        memchr(raw.ptr, '\\', raw.len) != NULL) {
        return false;
    }
    *text = fct_slice(raw.ptr + 1, raw.len - 2);
    return true;
}

static bool number_of_member(const struct fct_json_member *member, int64_t least, uint64_t *number)
{
    int64_t found;
    if (!member->found || fct_json_int64(&member->value, &found) != FACTUM_OK || found < least) {
        return false;
    }
    *number = (uint64_t)found;
    return true;
}

static factum_status parse_mode(const struct fct_json_member *members,
                                struct fct_registry_event *event, factum_error *err)
{
    factum_slice name;
    event->is_mode = true;
    if (!text_of_member(&members[MODE], &name) || !fct_schema_mode_parse(name, &event->mode)) {
        return missing("mode", err);
    }
    return FACTUM_OK;
}

/* The first member with an invalid value, or MEMBER_COUNT. */
static enum member parse_numbers(const struct fct_json_member *members,
                                 struct fct_registry_event *event)
{
    factum_slice proof;
    if (!number_of_member(&members[VERSION], 1, &event->version)) {
        return VERSION;
    }
    if (!number_of_member(&members[ID], 1, &event->id)) {
        return ID;
    }
    if (!text_of_member(&members[HASH], &event->hash) || event->hash.len != 64) {
        return HASH;
    }
    size_t count = sizeof proof_names / sizeof *proof_names;
    size_t found =
        text_of_member(&members[PROOF], &proof) ? find_word(proof_names, count, proof) : count;
    if (found == count) {
        return PROOF;
    }
    event->proof = (factum_schema_proof)found;
    if (event->proof == FACTUM_SCHEMA_PROOF_AFTER &&
        !number_of_member(&members[AFTER], 0, &event->after)) {
        return AFTER;
    }
    return members[SCHEMA].found ? MEMBER_COUNT : SCHEMA;
}

static factum_status parse_schema(const struct fct_json_member *members,
                                  struct fct_registry_event *event, factum_error *err)
{
    enum member wrong = parse_numbers(members, event);
    if (wrong != MEMBER_COUNT) {
        return missing(member_names[wrong], err);
    }
    event->schema = members[SCHEMA].value.raw;
    if (event->subject.type.len == 0) {
        return fct_fail(err, FACTUM_INVALID,
                        "subject %.*s: a schema is for one type, CATEGORY/TYPE",
                        FCT_FMT(event->subject_text));
    }
    return FACTUM_OK;
}

factum_status fct_registry_event_parse(factum_slice type, factum_slice data,
                                       struct fct_registry_event *event, factum_error *err)
{
    struct fct_json_fault fault;
    struct fct_json object;
    struct fct_json_member members[MEMBER_COUNT];
    bool is_mode = fct_slice_equal(type, FCT_SLICE(FCT_SCHEMA_MODE_SET));
    *event = (struct fct_registry_event){.version = 0};
    if (!is_mode && !fct_slice_equal(type, FCT_SLICE(FCT_SCHEMA_REGISTERED))) {
        return fct_fail(err, FACTUM_INVALID,
                        "%.*s is not an event of the schema registry: use factum_schema_register",
                        FCT_FMT(type));
    }
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        members[i] = (struct fct_json_member){.name = factum_slice_from(member_names[i])};
    }
    if (fct_json_pick(data, &object, members, MEMBER_COUNT, &fault) != FACTUM_OK) {
        return fct_fail(err, FACTUM_INVALID, "not valid JSON: %s at byte %zu", fault.reason,
                        fault.at);
    }
    if (!text_of_member(&members[SUBJECT], &event->subject_text)) {
        return missing("subject", err);
    }
    factum_status status = fct_subject_parse(event->subject_text, &event->subject, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return is_mode ? parse_mode(members, event, err) : parse_schema(members, event, err);
}

/* ---- writing --------------------------------------------------------------------------------- */

factum_status fct_registry_event_format(const struct fct_registry_event *event, struct fct_buf *buf,
                                        factum_error *err)
{
    size_t before = buf->len;
    factum_status status =
        fct_buf_printf(buf, "{\"subject\":\"%.*s\"", (int)event->subject_text.len,
                       (const char *)event->subject_text.ptr);
    if (status == FACTUM_OK && event->is_mode) {
        status = fct_buf_printf(buf, ",\"mode\":\"%s\"}", mode_names[event->mode]);
    } else if (status == FACTUM_OK) {
        status = fct_buf_printf(
            buf, ",\"version\":%" PRIu64 ",\"id\":%" PRIu64 ",\"hash\":\"%.*s\",\"proof\":\"%s\"",
            event->version, event->id, (int)event->hash.len, (const char *)event->hash.ptr,
            proof_names[event->proof]);
        if (status == FACTUM_OK && event->proof == FACTUM_SCHEMA_PROOF_AFTER) {
            status = fct_buf_printf(buf, ",\"after\":%" PRIu64, event->after);
        }
        if (status == FACTUM_OK) {
            status = fct_buf_add_text(buf, ",\"schema\":");
        }
        if (status == FACTUM_OK) {
            status = fct_buf_add_slice(buf, event->schema);
        }
        if (status == FACTUM_OK) {
            status = fct_buf_add_text(buf, "}");
        }
    }
    if (status == FACTUM_OK) {
        return FACTUM_OK;
    }
    buf->len = before;
    return fct_fail(err, status,
                    status == FACTUM_TOO_BIG
                        ? "the schema is too big: an event holds at most 16 MiB"
                        : "out of memory");
}
