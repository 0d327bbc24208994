/* table.c - see table.h. Layer: cli.
 *
 * Values are kept as texts: numbers in the form of JSON, texts and bytes as they are. Control
 * sequences of terminals are made visible before widths are measured.
 */
#include "cli/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- keeping --------------------------------------------------------------------------------- */

static void *grown(void *memory, size_t *capacity, size_t wanted, size_t size)
{
    size_t next = *capacity == 0 ? 256 : *capacity;
    while (next < wanted) {
        next *= 2;
    }
    void *moved = realloc(memory, next * size);
    if (moved != NULL) {
        *capacity = next;
    }
    return moved;
}

static bool add_cell(struct table *table, factum_value_kind kind, factum_slice text)
{
    if (text.len > TABLE_SIZE_MAX - table->len) {
        table->too_big = true;
        table->failed = true;
    }
    if (table->failed) {
        return false;
    }
    if (table->cell_count == table->cell_capacity) {
        void *cells =
            grown(table->cells, &table->cell_capacity, table->cell_count + 1, sizeof *table->cells);
        table->failed = cells == NULL;
        table->cells = cells == NULL ? table->cells : cells;
    }
    if (table->len + text.len > table->capacity) {
        void *bytes = grown(table->bytes, &table->capacity, table->len + text.len, 1);
        table->failed = table->failed || bytes == NULL;
        table->bytes = bytes == NULL ? table->bytes : bytes;
    }
    if (table->failed) {
        return false;
    }
    table->cells[table->cell_count++] = (struct table_cell){kind, table->len, text.len};
    if (text.len > 0) {
        memcpy(table->bytes + table->len, text.ptr, text.len);
    }
    table->len += text.len;
    return true;
}

bool table_columns(void *data, const factum_slice *names, size_t count)
{
    struct table *table = data;
    table->column_count = count;
    table->cell_count = 0;
    table->len = 0;
    for (size_t i = 0; i < count; i++) {
        (void)add_cell(table, FACTUM_VALUE_TEXT, names[i]);
    }
    return !table->failed;
}

/* The fewest digits that read back as the same number; a real keeps its point: 10.0. */
static void format_real(double real, char text[40])
{
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, 40, "%.*g", digits, real);
        if (strtod(text, NULL) == real) {
            break;
        }
    }
    if (strpbrk(text, "n") != NULL) { /* JSON has no infinity: a number that is read as infinity */
        (void)snprintf(text, 40, real < 0 ? "-9e999" : "9e999");
    } else if (strpbrk(text, ".e") == NULL) {
        size_t len = strlen(text);
        memcpy(text + len, ".0", 3);
    }
}

bool table_row(void *data, const factum_value *values, size_t count)
{
    struct table *table = data;
    for (size_t i = 0; i < count && !table->failed; i++) {
        char digits[40] = "";
        if (values[i].kind == FACTUM_VALUE_INTEGER) {
            (void)snprintf(digits, sizeof digits, "%" PRId64, values[i].integer);
        } else if (values[i].kind == FACTUM_VALUE_REAL) {
            format_real(values[i].real, digits);
        }
        bool is_text = values[i].kind == FACTUM_VALUE_TEXT || values[i].kind == FACTUM_VALUE_BYTES;
        (void)add_cell(table, values[i].kind,
                       is_text ? values[i].bytes : factum_slice_from(digits));
    }
    return !table->failed;
}

void table_finish(struct table *table)
{
    free(table->cells);
    free(table->bytes);
    *table = (struct table){.failed = false};
}

int table_check(const struct table *table)
{
    if (table->too_big) {
        return complain("the answer is larger than %zu MiB: ask for less", TABLE_SIZE_MAX >> 20);
    }
    if (table->failed) {
        (void)complain("out of memory");
        return EXIT_FAILURE_;
    }
    return 0;
}

size_t table_row_count(const struct table *table)
{
    return table->column_count == 0 ? 0 : table->cell_count / table->column_count - 1;
}

factum_value table_text(factum_slice text)
{
    return (factum_value){.kind = text.len > 0 ? FACTUM_VALUE_TEXT : FACTUM_VALUE_NULL,
                          .bytes = text};
}

factum_value table_number(uint64_t number)
{
    return (factum_value){.kind = FACTUM_VALUE_INTEGER,
                          .integer = number > INT64_MAX ? INT64_MAX : (int64_t)number};
}

factum_value table_time(int64_t time, char text[FACTUM_TIME_TEXT_SIZE])
{
    if (time == 0) {
        return table_text((factum_slice){NULL, 0});
    }
    factum_time_format(time, text);
    return table_text(factum_slice_from(text));
}

static factum_slice text_of(const struct table *table, const struct table_cell *cell)
{
    return (factum_slice){(const uint8_t *)table->bytes + cell->offset, cell->len};
}

/* ---- for readers ----------------------------------------------------------------------------- */

/* The columns of a terminal that a character takes: nearly as wcwidth, without a locale. */
static size_t columns_of(uint32_t point)
{
    static const struct {
        uint32_t first, last;
        size_t columns;
    } ranges[] = {
        {0x300, 0x36f, 0},     {0x200b, 0x200f, 0},   {0x20d0, 0x20ff, 0}, {0xfe00, 0xfe0f, 0},
        {0x1100, 0x115f, 2},   {0x2e80, 0x303e, 2},   {0x3041, 0xa4cf, 2}, {0xac00, 0xd7a3, 2},
        {0xf900, 0xfaff, 2},   {0xfe30, 0xfe6f, 2},   {0xff00, 0xff60, 2}, {0xffe0, 0xffe6, 2},
        {0x1f300, 0x1faff, 2}, {0x20000, 0x3fffd, 2},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (point >= ranges[i].first && point <= ranges[i].last) {
            return ranges[i].columns;
        }
    }
    return 1;
}

/* The columns that |text| takes; shortens *text to what fits into |most|. */
static size_t measure(factum_slice *text, size_t most)
{
    size_t columns = 0;
    size_t at = 0;
    while (at < text->len) {
        uint32_t point = 0;
        size_t size = character_of((factum_slice){text->ptr + at, text->len - at}, &point);
        size_t more = columns_of(point);
        if (columns + more > most) {
            break;
        }
        columns += more;
        at += size == 0 ? 1 : size;
    }
    text->len = at;
    return columns;
}

/* All cells as printed, one after another; cell i ends at ends[i]. */
struct shown {
    char *text;
    size_t size;
    size_t *ends;
    size_t *widths; /* of the columns */
    bool *numbers;  /* the column has numbers only */
    size_t cut;
};

static factum_slice shown_cell(const struct shown *shown, size_t i)
{
    size_t from = i == 0 ? 0 : shown->ends[i - 1];
    return (factum_slice){(const uint8_t *)shown->text + from, shown->ends[i] - from};
}

static void print_hex(FILE *to, factum_slice bytes)
{
    (void)fputs("x'", to);
    for (size_t i = 0; i < bytes.len; i++) {
        (void)fprintf(to, "%02x", bytes.ptr[i]);
    }
    (void)fputc('\'', to);
}

static void show_cell(FILE *to, const struct table_cell *cell, factum_slice text)
{
    if (cell->kind == FACTUM_VALUE_NULL) {
        (void)fputc('-', to);
    } else if (cell->kind == FACTUM_VALUE_BYTES) {
        print_hex(to, text);
    } else {
        print_text(to, text);
    }
}

static bool show_cells(const struct table *table, struct shown *shown)
{
    FILE *to = open_memstream(&shown->text, &shown->size);
    bool good = to != NULL;
    for (size_t i = 0; good && i < table->cell_count; i++) {
        show_cell(to, &table->cells[i], text_of(table, &table->cells[i]));
        long end = ftell(to);
        good = end >= 0;
        shown->ends[i] = good ? (size_t)end : 0;
    }
    return to != NULL && fclose(to) == 0 && good;
}

/* The columns that cell |i| takes; *text becomes the printed part, and *dots is set if the value is
 * shortened. */
static size_t fit(const struct shown *shown, size_t i, factum_slice *text, bool *dots)
{
    *text = shown_cell(shown, i);
    factum_slice whole = *text;
    size_t columns = measure(&whole, SIZE_MAX);
    *dots = shown->cut > 0 && columns > shown->cut;
    return *dots ? measure(text, shown->cut - 1) + 1 : columns;
}

static void lay_out(const struct table *table, struct shown *shown)
{
    for (size_t k = 0; k < table->column_count; k++) {
        bool any = false;
        bool others = false;
        for (size_t i = k; i < table->cell_count; i += table->column_count) {
            factum_slice text;
            bool dots;
            size_t columns = fit(shown, i, &text, &dots);
            factum_value_kind kind = table->cells[i].kind;
            bool is_number = kind == FACTUM_VALUE_INTEGER || kind == FACTUM_VALUE_REAL;
            shown->widths[k] = columns > shown->widths[k] ? columns : shown->widths[k];
            any = any || is_number;
            others =
                others || (i >= table->column_count && !is_number && kind != FACTUM_VALUE_NULL);
        }
        shown->numbers[k] = any && !others;
    }
}

static void print_cell(const struct table *table, const struct shown *shown, size_t i, FILE *to)
{
    size_t k = i % table->column_count;
    factum_slice text;
    bool dots;
    size_t columns = fit(shown, i, &text, &dots);
    int blanks = (int)(shown->widths[k] - columns);
    bool is_last = k + 1 == table->column_count;
    (void)fprintf(to, "%*s", shown->numbers[k] ? blanks : 0, "");
    (void)fwrite(text.ptr, 1, text.len, to);
    (void)fputs(dots ? "\xe2\x80\xa6" : "", to);
    (void)fprintf(to, "%*s", shown->numbers[k] || is_last ? 0 : blanks, "");
    (void)fputs(is_last ? "" : "  ", to);
}

bool table_print(const struct table *table, FILE *to, size_t cut)
{
    struct shown shown = {
        .cut = cut,
        .ends = calloc(table->cell_count + 1, sizeof(size_t)),
        .widths = calloc(table->column_count + 1, sizeof(size_t)),
        .numbers = calloc(table->column_count + 1, sizeof(bool)),
    };
    bool good = shown.ends != NULL && shown.widths != NULL && shown.numbers != NULL &&
                show_cells(table, &shown);
    if (good) {
        lay_out(table, &shown);
    }
    for (size_t i = 0; good && i < table->cell_count; i++) {
        bool is_end = (i + 1) % table->column_count == 0;
        (void)fputs(cut > 0 && i == 0 ? colour("\033[1m") : "", to);
        print_cell(table, &shown, i, to);
        (void)fputs(cut > 0 && i + 1 == table->column_count ? colour("\033[0m") : "", to);
        (void)fputs(is_end ? "\n" : "", to);
    }
    free(shown.text);
    free(shown.ends);
    free(shown.widths);
    free(shown.numbers);
    return good;
}

/* ---- for programs ---------------------------------------------------------------------------- */

static void print_base64(FILE *to, factum_slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t bits = (uint32_t)bytes.ptr[i] << 16 |
                        (left > 1 ? (uint32_t)bytes.ptr[i + 1] << 8 : 0) |
                        (left > 2 ? bytes.ptr[i + 2] : 0);
        (void)fputc(digits[bits >> 18], to);
        (void)fputc(digits[bits >> 12 & 63], to);
        (void)fputc(left > 1 ? digits[bits >> 6 & 63] : '=', to);
        (void)fputc(left > 2 ? digits[bits & 63] : '=', to);
    }
}

static void print_csv_text(FILE *to, factum_slice text)
{
    bool quoted = text.len == 0;
    for (size_t i = 0; i < text.len && !quoted; i++) {
        quoted = memchr("\",\r\n", text.ptr[i], 4) != NULL;
    }
    (void)fputs(quoted ? "\"" : "", to);
    for (size_t i = 0; i < text.len; i++) {
        (void)fputs(text.ptr[i] == '"' ? "\"" : "", to);
        (void)fputc(text.ptr[i], to);
    }
    (void)fputs(quoted ? "\"" : "", to);
}

void table_print_csv(const struct table *table, FILE *to)
{
    for (size_t i = 0; i < table->cell_count; i++) {
        const struct table_cell *cell = &table->cells[i];
        if (cell->kind == FACTUM_VALUE_TEXT) {
            print_csv_text(to, text_of(table, cell));
        } else if (cell->kind == FACTUM_VALUE_BYTES) {
            print_base64(to, text_of(table, cell));
        } else {
            (void)fwrite(table->bytes + cell->offset, 1, cell->len, to);
        }
        (void)fputs((i + 1) % table->column_count == 0 ? "\r\n" : ",", to);
    }
}

/* Replaces each byte that is not UTF-8 by U+FFFD: JSON allows only UTF-8. */
static void print_utf8(FILE *to, factum_slice text)
{
    size_t from = 0;
    (void)fputc('"', to);
    for (size_t i = 0; i < text.len;) {
        uint32_t point = 0;
        size_t size = character_of((factum_slice){text.ptr + i, text.len - i}, &point);
        bool plain = size > 0 && point >= 0x20 && point != '"' && point != '\\';
        if (!plain) {
            (void)fwrite(text.ptr + from, 1, i - from, to);
            (void)fprintf(to,
                          size == 0      ? "\xef\xbf\xbd"
                          : point < 0x20 ? "\\u%04x"
                                         : "\\%c",
                          point);
            from = i + (size == 0 ? 1 : size);
        }
        i += size == 0 ? 1 : size;
    }
    (void)fwrite(text.ptr + from, 1, text.len - from, to);
    (void)fputc('"', to);
}

static void print_json_cell(const struct table *table, const struct table_cell *cell, FILE *to)
{
    if (cell->kind == FACTUM_VALUE_NULL) {
        (void)fputs("null", to);
    } else if (cell->kind == FACTUM_VALUE_TEXT) {
        print_utf8(to, text_of(table, cell));
    } else if (cell->kind == FACTUM_VALUE_BYTES) {
        (void)fputc('"', to);
        print_base64(to, text_of(table, cell));
        (void)fputc('"', to);
    } else {
        (void)fwrite(table->bytes + cell->offset, 1, cell->len, to);
    }
}

void table_print_json(const struct table *table, FILE *to)
{
    (void)fputs("\"columns\":[", to);
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t k = i % table->column_count;
        bool is_first_row = i == table->column_count;
        if (k == 0 && i > 0) {
            (void)fputs(is_first_row ? "],\"rows\":[[" : "],[", to);
        }
        (void)fputs(k > 0 ? "," : "", to);
        print_json_cell(table, &table->cells[i], to);
    }
    (void)fputs(table->cell_count > table->column_count ? "]]" : "],\"rows\":[]", to);
}

/* ---- one value ------------------------------------------------------------------------------- */

static void print_number(FILE *to, const factum_value *value)
{
    char digits[40];
    if (value->kind == FACTUM_VALUE_INTEGER) {
        (void)fprintf(to, "%" PRId64, value->integer);
    } else {
        format_real(value->real, digits);
        (void)fputs(digits, to);
    }
}

void print_value(FILE *to, const factum_value *value)
{
    if (value->kind == FACTUM_VALUE_NULL) {
        (void)fputs("NULL", to);
    } else if (value->kind == FACTUM_VALUE_BYTES) {
        print_hex(to, value->bytes);
    } else if (value->kind == FACTUM_VALUE_TEXT) {
        print_text(to, value->bytes);
    } else {
        print_number(to, value);
    }
}

void print_value_json(FILE *to, const factum_value *value)
{
    if (value->kind == FACTUM_VALUE_NULL) {
        (void)fputs("null", to);
    } else if (value->kind == FACTUM_VALUE_BYTES) {
        (void)fputc('"', to);
        print_base64(to, value->bytes);
        (void)fputc('"', to);
    } else if (value->kind == FACTUM_VALUE_TEXT) {
        print_utf8(to, value->bytes);
    } else {
        print_number(to, value);
    }
}
