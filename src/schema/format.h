/* format.h - the formats of JSON Schema that can be checked. Layer: schema. Pure. */
#ifndef FCT_SCHEMA_FORMAT_H
#define FCT_SCHEMA_FORMAT_H

#include <factum/base.h>

#define FCT_FORMAT_LIST(X)                                                                         \
    X(DATE_TIME, "date-time")                                                                      \
    X(DATE, "date")                                                                                \
    X(TIME, "time")                                                                                \
    X(DURATION, "duration")                                                                        \
    X(EMAIL, "email")                                                                              \
    X(IDN_EMAIL, "idn-email")                                                                      \
    X(HOSTNAME, "hostname")                                                                        \
    X(IPV4, "ipv4")                                                                                \
    X(IPV6, "ipv6")                                                                                \
    X(URI, "uri")                                                                                  \
    X(URI_REFERENCE, "uri-reference")                                                              \
    X(IRI, "iri")                                                                                  \
    X(IRI_REFERENCE, "iri-reference")                                                              \
    X(UUID, "uuid")                                                                                \
    X(JSON_POINTER, "json-pointer")                                                                \
    X(RELATIVE_JSON_POINTER, "relative-json-pointer")                                              \
    X(URI_TEMPLATE, "uri-template")                                                                \
    X(REGEX, "regex")

enum fct_format {
#define FCT_FORMAT_ENUM(name, text) FCT_FORMAT_##name,
    FCT_FORMAT_LIST(FCT_FORMAT_ENUM)
#undef FCT_FORMAT_ENUM
        FCT_FORMAT_COUNT /* unknown */
};

enum fct_format fct_format_of(factum_slice name);
const char *fct_format_name(enum fct_format format);
/* Does |text|, which is UTF-8, have the format? Not for REGEX: fct_pattern_compile decides that. */
bool fct_format_matches(enum fct_format format, factum_slice text);

#endif
