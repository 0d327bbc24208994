/* sandbox_int.h - what the files of script/ share about a sandbox. Layer: script, private.
 *
 * Lua reports errors by jumping to the nearest lua_pcall. So every call into Lua that may fail is
 * in a function under fct_sandbox_run, and such functions own nothing that Lua does not own: memory
 * of fct_mem belongs to the sandbox or to the caller of fct_sandbox_run.
 */
#ifndef FCT_SCRIPT_SANDBOX_INT_H
#define FCT_SCRIPT_SANDBOX_INT_H

#include <lua.h>

#include <lauxlib.h>
#include <lualib.h>

#include <factum/json.h>

#include "core/buf.h"
#include "script/sandbox.h"

enum sandbox_stop {
    SANDBOX_RUNS,
    SANDBOX_INSTRUCTIONS,
    SANDBOX_BYTES,
    SANDBOX_MEMORY,
    SANDBOX_ELEMENTS,
    SANDBOX_TIME,
    SANDBOX_NO_MEMORY, /* of the machine, not of the budget */
};

#define SANDBOX_MESSAGE_SIZE 200

#define SANDBOX_TAPES 2 /* the data of an event, and its metadata */

struct sandbox_tape {
    factum_json_node *nodes;
    size_t capacity;
};

struct fct_sandbox {
    const struct fct_mem *mem;
    lua_State *lua; /* NULL: has to be loaded again */
    struct fct_sandbox_limits limits;
    uint8_t *text;
    size_t text_size;
    char *chunk; /* "@orders.lua" */
    bool tests;
    bool loaded; /* the script has run: its globals are fixed */
    /* of the current call */
    uint64_t instructions;
    uint64_t bytes;
    uint64_t elements;
    uint64_t memory; /* of all living blocks; kept from call to call */
    uint32_t refusals;
    bool refused; /* the last request for memory was refused */
    uint64_t wall_start;
    uint64_t cpu_start;
    enum sandbox_stop stop;
    char message[SANDBOX_MESSAGE_SIZE];       /* of the error: "orders.lua:3: ..." */
    struct sandbox_tape tapes[SANDBOX_TAPES]; /* values.c: those of the arguments */
    struct fct_buf out;                       /* the last answer */
};

/* Runs |body| in protected mode with a new budget; |body| finds |argument| as light userdata at
 * index 1. Errors: as fct_sandbox_open. */
FCT_MUST_USE factum_status fct_sandbox_run(struct fct_sandbox *sandbox, lua_CFunction body,
                                           void *argument, factum_error *err);
struct fct_sandbox *fct_sandbox_of(lua_State *lua);

#define GROUPED_SIZE 32
/* Prints "1,000,000"; returns |text|. */
const char *fct_grouped(uint64_t number, char text[GROUPED_SIZE]);

/* Charges the current call. Does not return if that is over its budget. */
void fct_charge_bytes(lua_State *lua, uint64_t bytes);
void fct_charge_elements(lua_State *lua, uint64_t elements);
/* n * (log2(n) + 1): the most comparisons of a sort of |n| elements. */
uint64_t fct_sort_steps(uint64_t n);

/* Pushes the table of the script's globals. */
void fct_push_globals(lua_State *lua);

/* library.c: fills the table of globals at the top of the stack. */
void fct_library_open(lua_State *lua);
/* sort.c: table.sort; and the keys of the table at |index| as a sorted list, which is pushed. A key
 * that is neither a text nor a number is an error that names |what|. Returns the number of keys. */
int fct_table_sort(lua_State *lua);
lua_Integer fct_push_sorted_keys(lua_State *lua, int index, const char *what);

/* number.c */
#define NUMBER_TEXT_SIZE 40
/* The shortest decimal that reads back as the same number; whole ones without a point. "inf",
 * "-inf", "nan". Returns its length. */
size_t fct_number_format(double number, char text[NUMBER_TEXT_SIZE]);
/* Pushes a JSON number: an integer, a float if its shortest form is exactly this value, or
 * otherwise an exact number, which keeps its text. */
void fct_push_number(lua_State *lua, factum_slice text);
/* Creates the tables of exact numbers and of decimal.*, and pushes the latter. */
void fct_number_open(lua_State *lua);
/* The text of an exact number at |index|; it lasts as long as the value. Empty: not an exact
 * number. */
factum_slice fct_exact_text(lua_State *lua, int index);
/* Replaces a number at |index| by its text; a text stays. False: neither. */
bool fct_make_text(lua_State *lua, int index);

/* values.c */
/* Creates the metatable of arrays and the table of json.*, and pushes the latter. */
void fct_values_open(lua_State *lua);
bool fct_is_null(lua_State *lua, int index);
/* Parses |text| into nodes of the sandbox, which last until the next parse into the same |tape|,
 * below SANDBOX_TAPES. Not under fct_sandbox_run. Errors: INVALID, TOO_BIG (the nodes need more
 * than the budget's memory), NO_MEMORY. */
FCT_MUST_USE factum_status fct_values_parse(struct fct_sandbox *sandbox, size_t tape,
                                            factum_slice text, factum_json *json,
                                            factum_error *err);
/* Pushes a value of a parsed text. */
void fct_push_json(lua_State *lua, const factum_json *json, uint32_t value);
/* Pushes a deep copy of a value, with the metatables of arrays. */
void fct_push_copy(lua_State *lua, int index, const char *what);

enum {
    FCT_JSON_KEEP_FLOATS = 1, /* 1.0 stays "1.0", so that it is read as a float again */
};
/* Appends the value at |index| to sandbox->out as JSON, with members sorted by their bytes. |what|
 * names the value in errors. */
void fct_add_json(lua_State *lua, int index, const char *what, int flags);
/* Clears sandbox->out. */
void fct_begin_json(lua_State *lua);

/* time.c: pushes the table of time.* */
void fct_time_open(lua_State *lua);

/* test_file.c: adds test() to the table of globals at the top of the stack. */
void fct_test_open(lua_State *lua);
/* The cases that the file has added, as a list of {"name", "line", "case"}. *json lasts like the
 * answer of fct_sandbox_call_json. */
FCT_MUST_USE factum_status fct_test_cases(struct fct_sandbox *sandbox, factum_slice *json,
                                          factum_error *err);

#endif
