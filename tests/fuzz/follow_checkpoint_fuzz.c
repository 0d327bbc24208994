/* follow_checkpoint_fuzz.c - the event of a checkpoint: any data is read or refused, and a
 * checkpoint that was read is the same after it is written and read again. Layer: tests. */
#include <string.h>

#include "core/check.h"
#include "core/slice.h"
#include "projection/follow_checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static factum_status parse(factum_slice data, struct fct_follow_checkpoint *saved,
                           factum_error *err)
{
    const factum_event event = {.stream = FCT_SLICE(FCT_FOLLOW_CHECKPOINT_PREFIX "a"),
                                .type = FCT_SLICE(FCT_FOLLOW_CHECKPOINT_TYPE),
                                .data = data,
                                .revision = 7};
    memset(saved, 0, sizeof *saved);
    return fct_follow_checkpoint_parse(&event, saved, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fct_follow_checkpoint first;
    struct fct_follow_checkpoint second;
    char text[FCT_FOLLOW_CHECKPOINT_SIZE];
    factum_error err = {.status = FACTUM_OK};
    factum_status status = parse(fct_slice(data, size), &first, &err);
    if (status != FACTUM_OK) {
        FCT_ASSERT(status == FACTUM_CORRUPT);
        FCT_ASSERT(err.text[0] != '\0');
        return 0;
    }
    FCT_ASSERT(parse(fct_follow_checkpoint_format(&first, text), &second, &err) == FACTUM_OK);
    FCT_ASSERT(memcmp(&first.owner, &second.owner, sizeof first.owner) == 0);
    FCT_ASSERT(strcmp(first.token, second.token) == 0);
    FCT_ASSERT(first.events == second.events);
    FCT_ASSERT(first.revision == 7 && second.revision == 7);
    return 0;
}
