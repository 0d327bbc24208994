/* record.h - one record of the log as bytes. Layer: codec. Pure; knows nothing of files.
 *
 * A record is 8-byte aligned in the log and starts with 52 bytes, little-endian:
 *
 *   offset size
 *        0    4  size: of the whole record, with padding and the last 4 bytes; a multiple of 8
 *        4    4  crc: CRC-32C of bytes [8, size), continued from fct_record_seed(salt, position)
 *        8    8  revision (EVENT), number of events that follow (COMMIT)
 *       16    8  created: ns since 1970, signed
 *       24   16  id
 *       40    2  stream_size
 *       42    2  type_size
 *       44    4  metadata_size
 *       48    2  extra_size
 *       50    1  flags
 *       51    1  low 4 bits: kind; high 4 bits: padding, 0 to 7
 *       52       extra | stream | type | metadata | data | zero padding
 *   size-4    4  size again, to read backwards
 *
 * The size of data is what remains. extra is a list of items, each: kind 1 byte, size varint,
 * bytes. Kinds: 1 time (8 bytes, ns), 2 tag (text), 3 content type (text). Unknown kinds are
 * skipped. The position and the segment's salt are not stored: the CRC proves them, so that a stale
 * or misdirected sector is never taken for a record.
 */
#ifndef FCT_CODEC_RECORD_H
#define FCT_CODEC_RECORD_H

#include <factum/base.h>

#define FCT_RECORD_HEADER_SIZE 52u
#define FCT_RECORD_TRAILER_SIZE 4u
#define FCT_RECORD_ALIGN 8u
#define FCT_RECORD_SIZE_MAX (64u << 20)

enum fct_record_kind {
    FCT_RECORD_EVENT = 1,
    /* Before the events of a commit that has an idempotency key: data = the key (1 to 1024 bytes),
     * id = 128-bit content hash, revision = number of events. */
    FCT_RECORD_COMMIT = 2,
};

enum fct_record_flags {
    FCT_RECORD_JSON = 1,     /* content type is application/json */
    FCT_RECORD_FIRST = 2,    /* first event of its commit */
    FCT_RECORD_LAST = 4,     /* last event of its commit */
    FCT_RECORD_HAS_TIME = 8, /* extra contains a time */
};

/* A record as values. Slices borrow: on decoding, from the bytes decoded. */
struct fct_record {
    uint64_t position;
    uint64_t revision;
    int64_t created;
    int64_t time; /* equals |created| without HAS_TIME */
    factum_uuid id;
    factum_slice stream;
    factum_slice type;
    factum_slice metadata;
    factum_slice data;
    factum_slice content_type; /* empty: application/json, or without JSON octet-stream */
    factum_slice extra;        /* decoded: the raw items, for fct_record_tag_next */
    uint32_t size;             /* decoded: of the whole record */
    uint8_t flags;
    uint8_t kind;
};

/* The state in which the CRC of a record starts. */
uint32_t fct_record_seed(uint64_t salt, uint64_t position);

/* The size of |record| with |tags| in bytes; 0 if a part exceeds its limit (stream and type 65,535;
 * the record FCT_RECORD_SIZE_MAX). record->extra is not used. */
size_t fct_record_size(const struct fct_record *record, const factum_slice *tags, size_t tag_count);

/* Encodes into |to|, which has room for |size| = fct_record_size() bytes. record->position is its
 * position in the log, which the CRC covers. */
void fct_record_encode(uint8_t *to, size_t size, const struct fct_record *record,
                       const factum_slice *tags, size_t tag_count, uint64_t salt);

/* The size stored at |from|; 0 if it is not a possible one or exceeds |len|. Reads 4 bytes. */
uint32_t fct_record_peek_size(const uint8_t *from, size_t len);

/* Decodes the record at |from| and, if |verify|, checks its CRC. The slices of |record| borrow from
 * the bytes. Errors: CORRUPT (anything is not valid; |record| is undefined then). There is no error
 * text, because the caller knows the place. */
factum_status fct_record_decode(const uint8_t *from, size_t len, uint64_t position, uint64_t salt,
                                bool verify, struct fct_record *record);

/* The next tag; *offset is 0 at the start. False at the end. */
bool fct_record_tag_next(const struct fct_record *record, size_t *offset, factum_slice *tag);

#endif
