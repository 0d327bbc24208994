/* sha256_test.c - the known hashes, and libcrypto without memory. */
#include "codec/sha256.h"

#include <limits.h>

#include <openssl/crypto.h>

#include "core/mem.h"
#include "support/test.h"

static unsigned long calls;               /* libcrypto's allocations */
static unsigned long fail_at = ULONG_MAX; /* the one to fail */

static void *crypto_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return calls++ == fail_at ? NULL : fct_mem_alloc(fct_mem_heap(), size);
}

static void *crypto_realloc(void *block, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return calls++ == fail_at ? NULL : fct_mem_resize(fct_mem_heap(), block, size);
}

static void crypto_free(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    fct_mem_free(fct_mem_heap(), block);
}

static factum_status hash(const char *bytes, char text[FCT_SHA256_TEXT_SIZE], factum_error *err)
{
    struct fct_sha256 sha;
    factum_status status = fct_sha256_init(&sha, err);
    if (status == FACTUM_OK) {
        fct_sha256_add(&sha, bytes, strlen(bytes));
    }
    factum_status finished = fct_sha256_finish(&sha, text, status == FACTUM_OK ? err : NULL);
    return status == FACTUM_OK ? finished : status;
}

TEST(the_known_hashes_come_out)
{
    char text[FCT_SHA256_TEXT_SIZE];
    factum_error err;
    assert_ok(hash("", text, &err), err);
    assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_ok(hash("abc", text, &err), err);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(without_memory_each_allocation_is_reported)
{
    char text[FCT_SHA256_TEXT_SIZE];
    factum_error err;
    assert_ok(hash("abc", text, &err), err); /* libcrypto creates its one-time state */
    unsigned long before = calls;
    assert_ok(hash("abc", text, &err), err);
    unsigned long count = calls - before;
    unsigned failed = 0;
    for (unsigned long i = 0; i < count; i++) {
        fail_at = calls + i;
        factum_status status = hash("abc", text, &err);
        fail_at = ULONG_MAX;
        if (status == FACTUM_OK) { /* libcrypto did without */
            assert_memory_equal(text, "ba7816bf", 8);
            continue;
        }
        failed++;
        assert_status(status, FACTUM_NO_MEMORY);
        assert_text(err, "SHA-256: out of memory");
        assert_string_equal(text, "");
    }
    assert_true(failed > 0);
    assert_ok(hash("abc", text, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_known_hashes_come_out),
        CASE(without_memory_each_allocation_is_reported),
    };
    if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) != 1) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
