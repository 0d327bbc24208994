/* session.c - see session.h. Layer: net. */
#include "net/session.h"

#include "core/slice.h"

#define TLS_HANDSHAKE 0x16 /* RFC 8446, 5.1: the type of a record that opens a connection */

bool fct_session_receive(struct fct_session *session, factum_slice bytes, uint64_t now_ms)
{
    return session->ops->receive(session, bytes, now_ms);
}

bool fct_session_wants_receive(const struct fct_session *session)
{
    return session->ops->wants_receive(session);
}

bool fct_session_input_ended(struct fct_session *session)
{
    return session->ops->input_ended(session);
}

size_t fct_session_send(struct fct_session *session, const uint8_t **bytes)
{
    return session->ops->send(session, bytes);
}

void fct_session_tick(struct fct_session *session, uint64_t now_ms)
{
    session->ops->tick(session, now_ms);
}

void fct_session_shut_down(struct fct_session *session)
{
    session->ops->shut_down(session);
}

bool fct_session_is_finished(const struct fct_session *session)
{
    return session->ops->is_finished(session);
}

size_t fct_session_waiting(const struct fct_session *session)
{
    return session->ops->waiting(session);
}

void fct_session_destroy(struct fct_session *session)
{
    if (session != NULL) {
        session->ops->destroy(session);
    }
}

enum fct_preface fct_preface_of(factum_slice bytes)
{
    const factum_slice preface = FCT_SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); /* RFC 9113, 3.4 */
    if (bytes.len > 0 && bytes.ptr[0] == TLS_HANDSHAKE) {
        return FCT_PREFACE_TLS;
    }
    if (fct_slice_starts(bytes, preface)) {
        return FCT_PREFACE_HTTP2;
    }
    return fct_slice_starts(preface, bytes) ? FCT_PREFACE_UNDECIDED : FCT_PREFACE_HTTP1;
}
