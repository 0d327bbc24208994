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

/* Errors: NO_MEMORY; finish is then not needed, but allowed. */
FCT_MUST_USE factum_status fct_sha256_init(struct fct_sha256 *sha, factum_error *err);
/* A failure is reported by finish. */
void fct_sha256_add(struct fct_sha256 *sha, const void *bytes, size_t len);
/* Frees |sha| in any case. Errors: NO_MEMORY (of libcrypto; |text| is "" then). */
FCT_MUST_USE factum_status fct_sha256_finish(struct fct_sha256 *sha,
                                             char text[FCT_SHA256_TEXT_SIZE], factum_error *err);

#endif
