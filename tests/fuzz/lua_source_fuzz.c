/* lua_source_fuzz.c - any text as a script: it loads and runs, or ends with an error that begins
 * with the script's name; it neither leaks nor exceeds its budget. */
#include <factum/ndjson.h>

#include "core/check.h"
#include "core/slice.h"
#include "script/sandbox.h"
#include "support/mem_fault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(factum_status status, const factum_error *err)
{
    FCT_ASSERT(status == FACTUM_INVALID || status == FACTUM_TOO_BIG);
    FCT_ASSERT(err->text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fct_mem_fault fault;
    struct fct_sandbox *sandbox = NULL;
    factum_error err = {.status = FACTUM_OK};
    factum_slice json;
    fct_mem_fault_init(&fault);
    struct fct_sandbox_options options = {
        .mem = &fault.mem,
        .text = fct_slice(data, size),
        .name = "f.lua",
        .limits = {.instructions = 20000, .bytes = 4 << 20, .memory = 1 << 20, .elements = 20000},
    };
    factum_status status = fct_sandbox_open(&options, &sandbox, &err);
    if (status == FACTUM_OK) {
        status =
            fct_sandbox_call_json(sandbox, "run", FCT_SLICE("{\"a\":[1,2.5,null]}"), &json, &err);
    }
    if (status != FACTUM_OK) {
        check_error(status, &err);
    } else {
        FCT_ASSERT(factum_json_check(json, NULL) == FACTUM_OK);
    }
    fct_sandbox_close(sandbox);
    FCT_ASSERT(fault.held == 0);
    return 0;
}
