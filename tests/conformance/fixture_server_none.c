/* fixture_server_none.c - fixture_server.h for a build without the server: never called, since
 * kind_is_built is false. */
#include "fixture_server.h"

void fixture_server_open(struct fixture *fixture)
{
    (void)fixture;
}

void fixture_server_close(struct fixture *fixture)
{
    (void)fixture;
}

void fixture_server_lose(struct fixture *fixture, uint32_t count)
{
    (void)fixture;
    (void)count;
}

void fixture_server_hold(struct fixture *fixture, bool held)
{
    (void)fixture;
    (void)held;
}
