/* fault.h - a wrapper around an os that makes chosen calls fail. A test double of os/os.h; uses
 * core and os.
 *
 * Passes every call on to the inner os, and counts the calls, except clocks and hints. Call number
 * |at| fails in the way of |kind|, and with |sticky| all later calls fail too.
 */
#ifndef FCT_TESTS_SUPPORT_FAULT_H
#define FCT_TESTS_SUPPORT_FAULT_H

#include <stdatomic.h>

#include "os/os.h"

enum fct_fault_kind {
    FCT_FAULT_NONE,
    FCT_FAULT_EIO,
    FCT_FAULT_ENOSPC, /* writes, syncs, creations, truncations, directories */
    FCT_FAULT_SHORT,  /* reads and writes transfer half of the bytes, which is not an error */
};

struct fct_fault {
    struct fct_os os; /* give &fault.os to the code under test */
    const struct fct_os *inner;
    enum fct_fault_kind kind;
    uint64_t at;             /* number of the call to fail, from 0; UINT64_MAX: none */
    bool sticky;             /* all calls from |at| on fail */
    _Atomic uint64_t calls;  /* calls so far */
    _Atomic uint64_t failed; /* calls that were made to fail */
    _Atomic bool unreadable; /* the last of these calls was a read */
};

/* |fault| and |inner| must outlive all open files. Thread-safe if |inner| is; |kind|, |at| and
 * |sticky| are set while nobody calls. */
void fct_fault_init(struct fct_fault *fault, const struct fct_os *inner);

#endif
