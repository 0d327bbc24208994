/* frame.h - segment headers, batch headers and segment footers as bytes. Layer: codec. Pure.
 *
 * Segment header, 4096 bytes at offset 0, little-endian:
 *
 *   offset size
 *        0    8  magic "FACTUMLG"
 *        8    2  format major (1)      10  2  format minor (0)
 *       12    4  compatible features   16  4  read-only compatible   20  4  incompatible
 *       24   16  store id (UUID)
 *       40    8  segment number, from 1
 *       48    8  base: the position of offset 0 of this file
 *       56    8  salt, random, never shown
 *       64    8  chain: chain value of the last batch before this segment, 0 in the first
 *       72    8  batch number of the first batch here
 *       80    8  created, ns
 *       88    4  timeline, from 1       92  4  file size prepared, in units of 4096
 *       96 3996  zero
 *     4092    4  CRC-32C of [0, 4092)
 *
 * Batch header, 64 bytes, 8-byte aligned, before the records of a group of commits:
 *
 *        0    4  magic "FBAT"
 *        4    4  CRC-32C of [8, 64), continued from a seed of the salt; checked before any length
 *        8    8  position of this header
 *       16    8  batch number, from 1, dense
 *       24    8  durable_upto: every byte before it was on disk when this was written
 *       32    4  payload size, a multiple of 8, 0 in an idle batch
 *       36    4  payload CRC-32C, continued from (uint32) chain
 *       40    4  record count
 *       44    4  epoch: times that the store was opened for writing
 *       48    8  chain: fct_batch_chain() of the batch before
 *       56    4  flags (see fct_batch_flags)
 *       60    4  0xfffffff8: no record ends so, so that reading backwards sees a batch header
 *
 * Segment footer, the last batch of a sealed segment: flag SEAL, no records, payload:
 *
 *        0    8  batches    8  8  records    16  8  first position    24  8  end position
 *       32    8  chain after the last batch before the footer
 *       40    8  created of the first event   48  8  created of the last event
 *       56    8  zero
 */
#ifndef FCT_CODEC_FRAME_H
#define FCT_CODEC_FRAME_H

#include <factum/base.h>

#define FCT_SEGMENT_HEADER_SIZE 4096u
#define FCT_SEGMENT_SIZE_MAX (UINT64_C(1) << 30) /* bytes; a header with more is not valid */
#define FCT_POSITION_MAX (UINT64_MAX / 2)        /* of a segment's base and a log point */
#define FCT_SEGMENT_FORMAT_MAJOR 1u
#define FCT_SEGMENT_FORMAT_MINOR 0u
#define FCT_BATCH_HEADER_SIZE 64u
#define FCT_BATCH_TRAILER 0xfffffff8u
#define FCT_FOOTER_SIZE 64u
#define FCT_SEAL_SIZE (FCT_BATCH_HEADER_SIZE + FCT_FOOTER_SIZE)

struct fct_segment_header {
    uint16_t format_major;
    uint16_t format_minor;
    uint32_t compatible;
    uint32_t read_compatible;
    uint32_t incompatible;
    factum_uuid store_id;
    uint64_t number;
    uint64_t base;
    uint64_t salt;
    uint64_t chain;
    uint64_t batch_number;
    int64_t created;
    uint32_t timeline;
    uint64_t size; /* bytes prepared, a multiple of 4096 */
};

enum fct_batch_flags {
    FCT_BATCH_SEAL = 1, /* the payload is a footer */
    FCT_BATCH_IDLE = 2, /* an idle batch, which has no records */
    FCT_BATCH_LOSS = 4, /* written by repair --accept-loss: positions before it were given up */
};

struct fct_batch_header {
    uint64_t position;
    uint64_t number;
    uint64_t durable_upto;
    uint64_t chain;
    uint32_t payload_size;
    uint32_t payload_crc;
    uint32_t record_count;
    uint32_t epoch;
    uint32_t flags;
};

struct fct_segment_footer {
    uint64_t batches;
    uint64_t records;
    uint64_t first_position;
    uint64_t end_position;
    uint64_t chain;
    int64_t created_first;
    int64_t created_last;
};

void fct_segment_header_encode(uint8_t to[FCT_SEGMENT_HEADER_SIZE],
                               const struct fct_segment_header *header);
/* CORRUPT (magic, CRC, impossible values) or NEWER_FORMAT (major, unknown incompatible bits). */
factum_status fct_segment_header_decode(const uint8_t from[FCT_SEGMENT_HEADER_SIZE],
                                        struct fct_segment_header *header);

void fct_batch_header_encode(uint8_t to[FCT_BATCH_HEADER_SIZE],
                             const struct fct_batch_header *header, uint64_t salt);
/* Decodes and checks the header of the batch at |position|. The payload is not read; the caller
 * compares payload_size with the bytes that exist. Errors: CORRUPT (magic, CRC, position, trailer
 * or alignment is wrong, or durable_upto is after the header). */
factum_status fct_batch_header_decode(const uint8_t from[FCT_BATCH_HEADER_SIZE], uint64_t position,
                                      uint64_t salt, struct fct_batch_header *header);
uint32_t fct_batch_payload_crc(uint64_t chain, const uint8_t *payload, size_t size);
/* The chain value of the next batch: a 64-bit hash of this batch's encoded header, which contains
 * the CRC of its payload and the chain value before it. */
uint64_t fct_batch_chain(const uint8_t encoded[FCT_BATCH_HEADER_SIZE]);

void fct_segment_footer_encode(uint8_t to[FCT_FOOTER_SIZE],
                               const struct fct_segment_footer *footer);
factum_status fct_segment_footer_decode(const uint8_t from[FCT_FOOTER_SIZE],
                                        struct fct_segment_footer *footer);

#endif
