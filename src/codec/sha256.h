/* sha256.h - SHA-256 of a stream of bytes, by libcrypto. Layer: codec. */
#ifndef FCT_CODEC_SHA256_H
#define FCT_CODEC_SHA256_H

#include <factum/base.h>

#include "core/compiler.h"

#define FCT_SHA256_TEXT_SIZE 65 /* hex, with the zero byte */

struct fct_sha256 {
    void *context; /* NULL: nothing to free */
    bool failed;
};

/* NO_MEMORY; then there is nothing to finish, but it does no harm. */
FCT_MUST_USE factum_status fct_sha256_init(struct fct_sha256 *sha, factum_error *err);
/* A failure is reported by finish. */
void fct_sha256_add(struct fct_sha256 *sha, const void *bytes, size_t len);
/* Frees, whatever is returned. NO_MEMORY: libcrypto had none; |text| is then "". */
FCT_MUST_USE factum_status fct_sha256_finish(struct fct_sha256 *sha,
                                             char text[FCT_SHA256_TEXT_SIZE], factum_error *err);

#endif
