/* fixture_server.c - see fixture_server.h. */
#include "fixture_server.h"

#include <stdio.h>

#include <factum/server.h>
#include <factum/testing.h>

#include "engine_remote/remote.h"

/* A store of the public API, a server on it, and the engine that is connected to the server. */
void fixture_server_open(struct fixture *fixture)
{
    char path[sizeof fixture->dir + 8];
    char address[sizeof path + 16];
    (void)snprintf(path, sizeof path, "%s-socket", fixture->dir);
    (void)snprintf(address, sizeof address, "factum+unix://%s", path);
    const factum_store_options store = {
        .size = sizeof store,
        .event_size_max = fixture->limits.event_size_max,
        .append_events_max = fixture->limits.append_events_max,
        .append_size_max = fixture->limits.append_size_max,
    };
    const factum_server_options server = {
        .size = sizeof server, .listen = "", .unix_path = path, .insecure = true};
    const struct fct_engine_remote_options remote = {
        .mem = fct_mem_heap(),
        .os = fct_os_real(),
        .address = address,
        .limits = fixture->limits,
    };
    factum_status status = kind_is_memory(fixture->kind)
                               ? factum_testing_open_memory(&store, &fixture->store, &fixture->err)
                               : factum_open(fixture->dir, &store, &fixture->store, &fixture->err);
    assert_ok(status, fixture->err);
    assert_ok(factum_server_start(fixture->store, &server, &fixture->server, &fixture->err),
              fixture->err);
    assert_ok(fct_engine_remote_open(&fixture->engine, &remote, &fixture->err), fixture->err);
}

void fixture_server_close(struct fixture *fixture)
{
    factum_server_stop(fixture->server, 5000);
    assert_ok(factum_close(fixture->store, &fixture->err), fixture->err);
}

void fixture_server_lose(struct fixture *fixture, uint32_t count)
{
    fct_engine_remote_lose(&fixture->engine, count);
}

void fixture_server_hold(struct fixture *fixture, bool held)
{
    fct_engine_remote_hold(&fixture->engine, held);
}
