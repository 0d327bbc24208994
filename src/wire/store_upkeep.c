/* store_upkeep.c - see store_upkeep.h. Layer: wire. */
#include "wire/store_upkeep.h"

#include "core/slice.h"
#include "wire/store_int.h"

enum { UPKEEP_REPORT = 3 };

static const struct fct_store_member progress_members[] = {
    FCT_STORE_MEMBER(1, U64, struct fct_store_upkept, done),
    FCT_STORE_MEMBER(2, U64, struct fct_store_upkept, total),
};
static const struct fct_store_table progress_table = FCT_STORE_TABLE(progress_members);

static const struct fct_store_member verify_members[] = {
    FCT_STORE_MEMBER(1, U64, factum_verify_report, segments),
    FCT_STORE_MEMBER(2, U64, factum_verify_report, batches),
    FCT_STORE_MEMBER(3, U64, factum_verify_report, records),
    FCT_STORE_MEMBER(4, U64, factum_verify_report, events),
    FCT_STORE_MEMBER(5, U64, factum_verify_report, log_bytes),
    FCT_STORE_MEMBER(6, U64, factum_verify_report, streams_checked),
    FCT_STORE_MEMBER(7, U64, factum_verify_report, index_postings_checked),
    FCT_STORE_MEMBER(8, U64, factum_verify_report, problems),
    FCT_STORE_MEMBER(9, U64, factum_verify_report, damaged_from),
    FCT_STORE_MEMBER(10, U64, factum_verify_report, chain),
    FCT_STORE_MEMBER(11, WORDS, factum_verify_report, first_problem),
};
static const struct fct_store_table verify_table = FCT_STORE_TABLE(verify_members);

static const struct fct_store_member backup_members[] = {
    FCT_STORE_MEMBER(1, U64, factum_backup_report, files),
    FCT_STORE_MEMBER(2, U64, factum_backup_report, copied_files),
    FCT_STORE_MEMBER(3, U64, factum_backup_report, bytes),
    FCT_STORE_MEMBER(4, U64, factum_backup_report, copied_bytes),
    FCT_STORE_MEMBER(5, U64, factum_backup_report, end_position),
    FCT_STORE_MEMBER(6, U64, factum_backup_report, repaired_files),
};
static const struct fct_store_table backup_table = FCT_STORE_TABLE(backup_members);

static const struct fct_store_table nothing = {NULL, 0};

/* ---- requests -------------------------------------------------------------------------------- */

factum_status fct_store_encode_verify(struct fct_buf *buf)
{
    struct fct_grpc_message message = fct_grpc_message_begin(buf);
    return fct_grpc_message_end(&message);
}

factum_status fct_store_decode_verify(factum_slice message, factum_error *err)
{
    uint8_t unused = 0;
    return fct_store_take_all(&nothing, message, &unused) ? FACTUM_OK
                                                          : fct_store_invalid("VerifyRequest", err);
}

factum_status fct_store_encode_backup(struct fct_buf *buf, factum_slice to)
{
    struct fct_grpc_message message = fct_grpc_message_begin(buf);
    fct_pb_put_bytes(&message.writer, 1, to);
    return fct_grpc_message_end(&message);
}

factum_status fct_store_decode_backup(factum_slice message, factum_slice *to, factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    bool valid = true;
    *to = fct_slice(NULL, 0);
    while (valid && fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_STORE_BYTES(1)) {
            *to = field.bytes;
            valid = fct_utf8_valid(field.bytes);
        }
    }
    return valid && !reader.failed ? FACTUM_OK : fct_store_invalid("BackupRequest", err);
}

/* ---- answers --------------------------------------------------------------------------------- */

static factum_status upkeep_encode(struct fct_buf *buf, const struct fct_store_upkept *upkept,
                                   const struct fct_store_table *table, const void *report)
{
    struct fct_grpc_message message = fct_grpc_message_begin(buf);
    fct_store_put(&message.writer, &progress_table, upkept);
    if (upkept->has_report) {
        fct_store_put_nested(&message.writer, UPKEEP_REPORT, table, report);
    }
    return fct_grpc_message_end(&message);
}

static bool upkeep_decode(factum_slice message, struct fct_store_upkept *upkept,
                          const struct fct_store_table *table, void *report)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    bool valid = true;
    while (valid && fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_STORE_BYTES(UPKEEP_REPORT)) {
            upkept->has_report = true;
            valid = fct_store_take_all(table, field.bytes, report);
        } else {
            valid = fct_store_take(&progress_table, &field, upkept);
        }
    }
    return valid && !reader.failed;
}

static struct fct_store_upkept upkeep_empty(void)
{
    return (struct fct_store_upkept){.verify = {.size = sizeof(factum_verify_report)},
                                     .backup = {.size = sizeof(factum_backup_report)}};
}

factum_status fct_store_encode_verified(struct fct_buf *buf, const struct fct_store_upkept *upkept)
{
    return upkeep_encode(buf, upkept, &verify_table, &upkept->verify);
}

factum_status fct_store_decode_verified(factum_slice message, struct fct_store_upkept *upkept,
                                        factum_error *err)
{
    *upkept = upkeep_empty();
    return upkeep_decode(message, upkept, &verify_table, &upkept->verify)
               ? FACTUM_OK
               : fct_store_invalid("VerifyAnswer", err);
}

factum_status fct_store_encode_backed_up(struct fct_buf *buf, const struct fct_store_upkept *upkept)
{
    return upkeep_encode(buf, upkept, &backup_table, &upkept->backup);
}

factum_status fct_store_decode_backed_up(factum_slice message, struct fct_store_upkept *upkept,
                                         factum_error *err)
{
    *upkept = upkeep_empty();
    return upkeep_decode(message, upkept, &backup_table, &upkept->backup)
               ? FACTUM_OK
               : fct_store_invalid("BackupAnswer", err);
}
