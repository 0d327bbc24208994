/* config_int.h - what the files of server/config.h share. Layer: server, private to it. */
#ifndef FCT_SERVER_CONFIG_INT_H
#define FCT_SERVER_CONFIG_INT_H

#include "server/config.h"

/* A value from one source. */
struct fct_config_given {
    enum fct_config_key key;
    factum_slice value;
    const char *where;
};

/* config.c: checks the form of a value and sets it over the previous one. Errors: INVALID,
 * NO_MEMORY. */
FCT_MUST_USE factum_status fct_config_set(struct fct_config *config,
                                          const struct fct_config_given *given, factum_error *err);

/* config_kurrent.c: handles an environment variable "KURRENTDB_..." or "EVENTSTORE_...", whose name
 * after the prefix is |rest|: sets the key with the same meaning, warns, or refuses the variable.
 * Errors: INVALID, NO_MEMORY. */
struct fct_config_foreign {
    const char *variable; /* for texts: the whole name */
    factum_slice rest;
    factum_slice value;
    const struct fct_config_input *input; /* for warnings */
};
FCT_MUST_USE factum_status fct_config_set_foreign(struct fct_config *config,
                                                  const struct fct_config_foreign *foreign,
                                                  factum_error *err);

/* config_check.c: checks that the values fit together. Errors: INVALID. */
FCT_MUST_USE factum_status fct_config_check(const struct fct_config *config, factum_error *err);

/* True if the key is set to something other than "none" or "false". */
bool fct_config_is_set(const struct fct_config *config, enum fct_config_key key);
/* Parses "true" or "false" in any case. Returns false for another text. */
bool fct_config_parse_switch(factum_slice text, bool *on);
/* Calls |input->warn|, unless it is NULL. */
void fct_config_warn(const struct fct_config_input *input, const char *format, ...)
    FCT_PRINTF(2, 3);

#endif
