/* factum.h - includes what most users of a store need: stores, events, JSON, schemas, deciders.
 * Include the other headers by name. */
#ifndef FACTUM_FACTUM_H
#define FACTUM_FACTUM_H

#include <factum/async.h>
#include <factum/base.h>
#include <factum/decider.h>
#include <factum/json.h>
#include <factum/ndjson.h>
#include <factum/schema.h>
#include <factum/store.h>

#endif
