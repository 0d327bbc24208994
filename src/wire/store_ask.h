/* store_ask.h - Ask of factum.v1.Store. Layer: wire. Conventions: store_shared.h. */
#ifndef FCT_WIRE_STORE_ASK_H
#define FCT_WIRE_STORE_ASK_H

#include "wire/store_shared.h"

/* The members of a factum_question that are the question, and how many revisions the answer to KEY
 * may have. */
struct fct_store_ask {
    factum_question_kind kind; /* decode: always a known kind */
    factum_source source;
    factum_slice name;
    uint64_t position;
    uint64_t upto;
    factum_uuid id;
    uint64_t revisions_max;
};

FCT_MUST_USE factum_status fct_store_encode_ask(struct fct_buf *buf,
                                                const struct fct_store_ask *ask);
FCT_MUST_USE factum_status fct_store_decode_ask(factum_slice message, struct fct_store_ask *ask,
                                                factum_error *err);

/* Encodes the answer that question->kind requires: number, stream, event, key or info, which must
 * be set. Of key->revisions the first min(event_count, revisions_max) are sent. */
FCT_MUST_USE factum_status fct_store_encode_answer(struct fct_buf *buf,
                                                   const factum_question *question);
/* Fills the same members: number, *stream, *key (up to its revisions_max), *info, which have their
 * full sizes. For an EVENT or FIND_EVENT, *event_message gets the bytes for fct_store_decode_event;
 * question->event is not changed. Errors: INVALID (the answer to another kind of question). */
FCT_MUST_USE factum_status fct_store_decode_answer(factum_slice message, factum_question *question,
                                                   factum_slice *event_message, factum_error *err);

#endif
