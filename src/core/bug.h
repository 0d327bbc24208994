/* bug.h - seeded defects, to show that the tests find them. Layer: core.
 *
 * In a normal build fct_bug() is the constant false and the branches are gone. Built with
 * -DFCT_BUG_BANK=1, the one in fct_bug_active is alive; tests/crash tries each.
 */
#ifndef FCT_CORE_BUG_H
#define FCT_CORE_BUG_H

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
    FCT_BUG_REPAIR_UNMARKED,     /* a repair is begun before the log says that it is damaged */
    FCT_BUG_REPAIR_BASE,         /* a repair gives positions again that a lost segment had */
    FCT_BUG_READ_ONLY_MENDS,     /* opening for reading mends the tail */
    FCT_BUG_CLEAN_BY_PLACE,      /* END is believed though it names another batch there */
    FCT_BUGS_OF_LOG,

    /* of the index */
    FCT_BUG_BLOCK_CRC_IGNORED = FCT_BUGS_OF_LOG, /* a run's blocks are believed as they are */
    FCT_BUG_RUN_NOT_SYNCED,       /* a manifest names a run that is not on disk yet */
    FCT_BUG_MANIFEST_NOT_WRITTEN, /* a memtable is let go before a manifest names its run */
    FCT_BUG_COVERED_TOO_FAR,      /* a manifest covers what is still in memory */
    FCT_BUG_GAP_NOT_NOTICED,      /* a run that is lost is not missed */
    FCT_BUG_MERGE_FORGETS_KEYS,   /* a merge leaves out one input's idempotency keys */
    FCT_BUG_SEALED_NOT_READ,      /* a memtable that waits to be written out is not looked into */
    /* of the engine */
    FCT_BUG_MARK_AHEAD,          /* the index names what `os` commits have not synced */
    FCT_BUG_REFUSAL_MOVES_HEAD,  /* a refused append counts as written in the cache of heads */
    FCT_BUG_CONDITION_BY_INDEX,  /* a condition is not held against the batch under way */
    FCT_BUG_IDS_NOT_FILLED,      /* ids from before the opening are not known */
    FCT_BUG_KEY_WITHOUT_CONTENT, /* a known key is taken for a repetition, whatever it comes with */
    FCT_BUG_NEWS_LOST,           /* a reader that is extended leaves out the next event */
    FCT_BUG_METADATA_OF_NOW,     /* metadata is that of after the reader's end */
    FCT_BUG_COUNT_FROM_START,    /* $maxCount leaves one event too many */
    FCT_BUG_BACKUP_BY_NAME,      /* a segment of the same name and size is taken for the same */
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
