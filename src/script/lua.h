/* lua.h - the host of deciders in Lua: what decider.c and test_run.c share. Layer: script; uses
 * api's table of script hosts, otherwise only the public API. */
#ifndef FCT_SCRIPT_LUA_H
#define FCT_SCRIPT_LUA_H

#include "api/script_host.h"
#include "script/sandbox.h"

extern const struct fct_script_host fct_lua_host;

/* The options of a sandbox for |script|. */
struct fct_sandbox_options fct_lua_options(const factum_script *script);

factum_status fct_lua_open(const factum_script *script, const char *name,
                           factum_script_decider **decider, factum_error *err);
void fct_lua_close(factum_script_decider *decider);
factum_status fct_lua_state_json(const factum_script_decider *decider, const void *state,
                                 factum_slice *json, factum_error *err);
factum_status fct_lua_test(const factum_script_decider *decider, const factum_script *tests,
                           const factum_script_cases *cases, factum_error *err);

#endif
