/* buf.c - bytes that grow. Layer: core. See buf.h. */
#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/slice.h"

enum { CAPACITY_FIRST = 64 };

void fct_buf_init(struct fct_buf *buf, const struct fct_mem *mem, size_t size_max)
{
    *buf = (struct fct_buf){.mem = mem, .size_max = size_max};
}

void fct_buf_finish(struct fct_buf *buf)
{
    if (buf->ptr != NULL) {
        fct_mem_free(buf->mem, buf->ptr);
    }
    *buf = (struct fct_buf){.mem = buf->mem, .size_max = buf->size_max};
}

void fct_buf_clear(struct fct_buf *buf)
{
    buf->len = 0;
}

factum_status fct_buf_reserve(struct fct_buf *buf, size_t more)
{
    if (more <= buf->capacity - buf->len) {
        return FACTUM_OK;
    }
    if (more > buf->size_max || buf->len > buf->size_max - more) {
        return FACTUM_TOO_BIG;
    }
    size_t capacity = buf->capacity < CAPACITY_FIRST ? CAPACITY_FIRST : buf->capacity;
    while (capacity < buf->len + more) {
        capacity = capacity > buf->size_max / 2 ? buf->size_max : capacity * 2;
    }
    if (capacity > buf->size_max) {
        capacity = buf->size_max;
    }
    uint8_t *ptr = fct_mem_resize(buf->mem, buf->ptr, capacity);
    if (ptr == NULL) {
        return FACTUM_NO_MEMORY;
    }
    buf->ptr = ptr;
    buf->capacity = capacity;
    return FACTUM_OK;
}

factum_status fct_buf_add(struct fct_buf *buf, const void *bytes, size_t len)
{
    factum_status status = fct_buf_reserve(buf, len);
    if (status == FACTUM_OK && len > 0) {
        memcpy(buf->ptr + buf->len, bytes, len);
        buf->len += len;
    }
    return status;
}

factum_status fct_buf_add_slice(struct fct_buf *buf, factum_slice slice)
{
    return fct_buf_add(buf, slice.ptr, slice.len);
}

factum_status fct_buf_add_text(struct fct_buf *buf, const char *text)
{
    return fct_buf_add(buf, text, strlen(text));
}

factum_status fct_buf_printf(struct fct_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) {
        return FACTUM_INVALID;
    }
    factum_status status = fct_buf_reserve(buf, (size_t)len + 1);
    if (status != FACTUM_OK) {
        return status;
    }
    va_start(args, format);
    (void)vsnprintf((char *)buf->ptr + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
    return FACTUM_OK;
}

factum_slice fct_buf_slice(const struct fct_buf *buf)
{
    return fct_slice(buf->ptr, buf->len);
}
