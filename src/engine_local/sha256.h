/* sha256.h - SHA-256 of a stream of bytes, by libcrypto. Layer: engine_local. */
#ifndef FCT_ENGINE_LOCAL_SHA256_H
#define FCT_ENGINE_LOCAL_SHA256_H

#include <factum/base.h>

#define FCT_SHA256_TEXT_SIZE 65 /* hex, with the zero byte */

struct fct_sha256 {
    void *context;
};

/* False without memory. */
bool fct_sha256_init(struct fct_sha256 *sha);
void fct_sha256_add(struct fct_sha256 *sha, const void *bytes, size_t len);
/* Ends it, and frees. */
void fct_sha256_finish(struct fct_sha256 *sha, char text[FCT_SHA256_TEXT_SIZE]);

#endif
