/* cli.h - what the commands share: options, the store, output, exit codes. Layer: cli, on the
 * public API only.
 *
 * A command is a struct command in its own file, listed in main.c. One table in options.c parses
 * all options into struct options. A command lists the options that it takes; any other option is
 * refused with the command's usage.
 */
#ifndef FACTUM_CLI_CLI_H
#define FACTUM_CLI_CLI_H

#include <signal.h>
#include <stdio.h>

#include <factum/factum.h>

/* Exit codes: part of the interface, see the man page. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILURE_ = 1,  /* input/output, no space, no memory, anything else */
    EXIT_USAGE = 2,     /* wrong arguments, or unusable input */
    EXIT_REFUSED = 3,   /* wrong revision, condition, key conflict, tombstoned, wrong timeline */
    EXIT_NOT_FOUND = 4, /* the store, the stream or the file does not exist */
    EXIT_DAMAGED = 5,   /* data is damaged */
    EXIT_LOCKED = 6,    /* another process has the store open */
    EXIT_INVALID = 7,   /* refused by a schema, a definition or a check */
    EXIT_REJECTED = 8,  /* rejected by a decider */
    EXIT_NOT_YET = 9,   /* not done in time; try again */
    EXIT_NO_RIGHT = 10,
    EXIT_UNKNOWN = 11, /* unknown outcome: run it again, an append with the same key */
    EXIT_INTERRUPTED = 130,
    EXIT_NOBODY_READS = 141, /* the reader of the output is gone: factum read | head */
};

#define TAG_OPTIONS_MAX FACTUM_TAGS_MAX
#define PARAM_OPTIONS_MAX 64

/* Every option that any command has. */
struct options {
    const char *store;
    bool store_given; /* by --store, not by the environment or by default */
    bool json;
    bool quiet;
    bool help;
    /* places and bounds */
    bool all, backwards, skip_system;
    const char *category, *type, *correlation, *tag;
    const char *from, *from_position, *after, *count, *at, *time_at, *revision;
    /* appending */
    const char *expected, *id, *key, *time, *metadata, *durability, *lines, *content_type;
    bool bytes, lenient;
    const char *tags[TAG_OPTIONS_MAX];
    size_t tag_count;
    /* lists */
    const char *prefix, *sort, *limit;
    /* import, repair, others */
    const char *batch, *on_error, *accept_loss, *backup, *timeout;
    bool rebuild_index, tombstone, again, system;
    /* schemas */
    const char *draft, *to, *version;
    bool by_lines, formats, keep_unknown, force, unproven;
    /* serve */
    const char *listen, *unix_path, *tls_cert, *tls_key, *secret_dir, *advertise_host, *secret;
    const char *advertise_port, *connections_max, *connections_per_address_max, *config;
    const char *endpoints_allow, *endpoints_secrets, *endpoints_ca;
    bool endpoints_allow_private;
    bool insecure, insecure_any_address, allow_deploy, no_run, config_check;
    /* deciders */
    const char *decider, *data, *traceparent, *why, *by;
    bool blame, watch, full, dot, mermaid;
    const char *models, *host, *named, *wait, *rows_max, *changes_max;
    const char *params[PARAM_OPTIONS_MAX];
    size_t param_count;
    const char *stream, *scan; /* where trace looks for an id */
    bool csv, plan, until_caught_up;
    /* sagas */
    const char *generations, *acts, *states_max;
    const char *script, *seed, *seeds;
    const char *do_type, *undo_type, *undo_data;
    const char *status, *reason, *result;
    bool what_if, cancel, delivery;
    /* Arguments that are not options. */
    const char *arguments[8];
    size_t argument_count;
};

struct command {
    const char *name;
    const char *usage;   /* after "factum " */
    const char *summary; /* one line */
    const char *help;    /* its options, a line each */
    const char *notes;   /* printed after the options, or NULL */
    const char *options; /* names of its options, each followed by a blank: "json count " */
    size_t arguments_min;
    size_t arguments_max;
    int (*run)(const struct options *options);
    /* NULL, or the commands of a family, NULL at the end: "schema validate" of "schema". A family
     * has only a name, a usage and a summary. */
    const struct command *const *family;
};

extern const struct command command_append;
extern const struct command command_read;
extern const struct command command_tail;
extern const struct command command_streams;
extern const struct command command_categories;
extern const struct command command_types;
extern const struct command command_tags;
extern const struct command command_import;
extern const struct command command_export;
extern const struct command command_info;
extern const struct command command_verify;
extern const struct command command_repair;
extern const struct command command_backup;
extern const struct command command_restore;
extern const struct command command_delete;
extern const struct command command_metadata;
extern const struct command command_schema, command_schema_generate, command_schema_validate;
extern const struct command command_schema_register, command_schema_check, command_schema_list;
extern const struct command command_schema_show, command_schema_diff, command_schema_mode;
extern const struct command command_schema_infer;
extern const struct command command_decider; /* if FCT_WITH_LUA, as the next three */
extern const struct command command_command;
extern const struct command command_state, command_test;
extern const struct command command_projection_diff;
extern const struct command command_projection; /* if FCT_WITH_SQL, as the next three */
extern const struct command command_parked;
extern const struct command command_run, command_query, command_trace;
extern const struct command command_saga; /* if FCT_WITH_SAGA, as the next: cmd_saga.h */
extern const struct command command_endpoint;
extern const struct command command_serve; /* if FCT_WITH_SERVER, as the next */
extern const struct command command_ping;
extern const struct command command_completions, command_version;

/* The commands in the order of help; NULL at the end. */
extern const struct command *const commands[];

/* options.c: 0, or EXIT_USAGE with a message on standard error. */
int options_parse(const struct command *command, int argc, char **argv, struct options *options);
/* Parses a whole number >= 0. On anything else prints "--NAME takes a whole number" and returns
 * false. */
bool option_number(const char *text, const char *name, uint64_t *number);
/* The same for a number of 1 or more. */
bool option_count(const char *text, const char *name, uint64_t *number);
bool option_time(const char *text, const char *name, int64_t *time);
bool option_expected(const char *text, factum_expected *expected);

/* output.c */
extern volatile sig_atomic_t interrupted; /* 1 after SIGINT or SIGTERM */
int complain(const char *format, ...)
    __attribute__((format(printf, 1, 2))); /* returns EXIT_USAGE */
/* The exit code for a failure. */
int code_of_status(factum_status status);
/* Prints err->text and returns the exit code of |status|. */
int fail_with(factum_status status, const factum_error *err);
/* Opens the store of |options|. |write|: the command writes, so a missing store may be created.
 * Returns 0, or the exit code after a message. */
int open_store(const struct options *options, bool write, factum_store **store);
/* Is |store| the address of a server, and not a directory? */
bool is_address(const char *store);
/* Closes the store. If it is damaged, reports the damage unless the command did, and EXIT_DAMAGED
 * replaces success: what was read may be incomplete. */
int close_store(factum_store *store, int code);
void damage_shown(void); /* the command has reported the damage itself */
/* Flushes standard output, so that a full disk or a closed pipe does not look like success. If
 * nobody reads the output any more, returns EXIT_NOBODY_READS without a message. */
int finish_output(int code);
/* Is standard output a pipe whose other end is closed? */
bool nobody_reads(void);
const char *colour(const char *code);  /* "" if standard output is not a terminal */
extern const factum_log_sink messages; /* warnings to standard error */
/* The length in bytes of the UTF-8 character at the start of |text|, which is not empty; 0: not
 * UTF-8. */
size_t character_of(factum_slice text, uint32_t *point);
/* Prints |text|, with control sequences of terminals and bytes that are not UTF-8 made visible. */
void print_text(FILE *to, factum_slice text);
bool same_text(factum_slice a, factum_slice b);
/* Prints JSON on one line: outside its strings, line ends can only be white space. */
void print_json(FILE *to, factum_slice json);
void print_json_text(FILE *to, factum_slice text);
/* Prints |place| of |store| as "token":"..." (no braces). */
void print_json_token(const factum_store *store, uint64_t place);
/* Prints on standard error the option that continues after |place|. */
void print_go_on(const factum_store *store, uint64_t place);
void print_event(const factum_event *event);
int print_event_json(factum_ndjson *ndjson, const factum_event *event);
void format_size(uint64_t bytes, char text[32]);
void format_count(uint64_t count, char text[32]); /* 1,234,567 */
/* "1 stream", "1,234 streams" */
void format_things(uint64_t count, const char *one, const char *many, char text[64]);

/* cmd_backup.c: factum verify --backup. */
int verify_backup(const struct options *options);

/* select.c: the place of a |store| that a token names. 0, or the exit code after a message. */
int option_token(const factum_store *store, const char *text, uint64_t *place);
/* Opens the store and fills in the request from the options of read, tail and export. 0, or the
 * exit code after a message. */
int open_selection(const struct options *options, factum_store **store,
                   factum_read_request *request);

#endif
