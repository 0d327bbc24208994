/* tls.c - see tls.h. Layer: net. Knows neither what the bytes mean nor who waits for the socket.
 *
 * OpenSSL reads and writes the descriptor through a BIO of our own: send() with MSG_NOSIGNAL. The
 * socket BIO of OpenSSL uses write(), which raises SIGPIPE on a closed socket and would end the
 * program that the library is linked into.
 *
 * Invariants.
 *  1. The error queue of the thread is empty before each call into a connection: SSL_get_error
 *     looks at the queue, and an old entry would turn "wants to read" into a failure.
 *  2. After a failure OpenSSL is not called for the connection again, except to free it.
 *  3. A context lives until its owner and its last connection have released it.
 *  4. The key's bytes are wiped from every buffer of ours.
 *
 * Sources: RFC 8446 (TLS 1.3), RFC 5246 (TLS 1.2), RFC 7301 (ALPN), RFC 9113 section 9.2 (HTTP/2
 * over TLS 1.2: AEAD with ephemeral keys, no compression, no renegotiation).
 */
#include "net/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "core/check.h"
#include "core/error.h"

#define PEM_SIZE_MAX 262144 /* of a file; a chain of RSA certificates has some KB */
#define CHAIN_MAX 16        /* certificates after the first one */
#define ALPN_HTTP2 "\x02h2"
#define ALPN_HTTP1 "\x08http/1.1"

struct fct_tls_context {
    SSL_CTX *ssl;
    BIO_METHOD *socket;
    int64_t expires;
    _Atomic uint32_t users; /* the owner and the connections */
};

struct fct_tls {
    struct fct_tls_context *context;
    SSL *ssl;
    int fd;
    bool failed;
};

/* ---- the socket ------------------------------------------------------------------------------ */

static bool tls_socket_may_retry(int error)
{
    return error == EAGAIN || error == EINTR; /* EWOULDBLOCK is EAGAIN on Linux */
}

static int tls_socket_write(BIO *bio, const char *bytes, size_t len, size_t *put)
{
    const struct fct_tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t sent = send(tls->fd, bytes, len, MSG_NOSIGNAL);
    if (sent < 0) {
        if (tls_socket_may_retry(errno)) {
            BIO_set_retry_write(bio);
        }
        return 0;
    }
    *put = (size_t)sent;
    return 1;
}

static int tls_socket_read(BIO *bio, char *bytes, size_t size, size_t *got)
{
    const struct fct_tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t came = recv(tls->fd, bytes, size, 0);
    if (came <= 0) {
        if (came == 0) {
            BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
        } else if (tls_socket_may_retry(errno)) {
            BIO_set_retry_read(bio);
        }
        return 0;
    }
    *got = (size_t)came;
    return 1;
}

static long tls_socket_control(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF) {
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    }
    return command == BIO_CTRL_FLUSH; /* there is no buffer: flushing always succeeds */
}

/* Does not use BIO_get_new_index, which has 127 numbers for the life of a process: the type of this
 * BIO is never looked up, and certificates may be reloaded any number of times. */
static BIO_METHOD *tls_socket_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "factum socket");
    if (method == NULL || BIO_meth_set_write_ex(method, tls_socket_write) != 1 ||
        BIO_meth_set_read_ex(method, tls_socket_read) != 1 ||
        BIO_meth_set_ctrl(method, tls_socket_control) != 1) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

/* ---- certificate and key --------------------------------------------------------------------- */

/* Checks the open descriptor, so that the result is about the bytes that are read. */
static factum_status tls_pem_check(int fd, const char *path, bool secret, factum_error *err)
{
    struct stat facts;
    if (fstat(fd, &facts) != 0) {
        return fct_fail_os(err, errno, "read %s", path);
    }
    if (!S_ISREG(facts.st_mode)) {
        return fct_fail(err, FACTUM_INVALID, "%s is not a regular file", path);
    }
    if (facts.st_size > PEM_SIZE_MAX) {
        return fct_fail(err, FACTUM_INVALID, "%s has more than %d bytes: not a PEM file", path,
                        PEM_SIZE_MAX);
    }
    /* A service that is not root gets its key from root, readable by its group: the credentials of
     * systemd are such files. UNTESTED: the tests run as one user. */
    bool from_root = facts.st_uid == 0 && geteuid() != 0;
    if (secret && (facts.st_mode & (from_root ? 037 : 077)) != 0) {
        return fct_fail(
            err, FACTUM_INVALID,
            "%s: a private key accessible to other users (mode %04o): run chmod 600 on it", path,
            (unsigned)(facts.st_mode & 07777));
    }
    return FACTUM_OK;
}

/* Reads at most PEM_SIZE_MAX bytes, through a buffer that is wiped. */
static factum_status tls_pem_read(int fd, const char *path, BIO *bio, factum_error *err)
{
    uint8_t bytes[4096];
    size_t total = 0;
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && total < PEM_SIZE_MAX) {
        ssize_t came = read(fd, bytes, sizeof bytes);
        if (came == 0) {
            break;
        }
        if (came < 0) {
            status = errno == EINTR ? FACTUM_OK : fct_fail_os(err, errno, "read %s", path);
        } else if (BIO_write(bio, bytes, (int)came) != came) {
            status = fct_fail(err, FACTUM_NO_MEMORY, "read %s: out of memory", path);
        } else {
            total += (size_t)came;
        }
    }
    OPENSSL_cleanse(bytes, sizeof bytes);
    return status;
}

/* Reads a file into a BIO in memory, which the caller frees. */
static factum_status tls_pem_load(const char *path, bool secret, BIO **bio, factum_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return fct_fail_os(err, errno, "open %s", path);
    }
    factum_status status = tls_pem_check(fd, path, secret, err);
    if (status == FACTUM_OK) {
        *bio = BIO_new(BIO_s_secmem()); /* wiped when it is freed */
        status = *bio == NULL ? fct_fail(err, FACTUM_NO_MEMORY, "read %s: out of memory", path)
                              : tls_pem_read(fd, path, *bio, err);
    }
    (void)close(fd);
    return status;
}

static const char *tls_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason == NULL ? "unknown reason" : reason;
}

/* Replaces OpenSSL's own callback, which asks on the terminal. */
static int tls_no_passphrase(char *buffer, int size, int writing, void *data)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)data;
    return -1;
}

static bool tls_expiry_of(const X509 *certificate, int64_t *expires)
{
    struct tm parts;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) {
        return false;
    }
    *expires = timegm(&parts);
    return true;
}

/* The first certificate is the server's; those after it lead to the root. */
static factum_status tls_use_chain(struct fct_tls_context *context, BIO *bio, const char *path,
                                   factum_error *err)
{
    X509 *certificate = PEM_read_bio_X509_AUX(bio, NULL, tls_no_passphrase, NULL);
    if (certificate == NULL) {
        return fct_fail(err, FACTUM_INVALID, "%s has no certificate in PEM form: %s", path,
                        tls_reason());
    }
    bool used = tls_expiry_of(certificate, &context->expires) &&
                SSL_CTX_use_certificate(context->ssl, certificate) == 1;
    X509_free(certificate);
    if (!used) {
        return fct_fail(err, FACTUM_INVALID, "the certificate in %s cannot be used: %s", path,
                        tls_reason());
    }
    for (int i = 0; i <= CHAIN_MAX; i++) {
        ERR_clear_error();
        certificate = PEM_read_bio_X509(bio, NULL, tls_no_passphrase, NULL);
        if (certificate == NULL) {
            break;
        }
        if (i == CHAIN_MAX || SSL_CTX_add0_chain_cert(context->ssl, certificate) != 1) {
            X509_free(certificate);
            return fct_fail(err, FACTUM_INVALID, "certificate %d in %s cannot be used: %s", i + 2,
                            path, i == CHAIN_MAX ? "too many" : tls_reason());
        }
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        return fct_fail(err, FACTUM_INVALID, "%s is damaged after its first certificate: %s", path,
                        tls_reason());
    }
    return FACTUM_OK;
}

static factum_status tls_use_key(struct fct_tls_context *context, BIO *bio, const char *cert_path,
                                 const char *path, factum_error *err)
{
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, tls_no_passphrase, NULL);
    if (key == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "%s has no private key in PEM form without a passphrase: %s", path,
                        tls_reason());
    }
    bool used = SSL_CTX_use_PrivateKey(context->ssl, key) == 1 &&
                SSL_CTX_check_private_key(context->ssl) == 1;
    EVP_PKEY_free(key);
    return used ? FACTUM_OK
                : fct_fail(err, FACTUM_INVALID, "the key %s does not belong to the certificate %s",
                           path, cert_path);
}

static factum_status tls_use_files(struct fct_tls_context *context, const char *cert_file,
                                   const char *key_file, factum_error *err)
{
    BIO *bio = NULL;
    factum_status status = tls_pem_load(cert_file, false, &bio, err);
    if (status == FACTUM_OK) {
        status = tls_use_chain(context, bio, cert_file, err);
    }
    BIO_free(bio);
    bio = NULL;
    if (status == FACTUM_OK) {
        status = tls_pem_load(key_file, true, &bio, err);
    }
    if (status == FACTUM_OK) {
        status = tls_use_key(context, bio, cert_file, key_file, err);
    }
    BIO_free(bio);
    return status == FACTUM_OK ? status : fct_wrap(err, status, "TLS");
}

/* ---- the context ----------------------------------------------------------------------------- */

/* The server chooses HTTP/2 before HTTP/1.1. A client that offers neither is refused (RFC 7301,
 * 3.2); one that does not use ALPN gets the protocol that it speaks. */
static int tls_choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_size,
                               const unsigned char *offered, unsigned int offered_size, void *data)
{
    static const unsigned char ours[] = ALPN_HTTP2 ALPN_HTTP1;
    (void)ssl;
    (void)data;
    unsigned char *found = NULL;
    if (SSL_select_next_proto(&found, chosen_size, ours, sizeof ours - 1, offered, offered_size) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

/* Sets the limits here, not from the machine's openssl.cnf: a weak one would open the server.
 * Sessions are kept in tickets at the client: a cache would be memory that strangers fill. */
static bool tls_configure(SSL_CTX *ssl)
{
    SSL_CTX_set_security_level(ssl, 2);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_clear_options(ssl, SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION |
                                   SSL_OP_ALLOW_CLIENT_RENEGOTIATION |
                                   SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    /* A record takes one recv, not one for the header and one for the body. */
    SSL_CTX_set_read_ahead(ssl, 1);
    return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ssl, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
           SSL_CTX_set_ciphersuites(ssl, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                         "TLS_CHACHA20_POLY1305_SHA256") == 1;
}

/* Creates a context without certificates. */
static factum_status tls_context_new(const SSL_METHOD *method, struct fct_tls_context **context,
                                     factum_error *err)
{
    ERR_clear_error();
    *context = NULL;
    struct fct_tls_context *fresh = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *fresh);
    if (fresh == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "TLS: out of memory");
    }
    atomic_init(&fresh->users, 1);
    fresh->ssl = SSL_CTX_new(method);
    fresh->socket = tls_socket_method();
    factum_status status = FACTUM_OK;
    if (fresh->ssl == NULL || fresh->socket == NULL) {
        status = fct_fail(err, FACTUM_NO_MEMORY, "TLS: OpenSSL cannot begin: %s", tls_reason());
    } else if (!tls_configure(fresh->ssl)) {
        status =
            fct_fail(err, FACTUM_UNSUPPORTED, "TLS: this OpenSSL is not enough: %s", tls_reason());
    }
    if (status != FACTUM_OK) {
        ERR_clear_error();
        fct_tls_context_destroy(fresh);
        return status;
    }
    *context = fresh;
    return FACTUM_OK;
}

/* Moves |fresh| to *context, or destroys it. */
static factum_status tls_context_publish(struct fct_tls_context *fresh, factum_status status,
                                         struct fct_tls_context **context)
{
    ERR_clear_error();
    if (status != FACTUM_OK) {
        fct_tls_context_destroy(fresh);
        fresh = NULL;
    }
    *context = fresh;
    return status;
}

factum_status fct_tls_context_create(const char *cert_file, const char *key_file,
                                     struct fct_tls_context **context, factum_error *err)
{
    struct fct_tls_context *fresh = NULL;
    *context = NULL;
    factum_status status = tls_context_new(TLS_server_method(), &fresh, err);
    if (status != FACTUM_OK) {
        return status;
    }
    FCT_ASSERT(fresh != NULL);
    SSL_CTX_set_verify(fresh->ssl, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_alpn_select_cb(fresh->ssl, tls_choose_protocol, NULL);
    status = tls_use_files(fresh, cert_file, key_file, err);
    return tls_context_publish(fresh, status, context);
}

/* Trusts all certificates of the file. */
static factum_status tls_trust(struct fct_tls_context *context, const char *ca_file,
                               factum_error *err)
{
    BIO *bio = NULL;
    int count = 0;
    factum_status status = tls_pem_load(ca_file, false, &bio, err);
    while (status == FACTUM_OK) {
        ERR_clear_error();
        X509 *certificate = PEM_read_bio_X509(bio, NULL, tls_no_passphrase, NULL);
        if (certificate == NULL) {
            break;
        }
        count++;
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context->ssl), certificate) != 1) {
            status = fct_fail(err, FACTUM_INVALID, "certificate %d in %s cannot be used: %s", count,
                              ca_file, tls_reason());
        }
        X509_free(certificate);
    }
    BIO_free(bio);
    if (status == FACTUM_OK && count == 0) {
        status = fct_fail(err, FACTUM_INVALID, "%s has no certificate in PEM form: %s", ca_file,
                          tls_reason());
    }
    return status == FACTUM_OK ? status : fct_wrap(err, status, "TLS");
}

factum_status fct_tls_client_context_create(const char *ca_file, struct fct_tls_context **context,
                                            factum_error *err)
{
    static const unsigned char offered[] = ALPN_HTTP2;
    struct fct_tls_context *fresh = NULL;
    *context = NULL;
    factum_status status = tls_context_new(TLS_client_method(), &fresh, err);
    if (status != FACTUM_OK) {
        return status;
    }
    FCT_ASSERT(fresh != NULL);
    SSL_CTX_set_verify(fresh->ssl, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_set_alpn_protos(fresh->ssl, offered, sizeof offered - 1) != 0) {
        status = fct_fail(err, FACTUM_NO_MEMORY, "TLS: out of memory");
    } else if (ca_file != NULL) {
        status = tls_trust(fresh, ca_file, err);
    } else if (SSL_CTX_set_default_verify_paths(fresh->ssl) != 1) {
        status = fct_fail(err, FACTUM_UNSUPPORTED,
                          "TLS: the system's certificates cannot be read: %s", tls_reason());
    }
    return tls_context_publish(fresh, status, context);
}

static void tls_context_release(struct fct_tls_context *context)
{
    uint32_t users = atomic_fetch_sub(&context->users, 1);
    FCT_ASSERT(users > 0);
    if (users == 1) {
        SSL_CTX_free(context->ssl);
        BIO_meth_free(context->socket);
        fct_mem_free(fct_mem_heap(), context);
    }
}

void fct_tls_context_destroy(struct fct_tls_context *context)
{
    if (context != NULL) {
        tls_context_release(context);
    }
}

int64_t fct_tls_context_expires(const struct fct_tls_context *context)
{
    return context->expires;
}

/* ---- a connection ---------------------------------------------------------------------------- */

static factum_status tls_new(struct fct_tls_context *context, int fd, struct fct_tls **tls,
                             factum_error *err)
{
    ERR_clear_error();
    *tls = NULL;
    struct fct_tls *fresh = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *fresh);
    if (fresh == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "TLS: out of memory");
    }
    fresh->fd = fd;
    fresh->context = context;
    atomic_fetch_add(&context->users, 1);
    fresh->ssl = SSL_new(context->ssl);
    BIO *bio = fresh->ssl == NULL ? NULL : BIO_new(context->socket);
    if (bio == NULL) {
        fct_tls_destroy(fresh);
        return fct_fail(err, FACTUM_NO_MEMORY, "TLS: out of memory");
    }
    BIO_set_data(bio, fresh);
    BIO_set_init(bio, 1);
    SSL_set_bio(fresh->ssl, bio, bio); /* owns |bio| now */
    *tls = fresh;
    return FACTUM_OK;
}

factum_status fct_tls_create(struct fct_tls_context *context, int fd, struct fct_tls **tls,
                             factum_error *err)
{
    factum_status status = tls_new(context, fd, tls, err);
    if (status == FACTUM_OK) {
        FCT_ASSERT(*tls != NULL);
        SSL_set_accept_state((*tls)->ssl);
    }
    return status;
}

/* An address is looked up in the certificate as an address, and is not sent as a server name. */
static bool tls_expect_host(SSL *ssl, const char *host)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
    if (address != NULL) {
        ASN1_OCTET_STRING_free(address);
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    }
    union {
        const char *in;
        void *out;
    } name = {.in = host}; /* OpenSSL copies, but takes a mutable pointer */
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 &&
           SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.out) == 1;
}

factum_status fct_tls_connect(struct fct_tls_context *context, int fd, const char *host,
                              struct fct_tls **tls, factum_error *err)
{
    factum_status status = tls_new(context, fd, tls, err);
    if (status != FACTUM_OK) {
        return status;
    }
    FCT_ASSERT(*tls != NULL);
    if (!tls_expect_host((*tls)->ssl, host)) {
        ERR_clear_error();
        fct_tls_destroy(*tls);
        *tls = NULL;
        return fct_fail(err, FACTUM_INVALID, "TLS: %s cannot be the name of a server", host);
    }
    SSL_set_connect_state((*tls)->ssl);
    return FACTUM_OK;
}

const char *fct_tls_distrust(const struct fct_tls *tls)
{
    long result = SSL_get_verify_result(tls->ssl);
    return result == X509_V_OK ? NULL : X509_verify_cert_error_string(result);
}

void fct_tls_destroy(struct fct_tls *tls)
{
    if (tls != NULL) {
        SSL_free(tls->ssl);
        tls_context_release(tls->context);
        fct_mem_free(fct_mem_heap(), tls);
    }
}

static enum fct_tls_result tls_result(struct fct_tls *tls, int returned)
{
    switch (SSL_get_error(tls->ssl, returned)) {
    case SSL_ERROR_NONE:
        return FCT_TLS_OK;
    case SSL_ERROR_WANT_READ:
        return FCT_TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return FCT_TLS_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return FCT_TLS_END;
    default:
        tls->failed = true;
        ERR_clear_error();
        return FCT_TLS_FAILED;
    }
}

enum fct_tls_result fct_tls_handshake(struct fct_tls *tls)
{
    if (tls->failed) {
        return FCT_TLS_FAILED;
    }
    ERR_clear_error();
    return tls_result(tls, SSL_do_handshake(tls->ssl));
}

enum fct_tls_result fct_tls_read(struct fct_tls *tls, void *bytes, size_t size, size_t *got)
{
    FCT_ASSERT(size > 0);
    if (tls->failed) {
        return FCT_TLS_FAILED;
    }
    ERR_clear_error();
    return tls_result(tls, SSL_read_ex(tls->ssl, bytes, size, got));
}

enum fct_tls_result fct_tls_write(struct fct_tls *tls, const void *bytes, size_t len, size_t *put)
{
    FCT_ASSERT(len > 0);
    if (tls->failed) {
        return FCT_TLS_FAILED;
    }
    ERR_clear_error();
    return tls_result(tls, SSL_write_ex(tls->ssl, bytes, len, put));
}

void fct_tls_close(struct fct_tls *tls)
{
    if (!tls->failed && SSL_is_init_finished(tls->ssl) == 1) {
        ERR_clear_error();
        (void)SSL_shutdown(tls->ssl);
        ERR_clear_error();
    }
}

bool fct_tls_has_pending(const struct fct_tls *tls)
{
    return !tls->failed && SSL_has_pending(tls->ssl) == 1;
}

bool fct_tls_is_http2(const struct fct_tls *tls)
{
    const unsigned char *chosen = NULL;
    unsigned int size = 0;
    SSL_get0_alpn_selected(tls->ssl, &chosen, &size);
    return size == 2 && chosen[0] == 'h' && chosen[1] == '2';
}
