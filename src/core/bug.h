/* bug.h - seeded defects, which show that the tests find such defects. Layer: core.
 *
 * In a normal build fct_bug() is the constant false, so the compiler removes the defects. In a
 * build with -DFCT_BUG_BANK=1 one defect is active: the one whose number is in fct_bug_active
 * (bug.c). tests/crash runs its programs with each defect in turn.
 */
#ifndef FCT_CORE_BUG_H
#define FCT_CORE_BUG_H

#include <stdbool.h>

enum fct_bug_name {
    FCT_BUG_NONE,
    FCT_BUG_ACK_BEFORE_SYNC,   /* the sync of a commit is skipped */
    FCT_BUG_NO_DIR_SYNC,       /* the directory is not synced after a segment is created */
    FCT_BUG_SHORT_WRITE,       /* a short write counts as complete */
    FCT_BUG_RETRY_SYNC,        /* a failed sync is tried again, and the second result counts */
    FCT_BUG_PAYLOAD_CRC_SHORT, /* the CRC does not cover the last 8 bytes of a payload */
    FCT_BUG_TRUNCATE_DAMAGE,   /* damage in the middle counts as a torn tail */
    FCT_BUG_NO_CHAIN_CHECK,    /* recovery compares neither chain values nor numbers */
    FCT_BUG_NO_SALT, /* the salt is 0, so a client can guess it and write payloads like headers */
    FCT_BUG_NO_DURABLE_EVIDENCE, /* recovery ignores durable_upto of later headers */
    FCT_BUG_NO_HEARTBEATS,       /* neither LAST nor END is written */
    FCT_BUG_NO_TAIL_REWRITE,     /* rule R12 is skipped */
    FCT_BUG_LENGTH_FIRST,        /* a length counts although the header's CRC is wrong */
    FCT_BUG_END_STAYS,           /* END still exists when the next run writes */
    FCT_BUG_TORN_TAIL_STAYS,     /* a torn tail is not cleared */
    FCT_BUG_DURABLE_TOO_FAR,     /* durable_upto names the batch itself */
    FCT_BUG_SEAL_NOT_SYNCED,     /* the log leaves a full segment without a sync */
    FCT_BUG_SEALED_NOT_CUT,      /* recovery leaves zeros after a seal */
    FCT_BUG_REPAIR_UNMARKED,     /* a repair begins before the log records the damage */
    FCT_BUG_REPAIR_BASE,         /* a repair assigns positions of a lost segment again */
    FCT_BUG_READ_ONLY_MENDS,     /* opening for reading rewrites the tail */
    FCT_BUG_CLEAN_BY_PLACE,      /* END counts although another batch is at that position */
    FCT_BUGS_OF_LOG,

    /* the index */
    FCT_BUG_BLOCK_CRC_IGNORED = FCT_BUGS_OF_LOG, /* the CRCs of a run's blocks are not checked */
    FCT_BUG_RUN_NOT_SYNCED,       /* a manifest names a run that is not on disk yet */
    FCT_BUG_MANIFEST_NOT_WRITTEN, /* a memtable is freed before a manifest names its run */
    FCT_BUG_COVERED_TOO_FAR,      /* a manifest covers postings that are only in memory */
    FCT_BUG_GAP_NOT_NOTICED,      /* a lost run is not noticed */
    FCT_BUG_MERGE_FORGETS_KEYS,   /* a merge omits the idempotency keys of one input */
    FCT_BUG_SEALED_NOT_READ,      /* readers skip a memtable that waits to be written */

    /* the engine */
    FCT_BUG_MARK_AHEAD,          /* the index covers `os` commits that are not synced */
    FCT_BUG_REFUSAL_MOVES_HEAD,  /* a refused append changes the cache of heads */
    FCT_BUG_CONDITION_BY_INDEX,  /* a condition ignores the events of the current batch */
    FCT_BUG_IDS_NOT_FILLED,      /* ids from before the opening are unknown */
    FCT_BUG_KEY_WITHOUT_CONTENT, /* a known key counts as a retry, whatever its content */
    FCT_BUG_NEWS_LOST,           /* a reader skips one event after extend */
    FCT_BUG_METADATA_OF_NOW,     /* a reader uses metadata from after its end */
    FCT_BUG_COUNT_FROM_START,    /* $maxCount keeps one event too many */
    FCT_BUG_BACKUP_BY_NAME,      /* a segment of the same name and size counts as the same */
    FCT_BUG_NO_FORK,             /* a restored store goes on with the timeline of the backup */
    FCT_BUG_BACKUP_UNREAD,       /* an earlier copy of a segment counts although nobody read it */
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
