/* script.c - the calls of script.h: checks arguments, and passes them to the host. Layer: api.
 *
 * Knows no language.
 */
#include <stdatomic.h>

#include "api/script_host.h"
#include "core/error.h"
#include "core/sized.h"

static const struct fct_script_host *_Atomic script_host;

void fct_api_register_script_host(const struct fct_script_host *host)
{
    const struct fct_script_host *none = NULL;
    (void)atomic_compare_exchange_strong(&script_host, &none, host);
}

static factum_status read_script(factum_script *full, const factum_script *script,
                                 factum_error *err)
{
    factum_status status =
        fct_sized_read(full, sizeof *full, script, "script: the script struct", err);
    if (status == FACTUM_OK && (full->name == NULL || full->name[0] == '\0')) {
        status = fct_fail(err, FACTUM_INVALID, "script: a name for messages is needed");
    }
    return status;
}

factum_status factum_script_decider_open(const factum_script *script, const char *name,
                                         factum_script_decider **decider, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_script full;
    const struct fct_script_host *host = atomic_load(&script_host);
    if (decider == NULL || name == NULL || name[0] == '\0') {
        return fct_fail(err, FACTUM_INVALID,
                        "script: a name and a place for the decider are needed");
    }
    *decider = NULL;
    if (host == NULL) {
        return fct_fail(err, FACTUM_UNSUPPORTED,
                        "this program cannot run scripts: link libfactum-script and call "
                        "factum_lua_enable() first");
    }
    factum_status status = read_script(&full, script, err);
    return status == FACTUM_OK ? host->open(&full, name, decider, err) : status;
}

const factum_decider *factum_script_decider_get(const factum_script_decider *decider)
{
    return decider == NULL ? NULL : &decider->decider;
}

bool factum_script_has_query(const factum_script_decider *decider)
{
    return decider != NULL && decider->decider.query != NULL;
}

void factum_script_decider_close(factum_script_decider *decider)
{
    if (decider != NULL) {
        decider->host->close(decider);
    }
}

factum_status factum_script_state_json(const factum_script_decider *decider, const void *state,
                                       factum_slice *json, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (decider == NULL || state == NULL || json == NULL) {
        return fct_fail(err, FACTUM_INVALID, "script: a decider and a state of it are needed");
    }
    return decider->host->state_json(decider, state, json, err);
}

factum_status factum_script_test(const factum_script_decider *decider, const factum_script *tests,
                                 const factum_script_cases *cases, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_script full;
    if (decider == NULL || cases == NULL || cases->each == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "script: a decider and a function for cases are needed");
    }
    factum_status status = read_script(&full, tests, err);
    return status == FACTUM_OK ? decider->host->test(decider, &full, cases, err) : status;
}
