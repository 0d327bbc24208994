/* cmd_saga.h - the family of factum saga. Layer: cli. */
#ifndef FCT_CLI_CMD_SAGA_H
#define FCT_CLI_CMD_SAGA_H

#include "cli/cli.h"

extern const struct command command_saga_check, command_saga_deploy, command_saga_definitions;
extern const struct command command_saga_simulate;
extern const struct command command_saga_list, command_saga_timers;
extern const struct command command_saga_show, command_saga_graph;
extern const struct command command_saga_timer, command_saga_retry, command_saga_edit;
extern const struct command command_saga_skip, command_saga_undo, command_saga_complete;
extern const struct command command_saga_cancel;
extern const struct command command_saga_test_participant;

#endif
