/* commands_test.c - commands, states and deciders over HTTP, with scripts in Lua. */
#include "support/http_fixture.h"

#define DEPLOY "/api/v1/deciders/account"
#define COMMAND "/api/v1/commands/account/1/"
#define STATE "/api/v1/streams/account-1/state"

static const char account[] =
    "initial = { balance = 0 }\n"
    "function evolve(state, event)\n"
    "    state.balance = state.balance + event.data.n\n"
    "    return state\n"
    "end\n"
    "function decide(state, command)\n"
    "    if command.name == 'Add' then return { type = 'Added', data = { n = command.data.n + 0 } "
    "} end\n"
    "    if command.name == 'Twice' then\n"
    "        return { { type = 'Added', data = { n = 1 } }, { type = 'Added', data = { n = 2 } } "
    "}\n"
    "    end\n"
    "    if command.name == 'Spin' then while true do end end\n"
    "    if command.name == 'Grow' then return string.rep('x', 1 << 30) end\n"
    "    if command.name == 'Rest' then return {} end\n"
    "    return { reject = 'account.\\\"no\\\"', text = 'there is ' .. state.balance }\n"
    "end\n";

static struct fake_exchange *deploy(struct http_fixture *f, const char *fields, const char *text)
{
    char all[256];
    (void)snprintf(all, sizeof all, "content-type: text/x-lua\n%s", fields);
    f->principal.right = FCT_RIGHT_DEPLOY;
    factum_lua_enable();
    struct fake_exchange *fake = ask(f, "POST " DEPLOY, all, text);
    f->principal.right = FCT_RIGHT_ADMIN;
    return fake;
}

static struct fake_exchange *command(struct http_fixture *f, const char *name, const char *key,
                                     const char *body)
{
    char line[256];
    char fields[256];
    (void)snprintf(line, sizeof line, "POST " COMMAND "%s", name);
    (void)snprintf(fields, sizeof fields, "content-type: application/json\n%s%s%s",
                   key == NULL ? "" : "idempotency-key: ", key == NULL ? "" : key,
                   key == NULL ? "" : "\n");
    return ask(f, line, fields, body);
}

TEST(a_decider_is_deployed_listed_and_shown)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake = deploy(f, "", account);
    assert_answer(fake, 201);
    assert_holds(fake->head, "etag: \"0\"\n");
    assert_holds(fake->body, "{\"category\":\"account\",\"revision\":0,");
    assert_holds(fake->body, "\"already\":false,\"token\":\"");
    fake = deploy(f, "", account);
    assert_answer(fake, 200);
    assert_holds(fake->body, "\"revision\":0,");
    assert_holds(fake->body, "\"already\":true");
    f->principal.right = FCT_RIGHT_DEPLOY;
    fake = ask(f, "POST " DEPLOY "?why=x%20y", "content-type: text/plain\n",
               "initial = {}\n"
               "function evolve(s, e) return s end function decide(s, c) return {} end");
    assert_answer(fake, 201);
    fake = post(f, DEPLOY,
                "{\"why\":\"\\u00e4\",\"text\":\"initial = 1\\n"
                "function evolve(s, e) return s end function decide(s, c) return {} "
                "end\"}");
    assert_answer(fake, 201);
    f->principal.right = FCT_RIGHT_READ;
    fake = get(f, DEPLOY);
    assert_answer(fake, 200);
    assert_holds(fake->head, "etag: \"2\"\n");
    assert_holds(fake->body, "\"by\":\"admin\",\"why\":\"\xc3\xa4\",");
    assert_holds(fake->body, ",\"text\":\"initial = 1\\u000afunction ");
    fake = get(f, DEPLOY "?revision=1");
    assert_holds(fake->body, "\"why\":\"x y\"");
    assert_answer(get(f, DEPLOY "?revision=7"), 404);
    assert_answer(get(f, DEPLOY "?revision=x"), 400);
    assert_answer(get(f, "/api/v1/deciders/other"), 404);
    fake = get(f, "/api/v1/deciders");
    assert_answer(fake, 200);
    assert_holds(fake->body, "{\"deciders\":[{\"category\":\"account\",\"revision\":2,");
    assert_lacks(fake->body, "initial");
}

TEST(only_users_who_may_deploy_can_deploy_deciders)
{
    struct http_fixture *f = *state;
    static const char *const streams[] = {"$definition:decider-account", "$definition:saga-x"};
    for (int right = FCT_RIGHT_NONE; right <= FCT_RIGHT_ADMIN; right++) {
        unsigned refused = right == FCT_RIGHT_NONE ? 401 : 403;
        f->principal.right = (enum fct_right)right;
        struct fake_exchange *fake = ask(f, "POST " DEPLOY, "content-type: text/x-lua\n", account);
        assert_answer(fake, refused);
        assert_holds(fake->body, "start the server with --allow-deploy");
        for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
            char line[256];
            char body[256];
            (void)snprintf(line, sizeof line, "/api/v1/streams/%s?system", streams[i]);
            assert_answer(post(f, line, "{\"type\":\"T\"}"), refused);
            (void)snprintf(body, sizeof body, "{\"events\":[{\"stream\":\"%s\",\"type\":\"T\"}]}",
                           streams[i]);
            assert_answer(post(f, "/api/v1/events?system", body), refused);
            (void)snprintf(body, sizeof body, "{\"events\":[{\"stream\":\"$$%s\",\"type\":\"T\"}]}",
                           streams[i]);
            assert_answer(post(f, "/api/v1/events?system", body), refused);
            (void)snprintf(line, sizeof line, "/api/v1/streams/$$%s", streams[i]);
            assert_answer(post(f, line, "{\"type\":\"T\"}"), refused);
            (void)snprintf(line, sizeof line, "PUT /api/v1/streams/%s/metadata", streams[i]);
            assert_answer(ask(f, line, "content-type: application/json\n", "{}"), refused);
            (void)snprintf(line, sizeof line, "DELETE /api/v1/streams/%s", streams[i]);
            assert_answer(ask(f, line, "", NULL), refused);
        }
    }
    f->principal.right = FCT_RIGHT_ADMIN;
    assert_string_equal(get(f, "/api/v1/deciders")->body, "{\"deciders\":[]}");
}

TEST(what_cannot_be_deployed_is_refused)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake = deploy(f, "", "\ninitial = = 1");
    assert_answer(fake, 422);
    assert_holds(fake->body, "\"detail\":\"account.lua:2: ");
    assert_answer(deploy(f, "", "while true do end"), 422);
    assert_answer(deploy(f, "", ""), 400);
    assert_answer(deploy(f, "if-match: \"0\"\n", account), 412);
    assert_answer(deploy(f, "if-none-match: *\n", account), 201);
    assert_answer(deploy(f, "if-match: \"7\"\n",
                         "initial = {}\n"
                         "function evolve(s, e) return s end function decide(s, c) return {} end"),
                  412);
    f->principal.right = FCT_RIGHT_DEPLOY;
    assert_answer(ask(f, "POST " DEPLOY, "content-type: image/png\n", account), 415);
    assert_answer(ask(f, "POST /api/v1/deciders/a-b", "content-type: text/plain\n", account), 400);
    assert_answer(ask(f, "POST /api/v1/deciders/$x", "content-type: text/plain\n", account), 400);
    static const char *const bodies[] = {"{",
                                         "[]",
                                         "{}",
                                         "{\"text\":1}",
                                         "{\"text\":\"\"}",
                                         "{\"text\":\"\\ud800\"}",
                                         "{\"text\":\"x\",\"why\":1}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_answer(post(f, DEPLOY, bodies[i]), 400);
    }
}

TEST(a_command_is_decided_and_answered_with_its_events)
{
    struct http_fixture *f = *state;
    assert_answer(deploy(f, "", account), 201);
    struct fake_exchange *fake = command(f, "Twice", NULL, "");
    assert_answer(fake, 200);
    assert_holds(fake->head, "etag: \"1\"\n");
    assert_holds(fake->body, "{\"verdict\":\"accepted\",\"already\":false,\"count\":2,"
                             "\"stream\":\"account-1\",\"revision\":1,\"position\":");
    assert_holds(fake->body, ",\"events\":[{\"stream\":\"account-1\",\"type\":\"Added\",");
    assert_holds(fake->body, "\"data\":{\"n\":1},\"revision\":0,");
    assert_holds(fake->body, "\"data\":{\"n\":2},\"revision\":1,");
    fake = command(f, "Rest", NULL, "{}");
    assert_answer(fake, 200);
    assert_holds(fake->body, "{\"verdict\":\"nothing\",\"already\":false,\"count\":0,");
    assert_holds(fake->body, ",\"events\":[]}");
    fake = command(f, "Nothing%20known", NULL, "{}");
    assert_answer(fake, 422);
    assert_holds(fake->head, "content-type: application/problem+json\n");
    assert_holds(fake->body, "{\"type\":\"urn:factum:problem:REJECTED\",");
    assert_holds(fake->body, "\"status\":422,\"detail\":\"there is 3\","
                             "\"code\":\"account.\\\"no\\\"\",\"verdict\":\"rejected\",");
    assert_holds(get(f, "/metrics")->body, "factum_commands_total{outcome=\"rejected\"} 1\n");
}

TEST(a_command_with_a_key_counts_once)
{
    struct http_fixture *f = *state;
    assert_answer(deploy(f, "", account), 201);
    struct fake_exchange *fake = command(f, "Add", "k", "{\"n\":5}");
    assert_answer(fake, 200);
    assert_holds(fake->body, "\"already\":false");
    assert_holds(fake->body, "\"key\":\"k\"");
    char first[4096];
    (void)snprintf(first, sizeof first, "%s", strstr(fake->body, "\"count\""));
    fake = command(f, "Add", "k", "{\"n\":5}");
    assert_answer(fake, 200);
    assert_holds(fake->body, "\"already\":true");
    assert_string_equal(strstr(fake->body, "\"count\""), first);
    fake = command(f, "Add", "k", "{\"n\":6}");
    assert_answer(fake, 409);
    assert_holds(fake->body, "\"code\":\"KEY_CONFLICT\"");
    assert_holds(get(f, "/api/v1/streams/account-1/info")->body, "\"lastRevision\":0,");
}

TEST(a_command_carries_its_flow_and_its_trace)
{
    struct http_fixture *f = *state;
    assert_answer(deploy(f, "", account), 201);
    struct fake_exchange *fake =
        ask(f, "POST " COMMAND "Add",
            "content-type: application/json\nx-correlation-id: flow\nx-causation-id: cause\n"
            "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n",
            "{\"n\":1}");
    assert_answer(fake, 200);
    assert_holds(fake->body, "\"$correlationId\":\"flow\",\"$causationId\":\"cause\","
                             "\"traceparent\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-");
}

TEST(an_invalid_command_is_refused)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake = command(f, "Add", NULL, "{}");
    assert_answer(fake, 404);
    assert_holds(fake->body, "no decider is deployed for the category account: deploy one");
    assert_answer(deploy(f, "", account), 201);
    assert_answer(command(f, "Add", NULL, "{"), 400);
    assert_answer(ask(f, "POST " COMMAND "Add", "content-type: text/plain\n", "x"), 415);
    assert_answer(post(f, "/api/v1/commands/a-b/1/Add", "{}"), 400);
    assert_answer(post(f, "/api/v1/commands/$a/1/Add", "{}"), 400);
    assert_answer(post(f, "/api/v1/commands/account/1", "{}"), 404);
    assert_answer(post(f, "/api/v1/commands/account//Add", "{}"), 404);
    assert_answer(post(f, "/api/v1/commands/account/%ff/Add", "{}"), 400);
    assert_answer(command(f, "Add?x=1", NULL, "{}"), 400);
    f->principal.right = FCT_RIGHT_READ;
    assert_answer(command(f, "Add", NULL, "{\"n\":1}"), 403);
    f->principal.right = FCT_RIGHT_ADMIN;
    fake = command(f, "Add", NULL, "{\"n\":[]}");
    assert_answer(fake, 422);
    assert_holds(fake->body, "\"code\":\"INVALID\"");
    assert_answer(get(f, "/api/v1/streams/account-1"), 404);
}

TEST(a_script_that_goes_too_far_is_stopped)
{
    struct http_fixture *f = *state;
    assert_answer(deploy(f, "", account), 201);
    struct fake_exchange *fake = command(f, "Spin", NULL, "{}");
    assert_answer(fake, 422);
    assert_holds(fake->body, "account.lua:11: stopped after 1,000,000 instructions");
    assert_holds(fake->body, "\"code\":\"TOO_BIG\"");
    fake = command(f, "Grow", NULL, "{}");
    assert_answer(fake, 422);
    assert_holds(fake->body, "account.lua:12: ");
    assert_answer(command(f, "Add", NULL, "{\"n\":1}"), 200);
}

TEST(a_new_version_decides_the_next_command)
{
    struct http_fixture *f = *state;
    char text[2048];
    for (int i = 1; i <= 3; i++) {
        char expected[64];
        (void)snprintf(text, sizeof text,
                       "initial = {} function evolve(s, e) return s end\n"
                       "function decide(s, c) return { type = 'Made', data = { by = %d } } end",
                       i);
        assert_answer(deploy(f, "", text), 201);
        (void)snprintf(expected, sizeof expected, "\"data\":{\"by\":%d}", i);
        assert_holds(command(f, "Go", NULL, "")->body, expected);
        assert_holds(command(f, "Go", NULL, "")->body, expected);
    }
    f->principal.right = FCT_RIGHT_DEPLOY;
    assert_answer(ask(f, "DELETE /api/v1/streams/$definition:decider-account", "", NULL), 200);
    f->principal.right = FCT_RIGHT_ADMIN;
    assert_answer(command(f, "Go", NULL, ""), 404);
}

/* More categories than are kept open, each twice. */
TEST(many_categories_are_decided_in_turn)
{
    struct http_fixture *f = *state;
    char line[128];
    factum_lua_enable();
    f->principal.right = FCT_RIGHT_DEPLOY;
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < 70; i++) {
            (void)snprintf(line, sizeof line, "POST /api/v1/deciders/c%d", i);
            assert_answer(ask(f, line, "content-type: text/x-lua\n", account),
                          turn == 0 ? 201 : 200);
            (void)snprintf(line, sizeof line, "/api/v1/commands/c%d/1/Add", i);
            assert_answer(post(f, line, "{\"n\":1}"), 200);
        }
    }
}

TEST(a_state_is_shown_now_and_as_it_was)
{
    struct http_fixture *f = *state;
    assert_answer(get(f, STATE), 404);
    assert_answer(deploy(f, "", account), 201);
    assert_answer(get(f, STATE), 404);
    assert_answer(command(f, "Twice", NULL, ""), 200);
    struct fake_exchange *fake = get(f, STATE);
    assert_answer(fake, 200);
    assert_holds(fake->head, "etag: \"1\"\n");
    assert_holds(fake->body, "{\"stream\":\"account-1\",\"revision\":1,\"position\":");
    assert_holds(fake->body, ",\"events\":2,\"decider\":0,\"state\":{\"balance\":3}}");
    fake = get(f, STATE "?revision=0&blame");
    assert_answer(fake, 200);
    assert_holds(fake->body, "\"state\":{\"balance\":1},\"blame\":[{\"path\":\".balance\","
                             "\"value\":1,\"revision\":0,\"type\":\"Added\",\"time\":\"");
    assert_holds(get(f, STATE "?at=0")->body, "\"state\":{\"balance\":1}}");
    fake = get(f, STATE "?at=2001-01-01&blame=true");
    assert_holds(fake->body, "{\"stream\":\"account-1\",\"events\":0,\"decider\":0,"
                             "\"state\":{\"balance\":0},"
                             "\"blame\":[{\"path\":\".balance\",\"value\":0,\"initial\":true}]}");
    assert_answer(get(f, STATE "?at=0&revision=0"), 400);
    assert_answer(get(f, STATE "?revision=x"), 400);
    assert_answer(get(f, "/api/v1/streams/account/state"), 400);
    assert_answer(get(f, "/api/v1/streams/$account-1/state"), 400);
    assert_answer(get(f, "/api/v1/streams/other-1/state"), 404);
    assert_answer(post(f, "/api/v1/streams/account-2", "{\"type\":\"Odd\",\"data\":{}}"), 201);
    fake = get(f, "/api/v1/streams/account-2/state");
    assert_answer(fake, 422);
    assert_holds(fake->body, "account.lua:3: ");
}

/* A script cannot write where only the system, or a user who may deploy, may write. */
TEST(a_script_writes_no_system_stream)
{
    struct http_fixture *f = *state;
    static const char *const streams[][2] = {
        {"$definition:decider-account", "$DeciderDeployed"},
        {"$x", "Made"},
        {"$$$definition:decider-account", "$metadata"},
        {"$$$x", "$metadata"},
        {"$$account-1", "$metadata"},
    };
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        char text[1024];
        (void)snprintf(text, sizeof text,
                       "initial = {} function evolve(s, e) return s end\n"
                       "query = function(c) return { { tags = { 't' } } } end\n"
                       "function decide(s, c)\n"
                       "    return { type = '%s', data = {}, stream = '%s', tags = { 't' } }\n"
                       "end",
                       streams[i][1], streams[i][0]);
        assert_answer(deploy(f, "", text), 201);
        struct fake_exchange *fake = command(f, "Go", NULL, "");
        if (fake->status != 422) {
            print_error("%s: %u %s\n", streams[i][0], fake->status, fake->body);
            fail();
        }
    }
}

TEST(a_decider_over_a_query_names_its_streams)
{
    struct http_fixture *f = *state;
    assert_answer(
        deploy(f, "",
               "initial = { taken = false }\n"
               "function evolve(s, e) s.taken = true return s end\n"
               "query = function(c) return { { tags = { 'mail:' .. c.data.mail } } } end\n"
               "function decide(s, c)\n"
               "    if s.taken then return { reject = 'taken', text = '' } end\n"
               "    return { { type = 'Made', data = {}, tags = { 'mail:' .. c.data.mail } },\n"
               "             { type = 'Noted', data = {}, stream = 'log-1' } }\n"
               "end"),
        201);
    struct fake_exchange *fake = command(f, "Open", "k", "{\"mail\":\"a\"}");
    assert_answer(fake, 200);
    assert_lacks(fake->head, "etag: ");
    assert_holds(fake->body, "\"count\":2,");
    assert_holds(fake->body, "{\"stream\":\"account-1\",\"type\":\"Made\"");
    assert_holds(fake->body, "{\"stream\":\"log-1\",\"type\":\"Noted\"");
    fake = command(f, "Open", "l", "{\"mail\":\"a\"}");
    assert_answer(fake, 422);
    assert_holds(fake->body, "\"code\":\"taken\"");
}

TEST(the_number_of_commands_at_once_is_limited)
{
    struct http_fixture *f = *state;
    assert_answer(deploy(f, "", account), 201);
    f->server.jobs[FCT_JOB_COMMAND] = 32;
    struct fake_exchange *fake = command(f, "Twice", NULL, "");
    assert_answer(fake, 503);
    assert_holds(fake->head, "retry-after: ");
    f->server.jobs[FCT_JOB_COMMAND] = 0;
    f->server.jobs[FCT_JOB_STATE] = 8;
    assert_answer(get(f, STATE), 503);
    f->server.jobs[FCT_JOB_STATE] = 0;
    assert_answer(command(f, "Twice", NULL, ""), 200);
}

TEST(a_client_that_goes_away_leaves_its_command_to_count)
{
    struct http_fixture *f = *state;
    assert_answer(deploy(f, "", account), 201);
    struct fake_exchange *fake =
        begin(f, "POST " COMMAND "Add", "content-type: application/json\n");
    fake_send(fake, "{\"n\":1}", 7, 100);
    assert_int_equal(f->server.jobs[FCT_JOB_COMMAND], 1);
    end_last(f); /* closes the exchange */
    while (f->server.jobs[FCT_JOB_COMMAND] > 0) {
        run_for(f, 5);
    }
    assert_holds(get(f, STATE)->body, "\"state\":{\"balance\":1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_CASE(a_decider_is_deployed_listed_and_shown),
        HTTP_CASE(only_users_who_may_deploy_can_deploy_deciders),
        HTTP_CASE(what_cannot_be_deployed_is_refused),
        HTTP_CASE(a_command_is_decided_and_answered_with_its_events),
        HTTP_CASE(a_command_with_a_key_counts_once),
        HTTP_CASE(a_command_carries_its_flow_and_its_trace),
        HTTP_CASE(an_invalid_command_is_refused),
        HTTP_CASE(a_script_that_goes_too_far_is_stopped),
        HTTP_CASE(a_new_version_decides_the_next_command),
        HTTP_CASE(many_categories_are_decided_in_turn),
        HTTP_CASE(a_state_is_shown_now_and_as_it_was),
        HTTP_CASE(a_script_writes_no_system_stream),
        HTTP_CASE(a_decider_over_a_query_names_its_streams),
        HTTP_CASE(the_number_of_commands_at_once_is_limited),
        HTTP_CASE(a_client_that_goes_away_leaves_its_command_to_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
