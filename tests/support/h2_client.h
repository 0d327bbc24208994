/* h2_client.h - the client's end of an HTTP/2 session under test, by nghttp2. */
#ifndef FCT_TESTS_SUPPORT_H2_CLIENT_H
#define FCT_TESTS_SUPPORT_H2_CLIENT_H

#include <sys/types.h>

#include "support/h2_fixture.h"

#define H2_STREAMS_MAX H2_CALLS_MAX

/* The client's view of an exchange. */
struct h2_reply {
    int32_t id;
    size_t upload_left; /* bytes of the body that are not sent yet */
    bool upload_open;   /* the body does not end after them */
    char status[4];
    size_t body_size;
    unsigned sum; /* sum of the bytes of the body */
    unsigned trailer_count;
    bool headers_done;
    bool closed;
    uint32_t error_code;
};

struct h2_client {
    nghttp2_session *session;
    struct h2_reply replies[H2_STREAMS_MAX];
    size_t reply_count;
    bool goaway;
    uint32_t goaway_code;
    bool holds;          /* the client gives no credit back */
    size_t largest_send; /* largest output of one fct_session_send */
};

static inline struct h2_reply *h2_reply_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static inline int h2c_on_header(nghttp2_session *session, const nghttp2_frame *frame,
                                const uint8_t *name, size_t name_size, const uint8_t *value,
                                size_t value_size, uint8_t flags, void *data)
{
    (void)flags;
    (void)data;
    struct h2_reply *reply = h2_reply_of(session, frame->hd.stream_id);
    if (reply == NULL) {
        return 0;
    }
    if (reply->headers_done) {
        reply->trailer_count++;
    } else if (fct_slice_equal(fct_slice(name, name_size), FCT_SLICE(":status"))) {
        FCT_ASSERT(value_size == 3);
        memcpy(reply->status, value, 3);
    }
    return 0;
}

static inline int h2c_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
    struct h2_client *client = data;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        client->goaway = true;
        client->goaway_code = frame->goaway.error_code;
    }
    struct h2_reply *reply = h2_reply_of(session, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_HEADERS && reply != NULL) {
        reply->headers_done = true;
    }
    return 0;
}

static inline int h2c_on_data(nghttp2_session *session, uint8_t flags, int32_t id,
                              const uint8_t *bytes, size_t size, void *data)
{
    (void)flags;
    struct h2_client *client = data;
    struct h2_reply *reply = h2_reply_of(session, id);
    if (reply != NULL) {
        reply->body_size += size;
        for (size_t i = 0; i < size; i++) {
            reply->sum = reply->sum * 31 + bytes[i];
        }
    }
    if (!client->holds) {
        (void)nghttp2_session_consume(session, id, size);
    }
    return 0;
}

static inline int h2c_on_close(nghttp2_session *session, int32_t id, uint32_t error_code,
                               void *data)
{
    (void)data;
    struct h2_reply *reply = h2_reply_of(session, id);
    if (reply != NULL) {
        reply->closed = true;
        reply->error_code = error_code;
    }
    return 0;
}

static inline ssize_t h2c_read(nghttp2_session *session, int32_t id, uint8_t *bytes, size_t size,
                               uint32_t *flags, nghttp2_data_source *source, void *data)
{
    (void)session;
    (void)id;
    (void)data;
    struct h2_reply *reply = source->ptr;
    if (reply->upload_left == 0 && reply->upload_open) {
        return NGHTTP2_ERR_DEFERRED;
    }
    if (size > reply->upload_left) {
        size = reply->upload_left;
    }
    memset(bytes, 'u', size);
    reply->upload_left -= size;
    if (reply->upload_left == 0 && !reply->upload_open) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)size;
}

/* |window| is the one of each stream and of the connection; 0: the default of HTTP/2. */
static inline void h2_client_start(struct h2_client *client, uint32_t window)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    memset(client, 0, sizeof *client);
    FCT_ASSERT(nghttp2_session_callbacks_new(&callbacks) == 0);
    FCT_ASSERT(nghttp2_option_new(&option) == 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, h2c_on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, h2c_on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, h2c_on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, h2c_on_close);
    nghttp2_option_set_no_auto_window_update(option, 1);
    FCT_ASSERT(nghttp2_session_client_new2(&client->session, callbacks, client, option) == 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
    FCT_ASSERT(nghttp2_submit_settings(client->session, 0, &entry, window == 0 ? 0 : 1) == 0);
    if (window != 0) {
        FCT_ASSERT(nghttp2_session_set_local_window_size(client->session, 0, 0, (int32_t)window) ==
                   0);
    }
}

static inline void h2_client_finish(struct h2_client *client)
{
    nghttp2_session_del(client->session);
    client->session = NULL;
}

static inline nghttp2_nv h2_nv(const char *name, const char *value)
{
    union {
        const char *in;
        uint8_t *out;
    } n = {.in = name}, v = {.in = value};
    return (nghttp2_nv){n.out, v.out, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};
}

/* Sends a request with |upload| bytes of a body, which ends after them unless |open|. */
static inline struct h2_reply *h2_request(struct h2_client *client, size_t upload, bool open)
{
    FCT_ASSERT(client->reply_count < H2_STREAMS_MAX);
    struct h2_reply *reply = &client->replies[client->reply_count];
    client->reply_count++;
    reply->upload_left = upload;
    reply->upload_open = open;
    const nghttp2_nv fields[] = {
        h2_nv(":method", "POST"),
        h2_nv(":scheme", "http"),
        h2_nv(":path", "/a.Service/Call"),
        h2_nv(":authority", "localhost:2113"),
        h2_nv("content-type", "application/grpc"),
        h2_nv("te", "trailers"),
    };
    nghttp2_data_provider provider = {{.ptr = reply}, h2c_read};
    bool has_body = upload > 0 || open;
    reply->id =
        nghttp2_submit_request(client->session, NULL, fields, sizeof fields / sizeof fields[0],
                               has_body ? &provider : NULL, reply);
    FCT_ASSERT(reply->id > 0);
    return reply;
}

/* Passes what the client has to send to the server as one message. True: there was something. */
static inline bool h2_client_speak(struct h2_client *client, struct h2_server *server, size_t piece)
{
    bool spoke = false;
    for (;;) {
        const uint8_t *bytes = NULL;
        ssize_t size = nghttp2_session_mem_send(client->session, &bytes);
        FCT_ASSERT(size >= 0);
        if (size == 0) {
            return spoke;
        }
        spoke = true;
        (void)h2_server_feed(server, fct_slice(bytes, (size_t)size), piece);
    }
}

/* The same from the server to the client. */
static inline bool h2_client_listen(struct h2_client *client, struct h2_server *server)
{
    bool heard = false;
    for (;;) {
        const uint8_t *bytes = NULL;
        size_t size = fct_session_send(server->session, &bytes);
        if (size == 0) {
            return heard;
        }
        if (size > client->largest_send) {
            client->largest_send = size;
        }
        heard = true;
        ssize_t rv = nghttp2_session_mem_recv(client->session, bytes, size);
        FCT_ASSERT(rv == (ssize_t)size || rv < 0);
    }
}

/* Exchanges messages until neither side has any. */
static inline void h2_talk_by(struct h2_client *client, struct h2_server *server, size_t piece)
{
    bool more = true;
    while (more) {
        more = h2_client_speak(client, server, piece);
        more = h2_client_listen(client, server) || more;
    }
}

static inline void h2_talk(struct h2_client *client, struct h2_server *server)
{
    h2_talk_by(client, server, (size_t)1 << 20);
}

#endif
