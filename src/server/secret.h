/* secret.h - the admin's secret: created, stored and checked. Layer: server.
 *
 * The secret has 256 random bits. It is shown once as 52 letters and digits, and stored as a scrypt
 * hash (RFC 7914) in a file of one line:
 *
 *     factum-admin 1 scrypt 14 8 1 SALT HASH
 *
 * The fields: version of the format, base-2 logarithm of the cost N, block size r, parallelism p,
 * 16 bytes of salt and 32 bytes of hash in lower-case hexadecimal.
 *
 * Knows neither callers nor threads.
 */
#ifndef FCT_SERVER_SECRET_H
#define FCT_SERVER_SECRET_H

#include <factum/base.h>

#include "os/os.h"

#define FCT_SECRET_FILE "admin"
#define FCT_SECRET_TEXT_SIZE 64  /* including the zero byte */
#define FCT_SECRET_LINE_SIZE 160 /* including the line end and the zero byte */
#define FCT_SECRET_SALT_SIZE 16
#define FCT_SECRET_HASH_SIZE 32

struct fct_secret {
    unsigned cost_log2; /* of N: 1 to 17 */
    unsigned block_size;
    unsigned parallelism;
    uint8_t salt[FCT_SECRET_SALT_SIZE];
    uint8_t hash[FCT_SECRET_HASH_SIZE];
};

/* Hashes |password| with new salt and the current cost (N = 2^14, r = 8, p = 1: about 40 ms and 16
 * MiB). Errors: NO_MEMORY; IO (no random bytes). */
FCT_MUST_USE factum_status fct_secret_make(factum_slice password, struct fct_secret *secret,
                                           factum_error *err);
/* Sets *right to whether |password| is the secret. As slow as fct_secret_make. Errors: NO_MEMORY.
 */
FCT_MUST_USE factum_status fct_secret_check(const struct fct_secret *secret, factum_slice password,
                                            bool *right, factum_error *err);

void fct_secret_format(const struct fct_secret *secret, char line[FCT_SECRET_LINE_SIZE]);
/* Parses the contents of the file. Errors: CORRUPT, NEWER_FORMAT. */
FCT_MUST_USE factum_status fct_secret_parse(factum_slice line, struct fct_secret *secret,
                                            factum_error *err);

/* Reads the secret in |dir|. If the file does not exist, creates a secret, stores it, and writes
 * its text to |text|, which is "" otherwise and after a failure. Errors: NOT_FOUND (no directory),
 * IO, NO_SPACE, CORRUPT, NEWER_FORMAT, NO_MEMORY. */
FCT_MUST_USE factum_status fct_secret_open(const struct fct_os *os, const char *dir,
                                           struct fct_secret *secret,
                                           char text[FCT_SECRET_TEXT_SIZE], factum_error *err);

#endif
