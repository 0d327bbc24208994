/* exchange.c - see exchange.h. Layer: net. */
#include "net/exchange.h"

#include "core/slice.h"

factum_slice fct_exchange_field(const struct fct_exchange *exchange, factum_slice name)
{
    for (size_t i = 0; i < exchange->field_count; i++) {
        if (fct_slice_equal(exchange->fields[i].name, name)) {
            return exchange->fields[i].value;
        }
    }
    return fct_slice(NULL, 0);
}

factum_status fct_exchange_respond(struct fct_exchange *exchange, unsigned status,
                                   const struct fct_field *fields, size_t count)
{
    return exchange->ops->respond(exchange, status, fields, count);
}

size_t fct_exchange_room(const struct fct_exchange *exchange)
{
    return exchange->ops->room(exchange);
}

factum_status fct_exchange_write(struct fct_exchange *exchange, factum_slice bytes)
{
    return exchange->ops->write(exchange, bytes);
}

factum_status fct_exchange_finish(struct fct_exchange *exchange, const struct fct_field *trailers,
                                  size_t count)
{
    return exchange->ops->finish(exchange, trailers, count);
}

void fct_exchange_release(struct fct_exchange *exchange, size_t size)
{
    exchange->ops->release(exchange, size);
}

void fct_exchange_abort(struct fct_exchange *exchange, enum fct_abort why)
{
    exchange->ops->abort(exchange, why);
}

void fct_exchange_trust(struct fct_exchange *exchange)
{
    if (exchange->ops->trust != NULL) {
        exchange->ops->trust(exchange);
    }
}

/* ---- a handler that drops the request -------------------------------------------------------- */

static void ignore_body(struct fct_exchange *exchange, factum_slice bytes)
{
    fct_exchange_release(exchange, bytes.len);
}

static void ignore_call(struct fct_exchange *exchange)
{
    (void)exchange;
}

static void ignore_closed(struct fct_exchange *exchange, bool complete)
{
    (void)exchange;
    (void)complete;
}

const struct fct_exchange_handler fct_exchange_ignoring = {ignore_body, ignore_call, ignore_call,
                                                           ignore_closed};
