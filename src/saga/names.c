/* names.c - see names.h. Layer: saga. */
#include "saga/names.h"

#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/slice.h"

bool fct_saga_name_valid(factum_slice name)
{
    if (name.len == 0 || name.len > FACTUM_SAGA_NAME_MAX || name.ptr[0] < 'a' ||
        name.ptr[0] > 'z') {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_') {
            return false;
        }
    }
    return true;
}

bool fct_saga_key_valid(const struct fct_saga_key *key)
{
    return fct_saga_name_valid(key->name) && key->id.len > 0 && key->id.len <= FACTUM_SAGA_ID_MAX &&
           memchr(key->id.ptr, '\0', key->id.len) == NULL;
}

bool fct_saga_key_read(factum_slice text, struct fct_saga_key *key)
{
    if (fct_slice_starts(text, FCT_SLICE(FCT_SAGA_PREFIX))) {
        text = fct_slice_from(text, sizeof FCT_SAGA_PREFIX - 1);
    }
    const uint8_t *dash = text.len > 0 ? memchr(text.ptr, '-', text.len) : NULL;
    if (dash == NULL) {
        return false;
    }
    key->name = fct_slice(text.ptr, (size_t)(dash - text.ptr));
    key->id = fct_slice_from(text, key->name.len + 1);
    return fct_saga_key_valid(key);
}

bool fct_saga_stream_read(factum_slice stream, struct fct_saga_key *key)
{
    return fct_slice_starts(stream, FCT_SLICE(FCT_SAGA_PREFIX)) && fct_saga_key_read(stream, key);
}

static factum_slice printed(const char *text, int len, size_t size)
{
    FCT_ASSERT(len > 0 && (size_t)len < size);
    return fct_slice(text, (size_t)len);
}

factum_slice fct_saga_stream(const struct fct_saga_key *key, char text[FCT_SAGA_STREAM_SIZE])
{
    int len = snprintf(text, FCT_SAGA_STREAM_SIZE, FCT_SAGA_PREFIX "%.*s-%.*s", (int)key->name.len,
                       (const char *)key->name.ptr, (int)key->id.len, (const char *)key->id.ptr);
    return printed(text, len, FCT_SAGA_STREAM_SIZE);
}

factum_slice fct_command_stream(factum_slice service, const struct fct_saga_key *key,
                                char text[FCT_COMMAND_STREAM_SIZE])
{
    int len = snprintf(text, FCT_COMMAND_STREAM_SIZE, FCT_COMMAND_PREFIX "%.*s-%.*s-%.*s",
                       (int)service.len, (const char *)service.ptr, (int)key->name.len,
                       (const char *)key->name.ptr, (int)key->id.len, (const char *)key->id.ptr);
    return printed(text, len, FCT_COMMAND_STREAM_SIZE);
}

/* Removes the part after the last '/' from *text and returns it. */
static bool take_last(factum_slice *text, factum_slice *part)
{
    for (size_t i = text->len; i-- > 0;) {
        if (text->ptr[i] == '/') {
            *part = fct_slice_from(*text, i + 1);
            text->len = i;
            return part->len > 0;
        }
    }
    return false;
}

/* A number from 1 to 65535 without leading zeros. */
static bool read_generation(factum_slice text, uint16_t *generation)
{
    uint32_t number = 0;
    if (text.len == 0 || text.len > 5 || text.ptr[0] == '0') {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
        number = number * 10 + (uint32_t)(text.ptr[i] - '0');
    }
    *generation = (uint16_t)number;
    return number <= UINT16_MAX;
}

bool fct_command_id_read(factum_slice text, struct fct_command_id *id)
{
    factum_slice kind;
    factum_slice number;
    if (!fct_slice_starts(text, FCT_SLICE(FCT_SAGA_PREFIX)) || !take_last(&text, &number) ||
        !take_last(&text, &kind) || !take_last(&text, &id->step) ||
        !read_generation(number, &id->generation) || !fct_saga_name_valid(id->step) ||
        !fct_saga_key_read(text, &id->saga)) {
        return false;
    }
    id->saga_id = fct_slice_from(text, sizeof FCT_SAGA_PREFIX - 1);
    id->undo = fct_slice_equal(kind, FCT_SLICE("undo"));
    return id->undo || fct_slice_equal(kind, FCT_SLICE("do"));
}

factum_slice fct_command_id(const struct fct_saga_key *key, factum_slice step, bool undo,
                            uint16_t generation, char text[FCT_COMMAND_ID_SIZE])
{
    int len = snprintf(text, FCT_COMMAND_ID_SIZE, FCT_SAGA_PREFIX "%.*s-%.*s/%.*s/%s/%u",
                       (int)key->name.len, (const char *)key->name.ptr, (int)key->id.len,
                       (const char *)key->id.ptr, (int)step.len, (const char *)step.ptr,
                       undo ? "undo" : "do", (unsigned)generation);
    return printed(text, len, FCT_COMMAND_ID_SIZE);
}
