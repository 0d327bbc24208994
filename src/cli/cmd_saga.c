/* cmd_saga.c - factum saga: its commands. Layer: cli. */
#include "cli/cmd_saga.h"

static const struct command *const family[] = {
    &command_saga_check,
    &command_saga_simulate,
    &command_saga_deploy,
    &command_saga_definitions,
    &command_saga_list,
    &command_saga_show,
    &command_saga_graph,
    &command_saga_timers,
    &command_saga_timer,
    &command_saga_retry,
    &command_saga_edit,
    &command_saga_skip,
    &command_saga_undo,
    &command_saga_cancel,
    &command_saga_complete,
    &command_saga_test_participant,
    NULL,
};

const struct command command_saga = {
    .name = "saga",
    .usage = "saga COMMAND [arguments]",
    .summary = "check, simulate and deploy sagas, list them, act on them, test a participant",
    .help = "",
    .options = "",
    .family = family,
};
