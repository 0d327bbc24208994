/* script_host.h - the host that runs scripts: an optional library registers it here. Layer: api. */
#ifndef FCT_API_SCRIPT_HOST_H
#define FCT_API_SCRIPT_HOST_H

#include <factum/script.h>

/* One language. Arguments have been checked, and structs are complete. */
struct fct_script_host {
    factum_status (*open)(const factum_script *script, const char *name,
                          factum_script_decider **decider, factum_error *err);
    void (*close)(factum_script_decider *decider);
    factum_status (*state_json)(const factum_script_decider *decider, const void *state,
                                factum_slice *json, factum_error *err);
    factum_status (*test)(const factum_script_decider *decider, const factum_script *tests,
                          const factum_script_cases *cases, factum_error *err);
};

/* The first member of a host's own struct. */
struct factum_script_decider {
    const struct fct_script_host *host;
    factum_decider decider;
};

/* |host| is static. The first registered host stays. Any thread. */
void fct_api_register_script_host(const struct fct_script_host *host);

#endif
