/* tls.h - TLS on a connected, non-blocking socket, over OpenSSL 3. Layer: net.
 *
 * TLS 1.2 with AEAD ciphers and 1.3, ALPN "h2" and "http/1.1", no renegotiation, no compression,
 * no client certificates yet. Both sides. OpenSSL works on the descriptor itself, without memory
 * BIOs: the socket is the back-pressure. No call raises SIGPIPE. A connection is used by one thread
 * at a time; a context by any.
 */
#ifndef FCT_NET_TLS_H
#define FCT_NET_TLS_H

#include <factum/base.h>

#include "core/mem.h"

/* A certificate and its key, for any number of connections. */
struct fct_tls_context;

/* Reads both PEM files; a certificate's file may go on with the chain. NOT_FOUND, IO, INVALID: no
 * certificate or key in it, or they do not belong together, or others may read the key's file (its
 * mode must have none of 077); UNSUPPORTED: OpenSSL is built without what is needed; NO_MEMORY. An
 * expired certificate is no failure: the caller looks at fct_tls_context_expires. */
FCT_MUST_USE factum_status fct_tls_context_create(const char *cert_file, const char *key_file,
                                                  struct fct_tls_context **context,
                                                  factum_error *err);
/* For the client's side: peers are verified by the certificates in |ca_file| (PEM); NULL: by those
 * that the system trusts. NOT_FOUND, IO, INVALID, UNSUPPORTED, NO_MEMORY. */
FCT_MUST_USE factum_status fct_tls_client_context_create(const char *ca_file,
                                                         struct fct_tls_context **context,
                                                         factum_error *err);
/* Connections keep what they need of it. Accepts NULL. */
void fct_tls_context_destroy(struct fct_tls_context *context);
/* Seconds since 1970 after which the certificate is not valid. */
int64_t fct_tls_context_expires(const struct fct_tls_context *context);

struct fct_tls;

enum fct_tls_result {
    FCT_TLS_OK,
    FCT_TLS_WANTS_READ,  /* again when the socket is readable */
    FCT_TLS_WANTS_WRITE, /* again when it is writable */
    FCT_TLS_END,         /* the peer has closed properly */
    FCT_TLS_FAILED,      /* close the socket */
};

/* The server's side on |fd|, which stays the caller's. NO_MEMORY. */
FCT_MUST_USE factum_status fct_tls_create(struct fct_tls_context *context, int fd,
                                          struct fct_tls **tls, factum_error *err);
/* The client's side, with a context of fct_tls_client_context_create: the server must have a
 * certificate for |host|, a name or an address without brackets, and is offered "h2" alone.
 * NO_MEMORY; INVALID: no such host can be. */
FCT_MUST_USE factum_status fct_tls_connect(struct fct_tls_context *context, int fd,
                                           const char *host, struct fct_tls **tls,
                                           factum_error *err);
/* After a failed handshake of a client: why the certificate was not trusted; NULL if it was not
 * that. The text is static. */
const char *fct_tls_distrust(const struct fct_tls *tls);
/* Accepts NULL. Does not close the descriptor. */
void fct_tls_destroy(struct fct_tls *tls);
/* Until OK: then data can flow. */
enum fct_tls_result fct_tls_handshake(struct fct_tls *tls);
/* OK: *got bytes, at least 1; then read on until WANTS_READ, or ask fct_tls_has_pending: bytes that
 * OpenSSL already has do not make the socket readable. */
enum fct_tls_result fct_tls_read(struct fct_tls *tls, void *bytes, size_t size, size_t *got);
/* OK: *put bytes were taken, at least 1. After WANTS_ the same bytes must be given again, though
 * not at the same address. */
enum fct_tls_result fct_tls_write(struct fct_tls *tls, const void *bytes, size_t len, size_t *put);
/* Are there bytes that came in and were not read? Read again without waiting for the socket. */
bool fct_tls_has_pending(const struct fct_tls *tls);
/* Tells the peer that nothing more comes; tried once. Does nothing before the end of the handshake,
 * or after a failure. */
void fct_tls_close(struct fct_tls *tls);
/* After the handshake: was "h2" chosen? */
bool fct_tls_is_http2(const struct fct_tls *tls);

#endif
