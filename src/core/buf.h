/* buf.h - bytes that grow up to a maximum, which is given at the start. Layer: core.
 *
 * Owns its memory. A failed call leaves the contents as they were. Not thread-safe.
 */
#ifndef FCT_CORE_BUF_H
#define FCT_CORE_BUF_H

#include <factum/base.h>

#include "core/mem.h"

struct fct_buf {
    const struct fct_mem *mem;
    uint8_t *ptr;
    size_t len;
    size_t capacity;
    size_t size_max;
};

/* No allocation yet. */
void fct_buf_init(struct fct_buf *buf, const struct fct_mem *mem, size_t size_max);
/* Accepts a zeroed and a finished buffer. */
void fct_buf_finish(struct fct_buf *buf);
/* Drops the contents and keeps the memory. */
void fct_buf_clear(struct fct_buf *buf);
/* Makes room for |more| bytes after len. Errors: NO_MEMORY, TOO_BIG (over size_max). */
FCT_MUST_USE factum_status fct_buf_reserve(struct fct_buf *buf, size_t more);
FCT_MUST_USE factum_status fct_buf_add(struct fct_buf *buf, const void *bytes, size_t len);
FCT_MUST_USE factum_status fct_buf_add_slice(struct fct_buf *buf, factum_slice slice);
FCT_MUST_USE factum_status fct_buf_add_text(struct fct_buf *buf, const char *text);
/* Appends formatted text. Also needs room for a zero byte, which is not part of len. */
FCT_MUST_USE factum_status fct_buf_printf(struct fct_buf *buf, const char *format, ...)
    FCT_PRINTF(2, 3);
/* The contents; borrowed until the next call that changes the buffer. */
factum_slice fct_buf_slice(const struct fct_buf *buf);

#endif
