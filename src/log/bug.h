/* bug.h - seeded defects, to show that the tests find them. Layer: log.
 *
 * In a normal build fct_bug() is the constant false and the branches are gone. Built with
 * -DFCT_BUG_BANK=1, the one in fct_bug_active is alive; tests/crash tries each.
 */
#ifndef FCT_LOG_BUG_H
#define FCT_LOG_BUG_H

#include <stdbool.h>

enum fct_bug_name {
    FCT_BUG_NONE,
    FCT_BUG_ACK_BEFORE_SYNC,   /* the sync of a commit is skipped */
    FCT_BUG_NO_DIR_SYNC,       /* the directory is not synced when a segment is made */
    FCT_BUG_SHORT_WRITE,       /* a short write is taken for a whole one */
    FCT_BUG_RETRY_SYNC,        /* a failed sync is tried again and believed */
    FCT_BUG_PAYLOAD_CRC_SHORT, /* the last 8 bytes of a payload are not covered */
    FCT_BUG_TRUNCATE_DAMAGE,   /* damage in the middle is taken for a torn tail */
    FCT_BUG_NO_CHAIN_CHECK,    /* recovery compares neither chain values nor numbers */
    FCT_BUG_NO_SALT, /* the salt is 0, which a client can guess: payloads can imitate headers */
    FCT_BUG_NO_DURABLE_EVIDENCE, /* durable_upto of later headers is not looked at */
    FCT_BUG_NO_MARKERS,          /* neither markers nor END are written */
    FCT_BUG_NO_TAIL_REWRITE,     /* rule R12 is skipped */
    FCT_BUG_LENGTH_FIRST,        /* a length is believed though the header's CRC is wrong */
    FCT_BUG_END_STAYS,           /* END is still there when the next run writes */
    FCT_BUG_TORN_TAIL_STAYS,     /* what is torn is not cleared */
    FCT_BUG_DURABLE_TOO_FAR,     /* durable_upto names the batch itself */
    FCT_BUG_SEAL_NOT_SYNCED,     /* a full segment is left without a sync */
    FCT_BUG_SEALED_NOT_CUT,      /* recovery leaves zeros after a seal */
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
