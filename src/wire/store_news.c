/* store_news.c - see store_news.h. Layer: wire. */
#include "wire/store_news.h"

#include "wire/store_int.h"

enum { NEWS_INTERESTS = 1, NEWS_HITS = 5 };

static const struct fct_store_member interest_members[] = {
    FCT_STORE_MEMBER(1, U32, struct fct_store_interest, number),
    FCT_STORE_CHOICE(2, FACTUM_SOURCE_QUERY, struct fct_store_interest, source),
    FCT_STORE_MEMBER(3, TEXT, struct fct_store_interest, name),
    FCT_STORE_MEMBER(4, BOOL, struct fct_store_interest, remove),
};
static const struct fct_store_table interest_table = FCT_STORE_TABLE(interest_members);

static const struct fct_store_member news_members[] = {
    FCT_STORE_MEMBER(1, U64, struct fct_store_news, place),
    FCT_STORE_MEMBER(2, BOOL, struct fct_store_news, room),
    FCT_STORE_MEMBER(3, BOOL, struct fct_store_news, failed),
    FCT_STORE_MEMBER(4, U64, struct fct_store_news, requests),
    FCT_STORE_MEMBER(6, BOOL, struct fct_store_news, all),
};
static const struct fct_store_table news_table = FCT_STORE_TABLE(news_members);

/* ---- NewsRequest ----------------------------------------------------------------------------- */

factum_status fct_store_encode_interests(struct fct_buf *buf,
                                         const struct fct_store_interest *interests, size_t count)
{
    struct fct_grpc_message message = fct_grpc_message_begin(buf);
    for (size_t i = 0; i < count; i++) {
        fct_store_put_nested(&message.writer, NEWS_INTERESTS, &interest_table, &interests[i]);
    }
    return fct_grpc_message_end(&message);
}

factum_status fct_store_next_interest(struct fct_pb_reader *reader,
                                      struct fct_store_interest *interest, factum_error *err)
{
    struct fct_pb_field field;
    *interest = (struct fct_store_interest){.number = 0};
    while (fct_pb_next(reader, &field)) {
        if (fct_pb_tag(&field) == FCT_STORE_BYTES(NEWS_INTERESTS)) {
            return fct_store_take_all(&interest_table, field.bytes, interest)
                       ? FACTUM_OK
                       : fct_store_invalid("NewsRequest", err);
        }
    }
    return reader->failed ? fct_store_invalid("NewsRequest", err) : FACTUM_DONE;
}

/* ---- NewsAnswer ------------------------------------------------------------------------------ */

static void news_put_hits(struct fct_pb_writer *writer, const struct fct_store_news *news)
{
    size_t begun = fct_pb_begin(writer, NEWS_HITS);
    for (size_t i = 0; i < news->hit_count && writer->status == FACTUM_OK; i++) {
        uint8_t bytes[FCT_VARINT_SIZE_MAX];
        writer->status = fct_buf_add(writer->buf, bytes, fct_varint_put(bytes, news->hits[i]));
    }
    fct_pb_end(writer, begun);
}

factum_status fct_store_encode_news(struct fct_buf *buf, const struct fct_store_news *news)
{
    struct fct_grpc_message message = fct_grpc_message_begin(buf);
    fct_store_put(&message.writer, &news_table, news);
    if (news->hit_count > 0) {
        news_put_hits(&message.writer, news);
    }
    return fct_grpc_message_end(&message);
}

static bool news_take_hits(const struct fct_pb_field *field, struct fct_store_news *news,
                           uint32_t hits[FCT_STORE_HITS_MAX])
{
    size_t more = 0;
    factum_slice rest = field->bytes;
    if (!fct_store_count_numbers(field, &more) || more > FCT_STORE_HITS_MAX - news->hit_count) {
        return false;
    }
    for (; more > 0; more--) {
        hits[news->hit_count++] = fct_pb_u32(fct_store_next_number(field, &rest));
    }
    return true;
}

factum_status fct_store_decode_news(factum_slice message, struct fct_store_news *news,
                                    uint32_t hits[FCT_STORE_HITS_MAX], factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    bool valid = true;
    *news = (struct fct_store_news){.place = 0};
    while (valid && fct_pb_next(&reader, &field)) {
        valid = field.number == NEWS_HITS ? news_take_hits(&field, news, hits)
                                          : fct_store_take(&news_table, &field, news);
    }
    return valid && !reader.failed ? FACTUM_OK : fct_store_invalid("NewsAnswer", err);
}
