/* read_int.h - a reader of the embedded engine: what read.c and read_seek.c share.
 * Layer: engine_local, private to these two.
 *
 * A reader sees the positions before |end|, the published position when it was made or last
 * extended. Postings are checked against the names in the records, so that a collision of hashes
 * costs a look and never gives a wrong event.
 */
#ifndef FCT_ENGINE_LOCAL_READ_INT_H
#define FCT_ENGINE_LOCAL_READ_INT_H

#include "engine/engine.h"
#include "engine/query.h"
#include "engine_local/query_walk.h"
#include "log/log.h"

struct fct_local;

/* The commit that a reader has looked up last: see read_commit.c. */
struct fct_reader_commit {
    uint64_t first;  /* positions of its first event, and of the last one that was looked up; */
    uint64_t last;   /* 0: none was */
    uint64_t key_at; /* of its COMMIT record; UINT64_MAX: it has no key */
    factum_slice key;
    uint8_t key_bytes[FACTUM_NAME_SIZE_MAX];
};

/* By what a reader moves. */
enum fct_reader_plan {
    FCT_PLAN_LOG,      /* record after record: ALL */
    FCT_PLAN_POSTINGS, /* one list: a stream, a category ... */
    FCT_PLAN_QUERY,    /* several lists: QUERY, and ALL with a filter that lists can answer */
};

struct fct_local_reader {
    struct fct_reader base; /* first */
    struct fct_local *local;
    factum_read_request request; /* name, query and filter: own copies below */
    enum fct_reader_plan plan;
    factum_status begun; /* of begin; PENDING: it was not called yet */
    factum_error begin_err;
    uint64_t end;
    uint64_t given;
    uint64_t deadline;  /* monotonic; 0: none */
    uint32_t looked_at; /* records since the clock was last looked at */
    bool follow;
    bool finished; /* the count or a bound was reached: nothing more can come */
    bool pending;  /* the walk gave a record beyond |end|: it is |record| */
    /* STREAM: what its metadata leaves */
    uint64_t revision_min;
    int64_t created_min;
    bool exact; /* the ordinal of a posting is the revision: no collision was met */
    struct fct_log_walk log_walk;
    struct fct_postings postings;
    struct fct_query_walk *query_walk;
    struct fct_query_copy copy;
    struct fct_record record;
    struct fct_reader_commit commit; /* if the request wants commits */
    factum_slice tags[FACTUM_TAGS_MAX];
    char name[FACTUM_NAME_SIZE_MAX + 8];
};

/* Is the stream there to be read, and from where on? STREAM_NOT_FOUND, STREAM_DELETED. */
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
