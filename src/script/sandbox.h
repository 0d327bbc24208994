/* sandbox.h - Lua 5.4 behind an allow-list and a budget. Layer: script.
 *
 * A sandbox has one compiled script. A script cannot reach the machine, see the time or a random
 * number, or run for ever: each call has a budget, and a script over its budget is stopped with an
 * error that names the file, the line and the limit. A script that was stopped or has failed is
 * loaded again before the next call, so that no call sees what a failed one has left.
 *
 * docs/guide/lua.md documents what scripts may use. sandbox_int.h has calls from inside the layer.
 * A sandbox belongs to one thread at a time.
 */
#ifndef FCT_SCRIPT_SANDBOX_H
#define FCT_SCRIPT_SANDBOX_H

#include <factum/base.h>

#include "core/mem.h"

#define FCT_SCRIPT_SIZE_MAX ((size_t)256 << 10) /* of source text */

/* The budget of one call; zero means the default. */
struct fct_sandbox_limits {
    uint64_t instructions; /* of Lua's machine, counted in hundreds; 1,000,000 */
    uint64_t bytes;        /* allocated, and handled by functions in C; 64 MiB */
    uint64_t memory;       /* living at the same time, from the first call on; 16 MiB */
    uint64_t elements;     /* sorted, moved, joined, unpacked, decoded; 1,000,000 */
    uint64_t cpu_ms;       /* processor time of the thread; 200 */
};

struct fct_sandbox_options {
    const struct fct_mem *mem;
    factum_slice text; /* copied */
    const char *name;  /* of the file, for messages; copied */
    struct fct_sandbox_limits limits;
    bool tests; /* the script is a file of tests and may call test() (test_file.c) */
};

struct fct_sandbox;

/* Errors: TOO_BIG (the text is over FCT_SCRIPT_SIZE_MAX). |name| is that of its file. */
FCT_MUST_USE factum_status fct_script_size_check(factum_slice text, const char *name,
                                                 factum_error *err);
/* Loads the script: compiles its text and runs it once, within the budget. *sandbox is the
 * caller's, for fct_sandbox_close; NULL on failure. Errors: INVALID (an error in the script:
 * "orders.lua:3: ..."), TOO_BIG (stopped by a limit, or the text is over FCT_SCRIPT_SIZE_MAX),
 * NO_MEMORY. */
FCT_MUST_USE factum_status fct_sandbox_open(const struct fct_sandbox_options *options,
                                            struct fct_sandbox **sandbox, factum_error *err);
/* Accepts NULL. */
void fct_sandbox_close(struct fct_sandbox *sandbox);

/* Calls the global function |name| with one JSON value and writes its result into *json as JSON,
 * which lasts until the next call on |sandbox|. Errors: as fct_sandbox_open; INVALID (also:
 * |argument| is not JSON). */
FCT_MUST_USE factum_status fct_sandbox_call_json(struct fct_sandbox *sandbox, const char *name,
                                                 factum_slice argument, factum_slice *json,
                                                 factum_error *err);

/* Called between two uses: collects garbage, so that the next call has as much memory as in a fresh
 * sandbox, and frees large tapes and answers. The last answer does not last. Returns the bytes that
 * are left. */
size_t fct_sandbox_trim(struct fct_sandbox *sandbox);

#endif
