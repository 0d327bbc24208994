/* sandbox.h - Lua 5.4 behind an allow-list and a budget. Layer: script.
 *
 * A sandbox holds one compiled script. Nothing in a script can reach the machine, see the time or a
 * random number, or go on for ever: each call has a budget, and what is over the budget is stopped
 * with an error that names the file, the line and the limit. A script that was stopped or has
 * failed is loaded again before the next call, so that no call sees what a broken one has left.
 *
 * What scripts may use stands in docs/guide/lua.md. How calls are made from inside the layer:
 * sandbox_int.h. A sandbox belongs to one thread at a time.
 */
#ifndef FCT_SCRIPT_SANDBOX_H
#define FCT_SCRIPT_SANDBOX_H

#include <factum/base.h>

#include "core/mem.h"

#define FCT_SCRIPT_SIZE_MAX ((size_t)256 << 10) /* bytes of source text */

/* The budget of one call; zero means the default. */
struct fct_sandbox_limits {
    uint64_t instructions; /* of Lua's machine, counted by hundreds; 1,000,000 */
    uint64_t bytes;        /* allocated, and handled by functions in C; 64 MiB */
    uint64_t memory;       /* held at once, from the first call on; 16 MiB */
    uint64_t elements;     /* sorted, moved, joined, unpacked, decoded; 1,000,000 */
    uint64_t cpu_ms;       /* processor time of the thread; 200 */
};

struct fct_sandbox_options {
    const struct fct_mem *mem;
    factum_slice text; /* copied */
    const char *name;  /* of the file, for messages; copied */
    struct fct_sandbox_limits limits;
    bool tests; /* the script is a file of tests: test() is there (test_file.c) */
};

struct fct_sandbox;

/* TOO_BIG: the text is over FCT_SCRIPT_SIZE_MAX. |name| is that of its file. */
FCT_MUST_USE factum_status fct_script_size_check(factum_slice text, const char *name,
                                                 factum_error *err);
/* Loads the script: compiles its text and runs it once, within the budget. *sandbox is the
 * caller's, for fct_sandbox_close; NULL on failure. INVALID: "orders.lua:3: ...", an error in the
 * script. TOO_BIG: stopped by a limit, or the text is over FCT_SCRIPT_SIZE_MAX. NO_MEMORY. */
FCT_MUST_USE factum_status fct_sandbox_open(const struct fct_sandbox_options *options,
                                            struct fct_sandbox **sandbox, factum_error *err);
/* Accepts NULL. */
void fct_sandbox_close(struct fct_sandbox *sandbox);

/* Calls the global function |name| with one JSON value and writes what it returns into *json as
 * JSON;
 * *json lasts until the next call on |sandbox|. Statuses as from open; also INVALID if |argument|
 * is not JSON. */
FCT_MUST_USE factum_status fct_sandbox_call_json(struct fct_sandbox *sandbox, const char *name,
                                                 factum_slice argument, factum_slice *json,
                                                 factum_error *err);

/* Between two uses: collects garbage, so that the next call has the memory that it would have in a
 * fresh sandbox, and frees tapes and answers that are not small. Returns the bytes that are left.
 * Ends the life of the last answer. */
size_t fct_sandbox_trim(struct fct_sandbox *sandbox);

#endif
