/* kurrent_shared.h - types that several KurrentDB services share: ids, expected versions, filters,
 * optional numbers.
 * Layer: wire. Types only.
 *
 * Source: proto/kurrent/shared.proto and streams.proto.
 *
 * Each enum of a `oneof` begins with NONE (0): no member was set. So a zeroed struct is an empty
 * message, and a service can refuse a missing member. If a peer sets several members of a oneof,
 * the last one is taken, as protobuf requires.
 */
#ifndef FCT_WIRE_KURRENT_SHARED_H
#define FCT_WIRE_KURRENT_SHARED_H

#include <factum/base.h>

/* The form in which an id was sent, or is wanted. */
enum fct_kurrent_id_form {
    FCT_KURRENT_ID_NONE,
    FCT_KURRENT_ID_STRUCTURED, /* two signed numbers of 64 bits */
    FCT_KURRENT_ID_STRING,     /* 8-4-4-4-12 */
    FCT_KURRENT_ID_MALFORMED,  /* a string that is not a UUID; only after decoding */
};

/* An id as a client sent it. |uuid| is zero for NONE and MALFORMED, and may be zero otherwise. */
struct fct_kurrent_id {
    enum fct_kurrent_id_form form;
    factum_uuid uuid;
};

/* An optional number, or the side of a oneof that is a number. */
struct fct_kurrent_number {
    bool given;
    uint64_t value;
};

enum fct_kurrent_expected_kind {
    FCT_KURRENT_EXPECTED_NONE,
    FCT_KURRENT_EXPECTED_REVISION,
    FCT_KURRENT_EXPECTED_NO_STREAM,
    FCT_KURRENT_EXPECTED_ANY,
    FCT_KURRENT_EXPECTED_STREAM_EXISTS,
};

/* |revision| is the raw number on the wire (with REVISION only); the service decides what numbers
 * from 2^63 on mean. */
struct fct_kurrent_expected {
    enum fct_kurrent_expected_kind kind;
    uint64_t revision;
};

/* Which filter field of a request was set. */
enum fct_kurrent_filter_option {
    FCT_KURRENT_FILTER_NONE,
    FCT_KURRENT_FILTER_GIVEN, /* `filter` */
    FCT_KURRENT_FILTER_OFF,   /* `no_filter` */
};

enum fct_kurrent_filter_on {
    FCT_KURRENT_FILTER_ON_NONE,
    FCT_KURRENT_FILTER_ON_STREAM,
    FCT_KURRENT_FILTER_ON_TYPE,
};

enum fct_kurrent_window {
    FCT_KURRENT_WINDOW_NONE,
    FCT_KURRENT_WINDOW_MAX,   /* |window_max| was set, possibly to 0 */
    FCT_KURRENT_WINDOW_COUNT, /* the server chooses */
};

#define FCT_KURRENT_PREFIXES_MAX 64

/* Texts are UTF-8 and borrow from the message. */
struct fct_kurrent_filter {
    enum fct_kurrent_filter_on on;
    factum_slice regex; /* empty: none */
    factum_slice prefixes[FCT_KURRENT_PREFIXES_MAX];
    size_t prefix_count;
    enum fct_kurrent_window window;
    uint32_t window_max;
    uint32_t checkpoint_interval_multiplier;
};

/* The answer to a successful append. */
struct fct_kurrent_appended {
    struct fct_kurrent_number revision; /* not given: no_stream */
    struct fct_kurrent_number position; /* commit and prepare; not given: no_position */
};

/* The answer to an append whose expected version was wrong. */
struct fct_kurrent_wrong_version {
    struct fct_kurrent_number current; /* not given: the stream does not exist */
    struct fct_kurrent_expected expected;
};

#endif
