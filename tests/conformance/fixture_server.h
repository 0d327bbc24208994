/* fixture_server.h - the kinds of engines that are connected to a server. Private to fixture.c. */
#ifndef FCT_TESTS_CONFORMANCE_FIXTURE_SERVER_H
#define FCT_TESTS_CONFORMANCE_FIXTURE_SERVER_H

#include "fixture.h"

void fixture_server_open(struct fixture *fixture);
/* The engine is closed. */
void fixture_server_close(struct fixture *fixture);
void fixture_server_lose(struct fixture *fixture, uint32_t count);
void fixture_server_hold(struct fixture *fixture, bool held);

#endif
