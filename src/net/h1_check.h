/* h1_check.h - the syntax of the lines of HTTP/1.1 (RFC 9112), byte by byte. Layer: net.
 *
 * llhttp accepts some bare line ends, folded fields and empty names. This check accepts none of
 * them. It runs ahead of llhttp over the head of a request, and over everything in a chunked body
 * that is not data: two recipients must never see different ends of one request. Knows nothing of
 * what the fields mean. Pure: it keeps no bytes.
 *
 * Invariants.
 *  1. Each LF follows a CR, and each CR is followed by an LF.
 *  2. Field names are tokens of at least one byte. Values contain no control bytes except HTAB.
 *  3. The result does not depend on how the bytes are split.
 */
#ifndef FCT_NET_H1_CHECK_H
#define FCT_NET_H1_CHECK_H

#include <factum/base.h>

#include "core/compiler.h"

enum { FCT_H1_CHUNK_LINE_MAX = 256 }; /* bytes of a chunk's size and extensions */

enum fct_h1_place {
    FCT_H1_START, /* before the request line; one empty line is skipped (2.2) */
    FCT_H1_START_LF,
    FCT_H1_START_AGAIN,
    FCT_H1_REQUEST,
    FCT_H1_REQUEST_LF,
    FCT_H1_FIELD, /* at the start of a line: a field, or the empty line */
    FCT_H1_NAME,
    FCT_H1_VALUE,
    FCT_H1_VALUE_LF,
    FCT_H1_END_LF,
    FCT_H1_DONE,
    FCT_H1_CHUNK, /* at the first digit of a chunk's size */
    FCT_H1_CHUNK_SIZE,
    FCT_H1_CHUNK_EXTENSION,
    FCT_H1_CHUNK_SIZE_LF,
    FCT_H1_DATA, /* after the data of a chunk: CR LF */
    FCT_H1_DATA_LF,
};

struct fct_h1_check {
    enum fct_h1_place place;
    bool last_chunk; /* all digits of its size were zero */
    size_t size;     /* bytes of the head or of the trailers, without an empty line before it */
    size_t size_max;
    size_t line_size; /* of a chunk's size line */
    size_t field_count;
    size_t field_count_max;
    unsigned status;    /* the refusal: 400, 414, 431; 0: none */
    const char *reason; /* static */
};

/* Begins the check of a head. */
void fct_h1_check_head(struct fct_h1_check *check, size_t size_max, size_t field_count_max);
/* Begins the check of a chunked body. Pass all bytes except the data of chunks. */
void fct_h1_check_chunks(struct fct_h1_check *check, size_t size_max, size_t field_count_max);
/* Takes bytes until the end, after which place is DONE, or until a refusal, after which status is
 * set. Returns the number of bytes taken, without the refused byte. */
size_t fct_h1_check_take(struct fct_h1_check *check, factum_slice bytes);

/* True if |text| is a token of RFC 9110, 5.6.2. */
bool fct_h1_is_token(factum_slice text);
/* True if |text| is a field value of RFC 9110, 5.5: no control bytes except HTAB. */
bool fct_h1_is_value(factum_slice text);

#endif
