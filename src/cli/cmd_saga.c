/* cmd_saga.c - factum saga: its commands. Layer: cli. */
#include "cli/cli.h"

static const struct command *const family[] = {&command_saga_check, &command_saga_deploy,
                                               &command_saga_definitions,
                                               &command_saga_test_participant, NULL};

const struct command command_saga = {
    .name = "saga",
    .usage = "saga COMMAND [arguments]",
    .summary = "check sagas, deploy them, test a participant",
    .help = "",
    .options = "",
    .family = family,
};
