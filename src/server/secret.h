/* secret.h - the admin's secret: how it is made, kept and checked. Layer: server.
 *
 * It is 256 bits of chance, shown once as 52 letters and digits, and kept as a scrypt hash
 * (RFC 7914) in a file of one line:
 *
 *     factum-admin 1 scrypt 14 8 1 SALT HASH
 *
 * that is: version of the format, base-2 logarithm of the cost N, block size r, parallelism p, 16
 * bytes of salt and 32 bytes of hash in lower-case hexadecimal.
 *
 * Does not know who asks, nor threads.
 */
#ifndef FCT_SERVER_SECRET_H
#define FCT_SERVER_SECRET_H

#include <factum/base.h>

#include "os/os.h"

#define FCT_SECRET_FILE "admin"
#define FCT_SECRET_TEXT_SIZE 64  /* with the zero byte */
#define FCT_SECRET_LINE_SIZE 160 /* with the line end and the zero byte */
#define FCT_SECRET_SALT_SIZE 16
#define FCT_SECRET_HASH_SIZE 32

struct fct_secret {
    unsigned cost_log2; /* of N: 1 to 17 */
    unsigned block_size;
    unsigned parallelism;
    uint8_t salt[FCT_SECRET_SALT_SIZE];
    uint8_t hash[FCT_SECRET_HASH_SIZE];
};

/* The hash of |password| with new salt and the cost of today (N = 2^14, r = 8, p = 1: about 40 ms
 * and 16 MiB). NO_MEMORY; IO: no chance to be had. */
FCT_MUST_USE factum_status fct_secret_make(factum_slice password, struct fct_secret *secret,
                                           factum_error *err);
/* Is |password| the one? As slow as making one. NO_MEMORY. */
FCT_MUST_USE factum_status fct_secret_check(const struct fct_secret *secret, factum_slice password,
                                            bool *right, factum_error *err);

void fct_secret_format(const struct fct_secret *secret, char line[FCT_SECRET_LINE_SIZE]);
/* The contents of the file. CORRUPT; NEWER_FORMAT. */
FCT_MUST_USE factum_status fct_secret_parse(factum_slice line, struct fct_secret *secret,
                                            factum_error *err);

/* Reads the secret kept in |dir|; if there is no file, makes a secret, keeps it, and writes its
 * text to |text|, which is "" otherwise and after a failure. NOT_FOUND (no directory), IO,
 * NO_SPACE, CORRUPT, NEWER_FORMAT, NO_MEMORY. */
FCT_MUST_USE factum_status fct_secret_open(const struct fct_os *os, const char *dir,
                                           struct fct_secret *secret,
                                           char text[FCT_SECRET_TEXT_SIZE], factum_error *err);

#endif
