/* h2_attack_test.c - hostile peers, byte by byte: each is stopped, with little memory.
 * Layer: net. */
#include "support/test.h"

#include "support/h2_client.h"
#include "support/mem_meter.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)

static struct h2_server server;
static struct h2_client client;
static struct fct_mem_meter meter;

/* What the peer sends, by hand. */
static uint8_t raw[16 * 1024 * 1024];
static size_t raw_size;

static void raw_add(const void *bytes, size_t size)
{
    assert_true(size <= sizeof raw - raw_size);
    memcpy(raw + raw_size, bytes, size);
    raw_size += size;
}

/* RFC 9113, 4.1 */
static void raw_frame(uint8_t type, uint8_t flags, uint32_t id, const void *payload, size_t size)
{
    const uint8_t header[9] = {
        (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size,      type,       flags,
        (uint8_t)(id >> 24),   (uint8_t)(id >> 16),  (uint8_t)(id >> 8), (uint8_t)id};
    raw_add(header, sizeof header);
    raw_add(payload, size);
}

static void raw_preface(void)
{
    raw_size = 0;
    raw_add("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    raw_frame(NGHTTP2_SETTINGS, 0, 0, "", 0);
}

/* :method POST, :scheme http, :path / by the static table (RFC 7541, appendix A), :authority a */
static const uint8_t head[] = {0x83, 0x86, 0x84, 0x01, 0x01, 'a'};

static void raw_request(uint32_t id, bool ends)
{
    raw_frame(NGHTTP2_HEADERS, ends ? 5 : 4, id, head, sizeof head);
}

/* In two halves, so that a test may set limits. */
static void begin(enum h2_mode mode)
{
    h2_server_init(&server, mode);
    fct_mem_meter_init(&meter);
    server.options.mem = &meter.mem;
}

static void start(void)
{
    assert_int_equal(h2_server_start(&server), FACTUM_OK);
    h2_client_start(&client, 0);
    raw_preface();
}

/* Passes the bytes in raw to the session, and its answers to the client. Returns true if the
 * session continues. */
static bool give_by(size_t piece)
{
    for (size_t at = 0; at < raw_size && server.alive; at += piece) {
        size_t size = raw_size - at < piece ? raw_size - at : piece;
        server.alive =
            fct_session_receive(server.session, fct_slice(raw + at, size), server.now_ms);
        const uint8_t *bytes = NULL;
        size_t out = fct_session_send(server.session, &bytes);
        while (out > 0) {
            /* The client has not asked for anything, so it may refuse: it looks for GOAWAY. */
            for (size_t i = 0; i + 9 <= out; i += 9 + ((size_t)bytes[i + 1] << 8 | bytes[i + 2])) {
                if (bytes[i + 3] == NGHTTP2_GOAWAY && !client.goaway) {
                    client.goaway = true;
                    client.goaway_code = bytes[i + 16];
                }
            }
            out = fct_session_send(server.session, &bytes);
        }
        server.alive = server.alive && !fct_session_is_finished(server.session);
    }
    raw_size = 0;
    return server.alive;
}

static bool give(void)
{
    return give_by(64 * KIB);
}

static void stop(void)
{
    fct_session_destroy(server.session);
    h2_client_finish(&client);
    for (size_t i = 0; i < server.call_count; i++) {
        assert_int_equal(server.calls[i].closed, 1);
    }
    assert_int_equal(meter.held, 0);
}

/* The session has ended with |code|, and never held more than |peak| bytes. */
static void assert_ended(uint32_t code, size_t peak)
{
    assert_false(server.alive);
    assert_true(fct_session_is_finished(server.session));
    assert_true(client.goaway);
    assert_int_equal(client.goaway_code, code);
    assert_in_range(meter.peak, 1, peak);
    stop();
}

/* Floods: |count| times the same frame, of which a peer may send fewer than |count|. */

static void flood(uint8_t type, uint8_t flags, uint32_t id, const void *payload, size_t size)
{
    for (size_t piece = 0; piece < 2; piece++) {
        begin(H2_HOLD);
        start();
        raw_request(1, false);
        for (int i = 0; i < 100; i++) {
            raw_frame(type, flags, id, payload, size);
        }
        assert_true(give());
        for (int i = 0; i < 20000; i++) {
            raw_frame(type, flags, id, payload, size);
        }
        assert_false(give_by(piece == 0 ? 64 * KIB : 101));
        assert_ended(NGHTTP2_ENHANCE_YOUR_CALM, 256 * KIB);
    }
}

TEST(a_flood_of_ping_ends_the_connection)
{
    flood(NGHTTP2_PING, 0, 0, "12345678", 8);
}

TEST(a_flood_of_settings_ends_the_connection)
{
    flood(NGHTTP2_SETTINGS, 0, 0, "\0\3\0\0\0\1", 6);
    flood(NGHTTP2_SETTINGS, 0, 0, "", 0);
}

TEST(a_flood_of_priority_ends_the_connection)
{
    flood(NGHTTP2_PRIORITY, 0, 3, "\0\0\0\1\1", 5);
}

TEST(a_flood_of_unknown_frames_ends_the_connection)
{
    flood(0x77, 0, 1, "", 0);
    flood(0x10, 0, 0, "\0\0\0\1u=1", 7);
}

TEST(a_flood_of_empty_data_ends_the_connection)
{
    flood(NGHTTP2_DATA, 0, 1, "", 0);
}

TEST(a_flood_of_window_updates_ends_the_connection)
{
    flood(NGHTTP2_WINDOW_UPDATE, 0, 1, "\0\0\0\1", 4);
    flood(NGHTTP2_WINDOW_UPDATE, 0, 0, "\0\0\0\1", 4);
}

TEST(a_flood_of_empty_continuations_ends_the_connection)
{
    begin(H2_HOLD);
    start();
    raw_frame(NGHTTP2_HEADERS, 0, 1, head, sizeof head);
    for (int i = 0; i < 20000; i++) {
        raw_frame(NGHTTP2_CONTINUATION, 0, 1, "", 0);
    }
    assert_false(give());
    assert_ended(NGHTTP2_ENHANCE_YOUR_CALM, 256 * KIB);
}

TEST(continuations_without_end_end_the_connection)
{
    static uint8_t fields[16 * 1024];
    memset(fields, 0x84, sizeof fields); /* :path / again and again */
    begin(H2_HOLD);
    start();
    raw_frame(NGHTTP2_HEADERS, 0, 1, head, sizeof head);
    for (int i = 0; i < 500; i++) {
        raw_frame(NGHTTP2_CONTINUATION, 0, 1, fields, sizeof fields);
    }
    assert_false(give());
    assert_ended(NGHTTP2_ENHANCE_YOUR_CALM, 256 * KIB);
}

TEST(empty_heads_end_the_connection)
{
    begin(H2_HOLD);
    start();
    for (uint32_t i = 0; i < 1000; i++) {
        raw_frame(NGHTTP2_HEADERS, 5, 1 + 2 * i, "", 0);
    }
    assert_false(give());
    assert_ended(NGHTTP2_ENHANCE_YOUR_CALM, 256 * KIB);
}

TEST(a_rapid_reset_ends_the_connection)
{
    for (unsigned mode = H2_ECHO; mode <= H2_SILENT; mode++) {
        begin((enum h2_mode)mode);
        start();
        for (uint32_t i = 0; i < 1000; i++) {
            raw_request(1 + 2 * i, false);
            raw_frame(NGHTTP2_RST_STREAM, 0, 1 + 2 * i, "\0\0\0\x8", 4);
        }
        assert_false(give());
        assert_in_range(server.call_count, 190, 202);
        assert_ended(NGHTTP2_ENHANCE_YOUR_CALM, 512 * KIB);
    }
}

/* CVE-2025-8671: the peer makes the server reset its streams. */
TEST(resets_that_the_peer_provokes_end_the_connection)
{
    const struct {
        uint8_t type;
        const char *payload;
        size_t size;
    } ways[] = {
        {NGHTTP2_WINDOW_UPDATE, "\x7f\xff\xff\xff", 4}, /* beyond 2^31-1 */
        {NGHTTP2_HEADERS, "\x83", 1},                   /* trailers with a pseudo field */
    };
    for (size_t way = 0; way < sizeof ways / sizeof ways[0]; way++) {
        begin(H2_HOLD);
        start();
        bool alive = true;
        for (uint32_t i = 0; i < 1000 && alive; i++) {
            raw_request(1 + 2 * i, false);
            raw_frame(ways[way].type, 5, 1 + 2 * i, ways[way].payload, ways[way].size);
            alive = give();
        }
        assert_false(alive);
        assert_in_range(server.call_count, 190, 202);
        assert_ended(NGHTTP2_ENHANCE_YOUR_CALM, 512 * KIB);
    }
}

TEST(malformed_heads_end_the_connection)
{
    const struct {
        const char *payload;
        size_t size;
    } heads[] = {
        {"\x83\x86", 2},                  /* no :path */
        {"\x83\x83\x86\x84", 4},          /* two methods */
        {"\x83\x86\x84\0\1A\1b", 8},      /* a name in upper case */
        {"\x83\x86\x84\0\1a\3b\r\n", 10}, /* a line end in a value */
        {"\x83\x86\x84\0\nconnection\1b", 17},
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        begin(H2_HOLD);
        start();
        for (uint32_t k = 0; k < 1000; k++) {
            raw_frame(NGHTTP2_HEADERS, 5, 1 + 2 * k, heads[i].payload, heads[i].size);
        }
        assert_false(give());
        assert_int_equal(server.call_count, 0);
        assert_ended(NGHTTP2_ENHANCE_YOUR_CALM, 512 * KIB);
    }
}

/* HPACK. */

/* A field of the dynamic table whose value has 4,000 bytes. */
static void raw_bomb(uint32_t id, size_t references)
{
    static uint8_t block[32 * 1024];
    size_t size = 0;
    memcpy(block, "\x83\x86\x84\x40\1x\x7f\xa1\x1e", 9); /* length 127 + 33 + 30 * 128 = 4000 */
    size += 9;
    memset(block + size, 'v', 4000);
    size += 4000;
    size_t room = 16 * KIB - size;
    size_t first = references < room ? references : room;
    memset(block + size, 0xbe, first); /* index 62: the newest of the dynamic table */
    raw_frame(NGHTTP2_HEADERS, 5, id, block, size + first);
}

TEST(an_hpack_bomb_is_reset_and_never_kept)
{
    begin(H2_HOLD);
    start();
    for (uint32_t i = 0; i < 50; i++) {
        raw_bomb(1 + 2 * i, 12000);
    }
    assert_true(give());
    assert_int_equal(server.call_count, 0);
    assert_in_range(meter.peak, 1, 256 * KIB);
    for (uint32_t i = 50; i < 300; i++) {
        raw_bomb(1 + 2 * i, 12000);
    }
    assert_false(give());
    assert_ended(NGHTTP2_ENHANCE_YOUR_CALM, 256 * KIB);
}

static nghttp2_nv long_field(char *value, size_t size)
{
    memset(value, 'v', size - 1);
    value[size - 1] = 0;
    return h2_nv("long", value);
}

/* A request by the client with |count| fields of |size| bytes each. */
static struct h2_reply *request_with(size_t count, size_t size)
{
    static char value[20000];
    nghttp2_nv fields[200] = {h2_nv(":method", "GET"), h2_nv(":scheme", "http"),
                              h2_nv(":path", "/"), h2_nv(":authority", "a")};
    for (size_t i = 0; i < count; i++) {
        fields[4 + i] = long_field(value, size);
    }
    struct h2_reply *reply = &client.replies[client.reply_count];
    client.reply_count++;
    reply->id = nghttp2_submit_request(client.session, NULL, fields, 4 + count, NULL, reply);
    return reply;
}

TEST(a_head_at_its_limits_is_taken_and_beyond_them_answered_431)
{
    begin(H2_ECHO);
    start();
    /* The pseudo fields count 10 + 11 + 6 + 11 + 4 * 32 = 166 with their values. */
    struct h2_reply *fits = request_with(1, 16 * KIB - 166 - 36 + 1);
    struct h2_reply *big = request_with(1, 16 * KIB - 166 - 36 + 2);
    struct h2_reply *most = request_with(100, 3);
    struct h2_reply *many = request_with(101, 3);
    struct h2_reply *after = request_with(1, 3);
    h2_talk(&client, &server);
    assert_string_equal(fits->status, "200");
    assert_string_equal(big->status, "431");
    assert_string_equal(most->status, "200");
    assert_string_equal(many->status, "431");
    assert_string_equal(after->status, "200");
    assert_int_equal(server.call_count, 3);
    assert_true(many->closed);
    stop();
}

TEST(trailers_of_a_request_have_the_limits_of_a_head)
{
    static uint8_t block[2 * 4 * 101];
    for (size_t i = 0; i < sizeof block; i += 4) {
        memcpy(block + i, "\0\1a", 4); /* a field of two bytes: a and nothing */
    }
    for (size_t count = 100; count <= 200; count += 100) {
        begin(H2_HOLD);
        start();
        raw_request(1, false);
        raw_frame(NGHTTP2_HEADERS, 5, 1, block, 4 * count);
        assert_true(give());
        assert_int_equal(server.calls[0].closed, 1);
        assert_int_equal(server.calls[0].complete, count == 100);
        assert_int_equal(server.calls[0].ended, count == 100);
        stop();
    }
}

TEST(an_idle_connection_holds_little)
{
    begin(H2_FLOW);
    server.flow_size = 10 * MIB;
    start();
    (void)h2_request(&client, 0, false);
    h2_talk(&client, &server);
    assert_in_range(meter.peak, 256 * KIB, 2 * MIB);
    fct_session_tick(server.session, 1000);
    fct_session_tick(server.session, 2000);
    assert_in_range(meter.held, 1, 40 * KIB);
    stop();
}

TEST(subscriptions_that_wait_hold_little)
{
    static const uint8_t bytes[100 * 1000];
    begin(H2_HOLD);
    assert_int_equal(h2_server_start(&server), FACTUM_OK);
    h2_client_start(&client, 1000 * 1000);
    for (size_t i = 0; i < 100; i++) {
        (void)h2_request(&client, 0, true);
        h2_talk(&client, &server);
        struct fct_exchange *exchange = server.calls[i].exchange;
        assert_int_equal(fct_exchange_write(exchange, fct_slice(bytes, sizeof bytes)), FACTUM_OK);
        assert_int_equal(fct_exchange_write(exchange, FCT_SLICE("1")), FACTUM_OK);
        h2_talk(&client, &server);
        assert_int_equal(client.replies[i].body_size, sizeof bytes + 1);
    }
    fct_session_tick(server.session, 1000);
    fct_session_tick(server.session, 2000);
    assert_in_range(meter.held, 100 * KIB, 300 * KIB); /* 1 to 3 KiB each */
    stop();
}

TEST(a_string_of_4_gb_ends_the_connection)
{
    const struct {
        const char *payload;
        size_t size;
    } heads[] = {
        {"\x83\x86\x84\0\x7f\x80\x80\x80\x80\x10", 10},                 /* its length is 4 GiB */
        {"\x83\x86\x84\0\x7f\x80\x80\x80\x80\x80\x80\x80\x80\x80", 14}, /* a padded integer */
        {"\xff\x80\x80\x80\x80\x80\x80\x01", 8},                        /* an index */
        {"\xff\x00", 2},                                                /* of no field */
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        begin(H2_HOLD);
        start();
        raw_frame(NGHTTP2_HEADERS, 5, 1, heads[i].payload, heads[i].size);
        assert_false(give());
        assert_int_equal(server.call_count, 0);
        assert_ended(NGHTTP2_COMPRESSION_ERROR, 128 * KIB);
    }
}

TEST(a_head_that_does_not_end_ends_the_connection)
{
    begin(H2_HOLD);
    start();
    raw_request(1, false); /* an open exchange does not save it */
    raw_frame(NGHTTP2_HEADERS, 0, 3, head, 3);
    server.now_ms = 1000;
    assert_true(give());
    for (int i = 0; i < 9; i++) {
        server.now_ms += 1000;
        raw_frame(NGHTTP2_CONTINUATION, 0, 3, "", 0);
        assert_true(give());
        fct_session_tick(server.session, server.now_ms);
        assert_false(fct_session_is_finished(server.session));
    }
    fct_session_tick(server.session, 11000);
    server.alive = false;
    raw_size = 0;
    const uint8_t *bytes = NULL;
    assert_true(fct_session_send(server.session, &bytes) > 0);
    assert_true(fct_session_is_finished(server.session));
    assert_int_equal(server.calls[0].closed, 0);
    stop();
}

TEST(heads_that_are_always_cut_in_the_middle_are_no_slow_head)
{
    begin(H2_ECHO);
    start();
    for (uint32_t i = 0; i < 100; i++) {
        raw_request(1 + 2 * i, true);
        raw_size -= 3; /* the rest comes with the next one */
        assert_true(give());
        server.now_ms += 1000;
        fct_session_tick(server.session, server.now_ms);
        assert_false(fct_session_is_finished(server.session));
        raw_add(head + sizeof head - 3, 3);
    }
    assert_true(give());
    assert_int_equal(server.call_count, 100);
    stop();
}

/* Breaches that end the connection at once. */

TEST(a_breach_of_the_protocol_ends_the_connection)
{
    const struct {
        uint8_t type;
        uint8_t flags;
        uint32_t id;
        size_t size;
        uint32_t code;
    } frames[] = {
        {NGHTTP2_DATA, 0, 0, 1, NGHTTP2_PROTOCOL_ERROR},
        {NGHTTP2_DATA, 0, 5, 1, NGHTTP2_PROTOCOL_ERROR},
        {NGHTTP2_HEADERS, 4, 2, 1, NGHTTP2_PROTOCOL_ERROR},
        {NGHTTP2_HEADERS, 4, 0, 1, NGHTTP2_PROTOCOL_ERROR},
        {NGHTTP2_RST_STREAM, 0, 7, 4, NGHTTP2_PROTOCOL_ERROR},
        {NGHTTP2_RST_STREAM, 0, 1, 3, NGHTTP2_FRAME_SIZE_ERROR},
        {NGHTTP2_PING, 0, 0, 7, NGHTTP2_FRAME_SIZE_ERROR},
        {NGHTTP2_SETTINGS, 0, 0, 5, NGHTTP2_FRAME_SIZE_ERROR},
        {NGHTTP2_SETTINGS, 0, 0, 6 * 33, NGHTTP2_ENHANCE_YOUR_CALM},
        {NGHTTP2_PUSH_PROMISE, 4, 1, 4, NGHTTP2_PROTOCOL_ERROR},
        {NGHTTP2_CONTINUATION, 4, 1, 1, NGHTTP2_PROTOCOL_ERROR},
        {NGHTTP2_DATA, 0, 1, 16 * 1024 + 1, NGHTTP2_FRAME_SIZE_ERROR},
        {NGHTTP2_WINDOW_UPDATE, 0, 0, 4, NGHTTP2_PROTOCOL_ERROR}, /* by 0 */
    };
    static const uint8_t zeros[20000];
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        begin(H2_HOLD);
        start();
        raw_request(1, false);
        raw_frame(frames[i].type, frames[i].flags, frames[i].id, zeros, frames[i].size);
        raw_request(3, true);
        (void)give();
        assert_int_equal(server.call_count, 1);
        assert_ended(frames[i].code, 128 * KIB);
    }
}

TEST(another_protocol_ends_the_connection)
{
    begin(H2_HOLD);
    start();
    raw_size = 0;
    raw_add("GET / HTTP/1.1\r\nhost: a\r\n\r\n", 27);
    assert_false(give());
    assert_ended(NGHTTP2_PROTOCOL_ERROR, 128 * KIB);
}

TEST(connect_and_unknown_schemes_are_refused)
{
    begin(H2_ECHO);
    start();
    const nghttp2_nv tunnel[] = {h2_nv(":method", "CONNECT"), h2_nv(":authority", "a:1")};
    const nghttp2_nv gopher[] = {h2_nv(":method", "GET"), h2_nv(":scheme", "gopher"),
                                 h2_nv(":path", "/"), h2_nv(":authority", "a")};
    struct h2_reply *first = &client.replies[0];
    struct h2_reply *second = &client.replies[1];
    first->upload_open = true;
    nghttp2_data_provider open = {{.ptr = first}, h2c_read};
    (void)nghttp2_submit_request(client.session, NULL, tunnel, 2, &open, first);
    (void)nghttp2_submit_request(client.session, NULL, gopher, 4, NULL, second);
    h2_talk(&client, &server);
    assert_string_equal(first->status, "501");
    assert_string_equal(second->status, "400");
    assert_true(first->closed);
    assert_true(second->closed);
    assert_int_equal(server.call_count, 0);
    stop();
}

TEST(data_beyond_the_window_reach_no_handler)
{
    static const uint8_t zeros[16 * 1024];
    begin(H2_HOLD);
    server.options.limits.body_window = 100 * KIB;
    start();
    raw_frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, "", 0);
    raw_request(1, false);
    for (int i = 0; i < 10; i++) {
        raw_frame(NGHTTP2_DATA, 0, 1, zeros, sizeof zeros);
    }
    /* Our SETTINGS are sent before they are acknowledged. */
    const uint8_t *bytes = NULL;
    while (fct_session_send(server.session, &bytes) > 0) {
    }
    assert_true(give());
    assert_in_range(server.calls[0].body_size, 80 * KIB, 100 * KIB);
    assert_int_equal(server.calls[0].closed, 1);
    stop();
}

TEST(streams_beyond_the_maximum_end_the_connection)
{
    begin(H2_SILENT);
    start();
    for (uint32_t i = 0; i < 2000; i++) {
        raw_request(1 + 2 * i, false);
    }
    assert_false(give());
    assert_int_equal(server.call_count, 1024);
    assert_ended(NGHTTP2_ENHANCE_YOUR_CALM, 2 * MIB);
}

TEST(a_peer_that_does_not_read_has_to_wait)
{
    begin(H2_SILENT);
    server.options.limits.glitches_burst = 1000 * 1000;
    start();
    assert_true(fct_session_wants_receive(server.session));
    for (uint32_t i = 0; i < 5000; i++) { /* each is reset */
        raw_frame(NGHTTP2_HEADERS, 5, 1 + 2 * i, "\x83", 1);
    }
    assert_true(h2_server_feed(&server, fct_slice(raw, raw_size), 1000));
    assert_false(fct_session_wants_receive(server.session));
    raw_size = 0;
    raw_frame(NGHTTP2_PING, 0, 0, "12345678", 8);
    assert_true(give());
    assert_true(fct_session_wants_receive(server.session));
    stop();
}

TEST(a_window_that_stays_shut_holds_little)
{
    begin(H2_FLOW);
    server.flow_size = 64 * MIB;
    start();
    raw_frame(NGHTTP2_SETTINGS, 0, 0, "\0\4\0\0\0\0", 6); /* INITIAL_WINDOW_SIZE 0 */
    for (uint32_t i = 0; i < 1024; i++) {
        raw_request(1 + 2 * i, true);
    }
    assert_true(give());
    assert_int_equal(server.call_count, 1024);
    assert_in_range(meter.peak, 16 * MIB, 64 * MIB); /* buffers double: up to twice what waits */
    stop();
}

/* Behaviour of honest clients, which must not be punished. */

TEST(keepalive_pings_are_no_flood)
{
    begin(H2_SILENT);
    start();
    raw_request(1, false);
    for (int i = 0; i < 10000; i++) {
        raw_frame(NGHTTP2_PING, 0, 0, "12345678", 8);
        server.now_ms += 10000;
        assert_true(give());
        fct_session_tick(server.session, server.now_ms);
    }
    stop();
}

TEST(a_thousand_subscriptions_may_be_cancelled_at_once)
{
    begin(H2_HOLD);
    start();
    h2_talk(&client, &server);
    for (int round = 0; round < 2; round++) {
        size_t from = client.reply_count;
        for (int i = 0; i < 1000; i++) {
            (void)h2_request(&client, 10, true);
        }
        h2_talk(&client, &server);
        for (size_t i = from; i < from + 1000; i++) {
            assert_string_equal(client.replies[i].status, "200");
            assert_int_equal(
                nghttp2_submit_rst_stream(client.session, 0, client.replies[i].id, NGHTTP2_CANCEL),
                0);
        }
        h2_talk(&client, &server);
    }
    assert_int_equal(server.call_count, 2000);
    assert_int_equal(h2_server_open_count(&server), 0);
    assert_true(server.alive);
    assert_false(client.goaway);
    stop();
}

TEST(a_reader_with_small_windows_pays_nothing)
{
    begin(H2_FLOW);
    server.flow_size = 64 * MIB;
    assert_int_equal(h2_server_start(&server), FACTUM_OK);
    h2_client_start(&client, 2048); /* an update each KiB, for the stream and for the connection */
    struct h2_reply *reply = h2_request(&client, 0, false);
    h2_talk(&client, &server);
    assert_int_equal(reply->body_size, 64 * MIB);
    assert_true(server.alive);
    assert_false(client.goaway);
    stop();
}

TEST(a_client_may_measure_bandwidth_by_ping)
{
    begin(H2_FLOW);
    server.flow_size = 4 * MIB;
    assert_int_equal(h2_server_start(&server), FACTUM_OK);
    h2_client_start(&client, 8192);
    struct h2_reply *reply = h2_request(&client, 0, false);
    bool more = true;
    while (more) {
        assert_int_equal(nghttp2_submit_ping(client.session, 0, NULL), 0);
        (void)h2_client_speak(&client, &server, MIB);
        size_t before = reply->body_size;
        (void)h2_client_listen(&client, &server);
        more = reply->body_size > before;
    }
    assert_int_equal(reply->body_size, 4 * MIB);
    assert_true(server.alive);
    stop();
}

/* The bytes split at every place. */

static uint8_t recorded[64 * 1024];

/* What the session sends for raw[0, size), given in two parts, or in parts of one byte. */
static size_t record(const uint8_t *bytes, size_t size, size_t cut)
{
    begin(H2_ECHO);
    assert_int_equal(h2_server_start(&server), FACTUM_OK);
    if (cut == 0) {
        assert_true(h2_server_feed(&server, fct_slice(bytes, size), 1));
    } else {
        assert_true(h2_server_feed(&server, fct_slice(bytes, cut), cut));
        assert_true(h2_server_feed(&server, fct_slice(bytes + cut, size - cut), size));
    }
    size_t total = 0;
    const uint8_t *out = NULL;
    for (size_t n = fct_session_send(server.session, &out); n > 0;
         n = fct_session_send(server.session, &out)) {
        assert_true(n <= sizeof recorded - total);
        memcpy(recorded + total, out, n);
        total += n;
    }
    assert_int_equal(server.call_count, 3);
    assert_int_equal(server.calls[0].body_size, 700);
    assert_true(server.calls[0].complete);
    assert_true(server.calls[2].complete);
    fct_session_destroy(server.session);
    assert_int_equal(meter.held, 0);
    return total;
}

TEST(every_cut_of_the_bytes_gives_the_same_answer)
{
    static const uint8_t padded[1 + 300 + 20] = {20, 'a', 'b'};
    static uint8_t whole[sizeof recorded];
    raw_preface();
    raw_request(1, false);
    raw_frame(NGHTTP2_HEADERS, 1, 3, head, 1); /* a head in four parts */
    raw_frame(NGHTTP2_CONTINUATION, 0, 3, head + 1, 1);
    raw_frame(NGHTTP2_CONTINUATION, 0, 3, "", 0);
    raw_frame(NGHTTP2_CONTINUATION, 4, 3, head + 2, sizeof head - 2);
    raw_frame(NGHTTP2_DATA, 0, 1, padded + 1, 100);
    raw_frame(NGHTTP2_PING, 0, 0, "12345678", 8);
    raw_frame(NGHTTP2_DATA, 8, 1, padded, sizeof padded);
    raw_frame(0x55, 3, 1, padded, 17);
    /* with a priority and 2 bytes of padding */
    raw_frame(NGHTTP2_HEADERS, 0x2d, 5, "\2\0\0\0\1\x10\x83\x86\x84\1\1a\0\0", 14);
    raw_frame(NGHTTP2_DATA, 1, 1, padded + 1, 300);
    raw_frame(NGHTTP2_WINDOW_UPDATE, 0, 0, "\0\0\0\7", 4);
    size_t size = raw_size;
    size_t expected = record(raw, size, size);
    assert_in_range(expected, 800, sizeof whole);
    memcpy(whole, recorded, expected);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(record(raw, size, cut), expected);
        assert_memory_equal(recorded, whole, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_flood_of_ping_ends_the_connection),
        CASE(a_flood_of_settings_ends_the_connection),
        CASE(a_flood_of_priority_ends_the_connection),
        CASE(a_flood_of_unknown_frames_ends_the_connection),
        CASE(a_flood_of_empty_data_ends_the_connection),
        CASE(a_flood_of_window_updates_ends_the_connection),
        CASE(a_flood_of_empty_continuations_ends_the_connection),
        CASE(continuations_without_end_end_the_connection),
        CASE(empty_heads_end_the_connection),
        CASE(a_rapid_reset_ends_the_connection),
        CASE(resets_that_the_peer_provokes_end_the_connection),
        CASE(malformed_heads_end_the_connection),
        CASE(an_hpack_bomb_is_reset_and_never_kept),
        CASE(a_head_at_its_limits_is_taken_and_beyond_them_answered_431),
        CASE(trailers_of_a_request_have_the_limits_of_a_head),
        CASE(an_idle_connection_holds_little),
        CASE(subscriptions_that_wait_hold_little),
        CASE(a_string_of_4_gb_ends_the_connection),
        CASE(a_head_that_does_not_end_ends_the_connection),
        CASE(heads_that_are_always_cut_in_the_middle_are_no_slow_head),
        CASE(a_breach_of_the_protocol_ends_the_connection),
        CASE(another_protocol_ends_the_connection),
        CASE(connect_and_unknown_schemes_are_refused),
        CASE(data_beyond_the_window_reach_no_handler),
        CASE(streams_beyond_the_maximum_end_the_connection),
        CASE(a_peer_that_does_not_read_has_to_wait),
        CASE(a_window_that_stays_shut_holds_little),
        CASE(keepalive_pings_are_no_flood),
        CASE(a_thousand_subscriptions_may_be_cancelled_at_once),
        CASE(a_reader_with_small_windows_pays_nothing),
        CASE(a_client_may_measure_bandwidth_by_ping),
        CASE(every_cut_of_the_bytes_gives_the_same_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
