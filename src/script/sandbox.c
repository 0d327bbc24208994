/* sandbox.c - one Lua state with a budget: memory, instructions, time, errors. Layer: script.
 * Knows no function of the library and no JSON.
 *
 * Invariants: 1. Every allocation of the state goes through sandbox_allocate(), which counts it and
 * may refuse it. |memory| is the sum of the living blocks. 2. The hook runs every HOOK_STEP
 * instructions. Functions in C that may take long charge for their work before they do it. 3. Once
 * |stop| is set, nothing runs any more: all allocations are refused and the hook raises. 4. Scripts
 * have no pcall, so an error always ends the call. 5. |loaded| only with a |lua|.
 *
 * Lua's collector works in proportion to the allocations, which the budget bounds. Only a
 * collection forced by a refused allocation does not: hence REFUSALS_MAX.
 */
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "os/os.h"
#include "os/thread.h"
#include "script/sandbox_int.h"

#define HOOK_STEP 100 /* one instruction may compare two texts of megabytes */
#define REFUSALS_MAX 4
#define NAME_SIZE_MAX 56u
#define TRIM_SIZE ((size_t)64 << 10) /* a larger tape or answer is freed after its use */
#define READ_SIZE 512                /* bytes of source text between two looks at the clock */

static const char globals_key;

/* ---- stopping -------------------------------------------------------------------------------- */

struct fct_sandbox *fct_sandbox_of(lua_State *lua)
{
    struct fct_sandbox *sandbox;
    memcpy(&sandbox, lua_getextraspace(lua), sizeof(struct fct_sandbox *));
    return sandbox;
}

/* Prints "orders.lua:12: " for the innermost function in Lua; without one only the name of the
 * file. Allocates nothing, so that it works where memory is refused. */
static size_t add_place(lua_State *lua, char *text, size_t size)
{
    lua_Debug where;
    text[0] = '\0';
    for (int level = 0; lua != NULL && lua_getstack(lua, level, &where) == 1; level++) {
        if (lua_getinfo(lua, "Sl", &where) != 0 && where.currentline > 0) {
            int len = snprintf(text, size, "%s:%d: ", where.short_src, where.currentline);
            return len > 0 && (size_t)len < size ? (size_t)len : 0;
        }
    }
    return 0;
}

const char *fct_grouped(uint64_t number, char text[GROUPED_SIZE])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, number);
    size_t at = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            text[at++] = ',';
        }
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

static void say_stop(const struct fct_sandbox *sandbox, char *text, size_t size)
{
    const struct fct_sandbox_limits *limits = &sandbox->limits;
    char number[GROUPED_SIZE];
    switch (sandbox->stop) {
    case SANDBOX_INSTRUCTIONS:
        (void)snprintf(text, size, "stopped after %s instructions",
                       fct_grouped(limits->instructions, number));
        break;
    case SANDBOX_BYTES:
        (void)snprintf(text, size, "stopped after %s bytes allocated and handled",
                       fct_grouped(limits->bytes, number));
        break;
    case SANDBOX_MEMORY:
        (void)snprintf(text, size, "stopped: more than %s bytes of memory",
                       fct_grouped(limits->memory, number));
        break;
    case SANDBOX_ELEMENTS:
        (void)snprintf(text, size, "stopped after %s elements",
                       fct_grouped(limits->elements, number));
        break;
    case SANDBOX_TIME:
        (void)snprintf(text, size, "stopped after %s ms of processor time",
                       fct_grouped(limits->cpu_ms, number));
        break;
    case SANDBOX_RUNS:
    case SANDBOX_NO_MEMORY:
        (void)snprintf(text, size, "out of memory");
        break;
    }
}

/* Writes the message at once: the place is lost when the stack is unwound. */
static void sandbox_stop(struct fct_sandbox *sandbox, enum sandbox_stop why)
{
    if (sandbox->stop == SANDBOX_RUNS) {
        sandbox->stop = why;
        size_t len = add_place(sandbox->lua, sandbox->message, sizeof sandbox->message);
        say_stop(sandbox, sandbox->message + len, sizeof sandbox->message - len);
    }
}

FCT_NORETURN static void stop_and_raise(lua_State *lua, enum sandbox_stop why)
{
    sandbox_stop(fct_sandbox_of(lua), why);
    lua_pushnil(lua); /* the message is in the sandbox */
    (void)lua_error(lua);
    fct_assert_failed("lua_error does not return", __FILE__, __LINE__);
}

/* Reading the processor's time is a system call, reading the wall's is not. The wall's is read
 * first, because the processor's is never ahead of it. A call that ends before the first look needs
 * neither. */
static bool is_late(struct fct_sandbox *sandbox)
{
    uint64_t limit = sandbox->limits.cpu_ms * 1000000;
    if (sandbox->wall_start == 0) {
        sandbox->wall_start = fct_os_monotonic(fct_os_real());
        sandbox->cpu_start = fct_thread_cpu_time();
        return false;
    }
    return fct_os_monotonic(fct_os_real()) - sandbox->wall_start > limit &&
           fct_thread_cpu_time() - sandbox->cpu_start > limit;
}

static void on_count(lua_State *lua, lua_Debug *where)
{
    struct fct_sandbox *sandbox = fct_sandbox_of(lua);
    (void)where;
    sandbox->instructions += HOOK_STEP;
    if (sandbox->instructions >= sandbox->limits.instructions) {
        stop_and_raise(lua, SANDBOX_INSTRUCTIONS);
    }
    if (sandbox->stop != SANDBOX_RUNS || is_late(sandbox)) {
        stop_and_raise(lua, SANDBOX_TIME);
    }
}

void fct_charge_bytes(lua_State *lua, uint64_t bytes)
{
    struct fct_sandbox *sandbox = fct_sandbox_of(lua);
    if (bytes > sandbox->limits.bytes - sandbox->bytes) {
        stop_and_raise(lua, SANDBOX_BYTES);
    }
    sandbox->bytes += bytes;
}

void fct_charge_elements(lua_State *lua, uint64_t elements)
{
    struct fct_sandbox *sandbox = fct_sandbox_of(lua);
    if (elements > sandbox->limits.elements - sandbox->elements) {
        stop_and_raise(lua, SANDBOX_ELEMENTS);
    }
    uint64_t before = sandbox->elements;
    sandbox->elements += elements;
    if (before >> 14 != sandbox->elements >> 14 && is_late(sandbox)) {
        stop_and_raise(lua, SANDBOX_TIME);
    }
}

uint64_t fct_sort_steps(uint64_t n)
{
    uint64_t levels = 1;
    for (uint64_t rest = n; rest > 1; rest /= 2) {
        levels++;
    }
    return n < UINT32_MAX ? n * levels : UINT64_MAX;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static bool may_allocate(struct fct_sandbox *sandbox, size_t old_size, size_t new_size)
{
    if (new_size <= old_size) {
        return true;
    }
    if (sandbox->stop != SANDBOX_RUNS) {
        return false;
    }
    if (new_size > sandbox->limits.bytes - sandbox->bytes) {
        sandbox_stop(sandbox, SANDBOX_BYTES);
        return false;
    }
    if (new_size - old_size > sandbox->limits.memory - sandbox->memory) {
        /* Lua collects its garbage and tries again, once. */
        bool hopeless = new_size - old_size > sandbox->limits.memory;
        if (hopeless || sandbox->refused || ++sandbox->refusals > REFUSALS_MAX) {
            sandbox_stop(sandbox, SANDBOX_MEMORY);
        }
        sandbox->refused = true;
        /* Buffers do not try again, and Lua then reports no place: this one is kept. */
        if (sandbox->stop == SANDBOX_RUNS) {
            (void)add_place(sandbox->lua, sandbox->message, sizeof sandbox->message);
        }
        return false;
    }
    sandbox->refused = false;
    return true;
}

/* A lua_Alloc. Shrinking never fails, as Lua demands: a block that cannot be moved stays. */
static void *sandbox_allocate(void *data, void *block, size_t old_size, size_t new_size)
{
    struct fct_sandbox *sandbox = data;
    size_t held = block == NULL ? 0 : old_size; /* otherwise |old_size| is a kind of object */
    if (new_size == 0) {
        sandbox->memory -= held;
        fct_mem_free(sandbox->mem, block);
        return NULL;
    }
    if (!may_allocate(sandbox, held, new_size)) {
        return NULL;
    }
    void *moved = fct_mem_resize(sandbox->mem, block, new_size);
    if (moved == NULL && new_size <= held) {
        moved = block;
    } else if (moved == NULL) {
        sandbox_stop(sandbox, SANDBOX_NO_MEMORY);
        return NULL;
    }
    sandbox->bytes += new_size > held ? new_size : 0;
    sandbox->memory = sandbox->memory - held + new_size;
    return moved;
}

/* ---- errors ---------------------------------------------------------------------------------- */

/* The handler of lua_pcall: runs where the error was raised, so that the place is still known. */
static int keep_message(lua_State *lua)
{
    struct fct_sandbox *sandbox = fct_sandbox_of(lua);
    if (sandbox->stop != SANDBOX_RUNS) {
        return 1;
    }
    const char *name = sandbox->chunk + 1;
    size_t name_len = strlen(name);
    const char *said = lua_type(lua, 1) == LUA_TSTRING ? lua_tostring(lua, 1) : NULL;
    size_t len = 0;
    /* Lua's own errors, and error(text), begin with the place already. */
    if (said == NULL || strncmp(said, name, name_len) != 0 || said[name_len] != ':') {
        len = add_place(lua, sandbox->message, sizeof sandbox->message);
    }
    char *rest = sandbox->message + len;
    size_t size = sizeof sandbox->message - len;
    char number[NUMBER_TEXT_SIZE];
    if (said != NULL) {
        (void)snprintf(rest, size, "%s", said);
    } else if (lua_isinteger(lua, 1)) {
        (void)snprintf(rest, size, "%lld", (long long)lua_tointeger(lua, 1));
    } else if (lua_type(lua, 1) == LUA_TNUMBER) {
        (void)fct_number_format(lua_tonumber(lua, 1), number);
        (void)snprintf(rest, size, "%s", number);
    } else {
        (void)snprintf(rest, size, "error with a %s value, not a text", luaL_typename(lua, 1));
    }
    return 1;
}

static factum_status report(struct fct_sandbox *sandbox, factum_error *err)
{
    const char *name = sandbox->chunk + 1;
    bool has_place = strncmp(sandbox->message, name, strlen(name)) == 0;
    factum_status status = sandbox->stop == SANDBOX_RUNS        ? FACTUM_INVALID
                           : sandbox->stop == SANDBOX_NO_MEMORY ? FACTUM_NO_MEMORY
                                                                : FACTUM_TOO_BIG;
    return has_place || sandbox->stop == SANDBOX_NO_MEMORY
               ? fct_fail(err, status, "%s", sandbox->message)
               : fct_fail(err, status, "%s: %s", name, sandbox->message);
}

/* ---- loading --------------------------------------------------------------------------------- */

static void begin_budget(struct fct_sandbox *sandbox)
{
    sandbox->instructions = 0;
    sandbox->bytes = 0;
    sandbox->elements = 0;
    sandbox->refusals = 0;
    sandbox->stop = SANDBOX_RUNS;
    sandbox->message[0] = '\0';
    sandbox->wall_start = 0;
    sandbox->refused = false;
}

struct source {
    struct fct_sandbox *sandbox;
    size_t at;
};

/* A lua_Reader. Compiling runs no hook, and the time of some long scripts grows with the square of
 * their size, so the clock is checked here. */
static const char *read_source(lua_State *lua, void *data, size_t *len)
{
    struct source *source = data;
    struct fct_sandbox *sandbox = source->sandbox;
    size_t rest = sandbox->text_size - source->at;
    const char *part = (const char *)sandbox->text + source->at;
    *len = rest < READ_SIZE ? rest : READ_SIZE;
    source->at += *len;
    if (is_late(sandbox)) {
        stop_and_raise(lua, SANDBOX_TIME);
    }
    return *len == 0 ? NULL : part;
}

void fct_push_globals(lua_State *lua)
{
    (void)lua_rawgetp(lua, LUA_REGISTRYINDEX, &globals_key);
}

/* Scripts see an empty table in front of that of their globals, so that every assignment comes
 * here. After loading none is allowed: a counter in a global would make the same input give another
 * output. */
static int set_global(lua_State *lua)
{
    if (fct_sandbox_of(lua)->loaded) {
        (void)fct_make_text(lua, 2);
        return luaL_error(lua,
                          "global '%s' is set after loading: keep it in the state, or make it "
                          "local",
                          lua_isstring(lua, 2) ? lua_tostring(lua, 2) : "?");
    }
    fct_push_globals(lua);
    lua_pushvalue(lua, 2);
    lua_pushvalue(lua, 3);
    lua_rawset(lua, -3);
    return 0;
}

static void make_globals(lua_State *lua)
{
    lua_newtable(lua);
    fct_library_open(lua);
    if (fct_sandbox_of(lua)->tests) {
        fct_test_open(lua);
    }
    lua_pushvalue(lua, -1);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &globals_key);
    lua_newtable(lua); /* the table that scripts see */
    lua_createtable(lua, 0, 2);
    lua_pushvalue(lua, -3);
    lua_setfield(lua, -2, "__index");
    lua_pushcfunction(lua, set_global);
    lua_setfield(lua, -2, "__newindex");
    (void)lua_setmetatable(lua, -2);
    lua_rawseti(lua, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_pop(lua, 1);
}

static int load_script(lua_State *lua)
{
    struct fct_sandbox *sandbox = lua_touserdata(lua, 1);
    struct source source = {sandbox, 0};
    make_globals(lua);
    if (lua_load(lua, read_source, &source, sandbox->chunk, "t") != LUA_OK) {
        return lua_error(lua);
    }
    lua_call(lua, 0, 0);
    sandbox->loaded = true;
    return 0;
}

static void unload(struct fct_sandbox *sandbox)
{
    lua_State *lua = sandbox->lua;
    sandbox->lua = NULL;
    if (lua != NULL) {
        lua_close(lua);
        FCT_ASSERT(sandbox->memory == 0);
    }
    sandbox->loaded = false;
}

/* In the C locale, whatever the program has set: the locale decides how numbers are printed, texts
 * are compared, and letters become capitals. */
static int call_protected(struct fct_sandbox *sandbox, lua_CFunction body, void *argument)
{
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = c_locale == (locale_t)0 ? c_locale : uselocale(c_locale);
    lua_State *lua = sandbox->lua;
    lua_sethook(lua, on_count, LUA_MASKCOUNT, HOOK_STEP);
    lua_pushcfunction(lua, keep_message);
    lua_pushcfunction(lua, body);
    lua_pushlightuserdata(lua, argument);
    int code = lua_pcall(lua, 1, 0, 1);
    if (c_locale != (locale_t)0) {
        (void)uselocale(before);
        freelocale(c_locale);
    }
    if (code == LUA_OK) {
        lua_settop(lua, 0);
    } else if (code == LUA_ERRMEM && sandbox->stop == SANDBOX_RUNS) {
        sandbox->stop = SANDBOX_MEMORY; /* with the place of the refusal */
        size_t len = strlen(sandbox->message);
        say_stop(sandbox, sandbox->message + len, sizeof sandbox->message - len);
    }
    return code;
}

static factum_status load(struct fct_sandbox *sandbox, factum_error *err)
{
    begin_budget(sandbox);
    sandbox->memory = 0;
    sandbox->lua = NULL;
    lua_State *lua = lua_newstate(sandbox_allocate, sandbox);
    if (lua == NULL) {
        sandbox->memory = 0;
        return fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
    }
    sandbox->lua = lua;
    memcpy(lua_getextraspace(lua), &sandbox, sizeof(struct fct_sandbox *));
    int code = call_protected(sandbox, load_script, sandbox);
    if (code != LUA_OK) {
        unload(sandbox);
        return report(sandbox, err);
    }
    (void)lua_gc(lua, LUA_GCCOLLECT); /* as before every later use: fct_sandbox_trim */
    return FACTUM_OK;
}

/* The invariants at the head of this file, between two calls. */
static void sandbox_check(const struct fct_sandbox *sandbox)
{
    FCT_ASSERT(sandbox->memory <= sandbox->limits.memory);
    FCT_ASSERT(sandbox->bytes <= sandbox->limits.bytes);
    FCT_ASSERT(sandbox->elements <= sandbox->limits.elements);
    FCT_ASSERT(sandbox->lua != NULL || sandbox->memory == 0);
    FCT_ASSERT(sandbox->lua != NULL || !sandbox->loaded);
}

factum_status fct_sandbox_run(struct fct_sandbox *sandbox, lua_CFunction body, void *argument,
                              factum_error *err)
{
    sandbox_check(sandbox);
    if (sandbox->lua == NULL) {
        factum_status status = load(sandbox, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    begin_budget(sandbox);
    if (call_protected(sandbox, body, argument) == LUA_OK) {
        sandbox_check(sandbox);
        return FACTUM_OK;
    }
    unload(sandbox);
    sandbox_check(sandbox);
    return report(sandbox, err);
}

size_t fct_sandbox_trim(struct fct_sandbox *sandbox)
{
    size_t size = sizeof *sandbox + sandbox->text_size;
    if (sandbox->lua != NULL) {
        (void)lua_gc(sandbox->lua, LUA_GCCOLLECT);
    }
    if (sandbox->out.capacity > TRIM_SIZE) {
        fct_buf_finish(&sandbox->out);
    }
    for (size_t i = 0; i < SANDBOX_TAPES; i++) {
        struct sandbox_tape *tape = &sandbox->tapes[i];
        if (tape->capacity > TRIM_SIZE / sizeof *tape->nodes) {
            fct_mem_free(sandbox->mem, tape->nodes);
            *tape = (struct sandbox_tape){.nodes = NULL};
        }
        size += tape->capacity * sizeof *tape->nodes;
    }
    return size + sandbox->out.capacity + (size_t)sandbox->memory;
}

/* ---- open and close -------------------------------------------------------------------------- */

static void set_defaults(struct fct_sandbox_limits *limits)
{
    const struct fct_sandbox_limits defaults = {
        .instructions = 1000000,
        .bytes = (uint64_t)64 << 20,
        .memory = (uint64_t)16 << 20,
        .elements = 1000000,
        .cpu_ms = 200,
    };
    limits->instructions = limits->instructions == 0 ? defaults.instructions : limits->instructions;
    limits->bytes = limits->bytes == 0 ? defaults.bytes : limits->bytes;
    limits->memory = limits->memory == 0 ? defaults.memory : limits->memory;
    limits->elements = limits->elements == 0 ? defaults.elements : limits->elements;
    limits->cpu_ms = limits->cpu_ms == 0 ? defaults.cpu_ms : limits->cpu_ms;
}

static factum_status copy_source(struct fct_sandbox *sandbox,
                                 const struct fct_sandbox_options *options, factum_error *err)
{
    size_t name_len = strlen(options->name);
    /* Lua shortens longer names in its messages, and they would not be recognised. */
    size_t from = name_len > NAME_SIZE_MAX ? name_len - NAME_SIZE_MAX : 0;
    name_len -= from;
    sandbox->chunk = fct_mem_alloc(sandbox->mem, name_len + 2);
    sandbox->text = fct_mem_alloc(sandbox->mem, options->text.len + 1);
    if (sandbox->chunk == NULL || sandbox->text == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
    }
    sandbox->chunk[0] = '@'; /* the name of a file, for Lua */
    memcpy(sandbox->chunk + 1, options->name + from, name_len + 1);
    if (options->text.len > 0) {
        memcpy(sandbox->text, options->text.ptr, options->text.len);
    }
    sandbox->text_size = options->text.len;
    return FACTUM_OK;
}

factum_status fct_script_size_check(factum_slice text, const char *name, factum_error *err)
{
    return text.len <= FCT_SCRIPT_SIZE_MAX
               ? FACTUM_OK
               : fct_fail(err, FACTUM_TOO_BIG, "%s has %zu bytes; a script may have %zu", name,
                          text.len, FCT_SCRIPT_SIZE_MAX);
}

factum_status fct_sandbox_open(const struct fct_sandbox_options *options,
                               struct fct_sandbox **sandbox, factum_error *err)
{
    factum_status status = fct_script_size_check(options->text, options->name, err);
    if (status != FACTUM_OK) {
        return status;
    }
    struct fct_sandbox *fresh = fct_mem_zalloc(options->mem, 1, sizeof *fresh);
    if (fresh == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
    }
    fresh->mem = options->mem;
    fresh->limits = options->limits;
    fresh->tests = options->tests;
    set_defaults(&fresh->limits);
    fct_buf_init(&fresh->out, fresh->mem, fresh->limits.bytes);
    status = copy_source(fresh, options, err);
    if (status == FACTUM_OK) {
        status = load(fresh, err);
    }
    if (status != FACTUM_OK) {
        fct_sandbox_close(fresh);
        return status;
    }
    *sandbox = fresh;
    return FACTUM_OK;
}

void fct_sandbox_close(struct fct_sandbox *sandbox)
{
    if (sandbox == NULL) {
        return;
    }
    unload(sandbox);
    fct_buf_finish(&sandbox->out);
    for (size_t i = 0; i < SANDBOX_TAPES; i++) {
        fct_mem_free(sandbox->mem, sandbox->tapes[i].nodes);
    }
    fct_mem_free(sandbox->mem, sandbox->chunk);
    fct_mem_free(sandbox->mem, sandbox->text);
    fct_mem_free(sandbox->mem, sandbox);
}
