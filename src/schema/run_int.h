/* run_int.h - a check under way, as the files that run one share it. Layer: schema, private to it.
 *
 * run.c walks rules and values; check.c decides the keywords that look at one value alone; fault.c
 * puts what is wrong into words.
 */
#ifndef FCT_SCHEMA_RUN_INT_H
#define FCT_SCHEMA_RUN_INT_H

#include "core/buf.h"
#include "schema/program.h"
#include "schema/schema.h"

enum {
    FCT_FRAME_QUIET = 1,     /* faults are not reported: only the outcome counts */
    FCT_FRAME_EXPLAIN = 2,   /* the first fault explains why an alternative does not match */
    FCT_FRAME_TRACK = 4,     /* members and items that are evaluated are noted */
    FCT_FRAME_IN_PLACE = 8,  /* looks at the same value as the frame below */
    FCT_FRAME_FAILED = 16,   /* something was not met */
    FCT_FRAME_DELIVERED = 32 /* the frame above has ended; run->ok is its outcome */
};

/* A rule on its way over a value. What |at|, |index|, |count|, |stage| and |seen| mean depends on
 * the phase; they are zero when one begins. */
struct fct_frame {
    uint32_t rule, value;
    uint32_t at;    /* the member or item under way; 0: none yet */
    uint32_t index; /* of an item or of an alternative */
    uint32_t count;
    uint32_t trail;  /* how long the trail was before the frame */
    uint64_t seen;   /* required names, a bit each */
    uint16_t phases; /* still to be done */
    uint8_t stage;
    uint8_t flags;
};

/* Where the three texts of a fault stand in run->texts. */
struct fct_fault_texts {
    uint32_t pointer, schema, text;
};

#define FCT_WHY_SIZE 400

struct fct_run {
    const struct fct_mem *mem;
    const struct fct_program *program;
    const factum_json *json;
    factum_error *err;
    factum_status status; /* a limit was met: the check ends */
    uint64_t steps;
    bool ok;         /* the outcome of the frame that ended last */
    bool first_only; /* no further fault is wanted */
    uint32_t depth;
    struct fct_frame *frames; /* FACTUM_SCHEMA_FRAMES_MAX */
    struct fct_buf nodes;     /* of the text that is checked */
    struct fct_buf text;      /* a name or text without its escapes */
    struct fct_buf trail;     /* uint32_t: values that are evaluated; a container means all in it */
    struct fct_buf marks;     /* uint32_t for each node: the last stamp */
    uint32_t stamp;
    struct fct_buf unique; /* a hash table of items */
    struct fct_pattern_scratch *scratch;
    /* faults */
    size_t faults_max;
    uint64_t fault_steps;  /* members and items that were passed to find the places of faults */
    struct fct_buf faults; /* struct fct_fault_texts */
    struct fct_buf texts;
    struct fct_buf shown;   /* factum_schema_fault */
    char why[FCT_WHY_SIZE]; /* why the alternatives do not match */
    uint32_t why_len;
    bool why_said; /* of the alternative under way */
};

static inline bool fct_run_stops(const struct fct_run *run, const struct fct_frame *frame)
{
    bool first = run->first_only || (frame->flags & (FCT_FRAME_QUIET | FCT_FRAME_EXPLAIN)) != 0;
    return (frame->flags & FCT_FRAME_FAILED) != 0 && first;
}

/* A limit was met, or there is no memory: ends the check. */
FCT_COLD FCT_PRINTF(3, 4) void fct_run_end(struct fct_run *run, factum_status status,
                                           const char *format, ...);
/* Adds |steps|; false and the end of the check over the limit. */
bool fct_run_charge(struct fct_run *run, uint64_t steps);
/* The meaning of a text or name, until the next call. A slice at NULL ends the check. */
factum_slice fct_run_plain(struct fct_run *run, uint32_t node);

/* check.c: the keywords of |rule| that look at |value| alone. |flags| are those of a frame. */
bool fct_check_value(struct fct_run *run, const struct fct_rule *rule, uint32_t value,
                     uint8_t flags);
/* Does the text or name at |node| match? A limit ends the check. */
bool fct_check_pattern(struct fct_run *run, uint32_t pattern, uint32_t node);

/* fault.c: notes a fault, unless |flags| are quiet. |node| is that of the keyword's value in the
 * rule's document. The text goes on after the subject, which names |value|: "must be ...". */
FCT_COLD FCT_PRINTF(6, 7) void fct_fault(struct fct_run *run, const struct fct_rule *rule,
                                         uint32_t node, uint32_t value, uint8_t flags,
                                         const char *format, ...);
/* The same for a member |name| (of texts) that |value| does not have. |because|: NULL, or what
 * requires it. */
FCT_COLD void fct_fault_missing(struct fct_run *run, const struct fct_rule *rule, uint32_t node,
                                uint32_t value, uint8_t flags, uint32_t name, const char *because);
#define FCT_SHOWN_SIZE 96
/* The value in a few words: 17, "abc", an object. |json| is the data or a schema. */
void fct_fault_show(const factum_json *json, uint32_t node, char shown[FCT_SHOWN_SIZE]);

/* fault.c: an explanation begins, or its next alternative. */
void fct_fault_why_begin(struct fct_run *run);
void fct_fault_why_next(struct fct_run *run);

#endif
