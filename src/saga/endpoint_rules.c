/* endpoint_rules.c - see endpoint_rules.h. Layer: saga. Pure. */
#include "saga/endpoint_rules.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include <factum/endpoint.h>

#include "core/error.h"
#include "core/slice.h"

/* ---- addresses ------------------------------------------------------------------------------- */

/* The first |bits| bits of an address, and its class. The first matching row applies. */
struct address_rule {
    uint8_t bytes[16];
    uint8_t bits;
    uint8_t class_;
};

static const struct address_rule rules_ipv4[] = {
    {{0}, 8, FCT_ADDRESS_RESERVED},
    {{10}, 8, FCT_ADDRESS_PRIVATE},
    {{100, 100, 100, 200}, 32, FCT_ADDRESS_RESERVED}, /* a metadata service */
    {{100, 64}, 10, FCT_ADDRESS_PRIVATE},
    {{127}, 8, FCT_ADDRESS_LOOPBACK},
    {{168, 63, 129, 16}, 32, FCT_ADDRESS_RESERVED}, /* a metadata service */
    {{169, 254}, 16, FCT_ADDRESS_RESERVED},
    {{172, 16}, 12, FCT_ADDRESS_PRIVATE},
    {{192, 0, 0}, 24, FCT_ADDRESS_RESERVED},
    {{192, 0, 2}, 24, FCT_ADDRESS_RESERVED},
    {{192, 88, 99}, 24, FCT_ADDRESS_RESERVED},
    {{192, 168}, 16, FCT_ADDRESS_PRIVATE},
    {{198, 18}, 15, FCT_ADDRESS_RESERVED},
    {{198, 51, 100}, 24, FCT_ADDRESS_RESERVED},
    {{203, 0, 113}, 24, FCT_ADDRESS_RESERVED},
    {{224}, 3, FCT_ADDRESS_RESERVED},
};

static const struct address_rule rules_ipv6[] = {
    {{[15] = 1}, 128, FCT_ADDRESS_LOOPBACK},
    /* metadata services */
    {{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54}, 128, FCT_ADDRESS_RESERVED},
    {{0xfd, 0x20, 0x00, 0xce, [14] = 0x02, 0x54}, 128, FCT_ADDRESS_RESERVED},
    {{0xfc}, 7, FCT_ADDRESS_PRIVATE},
    {{0x20, 0x01, 0x0d, 0xb8}, 32, FCT_ADDRESS_RESERVED},
    {{0x20, 0x01, 0x00}, 23, FCT_ADDRESS_RESERVED}, /* Teredo, ORCHID and other protocols */
    {{0x3f, 0xff}, 20, FCT_ADDRESS_RESERVED},
    {{0x20}, 3, FCT_ADDRESS_PUBLIC},
};

/* Where an IPv6 address contains an IPv4 address. */
struct address_carrier {
    uint8_t bytes[16];
    uint8_t bits;
    uint8_t offset;
};

static const struct address_carrier carriers[] = {
    {{[10] = 0xff, 0xff}, 96, 12},
    {{0x00, 0x64, 0xff, 0x9b}, 96, 12},
    {{0x20, 0x02}, 16, 2},
};

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned rest = bits % 8;
    unsigned mask = rest == 0 ? 0 : (0xff00u >> rest) & 0xffu;
    return memcmp(a, b, whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

static enum fct_address_class class_by(const struct address_rule *rules, size_t count,
                                       const uint8_t *bytes, enum fct_address_class other)
{
    for (size_t i = 0; i < count; i++) {
        if (bits_equal(bytes, rules[i].bytes, rules[i].bits)) {
            return (enum fct_address_class)rules[i].class_;
        }
    }
    return other;
}

static enum fct_address_class class_of_ipv4(const uint8_t *bytes)
{
    return class_by(rules_ipv4, sizeof rules_ipv4 / sizeof rules_ipv4[0], bytes,
                    FCT_ADDRESS_PUBLIC);
}

enum fct_address_class fct_address_classify(const uint8_t *bytes, size_t len)
{
    if (len == 4) {
        return class_of_ipv4(bytes);
    }
    if (len != 16) {
        return FCT_ADDRESS_RESERVED;
    }
    for (size_t i = 0; i < sizeof carriers / sizeof carriers[0]; i++) {
        if (bits_equal(bytes, carriers[i].bytes, carriers[i].bits)) {
            return class_of_ipv4(bytes + carriers[i].offset);
        }
    }
    return class_by(rules_ipv6, sizeof rules_ipv6 / sizeof rules_ipv6[0], bytes,
                    FCT_ADDRESS_RESERVED);
}

const char *fct_address_class_name(enum fct_address_class class_)
{
    static const char *const names[] = {"public", "loopback", "private", "link-local or reserved"};
    return names[class_];
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static uint8_t to_lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

bool fct_endpoint_name_valid(factum_slice name)
{
    if (name.len == 0 || name.len > FACTUM_ENDPOINT_NAME_MAX || is_digit(name.ptr[0]) ||
        name.ptr[0] == '_') {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = name.ptr[i];
        if (!is_digit(byte) && byte != '_' && !(byte >= 'a' && byte <= 'z')) {
            return false;
        }
    }
    return true;
}

static bool same_name(factum_slice a, factum_slice b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (to_lower(a.ptr[i]) != to_lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

struct pattern_parts {
    factum_slice host; /* with a leading '*', without brackets */
    uint32_t port;     /* 0: that of the scheme */
};

static bool read_port(factum_slice text, uint32_t *port)
{
    uint32_t number = 0;
    if (text.len == 0 || text.len > 5) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.ptr[i])) {
            return false;
        }
        number = number * 10 + (uint32_t)(text.ptr[i] - '0');
    }
    *port = number;
    return number > 0 && number <= 65535;
}

static bool split_pattern(factum_slice pattern, struct pattern_parts *parts)
{
    bool bracket = pattern.len > 0 && pattern.ptr[0] == '[';
    factum_slice host = bracket ? fct_slice_from(pattern, 1) : pattern;
    const uint8_t *end = host.len > 0 ? memchr(host.ptr, bracket ? ']' : ':', host.len) : NULL;
    if (bracket && end == NULL) {
        return false;
    }
    size_t len = end == NULL ? host.len : (size_t)(end - host.ptr);
    factum_slice rest = fct_slice_from(host, len);
    if (bracket) {
        rest = fct_slice_from(rest, 1);
    }
    *parts = (struct pattern_parts){.host = fct_slice(host.ptr, len)};
    return rest.len == 0 ||
           (rest.ptr[0] == ':' && read_port(fct_slice_from(rest, 1), &parts->port));
}

/* "*.example.com" has no other '*', and two labels after it, so that it is not a whole top-level
 * domain. */
static bool is_wild(factum_slice host)
{
    return host.len > 2 && host.ptr[0] == '*' && host.ptr[1] == '.';
}

bool fct_endpoint_pattern_valid(factum_slice pattern)
{
    struct pattern_parts parts;
    if (pattern.len > 300 || !split_pattern(pattern, &parts) || parts.host.len == 0) {
        return false;
    }
    factum_slice name = is_wild(parts.host) ? fct_slice_from(parts.host, 2) : parts.host;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] <= ' ' || name.ptr[i] >= 0x7f || memchr("*/@?#\\", name.ptr[i], 6)) {
            return false;
        }
    }
    return name.ptr == parts.host.ptr || memchr(name.ptr, '.', name.len) != NULL;
}

bool fct_endpoint_allowed(const factum_slice *patterns, size_t count,
                          const struct fct_endpoint_place *place)
{
    for (size_t i = 0; i < count; i++) {
        struct pattern_parts parts;
        if (!split_pattern(patterns[i], &parts) ||
            (parts.port == 0 ? !place->default_port : parts.port != place->port)) {
            continue;
        }
        factum_slice host = place->host;
        if (is_wild(parts.host)) {
            factum_slice domain = fct_slice_from(parts.host, 1); /* with its leading dot */
            if (host.len > domain.len &&
                same_name(fct_slice_from(host, host.len - domain.len), domain)) {
                return true;
            }
        } else if (same_name(parts.host, host)) {
            return true;
        }
    }
    return false;
}

/* ---- the request ----------------------------------------------------------------------------- */

static void put_hex(const uint8_t *bytes, size_t len, char *to)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        to[2 * i] = digits[bytes[i] >> 4];
        to[2 * i + 1] = digits[bytes[i] & 15u];
    }
    to[2 * len] = '\0';
}

factum_status fct_endpoint_sign(factum_slice secret, int64_t seconds, factum_slice body,
                                char text[FCT_ENDPOINT_SIGNATURE_SIZE], factum_error *err)
{
    char stamp[24];
    char hex[2 * 32 + 1];
    uint8_t sum[EVP_MAX_MD_SIZE];
    size_t sum_len = 0;
    char sha256[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", sha256, 0),
                                 OSSL_PARAM_construct_end()};
    int stamp_len = snprintf(stamp, sizeof stamp, "%" PRId64, seconds);
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);
    bool good = context != NULL && stamp_len > 0 &&
                EVP_MAC_init(context, secret.ptr, secret.len, params) == 1 &&
                EVP_MAC_update(context, (const uint8_t *)stamp, (size_t)stamp_len) == 1 &&
                EVP_MAC_update(context, (const uint8_t *)".", 1) == 1 &&
                EVP_MAC_update(context, body.ptr, body.len) == 1 &&
                EVP_MAC_final(context, sum, &sum_len, sizeof sum) == 1 && sum_len == 32;
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(hmac);
    if (!good) {
        return fct_fail(err, FACTUM_NO_MEMORY, "endpoint: the signature cannot be calculated");
    }
    put_hex(sum, sum_len, hex);
    (void)snprintf(text, FCT_ENDPOINT_SIGNATURE_SIZE, "t=%s,v1=%s", stamp, hex);
    return FACTUM_OK;
}

char *fct_endpoint_header_value(factum_slice text, factum_arena *arena)
{
    static const char digits[] = "0123456789ABCDEF";
    char *value = factum_arena_take(arena, 3 * text.len + 1);
    size_t len = 0;
    if (value == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.ptr[i];
        if (byte > ' ' && byte < 0x7f && byte != '%' && byte != '"') {
            value[len++] = (char)byte;
        } else {
            value[len++] = '%';
            value[len++] = digits[byte >> 4];
            value[len++] = digits[byte & 15u];
        }
    }
    value[len] = '\0';
    return value;
}

/* ---- the next attempt ------------------------------------------------------------------------ */

int64_t fct_retry_pause(uint64_t attempts, int64_t first, int64_t last, struct fct_random *random)
{
    int64_t most = first;
    for (uint64_t i = 1; i < attempts && most < last; i++) {
        most = most > last / 2 ? last : most * 2;
    }
    most = most > last ? last : most;
    return 1 + (int64_t)fct_random_below(random, most > 1 ? (uint64_t)most : 1);
}
