/* contract_watch.h - the contract test's view of a participant: the commands that it was sent,
 * and what was appended for them. Layer: saga. A user of the public API. One thread. */
#ifndef FCT_SAGA_CONTRACT_WATCH_H
#define FCT_SAGA_CONTRACT_WATCH_H

#include <factum/participant.h>

#include "core/compiler.h"
#include "saga/names.h"

#define FCT_CONTRACT_SAGA "contract_test"
#define FCT_CONTRACT_STEP "step"
#define FCT_CONTRACT_TRACE "4bf92f3577b34da6a3ce929d0e0e4736"

/* The commands, in the order in which they are first sent. */
enum fct_contract_command {
    FCT_CONTRACT_DO,         /* is done, then undone */
    FCT_CONTRACT_UNDO,       /* of it */
    FCT_CONTRACT_FIRST_UNDO, /* before its do */
    FCT_CONTRACT_LATE_DO,
    FCT_CONTRACT_LAST_DO, /* its answer shows that all earlier commands were taken */
    FCT_CONTRACT_COMMANDS
};

/* A command, and what was observed of it. */
struct fct_contract_sent {
    char id_text[FCT_COMMAND_ID_SIZE];
    factum_slice id;
    factum_slice saga_id; /* in |id_text| */
    uint64_t commit;      /* of the latest answer */
    size_t answers;       /* commits that answer it, without tombstones */
    bool tombstone;       /* CommandCancelled is under its id */
    bool keyed;           /* every answer is under its id */
    bool caused;          /* every event of the answers has $causationId; the next two likewise */
    bool correlated;
    bool of_saga;
    bool traced;
    bool failed; /* CommandFailed */
    char first_type[64];
    char first_data[128];
};

struct fct_contract {
    factum_store *store;
    factum_contract_options options;
    factum_slice service;
    char run[FACTUM_UUID_TEXT_SIZE]; /* the correlation id, and part of the saga ids */
    struct fct_contract_sent sent[FCT_CONTRACT_COMMANDS];
    factum_subscription *subscription;
    factum_arena arena; /* of one event */
    uint64_t steps;     /* done */
};

/* Fills in the ids; |service|, |options| and |run| are set. */
void fct_contract_name(struct fct_contract *contract);
/* Sends a command; |attempt| 2: a second time. Errors: as factum_append. */
FCT_MUST_USE factum_status fct_contract_send(struct fct_contract *contract,
                                             enum fct_contract_command which, unsigned attempt,
                                             factum_error *err);
/* Watches appended events until |which| is answered (COMMANDS: no answer ends it) or |timeout_ms|
 * are over. OK in both cases. Errors: CANCELLED, and as factum_subscription_next. */
FCT_MUST_USE factum_status fct_contract_watch(struct fct_contract *contract,
                                              enum fct_contract_command which, uint32_t timeout_ms,
                                              factum_error *err);

#endif
