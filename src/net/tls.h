/* tls.h - TLS on a connected, non-blocking socket, over OpenSSL 3. Layer: net.
 *
 * TLS 1.2 with AEAD ciphers and 1.3, ALPN "h2" and "http/1.1", no renegotiation, no compression, no
 * client certificates. Both sides. OpenSSL works on the descriptor itself, without memory BIOs: the
 * socket is the back-pressure. No call raises SIGPIPE. A connection is used by one thread at a
 * time; a context by any.
 */
#ifndef FCT_NET_TLS_H
#define FCT_NET_TLS_H

#include <factum/base.h>

#include "core/mem.h"

/* A certificate and its key, for any number of connections. */
struct fct_tls_context;

/* Reads both PEM files. The certificate's file may continue with the chain. An expired certificate
 * is accepted: see fct_tls_context_expires. Errors: NOT_FOUND; IO; INVALID (a file without a
 * certificate or key, a key of another certificate, or a key's file that others may read; a file of
 * root may be readable by its group); UNSUPPORTED (OpenSSL is built without a needed part);
 * NO_MEMORY. */
FCT_MUST_USE factum_status fct_tls_context_create(const char *cert_file, const char *key_file,
                                                  struct fct_tls_context **context,
                                                  factum_error *err);
/* Creates a context for clients: servers are verified by the certificates in |ca_file| (PEM); NULL:
 * by those that the system trusts. Errors: NOT_FOUND, IO, INVALID, UNSUPPORTED, NO_MEMORY. */
FCT_MUST_USE factum_status fct_tls_client_context_create(const char *ca_file,
                                                         struct fct_tls_context **context,
                                                         factum_error *err);
/* Frees the context after its last connection. Accepts NULL. */
void fct_tls_context_destroy(struct fct_tls_context *context);
/* Seconds since 1970 after which the certificate is not valid. */
int64_t fct_tls_context_expires(const struct fct_tls_context *context);

struct fct_tls;

enum fct_tls_result {
    FCT_TLS_OK,
    FCT_TLS_WANTS_READ,  /* call again when the socket is readable */
    FCT_TLS_WANTS_WRITE, /* call again when the socket is writable */
    FCT_TLS_END,         /* the peer has closed the TLS connection */
    FCT_TLS_FAILED,      /* close the socket */
};

/* Creates the server's side on |fd|, which the caller keeps. Errors: NO_MEMORY. */
FCT_MUST_USE factum_status fct_tls_create(struct fct_tls_context *context, int fd,
                                          struct fct_tls **tls, factum_error *err);
/* Creates the client's side, with a context of fct_tls_client_context_create. The server must have
 * a certificate for |host|, a name or an address without brackets. Offers "h2" alone. Errors:
 * NO_MEMORY; INVALID (|host| cannot be a host). */
FCT_MUST_USE factum_status fct_tls_connect(struct fct_tls_context *context, int fd,
                                           const char *host, struct fct_tls **tls,
                                           factum_error *err);
/* Returns why the certificate was not trusted, after a failed handshake of a client; NULL if the
 * handshake failed for another reason. The text is static. */
const char *fct_tls_distrust(const struct fct_tls *tls);
/* Frees the connection. Accepts NULL. Does not close the descriptor. */
void fct_tls_destroy(struct fct_tls *tls);
/* Call until OK. Data can flow afterwards. */
enum fct_tls_result fct_tls_handshake(struct fct_tls *tls);
/* OK: *got bytes, at least 1. Then read on until WANTS_READ, or ask fct_tls_has_pending: the socket
 * is not readable for bytes that OpenSSL already has. */
enum fct_tls_result fct_tls_read(struct fct_tls *tls, void *bytes, size_t size, size_t *got);
/* OK: *put bytes were taken, at least 1. After WANTS_READ or WANTS_WRITE the same bytes must be
 * passed again, possibly at another address. */
enum fct_tls_result fct_tls_write(struct fct_tls *tls, const void *bytes, size_t len, size_t *put);
/* True if OpenSSL has bytes that were not read: read again without waiting for the socket. */
bool fct_tls_has_pending(const struct fct_tls *tls);
/* Sends the end of our side; tried once. Does nothing before the end of the handshake, or after a
 * failure. */
void fct_tls_close(struct fct_tls *tls);
/* After the handshake: true if "h2" was chosen. */
bool fct_tls_is_http2(const struct fct_tls *tls);

#endif
