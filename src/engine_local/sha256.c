/* sha256.c - see sha256.h. Layer: engine_local. */
#include "engine_local/sha256.h"

#include <openssl/evp.h>

#include "core/check.h"

bool fct_sha256_init(struct fct_sha256 *sha)
{
    sha->context = EVP_MD_CTX_new();
    return sha->context != NULL && EVP_DigestInit_ex(sha->context, EVP_sha256(), NULL) == 1;
}

void fct_sha256_add(struct fct_sha256 *sha, const void *bytes, size_t len)
{
    FCT_ASSERT(EVP_DigestUpdate(sha->context, bytes, len) == 1);
}

void fct_sha256_finish(struct fct_sha256 *sha, char text[FCT_SHA256_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[32] = {0};
    unsigned int size = sizeof digest;
    if (sha->context != NULL) {
        FCT_ASSERT(EVP_DigestFinal_ex(sha->context, digest, &size) == 1);
    }
    EVP_MD_CTX_free(sha->context);
    sha->context = NULL;
    for (size_t i = 0; i < sizeof digest; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    text[64] = '\0';
}
