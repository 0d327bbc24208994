/* secret.c - see secret.h. Layer: server.
 *
 * Invariants.
 *  1. The text of the secret leaves this file in the caller's buffer only: no error text and no log
 *     message contains it, and our copies are wiped.
 *  2. The file's parameters are bounded before they are used: their cost is paid at each login.
 *  3. A secret is shown only after its hash is durable.
 */
#include "server/secret.h"

#include <stdio.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

#define COST_LOG2_MAX 17u /* 128 MiB with r = 8 */
#define BLOCK_SIZE_MAX 8u
#define PARALLELISM_MAX 4u
#define SCRYPT_SIZE_MAX ((uint64_t)160 << 20) /* what libcrypto may allocate */
#define SECRET_BITS 256u

/* ---- hashes ---------------------------------------------------------------------------------- */

static factum_status secret_hash(const struct fct_secret *secret, factum_slice password,
                                 uint8_t hash[FCT_SECRET_HASH_SIZE], factum_error *err)
{
    int good = EVP_PBE_scrypt(password.len == 0 ? "" : (const char *)password.ptr, password.len,
                              secret->salt, sizeof secret->salt, (uint64_t)1 << secret->cost_log2,
                              secret->block_size, secret->parallelism, SCRYPT_SIZE_MAX, hash,
                              FCT_SECRET_HASH_SIZE);
    if (good != 1) {
        ERR_clear_error();
        return fct_fail(err, FACTUM_NO_MEMORY, "check a password: out of memory");
    }
    return FACTUM_OK;
}

/* Random bytes for a secret: not from the os of the store, which a test or a replay may drive. */
static factum_status secret_chance(uint8_t *bytes, size_t size, factum_error *err)
{
    if (RAND_priv_bytes(bytes, (int)size) != 1) {
        ERR_clear_error();
        /* UNTESTED: the system always has random bytes after its start. */
        return fct_fail(err, FACTUM_IO, "the system gives no random bytes for a secret");
    }
    return FACTUM_OK;
}

factum_status fct_secret_make(factum_slice password, struct fct_secret *secret, factum_error *err)
{
    struct fct_secret fresh = {.cost_log2 = 14, .block_size = 8, .parallelism = 1};
    factum_status status = secret_chance(fresh.salt, sizeof fresh.salt, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = secret_hash(&fresh, password, fresh.hash, err);
    if (status != FACTUM_OK) {
        return status;
    }
    *secret = fresh;
    return FACTUM_OK;
}

factum_status fct_secret_check(const struct fct_secret *secret, factum_slice password, bool *right,
                               factum_error *err)
{
    uint8_t hash[FCT_SECRET_HASH_SIZE] = {0};
    *right = false;
    factum_status status = secret_hash(secret, password, hash, err);
    if (status == FACTUM_OK) {
        *right = CRYPTO_memcmp(hash, secret->hash, sizeof hash) == 0;
    }
    OPENSSL_cleanse(hash, sizeof hash);
    return status;
}

/* ---- the line -------------------------------------------------------------------------------- */

static void secret_hex(const uint8_t *bytes, size_t size, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * size] = '\0';
}

void fct_secret_format(const struct fct_secret *secret, char line[FCT_SECRET_LINE_SIZE])
{
    char salt[2 * FCT_SECRET_SALT_SIZE + 1];
    char hash[2 * FCT_SECRET_HASH_SIZE + 1];
    secret_hex(secret->salt, sizeof secret->salt, salt);
    secret_hex(secret->hash, sizeof secret->hash, hash);
    int size = snprintf(line, FCT_SECRET_LINE_SIZE, "factum-admin 1 scrypt %u %u %u %s %s\n",
                        secret->cost_log2, secret->block_size, secret->parallelism, salt, hash);
    FCT_ASSERT(size > 0);
    FCT_ASSERT((size_t)size < FCT_SECRET_LINE_SIZE);
}

static bool secret_take_text(factum_slice *rest, const char *text)
{
    factum_slice start = factum_slice_from(text);
    if (!fct_slice_starts(*rest, start)) {
        return false;
    }
    *rest = fct_slice_from(*rest, start.len);
    return true;
}

/* Takes a number from 1 to |max|, without leading zeros, and the space after it. */
static bool secret_take_number(factum_slice *rest, unsigned max, unsigned *number)
{
    unsigned value = 0;
    size_t used = 0;
    while (used < rest->len && rest->ptr[used] >= '0' && rest->ptr[used] <= '9') {
        value = value * 10 + (unsigned)(rest->ptr[used] - '0');
        used++;
        if (value == 0 || value > max) {
            return false;
        }
    }
    *rest = fct_slice_from(*rest, used);
    *number = value;
    return used > 0 && secret_take_text(rest, " ");
}

static int secret_hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool secret_take_hex(factum_slice *rest, uint8_t *bytes, size_t size)
{
    if (rest->len < 2 * size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        int high = secret_hex_digit(rest->ptr[2 * i]);
        int low = secret_hex_digit(rest->ptr[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        bytes[i] = (uint8_t)(high * 16 + low);
    }
    *rest = fct_slice_from(*rest, 2 * size);
    return true;
}

factum_status fct_secret_parse(factum_slice line, struct fct_secret *secret, factum_error *err)
{
    struct fct_secret fresh = {0};
    unsigned version = 0;
    factum_slice rest = line;
    bool good =
        secret_take_text(&rest, "factum-admin ") && secret_take_number(&rest, 999, &version);
    if (good && version > 1) {
        return fct_fail(err, FACTUM_NEWER_FORMAT,
                        "the file of the admin's secret has version %u: use a newer factum",
                        version);
    }
    good = good && secret_take_text(&rest, "scrypt ") &&
           secret_take_number(&rest, COST_LOG2_MAX, &fresh.cost_log2) &&
           secret_take_number(&rest, BLOCK_SIZE_MAX, &fresh.block_size) &&
           secret_take_number(&rest, PARALLELISM_MAX, &fresh.parallelism) &&
           secret_take_hex(&rest, fresh.salt, sizeof fresh.salt) && secret_take_text(&rest, " ") &&
           secret_take_hex(&rest, fresh.hash, sizeof fresh.hash) && secret_take_text(&rest, "\n") &&
           rest.len == 0;
    if (!good) {
        return fct_fail(err, FACTUM_CORRUPT,
                        "the file of the admin's secret is damaged: restore it, or remove it for a "
                        "new secret at the next start");
    }
    *secret = fresh;
    return FACTUM_OK;
}

/* ---- the file -------------------------------------------------------------------------------- */

static factum_status secret_read(const struct fct_os *os, const char *path,
                                 struct fct_secret *secret, factum_error *err)
{
    factum_error ignored;
    char line[FCT_SECRET_LINE_SIZE];
    struct fct_file *file = NULL;
    uint64_t size = 0;
    factum_status status = fct_file_open(os, path, FCT_OPEN_READ, &file, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_file_size(file, &size, err);
    size_t len = size < sizeof line ? (size_t)size : sizeof line; /* a longer line does not parse */
    if (status == FACTUM_OK) {
        status = fct_file_read(file, 0, line, len, err);
    }
    factum_status closed = fct_file_close(&file, status == FACTUM_OK ? err : &ignored);
    status = status == FACTUM_OK ? closed : status;
    return status == FACTUM_OK ? fct_secret_parse(fct_slice(line, len), secret, err) : status;
}

/* Each letter has 5 bits. Letters and digits pass through addresses, shells and command lines
 * unchanged; the digits 0, 1, 8 and 9, which look like letters, are left out. */
static void secret_letters(const uint8_t bytes[SECRET_BITS / 8], char text[FCT_SECRET_TEXT_SIZE])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    size_t used = 0;
    for (size_t bit = 0; bit < SECRET_BITS; bit += 5) {
        size_t i = bit / 8;
        unsigned pair = (unsigned)bytes[i] << 8;
        pair |= i + 1 < SECRET_BITS / 8 ? bytes[i + 1] : 0;
        text[used++] = letters[pair >> (11 - bit % 8) & 31];
    }
    text[used] = '\0';
    FCT_ASSERT(used < FCT_SECRET_TEXT_SIZE);
}

static factum_status secret_begin(const struct fct_os *os, const char *dir,
                                  struct fct_secret *secret, char text[FCT_SECRET_TEXT_SIZE],
                                  factum_error *err)
{
    uint8_t bytes[SECRET_BITS / 8];
    char fresh_text[FCT_SECRET_TEXT_SIZE] = "";
    char line[FCT_SECRET_LINE_SIZE];
    struct fct_secret fresh = {0};
    factum_status status = secret_chance(bytes, sizeof bytes, err);
    if (status == FACTUM_OK) {
        secret_letters(bytes, fresh_text);
        status = fct_secret_make(factum_slice_from(fresh_text), &fresh, err);
    }
    if (status == FACTUM_OK) {
        fct_secret_format(&fresh, line);
        status = fct_file_replace(os, dir, FCT_SECRET_FILE, factum_slice_from(line), err);
    }
    if (status == FACTUM_OK) {
        memcpy(text, fresh_text, sizeof fresh_text);
        *secret = fresh;
    }
    OPENSSL_cleanse(bytes, sizeof bytes);
    OPENSSL_cleanse(fresh_text, sizeof fresh_text);
    return status;
}

factum_status fct_secret_open(const struct fct_os *os, const char *dir, struct fct_secret *secret,
                              char text[FCT_SECRET_TEXT_SIZE], factum_error *err)
{
    char path[FCT_PATH_SIZE];
    text[0] = '\0';
    factum_status status = fct_path_join(path, dir, FCT_SECRET_FILE, err);
    if (status == FACTUM_OK) {
        status = secret_read(os, path, secret, err);
    }
    if (status == FACTUM_NOT_FOUND) {
        status = secret_begin(os, dir, secret, text, err);
    }
    return status == FACTUM_OK ? status : fct_wrap(err, status, "the admin's secret in %s", dir);
}
