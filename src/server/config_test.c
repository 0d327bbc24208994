/* config_test.c - the start matrix, the precedence, the file's lines, and KurrentDB's names. */
#include "support/test.h"

#include <limits.h>

#include "core/mem.h"
#include "core/slice.h"
#include "server/config.h"
#include "support/mem_fault.h"

#define TEXTS_MAX 8

/* A start, as a user writes it. */
struct start {
    const char *flags[TEXTS_MAX]; /* "listen=127.0.0.1:1", "insecure" */
    const char *environment[TEXTS_MAX];
    const char *file;
};

struct outcome {
    struct fct_config config;
    factum_status status;
    factum_error err;
    char warnings[2048];
};

static void on_warning(void *data, const char *text)
{
    struct outcome *outcome = data;
    size_t len = strlen(outcome->warnings);
    (void)snprintf(outcome->warnings + len, sizeof outcome->warnings - len, "%s\n", text);
}

static void begin_with(const struct fct_mem *mem, const struct start *start,
                       struct outcome *outcome)
{
    struct fct_config_flag flags[TEXTS_MAX];
    char names[TEXTS_MAX][64];
    struct fct_config_input input = {
        .flags = flags,
        .environment = start->environment,
        .file_name = start->file == NULL ? NULL : "factum.conf",
        .file = factum_slice_from(start->file),
        .data = outcome,
        .warn = on_warning,
    };
    for (; input.flag_count < TEXTS_MAX && start->flags[input.flag_count] != NULL;
         input.flag_count++) {
        const char *text = start->flags[input.flag_count];
        const char *equals = strchr(text, '=');
        char *name = names[input.flag_count];
        (void)snprintf(name, sizeof names[0], "%.*s", equals == NULL ? 63 : (int)(equals - text),
                       text);
        flags[input.flag_count] =
            (struct fct_config_flag){name, equals == NULL ? NULL : equals + 1};
    }
    memset(outcome, 0, sizeof *outcome);
    outcome->status = fct_config_read(mem, &input, &outcome->config, &outcome->err);
}

static void begin(const struct start *start, struct outcome *outcome)
{
    begin_with(fct_mem_heap(), start, outcome);
}

/* ---- what starts and what does not ----------------------------------------------------------- */

struct case_ {
    struct start start;
    const char *refusal; /* NULL: it starts */
};

static const struct case_ matrix[] = {
    {{.file = NULL}, NULL},
    {{.flags = {"insecure"}}, NULL},
    {{.flags = {"listen=[::1]:0"}}, NULL},
    {{.flags = {"listen=localhost:2113"}}, NULL},
    {{.flags = {"listen=127.8.9.1:2113"}}, NULL},
    {{.flags = {"listen=none", "unix=/run/factum.sock"}}, NULL},
    {{.flags = {"tls-cert=c.pem", "tls-key=k.pem"}}, NULL},
    {{.flags = {"listen=0.0.0.0:2113", "tls-cert=c.pem", "tls-key=k.pem"}}, NULL},
    {{.flags = {"listen=0.0.0.0:2113", "insecure", "insecure-any-address"}}, NULL},
    {{.flags = {"insecure", "insecure-any-address"}}, NULL},
    {{.flags = {"listen=0.0.0.0:2113"}},
     "listen = 0.0.0.0:2113 (--listen): is not loopback, and logins would pass in the clear: set "
     "tls-cert and tls-key, or listen on 127.0.0.1"},
    {{.flags = {"listen=[::]:2113"}}, "is not loopback, and logins would pass in the clear"},
    {{.flags = {"listen=db.example:2113"}}, "is not loopback, and logins would pass"},
    {{.flags = {"listen=127.0.0.1.example:2113"}}, "is not loopback, and logins would pass"},
    {{.flags = {"listen=[::ffff:127.0.0.1]:2113"}}, "is not loopback, and logins would pass"},
    {{.flags = {"listen=12.7.0.0:2113"}}, "is not loopback, and logins would pass"},
    {{.flags = {"listen=0.0.0.0:2113", "insecure"}},
     "is not loopback, and with insecure everybody who reaches it is the admin: set "
     "insecure-any-address too, if this is intended"},
    {{.flags = {"listen=0.0.0.0:2113"}, .environment = {"EVENTSTORE_INSECURE=true"}},
     "set insecure-any-address too, if this is intended"},
    {{.flags = {"insecure-any-address"}},
     "insecure-any-address = true (--insecure-any-address): has an effect only with insecure: "
     "set insecure too, or remove it"},
    {{.flags = {"insecure-any-address", "listen=0.0.0.0:2113"}},
     "has an effect only with insecure"},
    {{.flags = {"insecure"}, .environment = {"FACTUM_TLS_CERT=c", "FACTUM_TLS_KEY=k"}}, NULL},
    {{.flags = {"insecure", "listen=0.0.0.0:2113", "tls-cert=c", "tls-key=k"}},
     "set insecure-any-address too, if this is intended"},
    {{.flags = {"tls-cert=c.pem"}}, "tls-cert = c.pem (--tls-cert): needs its key: set tls-key"},
    {{.file = "tls-key = k.pem\n"},
     "tls-key = k.pem (factum.conf:1): needs its certificate: set tls-cert"},
    {{.flags = {"listen=none"}},
     "listen = none (--listen): no UNIX socket is set, so nobody could connect: set listen "
     "or unix"},
    {{.flags = {"listen=2113"}}, "must be ADDRESS:PORT, such as 127.0.0.1:2113 or [::1]:2113"},
    {{.flags = {"listen=:2113"}}, "must be ADDRESS:PORT"},
    {{.flags = {"listen=127.0.0.1:"}}, "must be ADDRESS:PORT"},
    {{.flags = {"listen=127.0.0.1:65536"}}, "must be ADDRESS:PORT"},
    {{.flags = {"listen=127.0.0.1:002113"}}, "must be ADDRESS:PORT"},
    {{.flags = {"listen=127.0.0.1:21x"}}, "must be ADDRESS:PORT"},
    {{.flags = {"listen=::1:2113"}}, "must be ADDRESS:PORT"},
    {{.flags = {"listen=[::1]2113"}}, "must be ADDRESS:PORT"},
    {{.flags = {"listen=[]:2113"}}, "must be ADDRESS:PORT"},
    {{.flags = {"listen="}}, "--listen: listen has no value: give it one, or leave it out"},
    {{.flags = {"store=none"}}, "--store: store cannot be none"},
    {{.flags = {"insecure=yes"}}, "--insecure: insecure takes true or false, not \"yes\""},
    {{.flags = {"connections-max=0"}},
     "--connections-max: connections-max takes a whole number from 1 to 1000000, not \"0\""},
    {{.flags = {"connections-per-address-max=none"}}, "takes a whole number from 1 to 1000000"},
    {{.flags = {"connections-max=none"}}, "takes a whole number from 1 to 1000000"},
    {{.flags = {"connections-max=1000001"}}, "takes a whole number from 1 to 1000000"},
    {{.flags = {"connections-max=4294967297"}}, "takes a whole number from 1 to 1000000"},
    {{.flags = {"advertise-port=65536"}}, "takes a whole number from 1 to 65535"},
    {{.flags = {"advertise-port=-1"}}, "takes a whole number from 1 to 65535"},
    {{.flags = {"lisen=127.0.0.1:1"}}, "--lisen: unknown key \"lisen\"; did you mean \"listen\"?"},
    {{.environment = {"FACTUM_TLS_CRT=c"}},
     "FACTUM_TLS_CRT: unknown key \"tls-crt\"; did you mean \"tls-cert\"?"},
    {{.environment = {"FACTUM_UNIX="}}, "FACTUM_UNIX: unix has no value"},
    {{.environment = {"FACTUM_UNIX= /run/x"}}, "begins or ends with a blank"},
    {{.environment = {"FACTUM_UNIX=/run/x\ny"}}, "has a control character"},
    {{.environment = {"FACTUM_UNIX=/run/x #y"}}, "has a # that would begin a comment"},
    {{.environment = {"FACTUM_UNIX=/run/\xff"}}, "is not UTF-8"},
    {{.environment = {"FACTUM_UNIX=/run/56789012345678901234567890123456789012345678901234567890"
                      "123456789012345678901234567890123456789012345678"}},
     "is longer than the 107 bytes that the path of a UNIX socket may have"},
};

TEST(each_start_of_the_matrix_is_safe_or_refused_with_the_remedy)
{
    for (size_t i = 0; i < sizeof matrix / sizeof matrix[0]; i++) {
        struct outcome outcome;
        begin(&matrix[i].start, &outcome);
        if (matrix[i].refusal == NULL) {
            assert_ok(outcome.status, outcome.err);
            const factum_server_options *options = &outcome.config.options;
            assert_true(options->listen[0] != '\0' || options->unix_path != NULL);
            assert_int_equal(options->tls_cert_file != NULL, options->tls_key_file != NULL);
        } else {
            if (outcome.status != FACTUM_INVALID ||
                strstr(outcome.err.text, matrix[i].refusal) == NULL) {
                fail_msg("start %zu: \"%s\" instead of \"%s\"", i, outcome.err.text,
                         matrix[i].refusal);
            }
            assert_null(outcome.config.mem);
        }
        fct_config_finish(&outcome.config);
        fct_config_finish(&outcome.config);
    }
}

TEST(without_anything_it_is_loopback_with_a_secret_in_the_store)
{
    struct outcome outcome;
    begin(&(struct start){.file = NULL}, &outcome);
    assert_ok(outcome.status, outcome.err);
    const factum_server_options *options = &outcome.config.options;
    assert_int_equal(options->size, sizeof *options);
    assert_string_equal(options->listen, "127.0.0.1:2113");
    assert_null(options->unix_path);
    assert_null(options->tls_cert_file);
    assert_null(options->advertised_host);
    assert_int_equal(options->advertised_port, 0);
    assert_int_equal(options->connections_max, 10000);
    assert_int_equal(options->connections_per_address_max, 1000);
    assert_false(options->insecure);
    assert_false(options->insecure_any_address);
    assert_string_equal(options->secret_dir, "factum-data");
    assert_string_equal(outcome.config.store, "factum-data");
    assert_string_equal(outcome.warnings, "");
    fct_config_finish(&outcome.config);
}

/* ---- precedence ------------------------------------------------------------------------------ */

TEST(a_flag_is_before_the_environment_that_before_the_file_and_that_before_the_default)
{
    static const char *const expected[] = {"five", "four", "three", "two", "one"};
    (void)state;
    struct start start = {
        .flags = {"advertise-host=five"},
        .environment = {"FACTUM_ADVERTISE_HOST=four", "EVENTSTORE_ADVERTISE_HOST_TO_CLIENT_AS=two",
                        "KURRENTDB_ADVERTISE_HOST_TO_CLIENT_AS=three"},
        .file = "advertise-host = one\n",
    };
    for (size_t i = 0; i < 5; i++) {
        struct outcome outcome;
        begin(&start, &outcome);
        assert_ok(outcome.status, outcome.err);
        assert_string_equal(outcome.config.options.advertised_host, expected[i]);
        fct_config_finish(&outcome.config);
        start.flags[0] = NULL; /* the strongest remaining source is removed */
        if (i == 1) {
            start.environment[0] = "X=1";
        } else if (i == 2) {
            start.environment[2] = NULL;
        } else if (i == 3) {
            start.environment[1] = NULL;
        }
    }
}

TEST(encryption_without_logins_is_done_with_a_warning)
{
    struct outcome outcome;
    begin(&(struct start){.flags = {"insecure", "tls-cert=c", "tls-key=k"}}, &outcome);
    assert_ok(outcome.status, outcome.err);
    assert_string_equal(outcome.warnings, "insecure with tls-cert: connections are encrypted, and "
                                          "everybody who connects is the admin\n");
    fct_config_finish(&outcome.config);
}

TEST(a_stronger_source_can_unset_a_value)
{
    struct outcome outcome;
    begin(&(struct start){.flags = {"unix=none", "insecure=false", "advertise-port=none"},
                          .file = "unix = /run/x\ninsecure = true\nadvertise-port = 5\n"},
          &outcome);
    assert_ok(outcome.status, outcome.err);
    assert_null(outcome.config.options.unix_path);
    assert_false(outcome.config.options.insecure);
    assert_int_equal(outcome.config.options.advertised_port, 0);
    fct_config_finish(&outcome.config);
}

TEST(a_mistake_is_found_also_where_it_is_overridden)
{
    struct outcome outcome;
    begin(&(struct start){.flags = {"insecure"}, .file = "insecure = maybe\n"}, &outcome);
    assert_status(outcome.status, FACTUM_INVALID);
    assert_string_equal(outcome.err.text,
                        "factum.conf:1: insecure takes true or false, not \"maybe\"");
}

/* ---- the file -------------------------------------------------------------------------------- */

TEST(a_file_may_have_comments_blank_lines_and_line_ends_of_both_kinds)
{
    struct outcome outcome;
    begin(&(struct start){.file = "\xef\xbb\xbf# the server\r\n"
                                  "\r\n"
                                  "  listen=127.0.0.1:1\t\n"
                                  "\tunix  =  /run/a b#c  # a path\n"
                                  "store = s=t #\n"
                                  "   # indented\n"
                                  "insecure = TRUE\r\n"
                                  "secret-dir = elsewhere"},
          &outcome);
    assert_ok(outcome.status, outcome.err);
    assert_string_equal(outcome.config.options.listen, "127.0.0.1:1");
    assert_string_equal(outcome.config.options.unix_path, "/run/a b#c");
    assert_string_equal(outcome.config.store, "s=t");
    assert_string_equal(outcome.config.options.secret_dir, "elsewhere");
    assert_true(outcome.config.options.insecure);
    fct_config_finish(&outcome.config);
}

TEST(a_mistake_in_the_file_is_named_with_its_line)
{
    static const char *const mistakes[][2] = {
        {"\n\nlisten\n", "factum.conf:3: a line is \"key = value\", not \"listen\""},
        {"#\nlisten =\n", "factum.conf:2: listen has no value: give it one, or leave it out"},
        {"listen = # 127.0.0.1:1\n", "factum.conf:1: listen has no value"},
        {"= x\n", "factum.conf:1: unknown key \"\"; factum serve --help lists the keys"},
        {"Listen = 127.0.0.1:1\n",
         "factum.conf:1: unknown key \"Listen\"; did you mean \"listen\"?"},
        {"conections_max = 7\n",
         "unknown key \"conections_max\"; did you mean \"connections-max\"?"},
        {"zzz = 7\n", "unknown key \"zzz\"; factum serve --help lists the keys"},
        {"config = x\n", "unknown key \"config\""},
        {"unix = a\nstore = b\nunix = a\n",
         "factum.conf:3: unix is set a second time in this file"},
        {"[server]\n", "factum.conf:1: a line is \"key = value\", not \"[server]\""},
        {"listen: 127.0.0.1:1\n", "a line is \"key = value\""},
        {"unix = a\x01"
         "b\n",
         "factum.conf:1: the value of unix has a control character"},
        {"unix = a\tb\n", "has a control character"},
        {"unix = a\rb\n", "has a control character"},
        {"advertise-host = a\xc3(\n", "is not UTF-8"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        struct outcome outcome;
        begin(&(struct start){.file = mistakes[i][0]}, &outcome);
        assert_status(outcome.status, FACTUM_INVALID);
        assert_text(outcome.err, mistakes[i][1]);
    }
}

TEST(a_huge_file_a_long_line_and_a_zero_byte_are_refused)
{
    static char huge[FCT_CONFIG_FILE_MAX + 1];
    (void)state;
    struct fct_config config;
    factum_error err;
    struct fct_config_input input = {.file_name = "f",
                                     .file = {(const uint8_t *)huge, sizeof huge}};
    memset(huge, '\n', sizeof huge);
    assert_status(fct_config_read(fct_mem_heap(), &input, &config, &err), FACTUM_INVALID);
    assert_text(err, "f has 65537 bytes: at most 65536");
    input.file.len--;
    assert_ok(fct_config_read(fct_mem_heap(), &input, &config, &err), err);
    fct_config_finish(&config);
    memset(huge, 'x', sizeof huge);
    memcpy(huge, "unix=", 5);
    assert_status(fct_config_read(fct_mem_heap(), &input, &config, &err), FACTUM_INVALID);
    assert_text(err, "f:1: the value of unix has 65531 bytes: at most 4000");
    input.file = FCT_SLICE("unix = a\0b\n");
    assert_status(fct_config_read(fct_mem_heap(), &input, &config, &err), FACTUM_INVALID);
    assert_text(err, "has a control character");
    memset(huge, 'x', sizeof huge); /* a key of any length */
    memcpy(huge + sizeof huge - 8, "=1", 2);
    input.file = fct_slice(huge, sizeof huge - 1);
    assert_status(fct_config_read(fct_mem_heap(), &input, &config, &err), FACTUM_INVALID);
    assert_text(err, "unknown key");
}

/* ---- the environment ------------------------------------------------------------------------- */

TEST(names_of_kurrentdb_that_mean_the_same_are_obeyed)
{
    struct outcome outcome;
    begin(&(struct start){.environment = {"EVENTSTORE_INSECURE=True",
                                          "KURRENTDB_ADVERTISE_HOST_TO_CLIENT_AS=db.example",
                                          "EVENTSTORE_ADVERTISE_NODE_PORT_TO_CLIENT_AS=3113"}},
          &outcome);
    assert_ok(outcome.status, outcome.err);
    assert_true(outcome.config.options.insecure);
    assert_string_equal(outcome.config.options.advertised_host, "db.example");
    assert_int_equal(outcome.config.options.advertised_port, 3113);
    assert_string_equal(outcome.warnings, "");
    fct_config_finish(&outcome.config);
}

TEST(names_of_kurrentdb_for_what_is_always_on_are_accepted_with_a_warning)
{
    struct outcome outcome;
    begin(&(struct start){.environment = {"EVENTSTORE_RUN_PROJECTIONS=All",
                                          "EVENTSTORE_START_STANDARD_PROJECTIONS=true",
                                          "EVENTSTORE_CLUSTER_SIZE=1",
                                          "KURRENTDB_ENABLE_ATOM_PUB_OVER_HTTP=true",
                                          "KURRENTDB_MEM_DB=FALSE"}},
          &outcome);
    assert_ok(outcome.status, outcome.err);
    assert_non_null(strstr(outcome.warnings, "EVENTSTORE_RUN_PROJECTIONS=All is not needed: the "
                                             "streams of the standard projections"));
    assert_non_null(strstr(outcome.warnings, "EVENTSTORE_START_STANDARD_PROJECTIONS=true is"));
    assert_non_null(strstr(outcome.warnings, "EVENTSTORE_CLUSTER_SIZE=1 is not needed: a server "
                                             "is one node\n"));
    assert_non_null(strstr(outcome.warnings, "KURRENTDB_ENABLE_ATOM_PUB_OVER_HTTP=true is"));
    assert_non_null(strstr(outcome.warnings, "KURRENTDB_MEM_DB=FALSE is not needed"));
    fct_config_finish(&outcome.config);
}

TEST(unsupported_names_of_kurrentdb_are_refused_with_the_alternative)
{
    static const char *const refused[][2] = {
        {"EVENTSTORE_CLUSTER_SIZE=3",
         "EVENTSTORE_CLUSTER_SIZE=3 cannot be obeyed: a server is one node"},
        {"EVENTSTORE_MEM_DB=true", "everything is kept on disk: for tests, set FACTUM_STORE to"},
        {"KURRENTDB_DB=/var/lib/kurrentdb",
         "the files of KurrentDB are not read: set FACTUM_STORE"},
        {"EVENTSTORE_HTTP_PORT=2113", "set FACTUM_LISTEN=ADDRESS:PORT instead"},
        {"KURRENTDB_NODE_IP=0.0.0.0", "set FACTUM_LISTEN=ADDRESS:PORT instead"},
        {"KURRENTDB_DEV=true", "set FACTUM_INSECURE=true instead"},
        {"EVENTSTORE_MAX_APPEND_SIZE=1", "the limits of an append are fixed: remove it"},
        {"EVENTSTORE_MAX_APPEND_EVENT_SIZE=1", "the limits of an append are fixed: remove it"},
        {"KURRENTDB_ALLOW_ANONYMOUS_STREAM_ACCESS=true", "without a login nothing is served"},
        {"EVENTSTORE_ENABLE_EXTERNAL_TCP=true", "clients use gRPC"},
        {"KURRENTDB_DEFAULT_ADMIN_PASSWORD=changeit", "is made at the first start and shown once"},
        {"EVENTSTORE_INSECURE=1", "EVENTSTORE_INSECURE: insecure takes true or false, not \"1\""},
        {"EVENTSTORE_SKIP_DB_VERIFY=true", "EVENTSTORE_SKIP_DB_VERIFY: unknown setting: remove it"},
        {"KURRENTDB_=x", "KURRENTDB_: unknown setting"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct outcome outcome;
        begin(&(struct start){.environment = {refused[i][0]}}, &outcome);
        assert_status(outcome.status, FACTUM_INVALID);
        assert_text(outcome.err, refused[i][1]);
    }
}

TEST(a_password_that_is_refused_is_not_shown)
{
    struct outcome outcome;
    begin(&(struct start){.environment = {"KURRENTDB_DEFAULT_ADMIN_PASSWORD=canary"}}, &outcome);
    assert_status(outcome.status, FACTUM_INVALID);
    assert_null(strstr(outcome.err.text, "canary"));
    begin(&(struct start){.environment = {"EVENTSTORE_CERTIFICATE_PRIVATE_KEY_PASSWORD=canary"}},
          &outcome);
    assert_status(outcome.status, FACTUM_INVALID);
    assert_null(strstr(outcome.err.text, "canary"));
}

TEST(other_variables_are_ignored_and_an_unknown_one_of_ours_is_reported)
{
    struct outcome outcome;
    begin(&(struct start){.environment = {"PATH=/bin", "FACTUM_CONFIG=x", "NOEQUALS",
                                          "FACTUM_SERVICE_HOST=10.0.0.1",
                                          "FACTUM_PORT=tcp://10.0.0.1:2113",
                                          "KURRENTDB_PORT_2113_TCP_ADDR=10.0.0.1",
                                          "FACTUM_BIN_PATH=build"}},
          &outcome);
    assert_ok(outcome.status, outcome.err);
    assert_string_equal(outcome.warnings,
                        "FACTUM_BIN_PATH is set, and no setting of this server\n");
    fct_config_finish(&outcome.config);
}

/* ---- printing -------------------------------------------------------------------------------- */

static void on_line(void *data, const char *text)
{
    char *all = data;
    size_t len = strlen(all);
    (void)snprintf(all + len, 8000 - len, "%s\n", text);
}

TEST(the_printed_configuration_names_its_sources_and_reads_back_the_same)
{
    static char printed[8000];
    static char again[8000];
    struct outcome outcome;
    begin(&(struct start){.flags = {"listen=0.0.0.0:2113", "tls-key=k", "tls-cert=a b#c"},
                          .environment = {"FACTUM_CONNECTIONS_MAX=77"},
                          .file = "\nunix = /run/x\n"},
          &outcome);
    assert_ok(outcome.status, outcome.err);
    printed[0] = '\0';
    fct_config_print(&outcome.config, on_line, printed);
    assert_string_equal(printed, "store = factum-data  # default\n"
                                 "listen = 0.0.0.0:2113  # --listen\n"
                                 "unix = /run/x  # factum.conf:2\n"
                                 "tls-cert = a b#c  # --tls-cert\n"
                                 "tls-key = k  # --tls-key\n"
                                 "secret-dir = none  # default\n"
                                 "insecure = false  # default\n"
                                 "insecure-any-address = false  # default\n"
                                 "allow-deploy = false  # default\n"
                                 "no-run = false  # default\n"
                                 "advertise-host = none  # default\n"
                                 "advertise-port = none  # default\n"
                                 "connections-max = 77  # FACTUM_CONNECTIONS_MAX\n"
                                 "connections-per-address-max = 1000  # default\n"
                                 "endpoints-allow = none  # default\n"
                                 "endpoints-allow-private = false  # default\n"
                                 "endpoints-secrets = none  # default\n"
                                 "endpoints-ca = none  # default\n");
    fct_config_finish(&outcome.config);
    begin(&(struct start){.file = printed}, &outcome);
    assert_ok(outcome.status, outcome.err);
    again[0] = '\0';
    fct_config_print(&outcome.config, on_line, again);
    assert_non_null(strstr(again, "tls-cert = a b#c  # factum.conf:4\n"));
    assert_non_null(strstr(again, "connections-max = 77  # factum.conf:13\n"));
    fct_config_finish(&outcome.config);
}

TEST(without_memory_for_any_one_value_nothing_is_left)
{
    struct fct_mem_fault fault;
    fct_mem_fault_init(&fault);
    const struct start start = {.flags = {"unix=/run/x"}, .file = "store = s\n"};
    for (unsigned long k = 0;; k++) {
        struct outcome outcome;
        atomic_store(&fault.calls, 0);
        atomic_store(&fault.fail_at, k);
        begin_with(&fault.mem, &start, &outcome);
        if (outcome.status == FACTUM_OK) {
            assert_int_equal(k, FCT_CONFIG_COUNT + 2);
            fct_config_finish(&outcome.config);
            break;
        }
        assert_status(outcome.status, FACTUM_NO_MEMORY);
        assert_int_equal(atomic_load(&fault.held), 0);
    }
    assert_int_equal(atomic_load(&fault.held), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_start_of_the_matrix_is_safe_or_refused_with_the_remedy),
        CASE(without_anything_it_is_loopback_with_a_secret_in_the_store),
        CASE(a_flag_is_before_the_environment_that_before_the_file_and_that_before_the_default),
        CASE(encryption_without_logins_is_done_with_a_warning),
        CASE(a_stronger_source_can_unset_a_value),
        CASE(a_mistake_is_found_also_where_it_is_overridden),
        CASE(a_file_may_have_comments_blank_lines_and_line_ends_of_both_kinds),
        CASE(a_mistake_in_the_file_is_named_with_its_line),
        CASE(a_huge_file_a_long_line_and_a_zero_byte_are_refused),
        CASE(names_of_kurrentdb_that_mean_the_same_are_obeyed),
        CASE(names_of_kurrentdb_for_what_is_always_on_are_accepted_with_a_warning),
        CASE(unsupported_names_of_kurrentdb_are_refused_with_the_alternative),
        CASE(a_password_that_is_refused_is_not_shown),
        CASE(other_variables_are_ignored_and_an_unknown_one_of_ours_is_reported),
        CASE(the_printed_configuration_names_its_sources_and_reads_back_the_same),
        CASE(without_memory_for_any_one_value_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
