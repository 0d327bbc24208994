/* tls_test.c - OpenSSL's client at the other end of a socket pair, in the same thread.
 * Layer: net. */
#include "support/test.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "net/tls.h"
#include "support/scratch.h"

#define PATH_SIZE (SCRATCH_SIZE + 32)
#define TURNS_MAX 100000
#define H2 "\x02h2"
#define H1 "\x08http/1.1"

struct fixture {
    char dir[SCRATCH_SIZE];
    char cert[PATH_SIZE];
    char key[PATH_SIZE];
    struct fct_tls_context *context;
    struct fct_tls *tls;
    SSL_CTX *client_context;
    SSL *client;
    int fds[2]; /* the server's, the client's */
    factum_error err;
};

static void path_of(const struct fixture *f, const char *name, char path[PATH_SIZE])
{
    int size = snprintf(path, PATH_SIZE, "%s/%s", f->dir, name);
    assert_in_range(size, 1, PATH_SIZE - 1);
}

static FILE *create(const char *path, mode_t mode)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, mode), 0);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    return file;
}

static EVP_PKEY *new_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    return key;
}

static void write_key(const char *path, EVP_PKEY *key, mode_t mode, const char *passphrase)
{
    FILE *file = create(path, mode);
    const EVP_CIPHER *cipher = passphrase == NULL ? NULL : EVP_aes_128_cbc();
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, cipher, passphrase,
                                               passphrase == NULL ? 0 : (int)strlen(passphrase),
                                               NULL, NULL),
                     1);
    assert_int_equal(fclose(file), 0);
}

/* Signed by itself, valid for |seconds| from now. */
static void write_certificate(FILE *file, EVP_PKEY *key, long seconds)
{
    X509 *certificate = X509_new();
    assert_non_null(certificate);
    assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), -7200));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), seconds));
    X509_NAME *name = X509_get_subject_name(certificate);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                (const unsigned char *)"localhost", -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(certificate, name), 1);
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    X509_free(certificate);
}

static void write_both(struct fixture *f, long seconds)
{
    EVP_PKEY *key = new_key();
    write_key(f->key, key, 0600, NULL);
    FILE *file = create(f->cert, 0644);
    write_certificate(file, key, seconds);
    assert_int_equal(fclose(file), 0);
    EVP_PKEY_free(key);
}

static int set_up(void **state)
{
    struct fixture *f = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *f);
    assert_non_null(f);
    assert_true(scratch_make(f->dir));
    path_of(f, "cert.pem", f->cert);
    path_of(f, "key.pem", f->key);
    f->fds[0] = -1;
    f->fds[1] = -1;
    write_both(f, 3600);
    *state = f;
    return 0;
}

static void close_client(struct fixture *f)
{
    SSL_free(f->client);
    SSL_CTX_free(f->client_context);
    f->client = NULL;
    f->client_context = NULL;
    if (f->fds[1] >= 0) {
        (void)close(f->fds[1]);
        f->fds[1] = -1;
    }
}

static void close_server(struct fixture *f)
{
    fct_tls_destroy(f->tls);
    f->tls = NULL;
    if (f->fds[0] >= 0) {
        (void)close(f->fds[0]);
        f->fds[0] = -1;
    }
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    close_server(f);
    close_client(f);
    fct_tls_context_destroy(f->context);
    bool removed = scratch_remove(f->dir);
    fct_mem_free(fct_mem_heap(), f);
    return removed ? 0 : -1;
}

static void open_server(struct fixture *f)
{
    assert_ok(fct_tls_context_create(f->cert, f->key, &f->context, &f->err), f->err);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, f->fds), 0);
    int size = 4096; /* so that writes are partial */
    assert_int_equal(setsockopt(f->fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    assert_ok(fct_tls_create(f->context, f->fds[0], &f->tls, &f->err), f->err);
}

/* |protocols|: ALPN as on the wire; "": not asked for. */
static void open_client(struct fixture *f, const char *protocols)
{
    f->client_context = SSL_CTX_new(TLS_client_method());
    assert_non_null(f->client_context);
    SSL_CTX_set_mode(f->client_context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_security_level(f->client_context, 0);
    f->client = SSL_new(f->client_context);
    assert_non_null(f->client);
    if (protocols[0] != '\0') {
        assert_int_equal(SSL_set_alpn_protos(f->client, (const unsigned char *)protocols,
                                             (unsigned)strlen(protocols)),
                         0);
    }
    assert_int_equal(SSL_set_fd(f->client, f->fds[1]), 1);
    SSL_set_connect_state(f->client);
}

static bool client_waits(struct fixture *f, int returned)
{
    int reason = SSL_get_error(f->client, returned);
    return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE;
}

/* Both ends in turn, until the server's is done. */
static enum fct_tls_result shake_hands(struct fixture *f)
{
    enum fct_tls_result result = FCT_TLS_WANTS_READ;
    for (int i = 0; i < TURNS_MAX; i++) {
        ERR_clear_error();
        int client = SSL_do_handshake(f->client);
        bool client_ended = client != 1 && !client_waits(f, client);
        if (result == FCT_TLS_WANTS_READ || result == FCT_TLS_WANTS_WRITE) {
            result = fct_tls_handshake(f->tls);
        }
        if (result == FCT_TLS_FAILED || client_ended || (result == FCT_TLS_OK && client == 1)) {
            return result;
        }
    }
    fail_msg("%s", "the handshake does not end");
    return FCT_TLS_FAILED;
}

static void connect_both(struct fixture *f, const char *protocols)
{
    open_server(f);
    open_client(f, protocols);
    assert_int_equal(shake_hands(f), FCT_TLS_OK);
}

/* ---- handshakes ------------------------------------------------------------------------------ */

TEST(a_client_that_offers_http2_gets_it_even_as_its_second_choice)
{
    struct fixture *f = *state;
    connect_both(f, H1 H2);
    assert_true(fct_tls_is_http2(f->tls));
    assert_string_equal(SSL_get_version(f->client), "TLSv1.3");
}

TEST(a_client_that_offers_only_http1_gets_that)
{
    struct fixture *f = *state;
    connect_both(f, H1);
    assert_false(fct_tls_is_http2(f->tls));
    const unsigned char *chosen = NULL;
    unsigned size = 0;
    SSL_get0_alpn_selected(f->client, &chosen, &size);
    assert_int_equal(size, 8);
    assert_memory_equal(chosen, "http/1.1", 8);
}

TEST(a_client_that_does_not_ask_for_a_protocol_is_served)
{
    struct fixture *f = *state;
    connect_both(f, "");
    assert_false(fct_tls_is_http2(f->tls));
}

TEST(a_client_without_a_common_protocol_is_refused_with_an_alert)
{
    struct fixture *f = *state;
    open_server(f);
    open_client(f, "\x06spdy/3");
    assert_int_equal(shake_hands(f), FCT_TLS_FAILED);
    assert_int_equal(SSL_do_handshake(f->client), -1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
    assert_int_equal(fct_tls_handshake(f->tls), FCT_TLS_FAILED);
}

TEST(a_client_of_version_1_1_is_refused)
{
    struct fixture *f = *state;
    open_server(f);
    open_client(f, H2);
    assert_int_equal(SSL_set_min_proto_version(f->client, TLS1_VERSION), 1);
    assert_int_equal(SSL_set_max_proto_version(f->client, TLS1_1_VERSION), 1);
    assert_int_equal(SSL_set_cipher_list(f->client, "ALL:@SECLEVEL=0"), 1);
    assert_int_equal(shake_hands(f), FCT_TLS_FAILED);
    ERR_clear_error();
    assert_int_equal(SSL_do_handshake(f->client), -1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
}

static enum fct_tls_result with_1_2_and(struct fixture *f, const char *ciphers)
{
    open_server(f);
    open_client(f, H2);
    assert_int_equal(SSL_set_max_proto_version(f->client, TLS1_2_VERSION), 1);
    assert_int_equal(SSL_set_cipher_list(f->client, ciphers), 1);
    return shake_hands(f);
}

TEST(version_1_2_works_with_an_aead_cipher)
{
    struct fixture *f = *state;
    assert_int_equal(with_1_2_and(f, "ECDHE-ECDSA-AES128-GCM-SHA256"), FCT_TLS_OK);
    assert_string_equal(SSL_get_version(f->client), "TLSv1.2");
    assert_int_equal(SSL_get_secure_renegotiation_support(f->client), 1);
    assert_null(SSL_get_current_compression(f->client));
}

TEST(version_1_2_without_an_aead_cipher_is_refused)
{
    struct fixture *f = *state;
    assert_int_equal(with_1_2_and(f, "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA"),
                     FCT_TLS_FAILED);
}

TEST(a_client_that_asks_to_renegotiate_is_refused_and_still_served)
{
    struct fixture *f = *state;
    assert_int_equal(with_1_2_and(f, "ECDHE-ECDSA-AES128-GCM-SHA256"), FCT_TLS_OK);
    assert_int_equal(SSL_renegotiate(f->client), 1);
    (void)SSL_do_handshake(f->client);
    char byte;
    size_t got = 0;
    assert_int_equal(fct_tls_read(f->tls, &byte, 1, &got), FCT_TLS_WANTS_READ);
    ERR_clear_error();
    assert_int_equal(SSL_do_handshake(f->client), -1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
}

TEST(plain_bytes_are_refused)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct fixture *f = *state;
    open_server(f);
    assert_int_equal(fct_tls_handshake(f->tls), FCT_TLS_WANTS_READ);
    assert_int_equal(write(f->fds[1], request, sizeof request - 1), sizeof request - 1);
    assert_int_equal(fct_tls_handshake(f->tls), FCT_TLS_FAILED);
    char bytes[8];
    size_t done = 0;
    assert_int_equal(fct_tls_read(f->tls, bytes, sizeof bytes, &done), FCT_TLS_FAILED);
    assert_int_equal(fct_tls_write(f->tls, "x", 1, &done), FCT_TLS_FAILED);
    assert_false(fct_tls_has_pending(f->tls));
    fct_tls_close(f->tls);
}

TEST(a_hello_that_comes_byte_by_byte_is_understood)
{
    struct fixture *f = *state;
    open_server(f);
    open_client(f, H2);
    int middle[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, middle), 0);
    assert_int_equal(SSL_set_fd(f->client, middle[1]), 1);
    assert_int_equal(SSL_do_handshake(f->client), -1);
    char hello[4096];
    ssize_t size = read(middle[0], hello, sizeof hello);
    assert_true(size > 100);
    for (ssize_t i = 0; i < size; i++) {
        assert_int_equal(fct_tls_handshake(f->tls), FCT_TLS_WANTS_READ);
        assert_int_equal(write(f->fds[1], hello + i, 1), 1);
    }
    assert_int_equal(SSL_set_fd(f->client, f->fds[1]), 1);
    assert_int_equal(shake_hands(f), FCT_TLS_OK);
    (void)close(middle[0]);
    (void)close(middle[1]);
}

TEST(a_client_that_leaves_during_the_handshake_is_a_failure)
{
    struct fixture *f = *state;
    open_server(f);
    open_client(f, H2);
    assert_int_equal(SSL_do_handshake(f->client), -1);
    close_client(f);
    enum fct_tls_result result = fct_tls_handshake(f->tls);
    for (int i = 0; i < 10 && result != FCT_TLS_FAILED; i++) {
        result = fct_tls_handshake(f->tls);
    }
    assert_int_equal(result, FCT_TLS_FAILED);
}

/* ---- data ------------------------------------------------------------------------------------ */

TEST(bytes_arrive_from_the_server_over_partial_writes_from_moving_buffers)
{
    enum { SIZE = 200000 };
    const struct fct_mem *mem = fct_mem_heap();
    struct fixture *f = *state;
    connect_both(f, H2);
    uint8_t *sent = fct_mem_alloc(mem, SIZE);
    uint8_t *came = fct_mem_alloc(mem, SIZE);
    assert_non_null(sent);
    assert_non_null(came);
    for (size_t i = 0; i < SIZE; i++) {
        sent[i] = (uint8_t)(i * 31 + i / 251);
    }
    size_t put = 0;
    size_t got = 0;
    bool waited = false;
    for (int i = 0; i < TURNS_MAX && got < SIZE; i++) {
        size_t more = 0;
        if (put < SIZE) {
            uint8_t *moved = fct_mem_alloc(mem, SIZE - put); /* another address each time */
            assert_non_null(moved);
            memcpy(moved, sent + put, SIZE - put);
            enum fct_tls_result result = fct_tls_write(f->tls, moved, SIZE - put, &more);
            fct_mem_free(mem, moved);
            assert_true(result == FCT_TLS_OK || result == FCT_TLS_WANTS_WRITE);
            waited = waited || result == FCT_TLS_WANTS_WRITE;
            put += result == FCT_TLS_OK ? more : 0;
        }
        if (put == SIZE || i % 3 == 0) {
            ERR_clear_error();
            int read = SSL_read_ex(f->client, came + got, SIZE - got, &more);
            assert_true(read == 1 || client_waits(f, read));
            got += read == 1 ? more : 0;
        }
    }
    assert_true(waited);
    assert_int_equal(got, SIZE);
    assert_memory_equal(sent, came, SIZE);
    fct_mem_free(mem, sent);
    fct_mem_free(mem, came);
}

TEST(bytes_arrive_at_the_server_and_what_is_left_of_a_record_is_pending)
{
    struct fixture *f = *state;
    connect_both(f, H2);
    char bytes[8];
    size_t got = 0;
    assert_int_equal(fct_tls_read(f->tls, bytes, sizeof bytes, &got), FCT_TLS_WANTS_READ);
    assert_false(fct_tls_has_pending(f->tls));
    assert_int_equal(SSL_write(f->client, "0123456789", 10), 10);
    assert_int_equal(SSL_write(f->client, "ab", 2), 2);
    assert_int_equal(fct_tls_read(f->tls, bytes, 8, &got), FCT_TLS_OK);
    assert_int_equal(got, 8);
    assert_memory_equal(bytes, "01234567", 8);
    assert_true(fct_tls_has_pending(f->tls));
    assert_int_equal(fct_tls_read(f->tls, bytes, 8, &got), FCT_TLS_OK);
    assert_int_equal(got, 2);
    assert_int_equal(fct_tls_read(f->tls, bytes, 8, &got), FCT_TLS_OK);
    assert_int_equal(got, 2);
    assert_memory_equal(bytes, "ab", 2);
    assert_false(fct_tls_has_pending(f->tls));
    assert_int_equal(fct_tls_read(f->tls, bytes, 8, &got), FCT_TLS_WANTS_READ);
}

TEST(an_old_error_in_the_queue_is_not_taken_for_the_connections)
{
    struct fixture *f = *state;
    connect_both(f, H2);
    char bytes[8];
    size_t got = 0;
    ERR_raise(ERR_LIB_SSL, SSL_R_BAD_PACKET);
    assert_int_equal(fct_tls_read(f->tls, bytes, sizeof bytes, &got), FCT_TLS_WANTS_READ);
}

TEST(a_record_that_was_changed_on_its_way_is_a_failure)
{
    struct fixture *f = *state;
    connect_both(f, H2);
    static const uint8_t record[] = {0x17, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8,
                                     9,    1, 2, 3, 4,  5, 6, 7, 8, 9, 1, 2};
    assert_int_equal(write(f->fds[1], record, sizeof record), sizeof record);
    char bytes[8];
    size_t got = 0;
    assert_int_equal(fct_tls_read(f->tls, bytes, sizeof bytes, &got), FCT_TLS_FAILED);
    fct_tls_close(f->tls);
}

/* ---- ends ------------------------------------------------------------------------------------ */

TEST(a_proper_close_of_the_client_is_the_end)
{
    struct fixture *f = *state;
    connect_both(f, H2);
    assert_int_equal(SSL_shutdown(f->client), 0);
    char bytes[8];
    size_t got = 0;
    assert_int_equal(fct_tls_read(f->tls, bytes, sizeof bytes, &got), FCT_TLS_END);
    assert_int_equal(fct_tls_write(f->tls, "last", 4, &got), FCT_TLS_OK);
    assert_int_equal(SSL_read(f->client, bytes, sizeof bytes), 4);
}

TEST(a_socket_that_ends_without_a_close_is_a_failure)
{
    struct fixture *f = *state;
    connect_both(f, H2);
    SSL_set_quiet_shutdown(f->client, 1);
    close_client(f);
    char bytes[8];
    size_t got = 0;
    assert_int_equal(fct_tls_read(f->tls, bytes, sizeof bytes, &got), FCT_TLS_FAILED);
}

TEST(the_client_learns_that_the_server_has_closed)
{
    struct fixture *f = *state;
    connect_both(f, H2);
    fct_tls_close(f->tls);
    char byte;
    int returned = SSL_read(f->client, &byte, 1);
    assert_int_equal(SSL_get_error(f->client, returned), SSL_ERROR_ZERO_RETURN);
}

TEST(writing_to_a_socket_that_is_gone_fails_without_a_signal)
{
    struct fixture *f = *state;
    connect_both(f, H2);
    close_client(f);
    size_t put = 0;
    enum fct_tls_result result = FCT_TLS_OK;
    for (int i = 0; i < 10 && result == FCT_TLS_OK; i++) {
        result = fct_tls_write(f->tls, "anybody?", 8, &put); /* SIGPIPE would end this program */
    }
    assert_int_equal(result, FCT_TLS_FAILED);
    fct_tls_close(f->tls);
}

TEST(closing_on_a_socket_that_is_gone_raises_no_signal)
{
    struct fixture *f = *state;
    connect_both(f, H2);
    close_client(f);
    fct_tls_close(f->tls);
    fct_tls_close(f->tls);
}

TEST(a_connection_outlives_its_context)
{
    struct fixture *f = *state;
    connect_both(f, H2);
    fct_tls_context_destroy(f->context);
    f->context = NULL;
    size_t put = 0;
    assert_int_equal(fct_tls_write(f->tls, "still here", 10, &put), FCT_TLS_OK);
    assert_int_equal(put, 10);
    char bytes[16];
    assert_int_equal(SSL_read(f->client, bytes, sizeof bytes), 10);
    close_server(f);
    fct_tls_context_destroy(NULL);
    fct_tls_destroy(NULL);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void refused(struct fixture *f, factum_status status, const char *text)
{
    assert_status(fct_tls_context_create(f->cert, f->key, &f->context, &f->err), status);
    assert_null(f->context);
    assert_text(f->err, text);
    assert_int_equal(ERR_peek_error(), 0);
}

TEST(the_date_of_the_certificate_is_reported)
{
    struct fixture *f = *state;
    assert_ok(fct_tls_context_create(f->cert, f->key, &f->context, &f->err), f->err);
    int64_t left = fct_tls_context_expires(f->context) - (int64_t)time(NULL);
    assert_in_range(left, 3500, 3600);
}

TEST(an_expired_certificate_is_loaded_with_its_date)
{
    struct fixture *f = *state;
    write_both(f, -3600);
    assert_ok(fct_tls_context_create(f->cert, f->key, &f->context, &f->err), f->err);
    int64_t ago = (int64_t)time(NULL) - fct_tls_context_expires(f->context);
    assert_in_range(ago, 3600, 3700);
}

TEST(a_key_that_others_may_read_is_refused)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0601, 0644, 0660, 0777};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(f->key, modes[i]), 0);
        refused(f, FACTUM_INVALID, "accessible to other users (mode");
        assert_text(f->err, "chmod 600");
    }
    assert_int_equal(chmod(f->key, 0400), 0);
    assert_ok(fct_tls_context_create(f->cert, f->key, &f->context, &f->err), f->err);
}

TEST(the_key_of_another_certificate_is_refused)
{
    struct fixture *f = *state;
    EVP_PKEY *other = new_key();
    write_key(f->key, other, 0600, NULL);
    EVP_PKEY_free(other);
    refused(f, FACTUM_INVALID, "does not belong to the certificate");
}

TEST(a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it)
{
    struct fixture *f = *state;
    EVP_PKEY *key = new_key();
    write_key(f->key, key, 0600, "sesame");
    EVP_PKEY_free(key);
    refused(f, FACTUM_INVALID, "no private key in PEM form without a passphrase");
}

TEST(missing_and_wrong_files_are_refused_by_name)
{
    struct fixture *f = *state;
    assert_int_equal(unlink(f->key), 0);
    refused(f, FACTUM_NOT_FOUND, f->key);
    assert_int_equal(mkdir(f->key, 0700), 0);
    refused(f, FACTUM_INVALID, "is not a regular file");
    assert_int_equal(rmdir(f->key), 0);
    assert_int_equal(mkfifo(f->key, 0600), 0);
    refused(f, FACTUM_INVALID, "is not a regular file");
    assert_int_equal(unlink(f->key), 0);
    FILE *file = create(f->key, 0600);
    assert_int_equal(fclose(file), 0);
    refused(f, FACTUM_INVALID, "has no private key");
    file = create(f->cert, 0600);
    assert_true(fputs("no certificate\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    refused(f, FACTUM_INVALID, "has no certificate in PEM form");
    assert_int_equal(truncate(f->cert, 300000), 0);
    refused(f, FACTUM_INVALID, "not a PEM file");
    assert_int_equal(unlink(f->cert), 0);
    refused(f, FACTUM_NOT_FOUND, f->cert);
}

TEST(a_chain_is_sent_whole_and_a_damaged_one_is_refused)
{
    struct fixture *f = *state;
    EVP_PKEY *other = new_key();
    FILE *file = fopen(f->cert, "a");
    assert_non_null(file);
    write_certificate(file, other, 60);
    assert_int_equal(fclose(file), 0);
    EVP_PKEY_free(other);
    connect_both(f, H2);
    assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(f->client)), 2);
    fct_tls_context_destroy(f->context);
    file = fopen(f->cert, "a");
    assert_non_null(file);
    assert_true(fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    refused(f, FACTUM_INVALID, "is damaged after its first certificate");
}

TEST(a_chain_without_end_is_refused)
{
    struct fixture *f = *state;
    EVP_PKEY *other = new_key();
    FILE *file = fopen(f->cert, "a");
    assert_non_null(file);
    for (int i = 0; i < 17; i++) {
        write_certificate(file, other, 60);
    }
    assert_int_equal(fclose(file), 0);
    EVP_PKEY_free(other);
    refused(f, FACTUM_INVALID, "too many");
}

TEST(the_files_can_be_read_again_any_number_of_times)
{
    struct fixture *f = *state;
    for (int i = 0; i < 300; i++) {
        assert_ok(fct_tls_context_create(f->cert, f->key, &f->context, &f->err), f->err);
        fct_tls_context_destroy(f->context);
        f->context = NULL;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_client_that_offers_http2_gets_it_even_as_its_second_choice),
        FIXTURE_CASE(a_client_that_offers_only_http1_gets_that),
        FIXTURE_CASE(a_client_that_does_not_ask_for_a_protocol_is_served),
        FIXTURE_CASE(a_client_without_a_common_protocol_is_refused_with_an_alert),
        FIXTURE_CASE(a_client_of_version_1_1_is_refused),
        FIXTURE_CASE(version_1_2_works_with_an_aead_cipher),
        FIXTURE_CASE(version_1_2_without_an_aead_cipher_is_refused),
        FIXTURE_CASE(a_client_that_asks_to_renegotiate_is_refused_and_still_served),
        FIXTURE_CASE(plain_bytes_are_refused),
        FIXTURE_CASE(a_hello_that_comes_byte_by_byte_is_understood),
        FIXTURE_CASE(a_client_that_leaves_during_the_handshake_is_a_failure),
        FIXTURE_CASE(bytes_arrive_from_the_server_over_partial_writes_from_moving_buffers),
        FIXTURE_CASE(bytes_arrive_at_the_server_and_what_is_left_of_a_record_is_pending),
        FIXTURE_CASE(an_old_error_in_the_queue_is_not_taken_for_the_connections),
        FIXTURE_CASE(a_record_that_was_changed_on_its_way_is_a_failure),
        FIXTURE_CASE(a_proper_close_of_the_client_is_the_end),
        FIXTURE_CASE(a_socket_that_ends_without_a_close_is_a_failure),
        FIXTURE_CASE(the_client_learns_that_the_server_has_closed),
        FIXTURE_CASE(writing_to_a_socket_that_is_gone_fails_without_a_signal),
        FIXTURE_CASE(closing_on_a_socket_that_is_gone_raises_no_signal),
        FIXTURE_CASE(a_connection_outlives_its_context),
        FIXTURE_CASE(the_date_of_the_certificate_is_reported),
        FIXTURE_CASE(an_expired_certificate_is_loaded_with_its_date),
        FIXTURE_CASE(a_key_that_others_may_read_is_refused),
        FIXTURE_CASE(the_key_of_another_certificate_is_refused),
        FIXTURE_CASE(a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it),
        FIXTURE_CASE(missing_and_wrong_files_are_refused_by_name),
        FIXTURE_CASE(a_chain_is_sent_whole_and_a_damaged_one_is_refused),
        FIXTURE_CASE(a_chain_without_end_is_refused),
        FIXTURE_CASE(the_files_can_be_read_again_any_number_of_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
