/* register.c - accounts-register: an e-mail address belongs to one account. Layer: example, public
 * API only.
 *
 *     accounts-register STORE ACCOUNT EMAIL
 *
 * The rule is about all accounts, so no single stream has the events that it needs. The decider
 * reads by a query, "all events with the tag email:<address>", and its append is refused if another
 * such event has come meanwhile. If two accounts want one address at the same time, one gets it and
 * the other is rejected. Ends with 8 if the address is taken.
 */
#include <stdio.h>
#include <string.h>

#include <factum/factum.h>

#define TAG_PREFIX "email:"
#define STREAM_PREFIX "account-"

/* ---- the events ------------------------------------------------------------------------------ */

typedef struct account_event {
    factum_slice account; /* of AccountRegistered, the only type */
    factum_slice email;
} account_event;

static factum_status text_member(const factum_json *json, const char *name, factum_arena *arena,
                                 factum_slice *text)
{
    uint32_t value = factum_json_find(json, FACTUM_JSON_ROOT, factum_slice_from(name));
    if (value == FACTUM_JSON_NONE || factum_json_kind_of(json, value) != FACTUM_JSON_TEXT) {
        return FACTUM_INVALID;
    }
    size_t room = factum_json_inside(json, value).len;
    char *plain = (char *)factum_arena_alloc(arena, room + 1);
    text->ptr = (const uint8_t *)plain;
    return plain == NULL ? FACTUM_NO_MEMORY
                         : factum_json_unescape(json, value, plain, room, &text->len);
}

static factum_status account_event_parse(factum_slice type, factum_slice data, factum_arena *arena,
                                         account_event *event, factum_error *err)
{
    static const char known[] = "AccountRegistered";
    factum_json_node nodes[64];
    factum_json json;
    if (type.len != sizeof known - 1 || memcmp(type.ptr, known, type.len) != 0) {
        return FACTUM_NOT_FOUND;
    }
    factum_status status =
        factum_json_parse(data, NULL, nodes, sizeof nodes / sizeof nodes[0], &json, err);
    if (status == FACTUM_OK) {
        status = text_member(&json, "account", arena, &event->account);
    }
    return status == FACTUM_OK ? text_member(&json, "email", arena, &event->email) : status;
}

static factum_slice account_event_print(const account_event *event, factum_json_writer *to)
{
    factum_json_put_object(to);
    factum_json_put_member_text(to, "account", event->account);
    factum_json_put_member_text(to, "email", event->email);
    factum_json_put_end(to);
    return factum_slice_from("AccountRegistered");
}

/* ---- the decider ----------------------------------------------------------------------------- */

typedef struct account_command {
    factum_slice account;
    factum_slice email;
} account_command;

/* Who has the address. */
typedef struct account_state {
    bool taken;
    factum_slice owner;
} account_state;

FACTUM_DECIDER_DECLARE(account, account_state, account_command, account_event);

static factum_slice joined(factum_arena *arena, const char *prefix, factum_slice rest)
{
    size_t len = strlen(prefix);
    uint8_t *text = (uint8_t *)factum_arena_alloc(arena, len + rest.len);
    if (text == NULL) {
        return (factum_slice){NULL, 0};
    }
    memcpy(text, prefix, len);
    memcpy(text + len, rest.ptr, rest.len);
    return (factum_slice){text, len + rest.len};
}

/* The events that decide about a command: all with its address. */
static void account_query(const account_command *command, factum_arena *arena, factum_query *query)
{
    factum_slice *tag = (factum_slice *)factum_arena_alloc(arena, sizeof *tag);
    factum_query_item *item = (factum_query_item *)factum_arena_alloc(arena, sizeof *item);
    if (tag == NULL || item == NULL) {
        return;
    }
    *tag = joined(arena, TAG_PREFIX, command->email);
    item->tags = tag;
    item->tag_count = 1;
    query->items = item;
    query->item_count = 1;
}

static void account_evolve(account_state *state, const account_event *event, factum_arena *arena)
{
    state->taken = true;
    state->owner = factum_arena_copy(arena, event->account);
}

static factum_verdict account_decide(const account_state *state, const account_command *command,
                                     factum_decision *out)
{
    if (state->taken && state->owner.len == command->account.len &&
        memcmp(state->owner.ptr, command->account.ptr, command->account.len) == 0) {
        return FACTUM_NOOP;
    }
    if (state->taken) {
        return factum_reject(out, "account.email_taken", "account %.*s has this address",
                             (int)state->owner.len, (const char *)state->owner.ptr);
    }
    const account_event event = {command->account, command->email};
    factum_arena *arena = factum_decision_arena(out);
    const factum_slice tag = joined(arena, TAG_PREFIX, command->email);
    return factum_emit_to(out, joined(arena, STREAM_PREFIX, command->account), &event, &tag, 1);
}

static void account_command_print(const account_command *command, factum_json_writer *to)
{
    const account_event asked = {command->account, command->email};
    (void)account_event_print(&asked, to);
}

FACTUM_DECIDER_OVER_QUERY(account, 1);

/* ---- the program ----------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    if (argc != 4 || *argv[2] == '\0' || *argv[3] == '\0') {
        fprintf(stderr, "usage: accounts-register STORE ACCOUNT EMAIL\n");
        return 2;
    }
    factum_store *store;
    factum_error err;
    if (factum_open(argv[1], NULL, &store, &err) != FACTUM_OK) {
        fprintf(stderr, "accounts-register: %s\n", err.text);
        return 1;
    }
    const account_command command = {factum_slice_from(argv[2]), factum_slice_from(argv[3])};
    const factum_transact_request request = {.size = sizeof request, .command = &command};
    factum_result result;
    factum_status status = factum_transact(store, &account_decider, &request, &result, &err);
    int code = status == FACTUM_OK ? 0 : 1;
    if (status != FACTUM_OK) {
        fprintf(stderr, "accounts-register: %s\n", err.text);
    } else if (result.verdict == FACTUM_REJECTED) {
        printf("rejected: %s: %s\n", result.code, result.text);
        code = 8;
    } else {
        printf("%s\n", result.verdict == FACTUM_NOOP ? "registered before" : "registered");
    }
    return factum_close(store, NULL) == FACTUM_OK ? code : 1;
}
