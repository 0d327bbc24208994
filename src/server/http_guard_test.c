/* http_guard_test.c - which hosts and origins are answered: the table. Layer: server. */
#include "support/fake_exchange.h"
#include "support/test.h"

#include "server/http_call.h"

static const struct {
    const char *local;
    bool is_local, is_secure;
    const char *host;
    const char *origin; /* NULL: none */
    const char *advertised;
    bool in;
} guard_cases[] = {
    {"127.0.0.1:2113", true, false, "localhost", NULL, "", true},
    {"127.0.0.1:2113", true, false, "localhost:2113", NULL, "", true},
    {"127.0.0.1:2113", true, false, "LocalHost:1", NULL, "", true},
    {"127.0.0.1:2113", true, false, "127.0.0.1:2113", NULL, "", true},
    {"[::1]:2113", true, false, "[::1]:2113", NULL, "", true},
    {"[::1]:2113", true, false, "[::1]", NULL, "", true},
    {"127.0.0.5:2113", true, false, "127.0.0.5:2113", NULL, "", true},
    {"127.0.0.1:2113", true, false, "127.0.0.5", NULL, "", false},
    {"127.0.0.1:2113", true, false, "evil.example", NULL, "", false},
    {"127.0.0.1:2113", true, false, "evil.example:2113", NULL, "", false},
    {"127.0.0.1:2113", true, false, "localhost.evil.example", NULL, "", false},
    {"127.0.0.1:2113", true, false, "localhost:2113.evil.example", NULL, "", false},
    {"127.0.0.1:2113", true, false, "evil.example:localhost", NULL, "", false},
    {"127.0.0.1:2113", true, false, "a@localhost", NULL, "", false},
    {"127.0.0.1:2113", true, false, "localhost.", NULL, "", false},
    {"127.0.0.1:2113", true, false, "::1:2113", NULL, "", false},
    {"127.0.0.1:2113", true, false, ":2113", NULL, "", false},
    {"127.0.0.1:2113", true, false, "db.example:99", NULL, "db.example", true},
    {"127.0.0.1:2113", true, false, "other.example", NULL, "db.example", false},
    {"127.0.0.1:2113", true, true, "evil.example", NULL, "", true}, /* named by its certificate */
    {"10.0.0.7:2113", false, false, "anything.example", NULL, "", true},
    {"unix", true, false, "anything", NULL, "", true},
    {"127.0.0.1:2113", true, false, "localhost:2113", "http://localhost:2113", "", true},
    {"127.0.0.1:2113", true, false, "localhost:2113", "http://LOCALHOST:2113", "", true},
    {"127.0.0.1:2113", true, true, "db.example", "https://db.example", "", true},
    {"127.0.0.1:2113", true, false, "localhost:2113", "http://localhost:3000", "", false},
    {"127.0.0.1:2113", true, false, "localhost:2113", "http://localhost", "", false},
    {"127.0.0.1:2113", true, false, "localhost:2113", "http://evil.example", "", false},
    {"127.0.0.1:2113", true, false, "localhost:2113", "null", "", false},
    {"127.0.0.1:2113", true, false, "localhost:2113", "", "", false},
    {"127.0.0.1:2113", true, false, "localhost:2113", "localhost:2113", "", false},
    {"127.0.0.1:2113", true, false, "localhost:2113", "ftp://localhost:2113", "", false},
    {"10.0.0.7:2113", false, false, "db.example", "http://evil.example", "", false},
    {"unix", true, false, "localhost", "http://evil.example", "", false},
};

TEST(hosts_and_origins_are_let_in_or_not)
{
    const char *none = "";
    for (size_t i = 0; i < sizeof guard_cases / sizeof guard_cases[0]; i++) {
        struct fake_exchange fake;
        char fields[256];
        factum_error err;
        struct fct_peer peer = {.address = FCT_SLICE("127.0.0.1:4711"),
                                .local = factum_slice_from(guard_cases[i].local),
                                .is_unix = strcmp(guard_cases[i].local, "unix") == 0,
                                .is_local = guard_cases[i].is_local,
                                .is_secure = guard_cases[i].is_secure};
        (void)snprintf(fields, sizeof fields, "host: %s\n%s%s%s", guard_cases[i].host,
                       guard_cases[i].origin == NULL ? none : "origin: ",
                       guard_cases[i].origin == NULL ? none : guard_cases[i].origin,
                       guard_cases[i].origin == NULL ? none : "\n");
        fake_init(&fake, &peer, "GET /", fields);
        factum_status status =
            fct_http_guard(&fake.exchange, factum_slice_from(guard_cases[i].advertised), &err);
        if ((status == FACTUM_OK) != guard_cases[i].in) {
            print_error("case %zu: host %s\n", i, guard_cases[i].host);
            fail();
        }
        assert_true(status == FACTUM_OK || status == FACTUM_DENIED);
        if (status != FACTUM_OK) {
            assert_text(err, guard_cases[i].origin == NULL ? "is not this server's: use localhost"
                                                           : "are not answered");
        }
    }
}

TEST(a_request_without_a_host_is_no_browsers)
{
    struct fake_exchange fake;
    factum_error err;
    struct fct_peer peer = {.local = FCT_SLICE("127.0.0.1:2113"), .is_local = true};
    fake_init(&fake, &peer, "GET /", "");
    fake.exchange.authority = fct_slice(NULL, 0);
    assert_ok(fct_http_guard(&fake.exchange, fct_slice(NULL, 0), &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(hosts_and_origins_are_let_in_or_not),
        CASE(a_request_without_a_host_is_no_browsers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
