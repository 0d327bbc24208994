/* rights_test.c - the matrix of operations, principals and kinds of streams. It is written by hand,
 * so that a change of the table has to be written twice, once with its reason in mind. */
#include "support/test.h"

#include "core/slice.h"
#include "server/rights.h"

/* The columns of the matrix. */
enum kind {
    NO_STREAM,
    PLAIN,
    SYSTEM,
    META,
    META_SYSTEM,
    VIRTUAL,
    VIRTUAL_SYSTEM,
    ALL,
    CODE,
    META_CODE,
    SAGA,
    META_SAGA,
    KINDS
};

static const char *const streams[KINDS][8] = {
    [NO_STREAM] = {""},
    [PLAIN] = {"order-1", "x", "all", "a$b", " $x", "ce-x", "sagas:x", "command:saga:x"},
    [SYSTEM] = {"$x", "$", "$schemas", "$definition", "$ce", "$allx", "$definitio:x", "$model:x"},
    [META] = {"$$x", "$$order-1", "$$a$b"},
    [META_SYSTEM] = {"$$$x", "$$$", "$$", "$$$all", "$$$ce-x", "$$$$x", "$$$$"},
    [VIRTUAL] = {"$ce-x", "$et-x", "$bc-x", "$ce-x$"},
    [VIRTUAL_SYSTEM] = {"$ce-$x", "$et-$metadata", "$bc-$x", "$ce-", "$et-", "$bc-", "$et-$$"},
    [ALL] = {"$all"},
    [CODE] = {"$definition:decider-x", "$definition:", "$definition:saga-a-b"},
    [META_CODE] = {"$$$definition:decider-x", "$$$definition:"},
    [SAGA] = {"saga:order-1", "saga:"},
    [META_SAGA] = {"$$saga:order-1"},
};

/* One letter for each kind of stream, in the order above: the least that is enough.
 * -: nobody, r: reader, w: writer, a: admin, d: an admin who may deploy. */
struct row {
    enum fct_operation operation;
    const char *name;
    const char *least;
};

static const struct row rows[] = {
    /* no plain $x $$x $$$x $ce-x $ce-$x $all $definition:x $$$definition:x saga:x $$saga:x */
    {FCT_OP_READ_STREAM, "READ_STREAM", "rrararaaaarr"},
    {FCT_OP_READ_ALL, "READ_ALL", "rraraaaaaarr"},
    {FCT_OP_APPEND, "APPEND", "wwawaaaadddd"},
    {FCT_OP_DELETE, "DELETE", "wwawaaaadddd"},
    {FCT_OP_READ_METADATA, "READ_METADATA", "rraraaaaaarr"},
    {FCT_OP_WRITE_METADATA, "WRITE_METADATA", "wwawaaaadddd"},
    {FCT_OP_LIST, "LIST", "rrrrrrrrrrrr"},
    {FCT_OP_INFO, "INFO", "rrrrrrrrrrrr"},
    {FCT_OP_VERIFY, "VERIFY", "aaaaaaaaaaaa"},
    {FCT_OP_BACKUP, "BACKUP", "aaaaaaaaaaaa"},
    {FCT_OP_METRICS, "METRICS", "rrrrrrrrrrrr"},
    {FCT_OP_HEALTH, "HEALTH", "------------"},
    {FCT_OP_FEATURES, "FEATURES", "------------"},
    {FCT_OP_DEPLOY, "DEPLOY", "dddddddddddd"},
    {FCT_OP_READ_DECIDERS, "READ_DECIDERS", "rrrrrrrrrrrr"},
    {FCT_OP_READ_SCHEMAS, "READ_SCHEMAS", "rrrrrrrrrrrr"},
    {FCT_OP_REGISTER_SCHEMA, "REGISTER_SCHEMA", "aaaaaaaaaaaa"},
    {FCT_OP_QUERY_MODEL, "QUERY_MODEL", "rrrrrrrrrrrr"},
    {FCT_OP_READ_MODELS, "READ_MODELS", "rrrrrrrrrrrr"},
    {FCT_OP_READ_PROJECTIONS, "READ_PROJECTIONS", "rrrrrrrrrrrr"},
    {FCT_OP_ACT_ON_MODEL, "ACT_ON_MODEL", "aaaaaaaaaaaa"},
    {FCT_OP_READ_SAGAS, "READ_SAGAS", "rrrrrrrrrrrr"},
    {FCT_OP_ACT_ON_SAGA, "ACT_ON_SAGA", "aaaaaaaaaaaa"},
};

static const struct fct_principal principals[] = {
    {.right = FCT_RIGHT_NONE, .name = {(const uint8_t *)"anonymous", 9}},
    {.right = FCT_RIGHT_READ, .name = {(const uint8_t *)"reader", 6}},
    {.right = FCT_RIGHT_WRITE, .name = {(const uint8_t *)"writer", 6}},
    {.right = FCT_RIGHT_ADMIN, .name = {(const uint8_t *)"admin", 5}},
    {.right = FCT_RIGHT_DEPLOY, .name = {(const uint8_t *)"deployer", 8}},
};

static void check_cell(const struct row *row, const char *stream, size_t who, size_t least)
{
    factum_error err = {.status = FACTUM_OK};
    factum_status status =
        fct_rights_check(&principals[who], row->operation, factum_slice_from(stream), &err);
    factum_status expected = who >= least ? FACTUM_OK : FACTUM_DENIED;
    if (status != expected) {
        fail_msg("%s of \"%s\" by %s: %s", row->name, stream,
                 (const char *)principals[who].name.ptr, factum_status_name(status));
    }
    if (status == FACTUM_DENIED) {
        assert_text(err, row->name);
        assert_text(err, stream);
        assert_text(err, (const char *)principals[who].name.ptr);
    }
}

TEST(each_operation_by_each_principal_on_each_kind_of_stream_is_as_in_the_matrix)
{
    assert_int_equal(sizeof rows / sizeof rows[0], FCT_OP_COUNT);
    size_t cells = 0;
    for (size_t i = 0; i < FCT_OP_COUNT; i++) {
        assert_int_equal(rows[i].operation, i);
        assert_string_equal(fct_operation_name(rows[i].operation), rows[i].name);
        assert_int_equal(strlen(rows[i].least), KINDS);
        for (size_t kind = 0; kind < KINDS; kind++) {
            const char *letters = "-rwad";
            size_t least = (size_t)(strchr(letters, rows[i].least[kind]) - letters);
            for (size_t k = 0; k < 8 && streams[kind][k] != NULL; k++) {
                for (size_t who = 0; who < 5; who++) {
                    check_cell(&rows[i], streams[kind][k], who, least);
                    cells++;
                }
            }
        }
    }
    assert_int_equal(cells, 23 * 5 * (1 + 8 + 8 + 3 + 7 + 4 + 7 + 1 + 3 + 2 + 2 + 1));
}

TEST(a_refusal_names_user_operation_stream_and_needed_right)
{
    factum_error ignored;
    factum_error err = {.status = FACTUM_OK};
    assert_status(fct_rights_check(&principals[1], FCT_OP_APPEND, FCT_SLICE("order-1"), &err),
                  FACTUM_DENIED);
    assert_string_equal(err.text,
                        "reader has no right to APPEND order-1: it needs the right \"write\"");
    assert_status(fct_rights_check(&principals[0], FCT_OP_BACKUP, FCT_SLICE(""), &err),
                  FACTUM_DENIED);
    assert_string_equal(err.text, "anonymous has no right to BACKUP: it needs the right \"admin\"");
    assert_status(fct_rights_check(&principals[0], FCT_OP_INFO, (factum_slice){0}, &ignored),
                  FACTUM_DENIED);
    assert_status(fct_rights_check(&principals[3], FCT_OP_DEPLOY, FCT_SLICE("order"), &err),
                  FACTUM_DENIED);
    assert_string_equal(err.text,
                        "admin has no right to DEPLOY order: it needs the right \"deploy\": use "
                        "the UNIX socket, or start the server with --allow-deploy");
}

TEST(a_name_that_a_terminal_would_obey_or_that_is_long_is_shown_harmlessly)
{
    factum_error err = {.status = FACTUM_OK};
    assert_status(
        fct_rights_check(&principals[0], FCT_OP_READ_STREAM, FCT_SLICE("a\x1b[2J\r\nb"), &err),
        FACTUM_DENIED);
    assert_null(strpbrk(err.text, "\x1b\r\n"));
    char longer[4000];
    memset(longer, 's', sizeof longer);
    assert_status(fct_rights_check(&principals[0], FCT_OP_READ_STREAM,
                                   fct_slice(longer, sizeof longer), &err),
                  FACTUM_DENIED);
    assert_text(err, "it needs the right \"read\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_operation_by_each_principal_on_each_kind_of_stream_is_as_in_the_matrix),
        CASE(a_refusal_names_user_operation_stream_and_needed_right),
        CASE(a_name_that_a_terminal_would_obey_or_that_is_long_is_shown_harmlessly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
