/* services.h - the handlers of the services of a saga. Layer: example, public API only. */
#ifndef ORDERS_SERVICES_H
#define ORDERS_SERVICES_H

#include <factum/participant.h>

/* Shared by all services. The options of participants.c explain each text; NULL: not given. */
struct shop {
    factum_store *store;
    int64_t limit; /* cents */
    const char *closed;
    const char *refuse;
    const char *silent;
    const char *name;
    long slow; /* ms */
};

struct shop_handler {
    const char *type; /* "stock.ReserveStock" */
    factum_command_handler handle;
};
/* The last one has no type. They share a struct shop as their data, and do not change it. */
extern const struct shop_handler shop_handlers[];

#endif
