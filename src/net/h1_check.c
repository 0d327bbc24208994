/* h1_check.c - see h1_check.h. Layer: net. */
#include "net/h1_check.h"

#include <string.h>

#define CHECK_CR '\r'
#define CHECK_LF '\n'

static bool check_token_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (byte != 0 && strchr("!#$%&'*+-.^_`|~", byte) != NULL);
}

static bool check_value_byte(uint8_t byte)
{
    return byte == '\t' || (byte >= ' ' && byte != 0x7f);
}

static bool check_hex_byte(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
           (byte >= 'A' && byte <= 'F');
}

bool fct_h1_is_token(factum_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!check_token_byte(text.ptr[i])) {
            return false;
        }
    }
    return text.len > 0;
}

bool fct_h1_is_value(factum_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!check_value_byte(text.ptr[i])) {
            return false;
        }
    }
    return true;
}

void fct_h1_check_head(struct fct_h1_check *check, size_t size_max, size_t field_count_max)
{
    *check = (struct fct_h1_check){
        .place = FCT_H1_START, .size_max = size_max, .field_count_max = field_count_max};
}

void fct_h1_check_chunks(struct fct_h1_check *check, size_t size_max, size_t field_count_max)
{
    fct_h1_check_head(check, size_max, field_count_max);
    check->place = FCT_H1_CHUNK;
}

static bool check_refuse(struct fct_h1_check *check, unsigned status, const char *reason)
{
    check->status = status;
    check->reason = reason;
    return false;
}

static bool check_go(struct fct_h1_check *check, enum fct_h1_place place)
{
    check->place = place;
    return true;
}

static bool check_lf(struct fct_h1_check *check, uint8_t byte, enum fct_h1_place place)
{
    if (byte != CHECK_LF) {
        return check_refuse(check, 400, "a CR without an LF");
    }
    return check_go(check, place);
}

static bool check_request_byte(struct fct_h1_check *check, uint8_t byte)
{
    if (byte < ' ' || byte >= 0x7f) {
        return check_refuse(check, 400, "a byte that a request line cannot hold");
    }
    return check_go(check, FCT_H1_REQUEST);
}

static bool check_line_begin(struct fct_h1_check *check, uint8_t byte)
{
    if (byte == CHECK_CR) {
        return check_go(check, FCT_H1_END_LF);
    }
    if (byte == ' ' || byte == '\t') {
        return check_refuse(check, 400, "a folded field");
    }
    if (!check_token_byte(byte)) {
        return check_refuse(check, 400, "a line that does not begin with the name of a field");
    }
    if (check->field_count == check->field_count_max) {
        return check_refuse(check, 431, "too many fields");
    }
    check->field_count++;
    return check_go(check, FCT_H1_NAME);
}

static bool check_head_byte(struct fct_h1_check *check, uint8_t byte)
{
    switch (check->place) {
    case FCT_H1_START:
        return byte == CHECK_CR ? check_go(check, FCT_H1_START_LF)
                                : check_request_byte(check, byte);
    case FCT_H1_START_AGAIN:
        return check_request_byte(check, byte);
    case FCT_H1_REQUEST:
        return byte == CHECK_CR ? check_go(check, FCT_H1_REQUEST_LF)
                                : check_request_byte(check, byte);
    case FCT_H1_START_LF:
        return check_lf(check, byte, FCT_H1_START_AGAIN);
    case FCT_H1_REQUEST_LF:
    case FCT_H1_VALUE_LF:
        return check_lf(check, byte, FCT_H1_FIELD);
    case FCT_H1_FIELD:
        return check_line_begin(check, byte);
    case FCT_H1_NAME:
        if (byte == ':') {
            return check_go(check, FCT_H1_VALUE);
        }
        return check_token_byte(byte) ||
               check_refuse(check, 400, "a byte that the name of a field cannot hold");
    case FCT_H1_VALUE:
        if (byte == CHECK_CR) {
            return check_go(check, FCT_H1_VALUE_LF);
        }
        return check_value_byte(byte) ||
               check_refuse(check, 400, "a byte that the value of a field cannot hold");
    case FCT_H1_END_LF:
        return check_lf(check, byte, FCT_H1_DONE);
    case FCT_H1_DONE:
    case FCT_H1_CHUNK:
    case FCT_H1_CHUNK_SIZE:
    case FCT_H1_CHUNK_EXTENSION:
    case FCT_H1_CHUNK_SIZE_LF:
    case FCT_H1_DATA:
    case FCT_H1_DATA_LF:
        break;
    }
    return check_refuse(check, 400, "bytes after the end"); /* the caller stops at DONE */
}

static bool check_chunk_byte(struct fct_h1_check *check, uint8_t byte)
{
    switch (check->place) {
    case FCT_H1_CHUNK:
        if (!check_hex_byte(byte)) {
            return check_refuse(check, 400, "a chunk without a size");
        }
        check->last_chunk = byte == '0';
        return check_go(check, FCT_H1_CHUNK_SIZE);
    case FCT_H1_CHUNK_SIZE:
        if (check_hex_byte(byte)) {
            check->last_chunk = check->last_chunk && byte == '0';
            return true;
        }
        if (byte != CHECK_CR && byte != ';') {
            return check_refuse(check, 400, "a byte that the size of a chunk cannot hold");
        }
        return check_go(check, byte == CHECK_CR ? FCT_H1_CHUNK_SIZE_LF : FCT_H1_CHUNK_EXTENSION);
    case FCT_H1_CHUNK_EXTENSION:
        if (byte == CHECK_CR) {
            return check_go(check, FCT_H1_CHUNK_SIZE_LF);
        }
        return check_value_byte(byte) ||
               check_refuse(check, 400, "a byte that the extension of a chunk cannot hold");
    case FCT_H1_CHUNK_SIZE_LF:
        return check_lf(check, byte, check->last_chunk ? FCT_H1_FIELD : FCT_H1_DATA);
    case FCT_H1_DATA:
        if (byte != CHECK_CR) {
            return check_refuse(check, 400, "a chunk that does not end where its size says");
        }
        return check_go(check, FCT_H1_DATA_LF);
    case FCT_H1_DATA_LF:
        return check_lf(check, byte, FCT_H1_CHUNK);
    case FCT_H1_START:
    case FCT_H1_START_LF:
    case FCT_H1_START_AGAIN:
    case FCT_H1_REQUEST:
    case FCT_H1_REQUEST_LF:
    case FCT_H1_FIELD:
    case FCT_H1_NAME:
    case FCT_H1_VALUE:
    case FCT_H1_VALUE_LF:
    case FCT_H1_END_LF:
    case FCT_H1_DONE:
        break;
    }
    return check_refuse(check, 400, "bytes after the end"); /* the caller passes only the bytes
                                                             * between the data */
}

static bool check_byte(struct fct_h1_check *check, uint8_t byte)
{
    if (check->place >= FCT_H1_CHUNK) {
        check->line_size = check->place == FCT_H1_CHUNK ? 0 : check->line_size;
        if (check->place <= FCT_H1_CHUNK_SIZE_LF && check->line_size == FCT_H1_CHUNK_LINE_MAX) {
            return check_refuse(check, 400, "a chunk's size line is too long");
        }
        check->line_size++;
        return check_chunk_byte(check, byte);
    }
    bool is_skipped =
        check->place == FCT_H1_START_LF || (check->place == FCT_H1_START && byte == CHECK_CR);
    if (!is_skipped) {
        if (check->size == check->size_max) {
            return check->place <= FCT_H1_REQUEST_LF
                       ? check_refuse(check, 414, "the request line is too long")
                       : check_refuse(check, 431, "the fields are too big");
        }
        check->size++;
    }
    return check_head_byte(check, byte);
}

size_t fct_h1_check_take(struct fct_h1_check *check, factum_slice bytes)
{
    size_t used = 0;
    while (used < bytes.len && check->status == 0 && check->place != FCT_H1_DONE) {
        if (!check_byte(check, bytes.ptr[used])) {
            break;
        }
        used++;
    }
    return used;
}
