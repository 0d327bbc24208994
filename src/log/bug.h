/* bug.h - seeded defects, to show that the tests find them. Layer: log.
 *
 * In a normal build fct_bug() is the constant false and the branches are gone. Built with
 * -DFCT_BUG_BANK=1, the one that tests/crash/bug_bank.sh names is active.
 */
#ifndef FCT_LOG_BUG_H
#define FCT_LOG_BUG_H

#include <stdbool.h>

enum fct_bug_name {
    FCT_BUG_NONE,
    FCT_BUG_ACK_BEFORE_SYNC,    /* the sync of a commit is skipped */
    FCT_BUG_NO_DIR_SYNC,        /* the directory is not synced when a segment is made */
    FCT_BUG_RETRY_SYNC,         /* a failed sync is tried again and believed */
    FCT_BUG_PAYLOAD_CRC_SHORT,  /* the last 8 bytes are not covered */
    FCT_BUG_TRUNCATE_DAMAGE,    /* damage in the middle is taken for a torn tail */
    FCT_BUG_NO_CHAIN_CHECK,     /* recovery does not compare chain values */
    FCT_BUG_NO_END_FILE,        /* a clean close leaves no evidence, markers none either */
    FCT_BUG_END_FILE_STAYS,     /* END is not removed before the first write */
    FCT_BUG_NO_TAIL_REWRITE,    /* rule R12 is skipped */
    FCT_BUG_TORN_TAIL_STAYS,    /* what is torn is not cleared */
    FCT_BUG_DURABLE_TOO_FAR,    /* durable_upto names the batch itself */
    FCT_BUG_SEAL_NOT_SYNCED,    /* a full segment is left without a sync */
    FCT_BUGS
};

#if defined(FCT_BUG_BANK) && FCT_BUG_BANK
extern int fct_bug_active;
static inline bool fct_bug(enum fct_bug_name name)
{
    return fct_bug_active == (int)name;
}
#else
static inline bool fct_bug(enum fct_bug_name name)
{
    (void)name;
    return false;
}
#endif

#endif
