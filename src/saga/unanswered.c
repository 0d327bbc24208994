/* unanswered.c - see unanswered.h. Layer: saga. */
#include "saga/unanswered.h"

#include "core/log_sink.h"
#include "core/slice.h"

static factum_slice unanswered_id(const struct fct_unanswered_entry *entry)
{
    return fct_slice(entry->text, entry->id_len);
}

void fct_unanswered_finish(struct fct_unanswered *list)
{
    for (size_t i = 0; i < list->count; i++) {
        fct_mem_free(list->mem, list->entries[i]);
    }
    list->count = 0;
}

factum_status fct_unanswered_add(struct fct_unanswered *list, factum_slice id, factum_slice type,
                                 uint64_t due)
{
    for (size_t i = 0; i < list->count; i++) {
        if (fct_slice_equal(unanswered_id(list->entries[i]), id)) {
            return FACTUM_EXISTS;
        }
    }
    if (list->count == FCT_UNANSWERED_MAX) {
        list->beyond++;
        return FACTUM_TOO_BIG;
    }
    struct fct_unanswered_entry *entry =
        fct_mem_alloc(list->mem, sizeof *entry + id.len + type.len);
    if (entry == NULL) {
        return FACTUM_NO_MEMORY;
    }
    entry->due = due;
    entry->said = false;
    entry->id_len = (uint32_t)id.len; /* FACTUM_NAME_SIZE_MAX at most, both */
    entry->type_len = (uint32_t)type.len;
    memcpy(entry->text, id.ptr, id.len);
    memcpy(entry->text + id.len, type.ptr, type.len);
    list->entries[list->count++] = entry;
    return FACTUM_OK;
}

uint64_t fct_unanswered_due(const struct fct_unanswered *list)
{
    uint64_t due = 0;
    for (size_t i = 0; i < list->count; i++) {
        due = due == 0 || list->entries[i]->due < due ? list->entries[i]->due : due;
    }
    return due;
}

uint64_t fct_unanswered_count(const struct fct_unanswered *list)
{
    return list->count + list->beyond;
}

/* True if the command has an answer by now. */
static bool unanswered_check(struct fct_unanswered_entry *entry,
                             const struct fct_unanswered_look *look)
{
    factum_key_info info = {.size = sizeof info};
    factum_status status = factum_find_key(look->store, unanswered_id(entry), &info, NULL);
    if (status == FACTUM_NOT_FOUND && !entry->said) {
        factum_slice type = fct_slice(entry->text + entry->id_len, entry->type_len);
        fct_log_message(look->log, FACTUM_LOG_ERROR, "participant.unhandled",
                        "nobody answers command %.*s of type %.*s: no handler is registered",
                        (int)entry->id_len, entry->text, (int)type.len, (const char *)type.ptr);
        entry->said = true;
    }
    entry->due = look->next;
    return status == FACTUM_OK;
}

void fct_unanswered_look_up(struct fct_unanswered *list, const struct fct_unanswered_look *look)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct fct_unanswered_entry *entry = list->entries[i];
        if (entry->due <= look->now && unanswered_check(entry, look)) {
            fct_mem_free(list->mem, entry);
        } else {
            list->entries[kept++] = entry;
        }
    }
    list->count = kept;
}
