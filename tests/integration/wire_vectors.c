/* wire_vectors.c - the messages of src/wire for wire_test.py, which asks protoc about them.
 *
 *     wire_vectors encode             prints "NAME HEX" for each sample message, with its frame
 *     wire_vectors decode KIND HEX    prints what the decoder of KIND makes of the bytes
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/slice.h"
#include "wire/kurrent_features.h"
#include "wire/kurrent_gossip.h"
#include "wire/kurrent_projections.h"
#include "wire/kurrent_replies.h"
#include "wire/kurrent_streams.h"

enum { BUF_SIZE_MAX = 1 << 20 };

static const factum_uuid sample_id = {{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0x4c, 0xde, 0xbf, 0x01,
                                       0x23, 0x45, 0x67, 0x89, 0xab, 0xcd}};
static const struct fct_kurrent_number none = {false, 0};
static const int64_t sample_time = INT64_C(1767225600123456789);

static struct fct_kurrent_number number(uint64_t value)
{
    return (struct fct_kurrent_number){true, value};
}

/* ---- encode ---------------------------------------------------------------------------------- */

/* Prints the message that the call added, and clears it. */
static void print_message(const char *name, struct fct_buf *buf, factum_status status)
{
    FCT_ASSERT(status == FACTUM_OK);
    printf("%s ", name);
    for (size_t i = 0; i < buf->len; i++) {
        printf("%02x", buf->ptr[i]);
    }
    printf("\n");
    fct_buf_clear(buf);
}

static void encode_events(struct fct_buf *buf)
{
    struct fct_kurrent_event event = {
        .id = sample_id,
        .stream = FCT_SLICE("order-\xc3\xa4"),
        .revision = 7,
        .position = UINT64_C(9223372036854775807),
        .type = FCT_SLICE("OrderPlaced"),
        .content_type = FCT_SLICE("application/json"),
        .created = sample_time,
        .custom_metadata = FCT_SLICE("{\"$correlationId\":\"c\"}"),
        .data = FCT_SLICE("{\"a\":1}"),
    };
    struct fct_kurrent_event link = {
        .stream = FCT_SLICE("$ce-order"),
        .position = 300,
        .type = FCT_SLICE("$>"),
        .content_type = FCT_SLICE("application/octet-stream"),
        .created = -1,
        .data = FCT_SLICE("7@order"),
    };
    static uint8_t large[70000];
    struct fct_kurrent_read_event read_event = {
        .event = &event, .position = number(300), .id_form = FCT_KURRENT_ID_STRING};
    print_message("event_string", buf, fct_kurrent_encode_event(buf, &read_event));
    read_event.id_form = FCT_KURRENT_ID_STRUCTURED;
    read_event.link = &link;
    read_event.position = none;
    print_message("event_structured_link", buf, fct_kurrent_encode_event(buf, &read_event));
    read_event.event = NULL;
    read_event.position = number(0);
    print_message("event_link_only", buf, fct_kurrent_encode_event(buf, &read_event));
    read_event.link = NULL;
    print_message("event_nothing", buf, fct_kurrent_encode_event(buf, &read_event));
    memset(large, 'L', sizeof large);
    event = (struct fct_kurrent_event){.data = fct_slice(large, sizeof large)};
    read_event.event = &event;
    read_event.id_form = FCT_KURRENT_ID_STRING;
    print_message("event_large", buf, fct_kurrent_encode_event(buf, &read_event));
}

static void encode_reads(struct fct_buf *buf)
{
    struct fct_kurrent_liveness liveness = {.time = sample_time, .revision = number(0)};
    print_message("confirmation", buf, fct_kurrent_encode_confirmation(buf, FCT_SLICE("sub-1")));
    print_message("checkpoint", buf, fct_kurrent_encode_checkpoint(buf, 300, sample_time));
    print_message("checkpoint_1969", buf, fct_kurrent_encode_checkpoint(buf, 1, -1));
    print_message("stream_not_found", buf,
                  fct_kurrent_encode_stream_not_found(buf, FCT_SLICE("s-1")));
    print_message("first_stream_position", buf, fct_kurrent_encode_first_stream_position(buf, 0));
    print_message("last_stream_position", buf, fct_kurrent_encode_last_stream_position(buf, 9));
    print_message("last_all_position", buf, fct_kurrent_encode_last_all_position(buf, 300));
    print_message("caught_up_stream", buf, fct_kurrent_encode_caught_up(buf, &liveness));
    liveness.revision = none;
    print_message("caught_up_empty", buf, fct_kurrent_encode_caught_up(buf, &liveness));
    liveness.position = number(300);
    print_message("caught_up_all", buf, fct_kurrent_encode_caught_up(buf, &liveness));
    print_message("fell_behind", buf, fct_kurrent_encode_fell_behind(buf, &liveness));
}

static void encode_appends(struct fct_buf *buf)
{
    static const char *const names[] = {"wrong_version_none", "wrong_version_revision",
                                        "wrong_version_no_stream", "wrong_version_any",
                                        "wrong_version_stream_exists"};
    struct fct_kurrent_appended appended = {number(0), number(300)};
    print_message("appended", buf, fct_kurrent_encode_appended(buf, &appended));
    appended = (struct fct_kurrent_appended){none, none};
    print_message("appended_nothing", buf, fct_kurrent_encode_appended(buf, &appended));
    for (unsigned kind = 0; kind < sizeof names / sizeof names[0]; kind++) {
        struct fct_kurrent_wrong_version wrong = {
            .current = kind % 2 == 0 ? none : number(3),
            .expected = {.kind = (enum fct_kurrent_expected_kind)kind, .revision = 5},
        };
        print_message(names[kind], buf, fct_kurrent_encode_wrong_version(buf, &wrong));
    }
    print_message("deleted", buf, fct_kurrent_encode_deleted(buf, number(300)));
    print_message("deleted_nowhere", buf, fct_kurrent_encode_deleted(buf, none));
}

static void encode_batches(struct fct_buf *buf)
{
    static const char *const names[] = {
        "refused_wrong_version", "refused_stream_deleted",      "refused_access_denied",
        "refused_timeout",       "refused_invalid_transaction", "refused_append_too_big",
        "refused_event_too_big", "refused_bad_request",         "refused_unknown",
        "refused_other"};
    struct fct_kurrent_batch_reply reply = {
        .correlation_id = {FCT_KURRENT_ID_STRING, sample_id},
        .stream = FCT_SLICE("s-1"),
        .expected = {.kind = FCT_KURRENT_EXPECTED_REVISION, .revision = 5},
    };
    struct fct_kurrent_appended appended = {number(6), number(300)};
    struct fct_kurrent_refusal refusal = {
        .code = FCT_GRPC_UNAVAILABLE,
        .wrong = {.current = number(3), .expected = reply.expected},
        .append_size_max = 1048576,
        .event_id = sample_id,
        .event_size = 17,
        .event_size_max = 16,
    };
    print_message("batch_appended", buf, fct_kurrent_encode_batch_appended(buf, &reply, &appended));
    for (unsigned kind = 0; kind < sizeof names / sizeof names[0]; kind++) {
        refusal.kind = (enum fct_kurrent_refusal_kind)kind;
        if (refusal.kind == FCT_KURRENT_REFUSAL_BAD_REQUEST ||
            refusal.kind == FCT_KURRENT_REFUSAL_OTHER) {
            refusal.message = FCT_SLICE("why");
        } else {
            refusal.message = FCT_SLICE("");
        }
        print_message(names[kind], buf, fct_kurrent_encode_batch_refused(buf, &reply, &refusal));
    }
    refusal.message = FCT_SLICE("");
    reply.correlation_id.form = FCT_KURRENT_ID_STRUCTURED;
    reply.expected.kind = FCT_KURRENT_EXPECTED_NO_STREAM;
    refusal.kind = FCT_KURRENT_REFUSAL_WRONG_VERSION;
    refusal.wrong = (struct fct_kurrent_wrong_version){.current = none, .expected = reply.expected};
    print_message("refused_no_stream", buf,
                  fct_kurrent_encode_batch_refused(buf, &reply, &refusal));
    reply.expected.kind = FCT_KURRENT_EXPECTED_ANY;
    appended = (struct fct_kurrent_appended){none, none};
    print_message("batch_any", buf, fct_kurrent_encode_batch_appended(buf, &reply, &appended));
    reply.expected.kind = FCT_KURRENT_EXPECTED_STREAM_EXISTS;
    reply.correlation_id.form = FCT_KURRENT_ID_NONE;
    print_message("batch_exists", buf, fct_kurrent_encode_batch_appended(buf, &reply, &appended));
}

static void encode_others(struct fct_buf *buf)
{
    static const struct fct_kurrent_method methods[] = {
        {"event_store.client.streams.streams", "read", "position events"},
        {"event_store.client.gossip.gossip", "read", NULL},
    };
    struct fct_kurrent_member member = {
        .instance_id = {FCT_KURRENT_ID_STRING, sample_id},
        .time = sample_time,
        .state = FCT_KURRENT_NODE_LEADER,
        .is_alive = true,
        .address = FCT_SLICE("db.example.org"),
        .port = 2113,
    };
    struct fct_kurrent_projection projection = {
        .name = FCT_SLICE("$by_category"),
        .effective_name = FCT_SLICE("$by_category"),
        .status = FCT_SLICE("Running"),
        .state_reason = FCT_SLICE("reason"),
        .mode = FCT_SLICE("Continuous"),
        .position = FCT_SLICE("C:1/P:1"),
        .last_checkpoint = FCT_SLICE("C:0/P:0"),
        .checkpoint_status = FCT_SLICE("ok"),
        .progress = 99.5F,
        .core_processing_time = 1,
        .version = 2,
        .epoch = -1,
        .events_processed_after_restart = 15,
        .buffered_events = 17,
        .writes_in_progress = 5,
        .reads_in_progress = 6,
        .partitions_cached = 7,
        .write_pending_events_before_checkpoint = 18,
        .write_pending_events_after_checkpoint = -19,
    };
    print_message("methods", buf, fct_kurrent_encode_methods(buf, methods, 2, "24.10.0"));
    print_message("cluster", buf, fct_kurrent_encode_cluster(buf, &member));
    print_message("projection", buf, fct_kurrent_encode_projection(buf, &projection));
}

/* ---- decode ---------------------------------------------------------------------------------- */

static void print_slice(const char *name, factum_slice slice)
{
    printf(" %s=", name);
    for (size_t i = 0; i < slice.len; i++) {
        uint8_t c = slice.ptr[i];
        if (c > ' ' && c < 0x7f) {
            printf("%c", c);
        } else {
            printf("\\x%02x", c);
        }
    }
}

static void print_id(const char *name, const struct fct_kurrent_id *id)
{
    static const char *const forms[] = {"none", "structured", "string", "malformed"};
    char text[FACTUM_UUID_TEXT_SIZE];
    factum_uuid_format(id->uuid, text);
    printf(" %s=%s:%s", name, forms[id->form], text);
}

static void print_target(const struct fct_kurrent_target *target)
{
    static const char *const kinds[] = {"none", "revision", "no_stream", "any", "stream_exists"};
    print_slice("stream", target->stream);
    printf(" expected=%s:%" PRIu64, kinds[target->expected.kind], target->expected.revision);
}

static void print_proposed(const struct fct_kurrent_proposed *proposed)
{
    printf(" {");
    print_id("id", &proposed->id);
    printf(" has=%d%d", proposed->has_type, proposed->has_content_type);
    print_slice("type", proposed->type);
    print_slice("content_type", proposed->content_type);
    print_slice("custom_metadata", proposed->custom_metadata);
    print_slice("data", proposed->data);
    printf(" }");
}

static void print_filter(const struct fct_kurrent_filter *filter)
{
    static const char *const ons[] = {"none", "stream", "type"};
    static const char *const windows[] = {"none", "max", "count"};
    printf(" on=%s", ons[filter->on]);
    print_slice("regex", filter->regex);
    for (size_t i = 0; i < filter->prefix_count; i++) {
        print_slice("prefix", filter->prefixes[i]);
    }
    printf(" window=%s:%" PRIu32 " multiplier=%" PRIu32, windows[filter->window],
           filter->window_max, filter->checkpoint_interval_multiplier);
}

static factum_status decode_read(factum_slice message, factum_error *err)
{
    static const char *const sources[] = {"none", "stream", "all"};
    static const char *const froms[] = {"none", "revision", "position", "start", "end"};
    static const char *const amounts[] = {"none", "count", "subscription"};
    static const char *const options[] = {"none", "given", "off"};
    static const char *const forms[] = {"none", "structured", "string", "malformed"};
    struct fct_kurrent_read read;
    factum_status status = fct_kurrent_decode_read(message, &read, err);
    if (status != FACTUM_OK) {
        return status;
    }
    printf("source=%s", sources[read.source]);
    print_slice("stream", read.stream);
    printf(" from=%s:%" PRIu64 ":%" PRIu64 ":%" PRIu64, froms[read.from], read.revision,
           read.commit_position, read.prepare_position);
    printf(" direction=%" PRIu32 " links=%d amount=%s:%" PRIu64, read.direction, read.resolve_links,
           amounts[read.amount], read.count);
    printf(" filter=%s", options[read.filter_option]);
    print_filter(&read.filter);
    printf(" ids=%s compatibility=%" PRIu32, forms[read.id_form], read.compatibility);
    return FACTUM_OK;
}

static factum_status decode_append(factum_slice message, factum_error *err)
{
    struct fct_kurrent_append append;
    factum_status status = fct_kurrent_decode_append(message, &append, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (append.content == FCT_KURRENT_APPEND_OPTIONS) {
        printf("options");
        print_target(&append.options);
    } else if (append.content == FCT_KURRENT_APPEND_MESSAGE) {
        printf("message");
        print_proposed(&append.proposed);
    } else {
        printf("none");
    }
    return FACTUM_OK;
}

static factum_status decode_batch(factum_slice message, factum_error *err)
{
    static const char *const deadlines[] = {"none", "at", "after"};
    struct fct_kurrent_batch batch;
    struct fct_kurrent_proposed proposed;
    factum_status status = fct_kurrent_decode_batch(message, &batch, err);
    if (status != FACTUM_OK) {
        return status;
    }
    printf("options=%d", batch.has_options);
    print_id("id", &batch.correlation_id);
    print_target(&batch.options);
    printf(" deadline=%s:%" PRId64 " final=%d count=%zu", deadlines[batch.deadline],
           batch.deadline_ns, batch.is_final, batch.proposed_count);
    while ((status = fct_kurrent_batch_next(&batch, &proposed, err)) == FACTUM_OK) {
        print_proposed(&proposed);
    }
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static factum_status decode_delete(factum_slice message, factum_error *err)
{
    struct fct_kurrent_target target;
    factum_status status = fct_kurrent_decode_delete(message, &target, err);
    if (status == FACTUM_OK) {
        printf("target");
        print_target(&target);
    }
    return status;
}

static factum_status decode_statistics(factum_slice message, factum_error *err)
{
    static const char *const modes[] = {"none",      "name",       "all",
                                        "transient", "continuous", "one_time"};
    struct fct_kurrent_statistics statistics;
    factum_status status = fct_kurrent_decode_statistics(message, &statistics, err);
    if (status == FACTUM_OK) {
        printf("mode=%s", modes[statistics.mode]);
        print_slice("name", statistics.name);
    }
    return status;
}

static const struct decoder {
    const char *kind;
    factum_status (*decode)(factum_slice message, factum_error *err);
} decoders[] = {
    {"read", decode_read},     {"append", decode_append},         {"batch", decode_batch},
    {"delete", decode_delete}, {"statistics", decode_statistics},
};

static int digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)(at - digits);
}

static bool parse_hex(struct fct_buf *buf, const char *text)
{
    for (; text[0] != '\0'; text += 2) {
        int high = digit(text[0]);
        int low = digit(text[1]);
        if (high < 0 || low < 0) {
            return false;
        }
        uint8_t byte = (uint8_t)(high * 16 + low);
        FCT_ASSERT(fct_buf_add(buf, &byte, 1) == FACTUM_OK);
    }
    return true;
}

static int decode(struct fct_buf *buf, const char *kind, const char *text)
{
    if (!parse_hex(buf, text)) {
        return 2;
    }
    for (size_t i = 0; i < sizeof decoders / sizeof decoders[0]; i++) {
        factum_error err;
        if (strcmp(decoders[i].kind, kind) != 0) {
            continue;
        }
        if (decoders[i].decode(fct_buf_slice(buf), &err) != FACTUM_OK) {
            printf("%s", err.text);
        }
        printf("\n");
        return 0;
    }
    return 2;
}

int main(int argc, char **argv)
{
    struct fct_buf buf;
    int result = 2;
    fct_buf_init(&buf, fct_mem_heap(), BUF_SIZE_MAX);
    if (argc == 2 && strcmp(argv[1], "encode") == 0) {
        encode_events(&buf);
        encode_reads(&buf);
        encode_appends(&buf);
        encode_batches(&buf);
        encode_others(&buf);
        result = 0;
    } else if (argc == 4 && strcmp(argv[1], "decode") == 0) {
        result = decode(&buf, argv[2], argv[3]);
    }
    fct_buf_finish(&buf);
    return result;
}
