/* rules.h - domain rules that all engines share: names, metadata, content, refusals.
 * Layer: engine. Pure. */
#ifndef FCT_ENGINE_RULES_H
#define FCT_ENGINE_RULES_H

#include <factum/store.h>

#include "codec/stream_metadata.h" /* FCT_SOFT_DELETED */
#include "core/compiler.h"

#define FCT_TYPE_METADATA "$metadata"       /* event type in "$$<stream>" */
#define FCT_TYPE_TOMBSTONE "$streamDeleted" /* the last event of a tombstoned stream */

/* The metadata of a stream; 0: it has no such member. Text that is not a JSON object has no
 * members, and a member that is not a whole number above 0 is ignored. */
struct fct_stream_metadata {
    uint64_t max_count;
    uint64_t max_age; /* seconds */
    uint64_t truncate_before;
    bool soft_deleted;
};
void fct_stream_metadata_parse(factum_slice json, struct fct_stream_metadata *metadata);

/* The part of a stream's name before its first '-'. Empty, for no category, if the name has no '-',
 * begins with it, or begins with '$'. */
factum_slice fct_category(factum_slice stream);

/* "x" of "$$x"; empty if |stream| is not a metastream. */
factum_slice fct_metastream_target(factum_slice stream);

/* Finds "$correlationId" in |metadata| and unescapes it into |buffer|. Returns an empty slice if
 * the member is missing or is not a text of 1 to FACTUM_NAME_SIZE_MAX bytes. */
factum_slice fct_correlation_id(factum_slice metadata, char buffer[FACTUM_NAME_SIZE_MAX]);

/* The fingerprint of |request| (store.h): the given one, or a hash of its events or, without
 * events, of its expectations and condition. */
factum_fingerprint fct_append_fingerprint(const factum_append_request *request);

/* The content type of |event|, as readers get it. */
factum_slice fct_event_content_type(const factum_new_event *event);
/* Is |text| "type/subtype" in the characters of RFC 9110, perhaps with parameters, of at most
 * FACTUM_NAME_SIZE_MAX bytes? */
bool fct_media_type_valid(factum_slice text);
/* Has the request a fingerprint of its own? */
bool fct_fingerprint_given(const factum_append_request *request);

/* Sets the result of a refusal by a stream and returns its status: WRONG_REVISION or
 * STREAM_DELETED. fct_refusal_say writes the text, the same for all engines: "stream order-42 is at
 * revision 3, not 2: read it again and retry". */
factum_status fct_refuse(factum_append_result *result, size_t refused_index,
                         factum_stream_state actual_state, uint64_t actual_revision);
void fct_refusal_say(const factum_expectation *expectation, const factum_append_result *result,
                     factum_error *err);

/* Does |expected| hold for a stream in this state, which is not tombstoned? |by_metadata|: the
 * stream has metadata that does not delete it, so that it exists even without events. */
bool fct_expected_holds(factum_expected expected, factum_stream_state state, uint64_t revision,
                        bool by_metadata);

/* Refusals that every engine has to make itself: INVALID. */
factum_status fct_refuse_two_expectations(factum_slice stream, factum_error *err);
factum_status fct_refuse_no_expectation(factum_slice stream, factum_error *err);

/* The first revision that metadata leaves visible if |last| is the last one; $maxAge is ignored. */
uint64_t fct_first_visible(const struct fct_stream_metadata *metadata, uint64_t last);

#endif
