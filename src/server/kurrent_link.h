/* kurrent_link.h - how an event is shown to a KurrentDB client: as it is, as a link, or as the
 * event that a link points to. Layer: server.
 *
 * Virtual streams ($ce-, $et-, $bc-) hold the events themselves; clients expect links ("$>" events
 * with the data "REVISION@STREAM") that have revisions of their own in the virtual stream. Such a
 * link is made here; its id is a hash of the virtual stream's name and the event's id, so that it
 * is the same whenever it is asked for.
 */
#ifndef FCT_SERVER_KURRENT_LINK_H
#define FCT_SERVER_KURRENT_LINK_H

#include "server/server_int.h"
#include "wire/kurrent_replies.h"

enum fct_link_kind { FCT_LINK_NONE, FCT_LINK_VIRTUAL };

/* Is |stream| virtual? */
enum fct_link_kind fct_link_kind_of(factum_slice stream);

struct fct_link_request {
    struct fct_server *server;
    const struct fct_principal *principal;
    enum fct_link_kind kind;
    factum_slice stream; /* that is read; empty for $all */
    bool resolve;        /* resolve_links */
    enum fct_kurrent_id_form id_form;
};

/* Is |event| shown as it is, the same to everybody? Otherwise it depends on who asks. */
bool fct_link_is_plain(const struct fct_link_request *request, const factum_event *event);
/* Adds a ReadResp for |event| to |buf|. A link, stored or virtual, is resolved if |resolve|; one
 * whose target was deleted or truncated, or may not be read, is sent alone. NO_MEMORY. */
FCT_MUST_USE factum_status fct_link_encode(const struct fct_link_request *request,
                                           const factum_event *event, struct fct_buf *buf,
                                           factum_error *err);

#endif
