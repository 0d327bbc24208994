/* saga_command_fuzz.c - any event as a command of a saga. The input is the name of the stream and
 * the metadata, a line each, then the data.
 *
 * An event that is accepted as a command:
 * 1. is in the stream that its saga has at the service;
 * 2. if it is an undo, undoes a do of the same step of the same saga;
 * 3. has a valid traceparent or none at all.
 */
#include <string.h>

#include "core/check.h"
#include "core/slice.h"
#include "saga/command.h"
#include "saga/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static factum_slice take_line(factum_slice *rest)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->ptr, '\n', rest->len) : NULL;
    factum_slice line = fct_slice(rest->ptr, end == NULL ? rest->len : (size_t)(end - rest->ptr));
    *rest = fct_slice_from(*rest, end == NULL ? rest->len : line.len + 1);
    return line;
}

static void check_command(const factum_event *event, factum_slice service,
                          const factum_command *command)
{
    char stream[FCT_COMMAND_STREAM_SIZE];
    char normal[FCT_TRACEPARENT_SIZE];
    struct fct_command_id id;
    struct fct_command_id undoes;
    FCT_ASSERT(fct_command_id_read(command->id, &id));
    FCT_ASSERT(fct_slice_equal(id.saga_id, command->saga_id));
    FCT_ASSERT(fct_slice_equal(fct_command_stream(service, &id.saga, stream), event->stream));
    FCT_ASSERT(id.undo == command->undo);
    FCT_ASSERT(command->undo == (command->undoes.len > 0));
    if (command->undo) {
        FCT_ASSERT(fct_command_id_read(command->undoes, &undoes));
        FCT_ASSERT(!undoes.undo);
        FCT_ASSERT(fct_slice_equal(undoes.saga_id, id.saga_id));
        FCT_ASSERT(fct_slice_equal(undoes.step, id.step));
    }
    FCT_ASSERT(command->attempt > 0);
    FCT_ASSERT(command->traceparent.len == 0 ||
               fct_traceparent_normal(command->traceparent, normal));
    FCT_ASSERT(command->json->count > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fct_command_room room;
    static struct fct_random random;
    const factum_slice service = FCT_SLICE("stock");
    factum_slice rest = fct_slice(data, size);
    factum_arena arena;
    factum_command command;
    factum_error err;
    factum_event event = {.type = FCT_SLICE("stock.ReserveStock")};
    event.stream = take_line(&rest);
    event.metadata = take_line(&rest);
    event.data = rest;
    factum_arena_init(&arena, 0);
    room.arena = &arena;
    room.random = &random;
    factum_status status = fct_command_read(&event, service, &room, &command, &err);
    FCT_ASSERT(status == FACTUM_OK || status == FACTUM_INVALID || status == FACTUM_TOO_BIG);
    if (status == FACTUM_OK) {
        check_command(&event, service, &command);
    } else {
        FCT_ASSERT(err.text[0] != '\0');
    }
    factum_arena_finish(&arena);
    return 0;
}
