/* rules.c - see rules.h. Layer: engine. */
#include "engine/rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/slice.h"

factum_slice fct_category(factum_slice stream)
{
    factum_slice none = fct_slice(NULL, 0);
    if (stream.len == 0 || stream.ptr[0] == '$') {
        return none;
    }
    const uint8_t *dash = memchr(stream.ptr, '-', stream.len);
    return dash == NULL ? none : fct_slice(stream.ptr, (size_t)(dash - stream.ptr));
}

factum_slice fct_metastream_target(factum_slice stream)
{
    if (stream.len > 2 && stream.ptr[0] == '$' && stream.ptr[1] == '$') {
        return fct_slice_from(stream, 2);
    }
    return fct_slice(NULL, 0);
}

factum_slice fct_correlation_id(factum_slice metadata, char buffer[FACTUM_NAME_SIZE_MAX])
{
    struct fct_json_member id = {.name = FCT_SLICE("$correlationId")};
    factum_slice none = fct_slice(NULL, 0);
    struct fct_json whole;
    size_t len;
    if (metadata.len <= id.name.len || /* so most metadata is not parsed */
        !fct_slice_holds(metadata, id.name) ||
        fct_json_pick(metadata, &whole, &id, 1, NULL) != FACTUM_OK || !id.found ||
        id.value.kind != FACTUM_JSON_TEXT ||
        fct_json_unescape(id.value.raw, buffer, FACTUM_NAME_SIZE_MAX, &len) != FACTUM_OK) {
        return none;
    }
    return fct_slice(buffer, len);
}

/* The value of |member|; 0 unless it is a whole number above 0. */
static uint64_t positive(const struct fct_json_member *member)
{
    int64_t number;
    if (!member->found || fct_json_int64(&member->value, &number) != FACTUM_OK || number <= 0) {
        return 0;
    }
    return (uint64_t)number;
}

void fct_stream_metadata_parse(factum_slice json, struct fct_stream_metadata *metadata)
{
    struct fct_json_member members[] = {{.name = FCT_SLICE("$maxCount")},
                                        {.name = FCT_SLICE("$maxAge")},
                                        {.name = FCT_SLICE("$tb")}};
    struct fct_json whole;
    *metadata = (struct fct_stream_metadata){.max_count = 0};
    if (fct_json_pick(json, &whole, members, 3, NULL) != FACTUM_OK) {
        return;
    }
    metadata->max_count = positive(&members[0]);
    metadata->max_age = positive(&members[1]);
    metadata->truncate_before = positive(&members[2]);
    metadata->soft_deleted = metadata->truncate_before == FCT_SOFT_DELETED;
}

uint64_t fct_first_visible(const struct fct_stream_metadata *metadata, uint64_t last)
{
    uint64_t first = metadata->truncate_before;
    if (metadata->max_count > 0 && last + 1 > metadata->max_count &&
        last + 1 - metadata->max_count > first) {
        first = last + 1 - metadata->max_count;
    }
    return first;
}

/* ---- content types --------------------------------------------------------------------------- */

#define FCT_CONTENT_JSON FCT_SLICE("application/json")
#define FCT_CONTENT_BYTES FCT_SLICE("application/octet-stream")

factum_slice fct_event_content_type(const factum_new_event *event)
{
    if (event->media_type.len > 0) {
        return event->media_type;
    }
    return event->content_type == FACTUM_CONTENT_JSON ? FCT_CONTENT_JSON : FCT_CONTENT_BYTES;
}

/* Size of the token (RFC 9110) at the front of |text|. */
static size_t token_size(factum_slice text)
{
    size_t size = 0;
    while (size < text.len) {
        uint8_t c = text.ptr[size];
        bool alphanumeric = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!alphanumeric && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            break;
        }
        size++;
    }
    return size;
}

bool fct_media_type_valid(factum_slice text)
{
    if (text.ptr == NULL || text.len > FACTUM_NAME_SIZE_MAX) {
        return false;
    }
    size_t type = token_size(text);
    if (type == 0 || type == text.len || text.ptr[type] != '/') {
        return false;
    }
    factum_slice rest = fct_slice(text.ptr + type + 1, text.len - type - 1);
    size_t subtype = token_size(rest);
    size_t at = subtype;
    while (at < rest.len && rest.ptr[at] == ' ') {
        at++;
    }
    if (subtype == 0 || (at < rest.len && rest.ptr[at] != ';') ||
        (at == rest.len && at > subtype)) {
        return false;
    }
    for (; at < rest.len; at++) { /* parameters are not parsed */
        if (rest.ptr[at] < 0x20 || rest.ptr[at] >= 0x7f) {
            return false;
        }
    }
    return true;
}

/* ---- content of an append -------------------------------------------------------------------- */

/* Adds a part to a chain of hashes: its length and its bytes, with the hash so far as the seed. */
static void mix(struct fct_hash128 *hash, factum_slice bytes)
{
    uint64_t len = bytes.len;
    uint64_t seed = hash->low ^ (hash->high << 1 | hash->high >> 63);
    struct fct_hash128 head = fct_hash128(fct_slice(&len, sizeof len), seed);
    *hash = fct_hash128(bytes, head.low ^ head.high);
}

static void mix_parts(struct fct_hash128 *hash, const factum_slice *parts, size_t count)
{
    uint64_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += parts[i].len;
    }
    uint64_t seed = hash->low ^ (hash->high << 1 | hash->high >> 63);
    struct fct_hash128 head = fct_hash128(fct_slice(&len, sizeof len), seed);
    *hash = fct_hash128_parts(parts, count, head.low ^ head.high);
}

/* Does a client set the member differently for each try? */
static bool is_trace_member(factum_slice name)
{
    return fct_slice_equal(name, FCT_SLICE("traceparent")) ||
           fct_slice_equal(name, FCT_SLICE("tracestate")) ||
           fct_slice_equal(name, FCT_SLICE("$traceId")) ||
           fct_slice_equal(name, FCT_SLICE("$spanId"));
}

static bool may_have_trace(factum_slice metadata)
{
    return fct_slice_holds(metadata, FCT_SLICE("\"trace")) ||
           fct_slice_holds(metadata, FCT_SLICE("\"$traceId")) ||
           fct_slice_holds(metadata, FCT_SLICE("\"$spanId"));
}

#define TRACE_RUNS_MAX 8u
#define TRACE_NODES_MAX 128u /* metadata with more values is hashed as it is */

/* Splits metadata into the parts without its trace members: the brackets, and runs of the other
 * members with commas between them. Returns their number; 0: metadata has no trace members, is not
 * an object, or has too many runs. */
static size_t without_trace(factum_slice metadata, factum_slice parts[2 * TRACE_RUNS_MAX + 2])
{
    const factum_json_options options = {.size = sizeof options, .duplicates = true};
    factum_json_node nodes[TRACE_NODES_MAX];
    factum_json json;
    size_t count = 1;
    bool found = false;
    bool in_run = false;
    if (!may_have_trace(metadata) ||
        factum_json_parse(metadata, &options, nodes, TRACE_NODES_MAX, &json, NULL) != FACTUM_OK ||
        factum_json_kind_of(&json, FACTUM_JSON_ROOT) != FACTUM_JSON_OBJECT) {
        return 0;
    }
    parts[0] = FCT_SLICE("{");
    for (uint32_t at = factum_json_first(&json, FACTUM_JSON_ROOT); at != FACTUM_JSON_NONE;
         at = factum_json_next(&json, FACTUM_JSON_ROOT, at)) {
        const uint8_t *begin = factum_json_raw(&json, at).ptr;
        factum_slice value = factum_json_raw(&json, at + 1);
        if (is_trace_member(factum_json_inside(&json, at))) {
            found = true;
            in_run = false;
            continue;
        }
        if (!in_run && count > 1) {
            parts[count++] = FCT_SLICE(",");
        }
        if (!in_run && count > 2 * TRACE_RUNS_MAX) {
            return 0;
        }
        begin = in_run ? parts[--count].ptr : begin;
        parts[count++] = fct_slice(begin, (size_t)(value.ptr + value.len - begin));
        in_run = true;
    }
    parts[count] = FCT_SLICE("}");
    return !found ? 0 : count == 1 ? 1 : count + 1;
}

/* Metadata that has only trace members is hashed like none. */
static void mix_metadata(struct fct_hash128 *hash, factum_slice metadata)
{
    factum_slice parts[2 * TRACE_RUNS_MAX + 2];
    size_t count = without_trace(metadata, parts);
    if (count == 0) {
        mix(hash, metadata);
    } else if (count == 1) {
        mix(hash, fct_slice(NULL, 0));
    } else {
        mix_parts(hash, parts, count);
    }
}

static struct fct_hash128 hash_events(const factum_append_request *request)
{
    struct fct_hash128 hash = {0, 0};
    for (size_t i = 0; i < request->event_count; i++) {
        const factum_new_event *event = &request->events[i];
        int64_t time = event->has_time ? event->time : 0;
        uint8_t facts[16] = {0};
        memcpy(facts, &time, sizeof time);
        facts[8] = event->has_time ? 1 : 0;
        factum_slice type = fct_event_content_type(event);
        bool json = fct_slice_equal(type, FCT_CONTENT_JSON);
        bool bytes = fct_slice_equal(type, FCT_CONTENT_BYTES);
        facts[9] = json ? FACTUM_CONTENT_JSON : bytes ? FACTUM_CONTENT_BINARY : 2;
        mix(&hash, event->stream);
        mix(&hash, event->type);
        mix(&hash, event->data);
        mix_metadata(&hash, event->metadata);
        mix(&hash, fct_slice(facts, sizeof facts));
        if (!json && !bytes) {
            mix(&hash, type);
        }
        for (size_t j = 0; j < event->tag_count; j++) {
            mix(&hash, event->tags[j]);
        }
        mix(&hash, fct_slice(NULL, 0));
    }
    return hash;
}

static void mix_all(struct fct_hash128 *hash, const factum_slice *names, size_t count)
{
    uint64_t number = count;
    mix(hash, fct_slice(&number, sizeof number));
    for (size_t i = 0; i < count; i++) {
        mix(hash, names[i]);
    }
}

/* The content of an append without events: its expectations and its condition. */
static struct fct_hash128 hash_checks(const factum_append_request *request)
{
    struct fct_hash128 hash = {0, 0};
    for (size_t i = 0; i < request->expectation_count; i++) {
        factum_expected expected = request->expectations[i].expected;
        bool at = expected.kind == FACTUM_EXPECTED_REVISION;
        const uint64_t numbers[2] = {expected.kind, at ? expected.revision : 0};
        mix(&hash, request->expectations[i].stream);
        mix(&hash, fct_slice(numbers, sizeof numbers));
    }
    const factum_append_condition *condition = request->condition;
    for (size_t i = 0; condition != NULL && i < condition->query.item_count; i++) {
        const factum_query_item *item = &condition->query.items[i];
        mix(&hash, fct_slice(&condition->after, sizeof condition->after));
        mix_all(&hash, item->types, item->type_count);
        mix_all(&hash, item->tags, item->tag_count);
    }
    return hash;
}

bool fct_fingerprint_given(const factum_append_request *request)
{
    static const factum_fingerprint zero;
    return memcmp(request->fingerprint.bytes, zero.bytes, sizeof zero.bytes) != 0;
}

factum_fingerprint fct_append_fingerprint(const factum_append_request *request)
{
    if (fct_fingerprint_given(request)) {
        return request->fingerprint;
    }
    struct fct_hash128 hash =
        request->event_count > 0 ? hash_events(request) : hash_checks(request);
    factum_fingerprint fingerprint;
    memcpy(fingerprint.bytes, &hash, sizeof fingerprint.bytes);
    return fingerprint;
}

/* ---- expectations ---------------------------------------------------------------------------- */

bool fct_expected_holds(factum_expected expected, factum_stream_state state, uint64_t revision,
                        bool by_metadata)
{
    switch (expected.kind) {
    case FACTUM_EXPECTED_ANY:
        return true;
    case FACTUM_EXPECTED_NO_STREAM:
        return state == FACTUM_STREAM_ABSENT || state == FACTUM_STREAM_SOFT_DELETED;
    case FACTUM_EXPECTED_STREAM_EXISTS:
        return state == FACTUM_STREAM_PRESENT || (state == FACTUM_STREAM_ABSENT && by_metadata);
    case FACTUM_EXPECTED_REVISION:
        return (state == FACTUM_STREAM_PRESENT || state == FACTUM_STREAM_SOFT_DELETED) &&
               revision == expected.revision;
    case FACTUM_EXPECTED_NONE:
        break;
    }
    return false;
}

static void describe_expected(char *text, size_t size, factum_expected expected)
{
    switch (expected.kind) {
    case FACTUM_EXPECTED_NO_STREAM:
        (void)snprintf(text, size, "it should not exist");
        break;
    case FACTUM_EXPECTED_STREAM_EXISTS:
        (void)snprintf(text, size, "it should exist");
        break;
    case FACTUM_EXPECTED_REVISION:
        (void)snprintf(text, size, "not %" PRIu64, expected.revision);
        break;
    case FACTUM_EXPECTED_ANY:
    case FACTUM_EXPECTED_NONE:
        (void)snprintf(text, size, "only some of these events are in it");
        break;
    }
}

factum_status fct_refuse(factum_append_result *result, size_t refused_index,
                         factum_stream_state actual_state, uint64_t actual_revision)
{
    result->refused_index = refused_index;
    result->actual_state = actual_state;
    result->actual_revision = actual_revision;
    return actual_state == FACTUM_STREAM_TOMBSTONED ? FACTUM_STREAM_DELETED : FACTUM_WRONG_REVISION;
}

static void say_absent(const factum_expectation *expectation, const char *wanted, factum_error *err)
{
    if (expectation->expected.kind == FACTUM_EXPECTED_REVISION) {
        (void)fct_fail(err, FACTUM_WRONG_REVISION,
                       "stream %.*s does not exist, and so is not at revision %" PRIu64,
                       FCT_FMT(expectation->stream), expectation->expected.revision);
    } else {
        (void)fct_fail(err, FACTUM_WRONG_REVISION, "stream %.*s does not exist, but %s",
                       FCT_FMT(expectation->stream), wanted);
    }
}

void fct_refusal_say(const factum_expectation *expectation, const factum_append_result *result,
                     factum_error *err)
{
    char wanted[64] = "";
    factum_slice stream = expectation->stream;
    describe_expected(wanted, sizeof wanted, expectation->expected);
    const char *joint = expectation->expected.kind == FACTUM_EXPECTED_REVISION ? "," : ", but";
    switch (result->actual_state) {
    case FACTUM_STREAM_TOMBSTONED:
        (void)fct_fail(err, FACTUM_STREAM_DELETED,
                       "stream %.*s is deleted for ever: use another name", FCT_FMT(stream));
        break;
    case FACTUM_STREAM_PRESENT:
        (void)fct_fail(err, FACTUM_WRONG_REVISION,
                       "stream %.*s is at revision %" PRIu64 "%s %s: read it again and retry",
                       FCT_FMT(stream), result->actual_revision, joint, wanted);
        break;
    case FACTUM_STREAM_SOFT_DELETED:
        (void)fct_fail(err, FACTUM_WRONG_REVISION,
                       "stream %.*s is deleted (last at revision %" PRIu64 ")%s %s: read it "
                       "again and retry",
                       FCT_FMT(stream), result->actual_revision, joint, wanted);
        break;
    case FACTUM_STREAM_ABSENT:
        say_absent(expectation, wanted, err);
        break;
    }
}

factum_status fct_refuse_two_expectations(factum_slice stream, factum_error *err)
{
    return fct_fail(err, FACTUM_INVALID, "stream %.*s has two expectations: state one",
                    FCT_FMT(stream));
}

factum_status fct_refuse_no_expectation(factum_slice stream, factum_error *err)
{
    return fct_fail(err, FACTUM_INVALID,
                    "stream %.*s is written without an expectation: state one (any, no stream, "
                    "stream exists, a revision)",
                    FCT_FMT(stream));
}
