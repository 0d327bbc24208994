/* read_int.h - a reader of the embedded engine. Layer: engine_local, private to read.c, read_seek.c
 * and read_commit.c.
 *
 * A reader sees the positions before |end|: what was published when it was created or last
 * extended. The names in the records decide, not the postings: names with the same hash cost time
 * and never give a wrong event.
 */
#ifndef FCT_ENGINE_LOCAL_READ_INT_H
#define FCT_ENGINE_LOCAL_READ_INT_H

#include "engine/engine.h"
#include "engine/query.h"
#include "engine_local/query_walk.h"
#include "log/log.h"

struct fct_local;

/* The part of a commit that a reader knows: see read_commit.c. */
struct fct_reader_commit {
    uint64_t first;  /* position of the commit's first event */
    uint64_t last;   /* position of the last event that was looked up; 0: no commit is known */
    uint64_t key_at; /* position of its COMMIT record; UINT64_MAX: it has no key */
    factum_slice key;
    uint8_t key_bytes[FACTUM_NAME_SIZE_MAX];
};

/* How a reader moves. */
enum fct_reader_plan {
    FCT_PLAN_LOG,      /* from record to record: ALL */
    FCT_PLAN_POSTINGS, /* along one list: a stream, a category ... */
    FCT_PLAN_QUERY,    /* along several lists: QUERY, and ALL with a filter that lists narrow */
};

struct fct_local_reader {
    struct fct_reader base; /* first */
    struct fct_local *local;
    factum_read_request request; /* name, query and filter: own copies below */
    enum fct_reader_plan plan;
    factum_status begun; /* what begin answered; PENDING: it was not called yet */
    factum_error begin_err;
    uint64_t end;
    uint64_t given;
    uint64_t deadline;  /* monotonic; 0: none */
    uint32_t looked_at; /* records since the clock was last read */
    bool follow;
    bool finished; /* the count or a bound was reached: nothing more can come */
    bool pending;  /* |record| is one at or after |end|, which the log's walk gave too early */
    /* Of a stream: what its metadata leaves visible. */
    uint64_t revision_min;
    int64_t created_min;
    bool exact; /* the ordinal of a posting is the revision: no names collide */
    struct fct_log_walk log_walk;
    struct fct_postings postings;
    struct fct_query_walk *query_walk; /* NULL unless FCT_PLAN_QUERY */
    struct fct_query_copy copy;
    struct fct_record record;
    struct fct_reader_commit commit; /* if the request wants commits */
    factum_slice tags[FACTUM_TAGS_MAX];
    char name[FACTUM_NAME_SIZE_MAX + 8];
};

/* Applies the stream's state and metadata as of |end|.
 * Errors: STREAM_NOT_FOUND, STREAM_DELETED (unless it follows), CORRUPT, IO. */
FCT_MUST_USE factum_status fct_reader_apply_metadata(struct fct_local_reader *reader,
                                                     factum_error *err);
FCT_MUST_USE factum_status fct_reader_seek_postings(struct fct_local_reader *reader,
                                                    factum_error *err);
FCT_MUST_USE factum_status fct_reader_seek_log(struct fct_local_reader *reader, factum_error *err);
void fct_reader_seek_query(struct fct_local_reader *reader);
/* Finds the commit of reader->record and puts it into |event|, whose key is the reader's. */
FCT_MUST_USE factum_status fct_reader_find_commit(struct fct_local_reader *reader,
                                                  factum_event *event, factum_error *err);

#endif
