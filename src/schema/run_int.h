/* run_int.h - a check in progress, for the files that run it. Layer: schema, private to it.
 *
 * run.c walks rules and values; check.c decides the keywords that look at one value alone; fault.c
 * reports faults in words.
 */
#ifndef FCT_SCHEMA_RUN_INT_H
#define FCT_SCHEMA_RUN_INT_H

#include "core/buf.h"
#include "schema/program.h"
#include "schema/schema.h"

enum {
    FCT_FRAME_QUIET = 1,     /* faults are not reported: only the outcome is needed */
    FCT_FRAME_EXPLAIN = 2,   /* the first fault explains why an alternative does not match */
    FCT_FRAME_TRACK = 4,     /* evaluated members and items are recorded */
    FCT_FRAME_IN_PLACE = 8,  /* has the same value as the frame below */
    FCT_FRAME_FAILED = 16,   /* something did not fit */
    FCT_FRAME_DELIVERED = 32 /* the frame above has ended; run->ok is its outcome */
};

/* A rule applied to a value. The meaning of |at|, |index|, |count|, |stage| and |seen| depends on
 * the phase; they are zero when it begins. */
struct fct_frame {
    uint32_t rule, value;
    uint32_t at;    /* the current member or item; 0: none yet */
    uint32_t index; /* of an item or of an alternative */
    uint32_t count;
    uint32_t trail;  /* the length of the trail before the frame */
    uint64_t seen;   /* required names, a bit each */
    uint16_t phases; /* the phases that are left */
    uint8_t stage;
    uint8_t flags;
};

/* The three texts of a fault in run->texts. */
struct fct_fault_texts {
    uint32_t pointer, schema, text;
};

#define FCT_WHY_SIZE 400

struct fct_run {
    const struct fct_mem *mem;
    const struct fct_program *program;
    const factum_json *json;
    factum_error *err;
    factum_status status; /* after a limit: the check ends */
    uint64_t steps;
    bool ok;         /* the outcome of the last ended frame */
    bool first_only; /* no more than one fault is wanted */
    uint32_t depth;
    struct fct_frame *frames; /* FACTUM_SCHEMA_FRAMES_MAX */
    struct fct_buf nodes;     /* of the checked text */
    struct fct_buf text;      /* a name or text without its escapes */
    struct fct_buf trail;     /* uint32_t: evaluated values; a container means everything in it */
    struct fct_buf marks;     /* uint32_t for each node: its last stamp */
    uint32_t stamp;
    struct fct_buf unique; /* a hash table of items */
    struct fct_pattern_scratch *scratch;
    /* faults */
    size_t faults_max;
    uint64_t fault_steps;  /* members and items passed while finding the places of faults */
    struct fct_buf faults; /* struct fct_fault_texts */
    struct fct_buf texts;
    struct fct_buf shown;   /* factum_schema_fault */
    char why[FCT_WHY_SIZE]; /* why the alternatives do not match */
    uint32_t why_len;
    bool why_said; /* the current alternative is explained */
};

static inline bool fct_run_stops(const struct fct_run *run, const struct fct_frame *frame)
{
    bool first = run->first_only || (frame->flags & (FCT_FRAME_QUIET | FCT_FRAME_EXPLAIN)) != 0;
    return (frame->flags & FCT_FRAME_FAILED) != 0 && first;
}

/* Ends the check because of a limit or missing memory. */
FCT_COLD FCT_PRINTF(3, 4) void fct_run_end(struct fct_run *run, factum_status status,
                                           const char *format, ...);
/* Charges |steps|. False: over the limit, and the check has ended. */
bool fct_run_charge(struct fct_run *run, uint64_t steps);
/* The decoded text or name; lasts until the next call. A slice at NULL: the check has ended. */
factum_slice fct_run_plain(struct fct_run *run, uint32_t node);

/* check.c: checks the keywords of |rule| that look at |value| alone. |flags| are those of a
 * frame. */
bool fct_check_value(struct fct_run *run, const struct fct_rule *rule, uint32_t value,
                     uint8_t flags);
/* Does the text or name at |node| match? A limit ends the check. */
bool fct_check_pattern(struct fct_run *run, uint32_t pattern, uint32_t node);

/* fault.c: reports a fault, unless |flags| are quiet. |node| is the keyword's value in the rule's
 * document. The text continues a subject that names |value|: "must be ...". */
FCT_COLD FCT_PRINTF(6, 7) void fct_fault(struct fct_run *run, const struct fct_rule *rule,
                                         uint32_t node, uint32_t value, uint8_t flags,
                                         const char *format, ...);
/* fct_fault for a member |name| (in texts) that |value| does not have. |because| is NULL or what
 * requires it. */
FCT_COLD void fct_fault_missing(struct fct_run *run, const struct fct_rule *rule, uint32_t node,
                                uint32_t value, uint8_t flags, uint32_t name, const char *because);
#define FCT_SHOWN_SIZE 96
/* Prints the value in a few words: 17, "abc", an object. |json| is the data or a schema. */
void fct_fault_show(const factum_json *json, uint32_t node, char shown[FCT_SHOWN_SIZE]);

/* fault.c: begins an explanation, or its next alternative. */
void fct_fault_why_begin(struct fct_run *run);
void fct_fault_why_next(struct fct_run *run);

#endif
