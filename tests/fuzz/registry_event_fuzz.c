/* registry_event_fuzz.c - any bytes as an event of the schema registry: an accepted event is the
 * same after it is written and read again. The first byte chooses the type. */
#include "core/check.h"
#include "core/mem.h"
#include "core/slice.h"
#include "schema/registry_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_same(const struct fct_registry_event *a, const struct fct_registry_event *b)
{
    FCT_ASSERT(a->is_mode == b->is_mode);
    FCT_ASSERT(fct_slice_equal(a->subject_text, b->subject_text));
    FCT_ASSERT(fct_slice_equal(a->subject.category, b->subject.category));
    FCT_ASSERT(fct_slice_equal(a->subject.type, b->subject.type));
    if (a->is_mode) {
        FCT_ASSERT(a->mode == b->mode);
        return;
    }
    FCT_ASSERT(a->version == b->version && a->version > 0);
    FCT_ASSERT(a->id == b->id && a->id > 0);
    FCT_ASSERT(fct_slice_equal(a->hash, b->hash));
    FCT_ASSERT(a->proof == b->proof);
    FCT_ASSERT(a->proof != FACTUM_SCHEMA_PROOF_AFTER || a->after == b->after);
    FCT_ASSERT(fct_slice_equal(a->schema, b->schema));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {FCT_SCHEMA_REGISTERED, FCT_SCHEMA_MODE_SET, "Other"};
    struct fct_registry_event event;
    struct fct_registry_event again;
    struct fct_buf buf;
    factum_error err = {.status = FACTUM_OK};
    if (size == 0) {
        return 0;
    }
    factum_slice type = factum_slice_from(types[data[0] % 3]);
    factum_status status =
        fct_registry_event_parse(type, fct_slice(data + 1, size - 1), &event, &err);
    if (status != FACTUM_OK) {
        FCT_ASSERT(status == FACTUM_INVALID);
        FCT_ASSERT(err.status == status);
        FCT_ASSERT(fct_utf8_valid(factum_slice_from(err.text)));
        return 0;
    }
    fct_buf_init(&buf, fct_mem_heap(), (size_t)64 << 20);
    FCT_ASSERT(fct_registry_event_format(&event, &buf, &err) == FACTUM_OK);
    FCT_ASSERT(fct_registry_event_parse(type, fct_buf_slice(&buf), &again, &err) == FACTUM_OK);
    is_same(&event, &again);
    fct_buf_finish(&buf);
    return 0;
}
