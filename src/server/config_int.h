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

/* config.c: checks the value's form and sets it, over what was set before. INVALID, NO_MEMORY. */
FCT_MUST_USE factum_status fct_config_set(struct fct_config *config,
                                          const struct fct_config_given *given, factum_error *err);

/* config_kurrent.c: an environment variable "KURRENTDB_..." or "EVENTSTORE_...": |rest| is its name
 * after that. Sets what it means, warns, or refuses it by name: INVALID, NO_MEMORY. */
struct fct_config_foreign {
    const char *variable; /* for texts: the whole name */
    factum_slice rest;
    factum_slice value;
    const struct fct_config_input *input; /* for warnings */
};
FCT_MUST_USE factum_status fct_config_set_foreign(struct fct_config *config,
                                                  const struct fct_config_foreign *foreign,
                                                  factum_error *err);

/* config_check.c: do the values go together? INVALID. */
FCT_MUST_USE factum_status fct_config_check(const struct fct_config *config, factum_error *err);

/* Is it set, and to something else than "none" or "false"? */
bool fct_config_is_set(const struct fct_config *config, enum fct_config_key key);
/* "true" or "false" in any case; false: neither. */
bool fct_config_parse_switch(factum_slice text, bool *on);
/* Calls |input|'s warn, if it has one. */
void fct_config_warn(const struct fct_config_input *input, const char *format, ...)
    FCT_PRINTF(2, 3);

#endif
