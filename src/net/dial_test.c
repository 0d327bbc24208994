/* dial_test.c - outgoing connections, to the server's own acceptor on the same loop. Layer: net. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "core/slice.h"
#include "net/acceptor.h"
#include "net/dial.h"
#include "support/scratch.h"
#include "support/test.h"

struct fixture {
    struct fct_loop *loop;
    struct fct_acceptor *acceptor;
    struct fct_tls_context *server_tls;
    struct fct_tls_context *client_tls;
    struct fct_dial *dial;
    struct fct_timer timer;
    char dir[64];
    char path[128];
    char cert[128];
    char key[128];
    char bound[FCT_ADDRESS_SIZE];
    unsigned opened;
    unsigned closed;
    unsigned freed;
    unsigned answered;
    unsigned lost;
    factum_error why;
    factum_error err;
    bool keeps; /* the connection stays open after the answer */
};

static struct fixture f;

/* ---- the server answers each request when it is complete ------------------------------------- */

static void take_body(struct fct_exchange *exchange, factum_slice bytes)
{
    fct_exchange_release(exchange, bytes.len);
}

static void answer(struct fct_exchange *exchange)
{
    assert_int_equal(fct_exchange_respond(exchange, 204, NULL, 0), FACTUM_OK);
    assert_int_equal(fct_exchange_finish(exchange, NULL, 0), FACTUM_OK);
}

static void ignore(struct fct_exchange *exchange)
{
    (void)exchange;
}

static void forget(struct fct_exchange *exchange, bool complete)
{
    (void)exchange;
    (void)complete;
}

static void begin(void *data, struct fct_exchange *exchange)
{
    static const struct fct_exchange_handler handler = {take_body, answer, ignore, forget};
    (void)data;
    exchange->handler = &handler;
}

/* ---- the client sends one request ------------------------------------------------------------ */

static void on_head(struct fct_client_call *call, unsigned status, const struct fct_field *fields,
                    size_t count)
{
    (void)call;
    (void)fields;
    (void)count;
    assert_int_equal(status, 204);
    f.answered++;
}

static void stop_soon(struct fct_timer *timer)
{
    (void)timer;
    if (f.dial != NULL) {
        fct_dial_close(f.dial);
    } else {
        fct_loop_stop(f.loop);
    }
}

static void on_call_closed(struct fct_client_call *call, enum fct_client_end how)
{
    (void)call;
    f.lost += how == FCT_CLIENT_LOST ? 1 : 0;
    if (!f.keeps) {
        fct_timer_start(f.loop, &f.timer, 0, 0);
    }
}

static void on_opened(void *data, struct fct_h2_client *client)
{
    static const struct fct_client_handler handler = {.head = on_head, .closed = on_call_closed};
    struct fct_client_call *call = NULL;
    (void)data;
    f.opened++;
    assert_int_equal(fct_h2_client_start(client, FCT_SLICE("/x"), NULL, 0, &call), FACTUM_OK);
    call->handler = &handler;
    fct_client_end(call);
}

static void on_closed(void *data, const factum_error *why)
{
    (void)data;
    f.closed++;
    f.why = *why;
}

static void on_freed(void *data)
{
    (void)data;
    f.freed++;
    f.dial = NULL;
    fct_loop_stop(f.loop);
}

static void dial(const char *host, const char *port, const char *authority)
{
    const struct fct_dial_options options = {
        .mem = fct_mem_heap(),
        .loop = f.loop,
        .host = host,
        .port = port,
        .unix_path = f.path,
        .tls = f.client_tls,
        .authority = factum_slice_from(authority),
        .connect_ms = 3000,
        .opened = on_opened,
        .closed = on_closed,
        .freed = on_freed,
    };
    assert_ok(fct_dial_open(&options, &f.dial, &f.err), f.err);
}

static int set_up(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    f.timer.run = stop_soon;
    assert_true(scratch_make(f.dir));
    (void)snprintf(f.path, sizeof f.path, "%s/socket", f.dir);
    (void)snprintf(f.cert, sizeof f.cert, "%s/cert.pem", f.dir);
    (void)snprintf(f.key, sizeof f.key, "%s/key.pem", f.dir);
    assert_ok(fct_loop_create(fct_mem_heap(), &f.loop, &f.err), f.err);
    const struct fct_acceptor_options options = {
        .mem = fct_mem_heap(), .loop = f.loop, .connections_max = 10, .begin = begin};
    assert_ok(fct_acceptor_create(&options, &f.acceptor, &f.err), f.err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fct_acceptor_destroy(f.acceptor);
    fct_loop_destroy(f.loop);
    fct_tls_context_destroy(f.server_tls);
    fct_tls_context_destroy(f.client_tls);
    return scratch_remove(f.dir) ? 0 : -1;
}

static const char *listen_here(void)
{
    assert_ok(fct_acceptor_listen(f.acceptor, "127.0.0.1:0", f.bound, &f.err), f.err);
    return strrchr(f.bound, ':') + 1;
}

/* ---- cases ----------------------------------------------------------------------------------- */

TEST(a_unix_socket_is_dialled_and_answers)
{
    assert_ok(fct_acceptor_listen_unix(f.acceptor, f.path, &f.err), f.err);
    dial(NULL, NULL, "localhost");
    fct_loop_run(f.loop);
    assert_int_equal(f.opened, 1);
    assert_int_equal(f.answered, 1);
    assert_int_equal(f.closed, 0);
    assert_int_equal(f.freed, 1);
}

TEST(a_name_and_an_address_are_dialled_and_answer)
{
    const char *port = listen_here();
    const char *const hosts[] = {"localhost", "127.0.0.1"};
    for (unsigned i = 0; i < 2; i++) {
        dial(hosts[i], port, "localhost:1");
        fct_loop_run(f.loop);
        assert_int_equal(f.answered, i + 1);
        assert_int_equal(f.freed, i + 1);
    }
    assert_int_equal(f.closed, 0);
}

TEST(an_address_without_a_server_is_reported)
{
    dial("127.0.0.1", "1", "127.0.0.1:1");
    fct_loop_run(f.loop);
    assert_int_equal(f.closed, 1);
    assert_int_equal(f.why.status, FACTUM_UNREACHABLE);
    assert_string_equal(f.why.text, "connect to 127.0.0.1:1: Connection refused");
    dial(NULL, NULL, "localhost");
    fct_loop_run(f.loop);
    assert_int_equal(f.closed, 2);
    assert_int_equal(f.why.status, FACTUM_UNREACHABLE);
    char said[sizeof f.path + 64];
    (void)snprintf(said, sizeof said, "connect to %s: No such file or directory", f.path);
    assert_string_equal(f.why.text, said);
}

TEST(a_name_that_does_not_exist_is_reported)
{
    dial("no-such-host.invalid", "1", "no-such-host.invalid:1");
    fct_loop_run(f.loop);
    assert_int_equal(f.closed, 1);
    assert_int_equal(f.why.status, FACTUM_UNREACHABLE);
    assert_int_equal(f.opened, 0);
}

TEST(a_connection_can_be_closed_at_any_time_before_it_is_open)
{
    const char *port = listen_here();
    dial("localhost", port, "localhost:1");
    fct_dial_close(f.dial); /* before anything has begun */
    fct_loop_run(f.loop);
    assert_int_equal(f.freed, 1);
    dial("localhost", port, "localhost:1");
    fct_timer_start(f.loop, &f.timer, 0, 0);
    fct_loop_run(f.loop);
    assert_int_equal(f.freed, 2);
    assert_int_equal(f.closed, 0);
}

static void hang_up(struct fct_timer *timer)
{
    (void)timer;
    fct_acceptor_hang_up(f.acceptor);
}

TEST(a_connection_that_the_server_closes_is_reported_once)
{
    struct fct_timer end = {.run = hang_up};
    f.keeps = true;
    assert_ok(fct_acceptor_listen_unix(f.acceptor, f.path, &f.err), f.err);
    dial(NULL, NULL, "localhost");
    fct_timer_start(f.loop, &end, 50, 0);
    fct_loop_run(f.loop);
    assert_int_equal(f.answered, 1);
    assert_int_equal(f.closed, 1);
    assert_int_equal(f.freed, 1);
    assert_string_equal(f.why.text, "localhost: the server has closed the connection");
}

TEST(a_unix_path_that_is_too_long_is_refused)
{
    memset(f.path, 'x', sizeof f.path - 1);
    const struct fct_dial_options options = {
        .mem = fct_mem_heap(), .loop = f.loop, .unix_path = f.path};
    assert_int_equal(fct_dial_open(&options, &f.dial, &f.err), FACTUM_INVALID);
    assert_text(f.err, "the path of a UNIX socket has at most 107 bytes");
}

/* ---- TLS ------------------------------------------------------------------------------------- */

/* A key, and a certificate for |name| that it has signed itself. */
static void write_certificate(const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    assert_true(key != NULL && certificate != NULL);
    assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), -60));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
    X509_NAME *subject = X509_get_subject_name(certificate);
    assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                                (const unsigned char *)name, -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(certificate, subject), 1);
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    FILE *file = fopen(f.cert, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    assert_int_equal(fclose(file), 0);
    (void)umask(077);
    file = fopen(f.key, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* A server with a certificate for |name|, and a client that trusts it if |trusted|. */
static const char *listen_secure(const char *name, bool trusted)
{
    write_certificate(name);
    assert_ok(fct_tls_context_create(f.cert, f.key, &f.server_tls, &f.err), f.err);
    fct_acceptor_set_tls(f.acceptor, f.server_tls);
    assert_ok(fct_tls_client_context_create(trusted ? f.cert : NULL, &f.client_tls, &f.err), f.err);
    return listen_here();
}

TEST(a_server_with_a_trusted_certificate_answers)
{
    const char *port = listen_secure("localhost", true);
    dial("localhost", port, "localhost:1");
    fct_loop_run(f.loop);
    assert_int_equal(f.answered, 1);
    assert_int_equal(f.closed, 0);
}

TEST(a_server_without_a_trusted_certificate_is_refused)
{
    const char *port = listen_secure("localhost", false);
    dial("localhost", port, "localhost:1");
    fct_loop_run(f.loop);
    assert_int_equal(f.opened, 0);
    assert_int_equal(f.closed, 1);
    assert_int_equal(f.why.status, FACTUM_UNREACHABLE);
    assert_text(f.why,
                "localhost:1: the server's certificate is not trusted: self-signed certificate");
}

TEST(a_server_with_a_certificate_for_another_name_is_refused)
{
    const char *port = listen_secure("example.com", true);
    const char *const hosts[] = {"localhost", "127.0.0.1"};
    for (int i = 0; i < 2; i++) {
        dial(hosts[i], port, "here:1");
        fct_loop_run(f.loop);
        assert_int_equal(f.opened, 0);
    }
    assert_int_equal(f.closed, 2);
    assert_text(f.why, "here:1: the server's certificate is not trusted: IP address mismatch");
}

TEST(a_server_without_tls_is_refused)
{
    write_certificate("localhost");
    assert_ok(fct_tls_client_context_create(f.cert, &f.client_tls, &f.err), f.err);
    dial("localhost", listen_here(), "localhost:1");
    fct_loop_run(f.loop);
    assert_int_equal(f.opened, 0);
    assert_int_equal(f.closed, 1);
    assert_text(f.why, "localhost:1: the TLS handshake failed");
}

TEST(a_file_without_certificates_is_refused)
{
    struct fct_tls_context *context = NULL;
    FILE *file = fopen(f.cert, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(fct_tls_client_context_create(f.cert, &context, &f.err), FACTUM_INVALID);
    assert_text(f.err, "has no certificate in PEM form");
    assert_null(context);
    assert_int_equal(fct_tls_client_context_create("/nowhere/at-all", &context, &f.err),
                     FACTUM_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_unix_socket_is_dialled_and_answers),
        FIXTURE_CASE(a_name_and_an_address_are_dialled_and_answer),
        FIXTURE_CASE(an_address_without_a_server_is_reported),
        FIXTURE_CASE(a_name_that_does_not_exist_is_reported),
        FIXTURE_CASE(a_connection_can_be_closed_at_any_time_before_it_is_open),
        FIXTURE_CASE(a_connection_that_the_server_closes_is_reported_once),
        FIXTURE_CASE(a_unix_path_that_is_too_long_is_refused),
        FIXTURE_CASE(a_server_with_a_trusted_certificate_answers),
        FIXTURE_CASE(a_server_without_a_trusted_certificate_is_refused),
        FIXTURE_CASE(a_server_with_a_certificate_for_another_name_is_refused),
        FIXTURE_CASE(a_server_without_tls_is_refused),
        FIXTURE_CASE(a_file_without_certificates_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
