/* kurrent_link.h - how an event is shown to a KurrentDB client: unchanged, as a link, or as the
 * target of a link. Layer: server.
 *
 * Virtual streams ($ce-, $et-, $bc-) contain the events themselves; clients expect links ("$>"
 * events with the data "REVISION@STREAM") with revisions of their own in the virtual stream. This
 * file creates such links. The id of a link is a hash of the virtual stream's name and the event's
 * id, so that it never changes.
 */
#ifndef FCT_SERVER_KURRENT_LINK_H
#define FCT_SERVER_KURRENT_LINK_H

#include "server/server_int.h"
#include "wire/kurrent_replies.h"

enum fct_link_kind { FCT_LINK_NONE, FCT_LINK_VIRTUAL };

/* Returns whether |stream| is virtual. */
enum fct_link_kind fct_link_kind_of(factum_slice stream);

struct fct_link_request {
    struct fct_server *server;
    const struct fct_principal *principal;
    enum fct_link_kind kind;
    factum_slice stream; /* the stream that is read; empty for $all */
    bool resolve;        /* resolve_links */
    enum fct_kurrent_id_form id_form;
};

/* True if |event| is shown unchanged to everybody; otherwise the form depends on the request. */
bool fct_link_is_plain(const struct fct_link_request *request, const factum_event *event);
/* Adds a ReadResp for |event| to |buf|. If |resolve|, a stored or virtual link is resolved; a link
 * whose target was deleted or truncated, or may not be read, is sent without it. Errors:
 * NO_MEMORY. */
FCT_MUST_USE factum_status fct_link_encode(const struct fct_link_request *request,
                                           const factum_event *event, struct fct_buf *buf,
                                           factum_error *err);

#endif
