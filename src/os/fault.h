/* fault.h - an os that passes calls on and makes chosen ones fail. Layer: os (for tests).
 *
 * Counts all calls (not the clocks, not hints); from the |at|-th on, one or all of the calls of
 * |kind| fail.
 */
#ifndef FCT_OS_FAULT_H
#define FCT_OS_FAULT_H

#include "os/os.h"

enum fct_fault_kind {
    FCT_FAULT_NONE,
    FCT_FAULT_EIO,
    FCT_FAULT_ENOSPC, /* writes, creations, truncations, directories */
    FCT_FAULT_SHORT,  /* reads and writes do half of the work, which is no error */
    FCT_FAULT_KINDS
};

struct fct_fault {
    struct fct_os os; /* hand &fault.os to the code under test */
    const struct fct_os *inner;
    enum fct_fault_kind kind;
    uint64_t at;     /* index of the call to fail; UINT64_MAX: none */
    bool sticky;     /* all calls from |at| on */
    uint64_t calls;  /* so far */
    uint64_t failed; /* calls that were made to fail */
};

/* |fault| and |inner| must outlive all files opened. Not thread-safe beyond one caller at a time.
 */
void fct_fault_init(struct fct_fault *fault, const struct fct_os *inner);

#endif
