/* server.h - serves a store of this process to other programs over the network.
 *
 *     factum_server *server;
 *     factum_server_options options = {.size = sizeof options, .insecure = true};
 *     if (factum_server_start(store, &options, &server, &err) == FACTUM_OK) {
 *         puts(factum_server_address(server)); // "127.0.0.1:2113"
 *         ... the program goes on with its store ...
 *         factum_server_stop(server, 5000);
 *     }
 *
 * One port speaks HTTP/1.1, HTTP/2 and, with a certificate, TLS. The services are KurrentDB's
 * streams protocol and factum.v1 (both gRPC), and HTTP/JSON. The server runs on a thread of its
 * own. The store stays the program's and must be open with threads (otherwise appends are refused
 * as UNSUPPORTED). Link libfactum-net (pkg-config factum-net). examples/door.c is such a program.
 *
 * Secure by default: without |insecure| every request needs the admin's secret, and without TLS the
 * server listens only on loopback and the UNIX socket.
 *
 * Commands are decided by the deciders that are deployed in the store (deploy.h). A program that
 * calls factum_lua_enable first can run them; otherwise commands are refused as UNSUPPORTED.
 *
 * Read models (models.h) that the program opens and passes on can be queried over HTTP, and an
 * append or a command is answered once the models of mode sync have its events, 5 s later at most.
 * Definitions of models can be deployed with or without them.
 *
 * Valid C99 and C++17. Any thread may call these functions. */
#ifndef FACTUM_SERVER_H
#define FACTUM_SERVER_H

#include <factum/store.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct factum_server factum_server;

/* Zero is the default everywhere. The struct grows as those of store.h do. Texts are copied. */
typedef struct factum_server_options {
    size_t size;
    const char *listen;    /* "ADDRESS:PORT"; NULL: 127.0.0.1:2113; "": no TCP. Port 0: a free one.
                              An IPv6 address is in brackets */
    const char *unix_path; /* of a UNIX socket, created with mode 0600; NULL: none */
    const char *tls_cert_file; /* PEM, with its chain; NULL: no TLS */
    const char *tls_key_file;
    const char *secret_dir;      /* where the hash of the admin's secret is kept; needed unless
                                    |insecure| */
    bool insecure;               /* no secret is asked for: everybody is the admin */
    bool insecure_any_address;   /* |insecure| also on addresses that are not loopback */
    const char *advertised_host; /* the answer to KurrentDB clients that ask for members; NULL: the
                                    address that they have connected to */
    uint16_t advertised_port;    /* 0: the port that is listened on */
    uint32_t connections_max;    /* 0: 10,000 */
    uint32_t connections_per_address_max; /* of one address, which may be a proxy's; 0: 1,000. UNIX
                                             sockets are not counted */
    const factum_log_sink *log;           /* copied; NULL: silent. Called on the server's thread */
    bool allow_deploy; /* the admin may deploy code (deciders) over TCP too, not only over the UNIX
                          socket */
    /* The next three are of the same store, and stay open longer than the server. NULL: none. */
    struct factum_models *models;       /* to be queried and shown (models.h) */
    struct factum_sagas *sagas;         /* to be listed and shown (sagas.h) */
    struct factum_endpoints *endpoints; /* for parked commands (endpoint.h) */
} factum_server_options;

/* Starts serving |store|. *server gets the server, which is yours until factum_server_stop; NULL on
 * failure. If this start has created the admin's secret, factum_server_secret returns it.
 * Errors: INVALID (options that contradict each other or are not safe: the text says which),
 * UNSUPPORTED (|models|, and the library was built without them), EXISTS (port or socket in use),
 * NOT_FOUND (an address that this machine does not have, or a host name that does not resolve),
 * IO, DENIED (a port that needs rights), CORRUPT and NEWER_FORMAT (the file of the secret),
 * NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_server_start(factum_store *store,
                                                             const factum_server_options *options,
                                                             factum_server **server,
                                                             factum_error *err);
/* The address, with the actual port: "127.0.0.1:2113"; "" without TCP. Lasts as long as the
 * server. */
FACTUM_API const char *factum_server_address(const factum_server *server);
/* The admin's secret, if this start has created it; otherwise "". Show it once: it is not kept. */
FACTUM_API const char *factum_server_secret(const factum_server *server);
/* Reads certificate and key again; new connections use them. After a failure the old ones stay in
 * use. Errors: UNSUPPORTED (no TLS), and those of factum_server_start. */
FACTUM_API FACTUM_MUST_USE factum_status factum_server_reload(factum_server *server,
                                                              factum_error *err);
/* Refuses new requests, waits up to |timeout_ms| for those under way, informs subscribers, closes
 * all connections and frees the server; the store stays open. Commands and deployments that have
 * begun are waited for in any case, 10 s at most: they may take effect. Before the store is closed.
 * Accepts NULL. */
FACTUM_API void factum_server_stop(factum_server *server, int64_t timeout_ms);

#ifdef __cplusplus
}
#endif
#endif
