/* query_printf.c - printf and format of queries. Layer: projection. See query_functions.h.
 *
 * Splits the format into conversions, checks how wide each is, charges the query for it, and lets
 * SQLite's printf print it.
 */
#include <stdio.h>
#include <string.h>

#include "projection/query_functions.h"
#include "projection/query_functions_int.h"

#define PRINTF_CHARACTER_SIZE 4 /* bytes of a character, at most */

/* A call: its remaining arguments. */
struct printf_call {
    sqlite3_context *context;
    sqlite3_value **values;
    int count;
    int next;
    sqlite3_str *text;
};

/* A conversion: "%-8.2f". */
struct printf_field {
    char flags[8];
    size_t flag_count;
    bool left;
    int64_t width;     /* 0: none */
    int64_t precision; /* -1: none */
    char letter;
};

/* NULL: no argument is left, which is the value NULL. */
static sqlite3_value *printf_argument(struct printf_call *call)
{
    return call->next < call->count ? call->values[call->next++] : NULL;
}

static int64_t printf_integer(struct printf_call *call)
{
    sqlite3_value *value = printf_argument(call);
    return value != NULL ? sqlite3_value_int64(value) : 0;
}

/* A width or a precision: digits, or "*" for an argument. */
static int64_t printf_number(struct printf_call *call, const char **at)
{
    if (**at == '*') {
        (*at)++;
        return printf_integer(call);
    }
    int64_t number = 0;
    while (**at >= '0' && **at <= '9') {
        number = number <= FCT_QUERY_WIDTH_MAX ? number * 10 + (**at - '0') : number;
        (*at)++;
    }
    return number;
}

static void printf_take_flags(struct printf_field *field, const char **at)
{
    while (**at != '\0' && strchr("-+ #!0,", **at) != NULL) {
        if (**at == '-') {
            field->left = true;
        } else if (memchr(field->flags, **at, field->flag_count) == NULL) {
            field->flags[field->flag_count++] = **at; /* at most six different ones */
        }
        (*at)++;
    }
}

/* Parses a conversion from after its "%". */
static void printf_take_field(struct printf_call *call, struct printf_field *field, const char **at)
{
    *field = (struct printf_field){.precision = -1};
    printf_take_flags(field, at);
    field->width = printf_number(call, at);
    if (field->width < 0) {
        field->left = true;
        field->width = field->width > -FCT_QUERY_WIDTH_MAX ? -field->width : INT32_MAX;
    }
    if (**at == '.') {
        (*at)++;
        field->precision = printf_number(call, at);
        if (field->precision < 0) {
            field->precision =
                field->precision > -FCT_QUERY_WIDTH_MAX ? -field->precision : INT32_MAX;
        }
    }
    while (**at == 'l') {
        (*at)++;
    }
    field->letter = **at;
    if (field->letter != '\0') {
        (*at)++;
    }
}

/* Writes the conversion as a format of sqlite3_str_appendf into |form|. */
static void printf_form(const struct printf_field *field, const char *letter, char *form,
                        size_t size)
{
    size_t used = 0;
    form[used++] = '%';
    if (field->left) {
        form[used++] = '-';
    }
    memcpy(form + used, field->flags, field->flag_count);
    used += field->flag_count;
    if (field->width > 0) {
        used += (size_t)snprintf(form + used, size - used, "%d", (int)field->width);
    }
    if (field->precision >= 0) {
        used += (size_t)snprintf(form + used, size - used, ".%d", (int)field->precision);
    }
    (void)snprintf(form + used, size - used, "%s", letter);
}

/* A text with one of the letters s, z, q, Q, w. */
static void printf_text(struct printf_call *call, const struct printf_field *field)
{
    char form[48];
    sqlite3_value *value = printf_argument(call);
    const unsigned char *text = value != NULL ? sqlite3_value_text(value) : NULL;
    char letter[2] = {field->letter, '\0'};
    if (letter[0] == 'z') {
        letter[0] = 's'; /* in C, z frees its argument */
    }
    printf_form(field, letter, form, sizeof form);
    if (text != NULL && !fct_query_function_goes_on(
                            call->context, (uint64_t)(unsigned)sqlite3_value_bytes(value) / 4)) {
        return;
    }
    sqlite3_str_appendf(call->text, form, (const char *)text);
}

/* The first character of a text, as often as the precision says. */
static void printf_character(struct printf_call *call, const struct printf_field *field)
{
    char form[48];
    char repeated[PRINTF_CHARACTER_SIZE * FCT_QUERY_WIDTH_MAX + 1];
    struct printf_field plain = *field;
    sqlite3_value *value = printf_argument(call);
    const unsigned char *text = value != NULL ? sqlite3_value_text(value) : NULL;
    size_t size = text != NULL && text[0] != '\0' ? 1 : 0;
    while (size > 0 && size < PRINTF_CHARACTER_SIZE && text[0] >= 0xc0 &&
           (text[size] & 0xc0) == 0x80) {
        size++;
    }
    size_t used = 0;
    for (int64_t i = 0; i < (field->precision > 1 ? field->precision : 1); i++) {
        memcpy(repeated + used, text != NULL ? (const char *)text : "", size);
        used += size;
    }
    repeated[used] = '\0';
    plain.precision = -1;
    printf_form(&plain, "s", form, sizeof form);
    sqlite3_str_appendf(call->text, form, repeated);
}

/* False: unknown conversion. */
static bool printf_print(struct printf_call *call, const struct printf_field *field)
{
    char form[48];
    switch (field->letter) {
    case '%':
        printf_form(
            &(struct printf_field){.left = field->left, .width = field->width, .precision = -1},
            "s", form, sizeof form);
        sqlite3_str_appendf(call->text, form, "%");
        return true;
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
    case 'r':
        printf_form(field, (char[]){'l', 'l', field->letter, '\0'}, form, sizeof form);
        sqlite3_str_appendf(call->text, form, (sqlite3_int64)printf_integer(call));
        return true;
    case 'f':
    case 'e':
    case 'E':
    case 'g':
    case 'G': {
        sqlite3_value *value = printf_argument(call);
        printf_form(field, (char[]){field->letter, '\0'}, form, sizeof form);
        sqlite3_str_appendf(call->text, form, value != NULL ? sqlite3_value_double(value) : 0.0);
        return true;
    }
    case 's':
    case 'z':
    case 'q':
    case 'Q':
    case 'w':
        printf_text(call, field);
        return true;
    case 'c':
        printf_character(call, field);
        return true;
    default:
        return false;
    }
}

/* Prints the conversion at a "%". False: the result is an error. */
static bool printf_convert(struct printf_call *call, const char **at)
{
    struct printf_field field;
    printf_take_field(call, &field, at);
    if (field.width > FCT_QUERY_WIDTH_MAX || field.precision > FCT_QUERY_WIDTH_MAX) {
        sqlite3_result_error(call->context,
                             "a width or a precision of printf is at most 1000 in a query", -1);
        return false;
    }
    uint64_t work = 200 + (uint64_t)field.width + (uint64_t)(field.precision + 1) * 8;
    if (!fct_query_function_goes_on(call->context, work)) {
        return false;
    }
    if (!printf_print(call, &field)) {
        sqlite3_result_error(call->context,
                             "printf knows %d %i %u %x %X %o %r %f %e %E %g %G %s "
                             "%z %q %Q %w %c and %%",
                             -1);
        return false;
    }
    return true;
}

void fct_query_printf(sqlite3_context *context, int count, sqlite3_value **values)
{
    const char *at = count > 0 ? (const char *)sqlite3_value_text(values[0]) : NULL;
    if (at == NULL) {
        return;
    }
    struct printf_call call = {
        .context = context,
        .values = values,
        .count = count,
        .next = 1,
        .text = sqlite3_str_new(sqlite3_context_db_handle(context)),
    };
    while (*at != '\0' && sqlite3_str_errcode(call.text) == SQLITE_OK) {
        const char *percent = strchr(at, '%');
        size_t plain = percent != NULL ? (size_t)(percent - at) : strlen(at);
        sqlite3_str_append(call.text, at, (int)plain);
        at += plain;
        if (percent != NULL) {
            at++;
            if (!printf_convert(&call, &at)) {
                sqlite3_free(sqlite3_str_finish(call.text));
                return;
            }
        }
    }
    fct_query_function_finish(context, call.text);
}
