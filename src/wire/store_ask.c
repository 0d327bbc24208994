/* store_ask.c - see store_ask.h. Layer: wire.
 *
 * Field numbers: AskRequest, AskAnswer, StreamInfo, KeyInfo and Info in
 * proto/factum/v1/store.proto.
 */
#include "wire/store_ask.h"

#include "core/check.h"
#include "core/slice.h"
#include "wire/store_int.h"

enum {
    ANSWER_NUMBER = 1,
    ANSWER_STREAM = 2,
    ANSWER_EVENT = 3,
    ANSWER_KEY = 4,
    ANSWER_INFO = 5,
    KEY_REVISIONS = 7
};

static const struct fct_store_member ask_members[] = {
    FCT_STORE_CHOICE(1, FACTUM_ASK_INFO, struct fct_store_ask, kind),
    FCT_STORE_CHOICE(2, FACTUM_SOURCE_QUERY, struct fct_store_ask, source),
    FCT_STORE_MEMBER(3, TEXT, struct fct_store_ask, name),
    FCT_STORE_MEMBER(4, U64, struct fct_store_ask, position),
    FCT_STORE_MEMBER(5, U64, struct fct_store_ask, upto),
    FCT_STORE_MEMBER(6, ID, struct fct_store_ask, id),
    FCT_STORE_MEMBER(7, U64, struct fct_store_ask, revisions_max),
};
static const struct fct_store_table ask_table = FCT_STORE_TABLE(ask_members);

static const struct fct_store_member stream_members[] = {
    FCT_STORE_CHOICE(1, FACTUM_STREAM_TOMBSTONED, factum_stream_info, state),
    FCT_STORE_MEMBER(2, U64, factum_stream_info, last_revision),
    FCT_STORE_MEMBER(3, U64, factum_stream_info, first_revision),
    FCT_STORE_MEMBER(4, U64, factum_stream_info, last_position),
    FCT_STORE_MEMBER(5, BOOL, factum_stream_info, has_metadata),
    FCT_STORE_MEMBER(6, U64, factum_stream_info, metadata_revision),
    FCT_STORE_MEMBER(7, U64, factum_stream_info, max_count),
    FCT_STORE_MEMBER(8, U64, factum_stream_info, max_age),
    FCT_STORE_MEMBER(9, U64, factum_stream_info, truncate_before),
};
static const struct fct_store_table stream_table = FCT_STORE_TABLE(stream_members);

static const struct fct_store_member key_members[] = {
    FCT_STORE_MEMBER(1, U64, factum_key_info, event_count),
    FCT_STORE_MEMBER(2, U64, factum_key_info, first_position),
    FCT_STORE_MEMBER(3, U64, factum_key_info, position),
    FCT_STORE_MEMBER(4, U64, factum_key_info, revision),
    FCT_STORE_MEMBER(5, I64, factum_key_info, created),
    FCT_STORE_MEMBER(6, ID, factum_key_info, fingerprint),
};
static const struct fct_store_table key_table = FCT_STORE_TABLE(key_members);

static const struct fct_store_member info_members[] = {
    FCT_STORE_MEMBER(1, ID, factum_info, store_id),
    FCT_STORE_MEMBER(2, U32, factum_info, format_major),
    FCT_STORE_MEMBER(3, U32, factum_info, format_minor),
    FCT_STORE_MEMBER(4, BOOL, factum_info, read_only),
    FCT_STORE_MEMBER(5, BOOL, factum_info, damaged),
    FCT_STORE_MEMBER(6, BOOL, factum_info, failed),
    FCT_STORE_MEMBER(7, U64, factum_info, damaged_from),
    FCT_STORE_MEMBER(8, WORDS, factum_info, reason),
    FCT_STORE_MEMBER(9, U64, factum_info, end_position),
    FCT_STORE_MEMBER(10, U64, factum_info, durable_position),
    FCT_STORE_MEMBER(11, U64, factum_info, event_count),
    FCT_STORE_MEMBER(12, U64, factum_info, stream_count),
    FCT_STORE_MEMBER(13, U64, factum_info, segment_count),
    FCT_STORE_MEMBER(14, U64, factum_info, log_bytes),
    FCT_STORE_MEMBER(15, U64, factum_info, prepared_bytes),
    FCT_STORE_MEMBER(16, U64, factum_info, index_bytes),
    FCT_STORE_MEMBER(17, U64, factum_info, index_runs),
    FCT_STORE_MEMBER(18, U64, factum_info, index_memory_bytes),
    FCT_STORE_MEMBER(19, U64, factum_info, recovered_bytes),
    FCT_STORE_MEMBER(20, U64, factum_info, torn_bytes),
};
static const struct fct_store_table info_table = FCT_STORE_TABLE(info_members);

/* ---- AskRequest ------------------------------------------------------------------------------ */

factum_status fct_store_encode_ask(struct fct_buf *buf, const struct fct_store_ask *ask)
{
    struct fct_grpc_message message = fct_grpc_message_begin(buf);
    fct_store_put(&message.writer, &ask_table, ask);
    return fct_grpc_message_end(&message);
}

factum_status fct_store_decode_ask(factum_slice message, struct fct_store_ask *ask,
                                   factum_error *err)
{
    struct fct_store_ask zero = {.position = 0};
    *ask = zero;
    bool valid = fct_store_take_all(&ask_table, message, ask);
    return valid && (int)ask->kind != 0 ? FACTUM_OK : fct_store_invalid("AskRequest", err);
}

/* ---- AskAnswer ------------------------------------------------------------------------------- */

static void ask_put_key(struct fct_pb_writer *writer, const factum_key_info *key)
{
    uint64_t count = key->event_count < key->revisions_max ? key->event_count : key->revisions_max;
    size_t begun = fct_pb_begin(writer, ANSWER_KEY);
    fct_store_put(writer, &key_table, key);
    if (key->revisions != NULL) {
        fct_store_put_numbers(writer, KEY_REVISIONS, key->revisions, (size_t)count);
    }
    fct_pb_end(writer, begun);
}

static void ask_put_event(struct fct_pb_writer *writer, const factum_event *event)
{
    if (writer->status == FACTUM_OK) {
        writer->status = fct_store_add_event(writer->buf, ANSWER_EVENT, event);
    }
}

factum_status fct_store_encode_answer(struct fct_buf *buf, const factum_question *question)
{
    struct fct_grpc_message message = fct_grpc_message_begin(buf);
    struct fct_pb_writer *writer = &message.writer;
    switch (question->kind) {
    case FACTUM_ASK_PLACE:
    case FACTUM_ASK_COUNT:
        fct_pb_put_uint(writer, ANSWER_NUMBER, question->number);
        break;
    case FACTUM_ASK_STREAM:
        fct_store_put_nested(writer, ANSWER_STREAM, &stream_table, question->stream);
        break;
    case FACTUM_ASK_EVENT:
    case FACTUM_ASK_FIND_EVENT:
        ask_put_event(writer, &question->event->event);
        break;
    case FACTUM_ASK_KEY:
        ask_put_key(writer, question->key);
        break;
    case FACTUM_ASK_INFO:
        fct_store_put_nested(writer, ANSWER_INFO, &info_table, question->info);
        break;
    default:
        FCT_ASSERT(false);
    }
    return fct_grpc_message_end(&message);
}

static bool ask_take_key(factum_slice bytes, factum_key_info *key)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(bytes);
    size_t count = 0;
    while (fct_pb_next(&reader, &field)) {
        size_t more = 0;
        if (field.number != KEY_REVISIONS) {
            if (!fct_store_take(&key_table, &field, key)) {
                return false;
            }
            continue;
        }
        if (!fct_store_count_numbers(&field, &more)) {
            return false;
        }
        factum_slice rest = field.bytes;
        for (; more > 0 && key->revisions != NULL && count < key->revisions_max; more--) {
            key->revisions[count++] = fct_store_next_number(&field, &rest);
        }
    }
    return !reader.failed;
}

/* Returns the field number of the answer to |kind|; 0: the field of a plain number, which may be
 * absent. */
static uint32_t ask_field_of(factum_question_kind kind)
{
    switch (kind) {
    case FACTUM_ASK_STREAM:
        return ANSWER_STREAM;
    case FACTUM_ASK_EVENT:
    case FACTUM_ASK_FIND_EVENT:
        return ANSWER_EVENT;
    case FACTUM_ASK_KEY:
        return ANSWER_KEY;
    case FACTUM_ASK_INFO:
        return ANSWER_INFO;
    case FACTUM_ASK_PLACE:
    case FACTUM_ASK_COUNT:
    default:
        return 0;
    }
}

static bool ask_take_answer(factum_question *question, factum_slice bytes,
                            factum_slice *event_message)
{
    switch (ask_field_of(question->kind)) {
    case ANSWER_STREAM:
        return fct_store_take_all(&stream_table, bytes, question->stream);
    case ANSWER_EVENT:
        *event_message = bytes;
        return true;
    case ANSWER_KEY:
        return ask_take_key(bytes, question->key);
    default:
        return fct_store_take_all(&info_table, bytes, question->info);
    }
}

factum_status fct_store_decode_answer(factum_slice message, factum_question *question,
                                      factum_slice *event_message, factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    uint32_t wanted = ask_field_of(question->kind);
    factum_slice bytes = fct_slice(NULL, 0);
    bool found = wanted == 0;
    question->number = 0;
    while (fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_STORE_UINT(ANSWER_NUMBER)) {
            question->number = field.value;
        } else if (field.number == wanted && field.type == FCT_PB_BYTES) {
            found = true;
            bytes = field.bytes;
        }
    }
    bool valid = !reader.failed && found;
    if (valid && wanted != 0) {
        valid = ask_take_answer(question, bytes, event_message);
    }
    return valid ? FACTUM_OK : fct_store_invalid("AskAnswer", err);
}
