/* sha256.c - SHA-256 by libcrypto: see sha256.h. Layer: codec. */
#include "codec/sha256.h"

#include <openssl/evp.h>

#include "core/error.h"

/* libcrypto may allocate in any call; with the arguments used here it fails for no other reason. */
static factum_status sha256_fail(factum_error *err)
{
    return fct_fail(err, FACTUM_NO_MEMORY, "SHA-256: out of memory");
}

factum_status fct_sha256_init(struct fct_sha256 *sha, factum_error *err)
{
    *sha = (struct fct_sha256){.context = EVP_MD_CTX_new()};
    if (sha->context == NULL || EVP_DigestInit_ex(sha->context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(sha->context);
        *sha = (struct fct_sha256){.failed = true};
        return sha256_fail(err);
    }
    return FACTUM_OK;
}

void fct_sha256_add(struct fct_sha256 *sha, const void *bytes, size_t len)
{
    sha->failed = sha->failed || EVP_DigestUpdate(sha->context, bytes, len) != 1;
}

factum_status fct_sha256_finish(struct fct_sha256 *sha, char text[FCT_SHA256_TEXT_SIZE],
                                factum_error *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[32] = {0};
    unsigned int size = sizeof digest;
    bool good = !sha->failed && EVP_DigestFinal_ex(sha->context, digest, &size) == 1;
    EVP_MD_CTX_free(sha->context);
    *sha = (struct fct_sha256){.failed = true};
    for (size_t i = 0; good && i < sizeof digest; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    text[good ? 64 : 0] = '\0';
    return good ? FACTUM_OK : sha256_fail(err);
}
