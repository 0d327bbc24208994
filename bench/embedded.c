/* embedded.c - in-process stores under the workload of workload.h: the driver, and the peers.
 * Factum's own backend is factum.c.
 *
 *   embedded append BACKEND DIR   append rates, in a store of its own
 *   embedded load BACKEND DIR     stores WL_EVENTS events, then replays and rehydrates
 *   embedded open BACKEND DIR     opens the store that load left, in a new process
 *   embedded projection raw|factum DIR   folds the load into a read model in SQLite
 *   embedded kill|absent|query factum DIR   dies by SIGKILL; probes; reads by query (WL_TAGS)
 *
 * Backends: raw (log file that grows), raw-pre (log file of written extents, appends only),
 * sqlite-full, sqlite-normal (WAL), lmdb, rocksdb.
 *
 * append g1/g100/g256/g1000: one thread, that many events a durable commit.
 * append w1..w256: that many threads, each appending one event and waiting until it is
 *   durable; commits are shared by group commit (rocksdb: its own).
 * append g1/g100/g256/g1000 is also the limit of an asynchronous interface with as many appends in
 *   flight; w256 / g256 shows the cost of waking 256 threads.
 * Every append checks the stream's expected version in the store.
 */
#include "backend.h"
#include <linux/futex.h>
#include <lmdb.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static wl_params_t P;

/* ---- record used by raw, lmdb, rocksdb ------------------------------------------------------- */
typedef struct {
    uint32_t len, crc; /* of all bytes after crc */
    uint64_t pos, version;
    uint8_t id[16];
    uint8_t name_len, type_len;
    uint16_t data_len, meta_len, zero;
} rec;
#define REC_MAX 512

static size_t rec_put(char *out, const wl_event *e, uint64_t pos)
{
    rec r = {0};
    r.pos = pos;
    r.version = e->version;
    memcpy(r.id, e->id, 16);
    r.name_len = (uint8_t)e->name_len;
    r.type_len = (uint8_t)e->type_len;
    r.data_len = e->data_len;
    r.meta_len = e->meta_len;
    char *p = out + sizeof r;
    memcpy(p, e->name, e->name_len), p += e->name_len;
    memcpy(p, e->type, e->type_len), p += e->type_len;
    memcpy(p, e->data, e->data_len), p += e->data_len;
    memcpy(p, e->meta, e->meta_len), p += e->meta_len;
    while ((p - out) & 7)
        *p++ = 0;
    r.len = (uint32_t)(p - out);
    memcpy(out, &r, sizeof r);
    r.crc = wl_crc32c(0, out + 8, r.len - 8);
    memcpy(out + 4, &r.crc, 4);
    return r.len;
}
static const rec *rec_sink(const char *p, wl_sink *s)
{
    const rec *r = (const rec *)(const void *)p;
    const char *d = p + sizeof *r + r->name_len + r->type_len;
    wl_consume(s, d, r->data_len, d + r->data_len, r->meta_len);
    return r;
}

/* ---- raw: append-only file, index in memory -------------------------------------------------- */
typedef struct {
    int fd;
    bool pre;
    off_t end, mapped;
    char *map;
    uint64_t pos;
    char *buf;
    uint32_t *count, *cap;
    uint64_t **off;
} raw_t;
#define RAW_RING (256ll << 20)

static uint32_t raw_stream_no(const char *name)
{
    uint32_t v = 0;
    for (int i = 6; i < WL_NAME_LEN; i++)
        v = v * 10 + (uint32_t)(name[i] - '0');
    return v;
}
static void raw_index(raw_t *r, uint32_t s, uint64_t off)
{
    if (r->count[s] == r->cap[s]) {
        r->cap[s] = r->cap[s] ? r->cap[s] * 2 : 8;
        r->off[s] = realloc(r->off[s], r->cap[s] * 8);
    }
    r->off[s][r->count[s]++] = off;
}
static void *raw_open_any(const char *dir, bool pre)
{
    raw_t *r = calloc(1, sizeof *r);
    char p[600];
    uint32_t n = WL_ALL_STREAMS(P.streams);
    snprintf(p, sizeof p, "%s/log", dir);
    r->fd = open(p, O_RDWR | O_CREAT, 0644);
    if (r->fd < 0)
        wl_die(p, NULL);
    r->buf = malloc(1100 * REC_MAX);
    r->count = calloc(n, 4);
    r->cap = calloc(n, 4);
    r->off = calloc(n, 8);
    r->pre = pre;
    if (pre) {
        char *z = calloc(1, 1 << 20);
        for (off_t o = 0; o < RAW_RING; o += 1 << 20)
            if (pwrite(r->fd, z, 1 << 20, o) < 0)
                wl_die("prezero", NULL);
        fsync(r->fd);
        free(z);
        return r;
    }
    struct stat st;
    fstat(r->fd, &st);
    if (st.st_size) { /* recovery: check every record, rebuild the index */
        char *m = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, r->fd, 0);
        for (off_t o = 0; o + (off_t)sizeof(rec) <= st.st_size;) {
            const rec *x = (const rec *)(const void *)(m + o);
            if (x->len < sizeof *x || o + x->len > st.st_size ||
                wl_crc32c(0, m + o + 8, x->len - 8) != x->crc)
                break;
            raw_index(r, raw_stream_no(m + o + sizeof *x), (uint64_t)o);
            r->pos = x->pos + 1;
            r->end = o += x->len;
        }
        munmap(m, (size_t)st.st_size);
    }
    return r;
}
static void *raw_open(const char *d, bool x)
{
    (void)x;
    return raw_open_any(d, false);
}
static void *rawpre_open(const char *d, bool x)
{
    (void)x;
    return raw_open_any(d, true);
}
static void raw_append(void *db, wl_event *const *ev, int n)
{
    raw_t *r = db;
    size_t len = 0;
    for (int i = 0; i < n; i++) {
        if (!r->pre) {
            if (r->count[ev[i]->stream] != ev[i]->version)
                wl_die("raw", "version conflict");
            raw_index(r, ev[i]->stream, (uint64_t)r->end + len);
        } else if (r->count[ev[i]->stream]++ != ev[i]->version)
            wl_die("raw", "version conflict");
        len += rec_put(r->buf + len, ev[i], r->pos++);
    }
    if (r->pre && r->end + (off_t)len > RAW_RING)
        r->end = 0;
    if (pwrite(r->fd, r->buf, len, r->end) != (ssize_t)len || fdatasync(r->fd))
        wl_die("raw write", NULL);
    r->end += (off_t)len;
}
static void raw_replay(void *db, wl_sink *s)
{
    raw_t *r = db;
    char *m = mmap(NULL, (size_t)r->end, PROT_READ, MAP_SHARED, r->fd, 0);
    for (off_t o = 0; o < r->end;) {
        const rec *x = (const rec *)(const void *)(m + o);
        if (wl_crc32c(0, m + o + 8, x->len - 8) != x->crc)
            wl_die("raw replay", "bad crc");
        rec_sink(m + o, s);
        o += x->len;
    }
    munmap(m, (size_t)r->end);
}
static void raw_stream(void *db, const char *name, wl_sink *s)
{
    raw_t *r = db;
    uint32_t n = raw_stream_no(name);
    if (r->mapped != r->end) {
        if (r->map)
            munmap(r->map, (size_t)r->mapped);
        r->map = mmap(NULL, (size_t)r->end, PROT_READ, MAP_SHARED, r->fd, 0);
        r->mapped = r->end;
    }
    for (uint32_t i = 0; i < r->count[n]; i++) {
        const char *p = r->map + r->off[n][i];
        const rec *x = (const rec *)(const void *)p;
        if (wl_crc32c(0, p + 8, x->len - 8) != x->crc)
            wl_die("raw read", "bad crc");
        rec_sink(p, s);
    }
}
static void raw_close(void *db)
{
    raw_t *r = db;
    if (r->map)
        munmap(r->map, (size_t)r->mapped);
    close(r->fd);
    for (uint32_t i = 0; i < WL_ALL_STREAMS(P.streams); i++)
        free(r->off[i]);
    free(r->off);
    free(r->count);
    free(r->cap);
    free(r->buf);
    free(r);
}

/* ---- sqlite ---------------------------------------------------------------------------------- */
typedef struct {
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *ins, *all, *one;
} sq_t;
static sqlite3_stmt *sq_prep(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *s;
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL))
        wl_die(sql, sqlite3_errmsg(db));
    return s;
}
static void *sq_open(const char *dir, bool relaxed)
{
    sq_t *q = calloc(1, sizeof *q);
    char p[600];
    snprintf(p, sizeof p, "%s/events.db", dir);
    if (sqlite3_open_v2(p, &q->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL))
        wl_die(p, sqlite3_errmsg(q->db));
    char *err = NULL;
    sqlite3_exec(q->db, "PRAGMA journal_mode=WAL", NULL, NULL, &err);
    sqlite3_exec(q->db, relaxed ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL", NULL,
                 NULL, &err);
    sqlite3_exec(
        q->db,
        "PRAGMA cache_size=-65536; PRAGMA mmap_size=4294967296;"
        "CREATE TABLE IF NOT EXISTS events(position INTEGER PRIMARY KEY, stream TEXT NOT NULL,"
        " version INTEGER NOT NULL, id BLOB NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL,"
        " meta TEXT NOT NULL, UNIQUE(stream, version))",
        NULL, NULL, &err);
    if (err)
        wl_die("sqlite", err);
    q->begin = sq_prep(q->db, "BEGIN IMMEDIATE");
    q->commit = sq_prep(q->db, "COMMIT");
    /* expected version: the stream's last version must be ?2 - 1; UNIQUE backs it up */
    q->ins = sq_prep(
        q->db,
        "INSERT INTO events(stream, version, id, type, data, meta) SELECT ?1, ?2, ?3, ?4, ?5, ?6"
        " WHERE (SELECT coalesce(max(version), -1) FROM events WHERE stream = ?1) = ?2 - 1");
    q->all =
        sq_prep(q->db, "SELECT stream, version, type, data, meta FROM events ORDER BY position");
    q->one = sq_prep(
        q->db, "SELECT version, type, data, meta FROM events WHERE stream = ?1 ORDER BY version");
    return q;
}
static void sq_append(void *db, wl_event *const *ev, int n)
{
    sq_t *q = db;
    if (sqlite3_step(q->begin) != SQLITE_DONE)
        wl_die("begin", sqlite3_errmsg(q->db));
    sqlite3_reset(q->begin);
    for (int i = 0; i < n; i++) {
        const wl_event *e = ev[i];
        sqlite3_bind_text(q->ins, 1, e->name, e->name_len, SQLITE_STATIC);
        sqlite3_bind_int64(q->ins, 2, (sqlite3_int64)e->version);
        sqlite3_bind_blob(q->ins, 3, e->id, 16, SQLITE_STATIC);
        sqlite3_bind_text(q->ins, 4, e->type, e->type_len, SQLITE_STATIC);
        sqlite3_bind_text(q->ins, 5, e->data, e->data_len, SQLITE_STATIC);
        sqlite3_bind_text(q->ins, 6, e->meta, e->meta_len, SQLITE_STATIC);
        if (sqlite3_step(q->ins) != SQLITE_DONE)
            wl_die("insert", sqlite3_errmsg(q->db));
        if (sqlite3_changes(q->db) != 1)
            wl_die("sqlite", "version conflict");
        sqlite3_reset(q->ins);
    }
    if (sqlite3_step(q->commit) != SQLITE_DONE)
        wl_die("commit", sqlite3_errmsg(q->db));
    sqlite3_reset(q->commit);
}
static void sq_replay(void *db, wl_sink *s)
{
    sq_t *q = db;
    while (sqlite3_step(q->all) == SQLITE_ROW)
        wl_consume(s, sqlite3_column_text(q->all, 3), (size_t)sqlite3_column_bytes(q->all, 3),
                   sqlite3_column_text(q->all, 4), (size_t)sqlite3_column_bytes(q->all, 4));
    sqlite3_reset(q->all);
}
static void sq_stream(void *db, const char *name, wl_sink *s)
{
    sq_t *q = db;
    sqlite3_bind_text(q->one, 1, name, WL_NAME_LEN, SQLITE_STATIC);
    while (sqlite3_step(q->one) == SQLITE_ROW)
        wl_consume(s, sqlite3_column_text(q->one, 2), (size_t)sqlite3_column_bytes(q->one, 2),
                   sqlite3_column_text(q->one, 3), (size_t)sqlite3_column_bytes(q->one, 3));
    sqlite3_reset(q->one);
}
static void sq_close(void *db)
{
    sq_t *q = db;
    sqlite3_finalize(q->begin);
    sqlite3_finalize(q->commit);
    sqlite3_finalize(q->ins);
    sqlite3_finalize(q->all);
    sqlite3_finalize(q->one);
    sqlite3_close(q->db);
    free(q);
}

/* ---- keys for lmdb and rocksdb: stream name, version big-endian ------------------------------ */
#define KEY_LEN (1 + WL_NAME_LEN + 8)
static void be64(char *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, 8);
}
static void idx_key(char *k, const char *name, uint64_t version)
{
    k[0] = 'S';
    memcpy(k + 1, name, WL_NAME_LEN);
    be64(k + 1 + WL_NAME_LEN, version);
}

/* ---- lmdb: log db (position -> record) and index db (stream, version -> position) ------------ */
typedef struct {
    MDB_env *env;
    MDB_dbi log, idx;
    uint64_t pos;
} lm_t;
static void lm_chk(int rc, const char *what)
{
    if (rc)
        wl_die(what, mdb_strerror(rc));
}
static void *lm_open(const char *dir, bool relaxed)
{
    lm_t *l = calloc(1, sizeof *l);
    MDB_txn *t;
    (void)relaxed;
    lm_chk(mdb_env_create(&l->env), "env");
    mdb_env_set_mapsize(l->env, 16ull << 30);
    mdb_env_set_maxdbs(l->env, 4);
    mdb_env_set_maxreaders(l->env, 600);
    lm_chk(mdb_env_open(l->env, dir, MDB_NOTLS, 0644), dir);
    lm_chk(mdb_txn_begin(l->env, NULL, 0, &t), "begin");
    lm_chk(mdb_dbi_open(t, "log", MDB_CREATE | MDB_INTEGERKEY, &l->log), "log");
    lm_chk(mdb_dbi_open(t, "idx", MDB_CREATE, &l->idx), "idx");
    MDB_stat st;
    lm_chk(mdb_stat(t, l->log, &st), "stat");
    l->pos = st.ms_entries;
    lm_chk(mdb_txn_commit(t), "commit");
    return l;
}
static void lm_append(void *db, wl_event *const *ev, int n)
{
    lm_t *l = db;
    MDB_txn *t;
    lm_chk(mdb_txn_begin(l->env, NULL, 0, &t), "begin");
    for (int i = 0; i < n; i++) {
        char k[KEY_LEN], b[REC_MAX];
        uint64_t pos = l->pos++;
        MDB_val key = {KEY_LEN, k}, val = {8, &pos};
        if (ev[i]->version) { /* the version before must exist... */
            idx_key(k, ev[i]->name, ev[i]->version - 1);
            MDB_val prev;
            if (mdb_get(t, l->idx, &key, &prev))
                wl_die("lmdb", "version conflict");
        }
        idx_key(k, ev[i]->name, ev[i]->version);
        lm_chk(mdb_put(t, l->idx, &key, &val, MDB_NOOVERWRITE),
               "idx put"); /* ...and this one must not */
        MDB_val lk = {8, &pos}, lv = {rec_put(b, ev[i], pos), b};
        lm_chk(mdb_put(t, l->log, &lk, &lv, MDB_APPEND), "log put");
    }
    lm_chk(mdb_txn_commit(t), "commit");
}
static void lm_replay(void *db, wl_sink *s)
{
    lm_t *l = db;
    MDB_txn *t;
    MDB_cursor *c;
    MDB_val k, v;
    lm_chk(mdb_txn_begin(l->env, NULL, MDB_RDONLY, &t), "begin");
    lm_chk(mdb_cursor_open(t, l->log, &c), "cursor");
    while (!mdb_cursor_get(c, &k, &v, MDB_NEXT))
        rec_sink(v.mv_data, s);
    mdb_cursor_close(c);
    mdb_txn_abort(t);
}
static void lm_stream(void *db, const char *name, wl_sink *s)
{
    lm_t *l = db;
    MDB_txn *t;
    MDB_cursor *c;
    char kb[KEY_LEN];
    idx_key(kb, name, 0);
    MDB_val k = {KEY_LEN, kb}, v;
    lm_chk(mdb_txn_begin(l->env, NULL, MDB_RDONLY, &t), "begin");
    lm_chk(mdb_cursor_open(t, l->idx, &c), "cursor");
    for (int rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
         !rc && !memcmp(k.mv_data, kb, 1 + WL_NAME_LEN); rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
        uint64_t pos;
        memcpy(&pos, v.mv_data, 8);
        MDB_val lk = {8, &pos}, lv;
        lm_chk(mdb_get(t, l->log, &lk, &lv), "log get");
        rec_sink(lv.mv_data, s);
    }
    mdb_cursor_close(c);
    mdb_txn_abort(t);
}
static void lm_close(void *db)
{
    lm_t *l = db;
    mdb_env_close(l->env);
    free(l);
}

/* ---- rocksdb: 'L' position -> record, 'S' stream version -> position ------------------------- */
typedef struct {
    rocksdb_t *db;
    rocksdb_options_t *opt;
    rocksdb_writeoptions_t *w;
    rocksdb_readoptions_t *r;
    _Atomic uint64_t pos;
} rk_t;
static void *rk_open(const char *dir, bool relaxed)
{
    rk_t *k = calloc(1, sizeof *k);
    char *err = NULL;
    (void)relaxed;
    k->opt = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(k->opt, 1);
    rocksdb_options_increase_parallelism(k->opt, 2);
    rocksdb_options_set_write_buffer_size(k->opt, 64 << 20);
    rocksdb_options_set_recycle_log_file_num(k->opt, 4); /* reuses written WAL extents */
    rocksdb_block_based_table_options_t *bt = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_filter_policy(bt, rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_block_based_options_set_block_cache(bt, rocksdb_cache_create_lru(256 << 20));
    rocksdb_options_set_block_based_table_factory(k->opt, bt);
    k->db = rocksdb_open(k->opt, dir, &err);
    if (err)
        wl_die("rocksdb open", err);
    k->w = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(k->w, 1);
    k->r = rocksdb_readoptions_create();
    rocksdb_iterator_t *it = rocksdb_create_iterator(k->db, k->r);
    rocksdb_iter_seek_for_prev(it, "M", 1);
    size_t n;
    if (rocksdb_iter_valid(it)) {
        const char *key = rocksdb_iter_key(it, &n);
        uint64_t v;
        if (n == 9 && key[0] == 'L') {
            memcpy(&v, key + 1, 8);
            k->pos = __builtin_bswap64(v) + 1;
        }
    }
    rocksdb_iter_destroy(it);
    return k;
}
static void rk_append(void *db, wl_event *const *ev, int n)
{
    rk_t *k = db;
    char *err = NULL;
    rocksdb_writebatch_t *b = rocksdb_writebatch_create();
    for (int i = 0; i < n; i++) {
        char key[KEY_LEN], lk[9], lv[REC_MAX];
        /* the version must be free and the one before it taken, in the store or earlier in this
         * batch; writers own their streams, so nobody else changes that here */
        idx_key(key, ev[i]->name, ev[i]->version);
        rocksdb_pinnableslice_t *p = rocksdb_get_pinned(k->db, k->r, key, KEY_LEN, &err);
        if (p)
            wl_die("rocksdb", "version conflict");
        if (ev[i]->version) {
            idx_key(key, ev[i]->name, ev[i]->version - 1);
            p = rocksdb_get_pinned(k->db, k->r, key, KEY_LEN, &err);
            bool found = p != NULL;
            rocksdb_pinnableslice_destroy(p);
            for (int j = i - 1; j >= 0 && !found; j--)
                found = ev[j]->stream == ev[i]->stream && ev[j]->version + 1 == ev[i]->version;
            if (!found)
                wl_die("rocksdb", "version conflict");
        }
        uint64_t pos = k->pos++;
        lk[0] = 'L';
        be64(lk + 1, pos);
        rocksdb_writebatch_put(b, lk, 9, lv, rec_put(lv, ev[i], pos));
        idx_key(key, ev[i]->name, ev[i]->version);
        rocksdb_writebatch_put(b, key, KEY_LEN, (char *)&pos, 8);
    }
    rocksdb_write(k->db, k->w, b, &err);
    if (err)
        wl_die("rocksdb write", err);
    rocksdb_writebatch_destroy(b);
}
static void rk_replay(void *db, wl_sink *s)
{
    rk_t *k = db;
    size_t n;
    rocksdb_readoptions_t *ro = rocksdb_readoptions_create();
    rocksdb_readoptions_set_readahead_size(ro, 2 << 20);
    rocksdb_iterator_t *it = rocksdb_create_iterator(k->db, ro);
    for (rocksdb_iter_seek(it, "L", 1); rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
        if (rocksdb_iter_key(it, &n)[0] != 'L')
            break;
        rec_sink(rocksdb_iter_value(it, &n), s);
    }
    rocksdb_iter_destroy(it);
    rocksdb_readoptions_destroy(ro);
}
static void rk_stream(void *db, const char *name, wl_sink *s)
{
    rk_t *k = db;
    char kb[KEY_LEN], *err = NULL;
    size_t n;
    idx_key(kb, name, 0);
    rocksdb_iterator_t *it = rocksdb_create_iterator(k->db, k->r);
    for (rocksdb_iter_seek(it, kb, KEY_LEN); rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
        const char *key = rocksdb_iter_key(it, &n);
        if (n != KEY_LEN || memcmp(key, kb, 1 + WL_NAME_LEN))
            break;
        uint64_t pos;
        char lk[9] = "L";
        memcpy(&pos, rocksdb_iter_value(it, &n), 8);
        be64(lk + 1, pos);
        rocksdb_pinnableslice_t *p = rocksdb_get_pinned(k->db, k->r, lk, 9, &err);
        if (!p)
            wl_die("rocksdb", "lost record");
        rec_sink(rocksdb_pinnableslice_value(p, &n), s);
        rocksdb_pinnableslice_destroy(p);
    }
    rocksdb_iter_destroy(it);
}
static void rk_close(void *db)
{
    rk_t *k = db;
    rocksdb_close(k->db);
    free(k);
}

static const backend backends[] = {
    {"raw", raw_open, raw_append, raw_replay, raw_stream, raw_close, false, false, false},
    {"raw-pre", rawpre_open, raw_append, NULL, NULL, raw_close, false, false, true},
    {"sqlite-full", sq_open, sq_append, sq_replay, sq_stream, sq_close, false, false, false},
    {"sqlite-normal", sq_open, sq_append, sq_replay, sq_stream, sq_close, false, true, true},
    {"lmdb", lm_open, lm_append, lm_replay, lm_stream, lm_close, false, false, false},
    {"rocksdb", rk_open, rk_append, rk_replay, rk_stream, rk_close, true, false, false},
    {"factum", factum_bench_open, factum_bench_append, factum_bench_replay, factum_bench_stream,
     factum_bench_close, true, false, false},
};

static bool is_factum(const backend *b)
{
    return b->open == factum_bench_open;
}

/* ---- concurrent writers: group commit -------------------------------------------------------- */

/* The first writer to join a forming batch leads it: it waits for the end of the commit before,
 * closes the batch, commits it, and wakes all its members by one futex call. */
typedef struct {
    wl_event *ev[1000];
    int n;
    _Atomic int done; /* 0 while the batch forms and commits */
    _Atomic int gone; /* members that have seen done */
} batch;
#define NBATCH 4
static struct {
    const backend *b;
    void *db;
    pthread_mutex_t mu;
    batch ring[NBATCH];
    unsigned forming; /* ring index of the batch that is open */
    _Atomic int turn; /* number of batches committed */
    int closed;       /* number of batches closed */
    _Atomic bool stop, go;
    _Atomic uint64_t done;
} G = {.mu = PTHREAD_MUTEX_INITIALIZER};

static void fwait(_Atomic int *a, int v)
{
    syscall(SYS_futex, a, FUTEX_WAIT_PRIVATE, v, NULL, NULL, 0);
}
static void fwake(_Atomic int *a, int n)
{
    syscall(SYS_futex, a, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

static void group_append(wl_event *e)
{
    pthread_mutex_lock(&G.mu);
    batch *t = &G.ring[G.forming % NBATCH];
    int seat = t->n++;
    int my_turn = G.closed;
    t->ev[seat] = e;
    pthread_mutex_unlock(&G.mu);
    if (seat) {
        while (!t->done)
            fwait(&t->done, 0);
        t->gone++;
        return;
    }
    for (int now; (now = G.turn) != my_turn;)
        fwait(&G.turn, now);
    pthread_mutex_lock(&G.mu);
    int n = t->n;
    batch *next = &G.ring[++G.forming % NBATCH];
    G.closed++;
    while (next->done && next->gone != next->n - 1)
        sched_yield(); /* slot of 4 batches ago */
    next->n = next->done = next->gone = 0;
    pthread_mutex_unlock(&G.mu);
    G.b->append(G.db, t->ev, n);
    t->done = 1; /* before the turn passes on, or the slot could be reused too soon */
    G.turn++;
    fwake(&G.turn, 1);
    if (n > 1)
        fwake(&t->done, n);
}

typedef struct {
    wl_writer w;
    wl_lat_t lat;
    pthread_t t;
} wthread;
static void *writer_main(void *arg)
{
    wthread *w = arg;
    wl_event e, *p = &e;
    while (!G.go)
        usleep(500);
    while (!G.stop) {
        uint64_t t0 = wl_now();
        wl_next(&w->w, &e);
        if (G.b->own_group)
            G.b->append(G.db, &p, 1);
        else
            group_append(&e);
        if (w->lat.v)
            wl_lat_add(&w->lat, wl_now() - t0);
        G.done++;
    }
    return NULL;
}

static void run_writers(const backend *b, void *db, uint64_t *ver, int nw, uint64_t salt)
{
    char par[16];
    snprintf(par, sizeof par, "w%d", nw);
    if (!wl_wanted(par))
        return;
    wthread *w = calloc((size_t)nw, sizeof *w);
    pthread_attr_t at;
    pthread_attr_init(&at);
    pthread_attr_setstacksize(&at, 512 << 10);
    G.b = b;
    G.db = db;
    memset(G.ring, 0, sizeof G.ring);
    G.forming = 0;
    G.turn = G.closed = 0;
    G.stop = G.go = false;
    G.done = 0;
    for (int i = 0; i < nw; i++) {
        wl_writer_init(&w[i].w, ver, P.streams, (uint32_t)i, (uint32_t)nw, salt);
        if (i < 2)
            wl_lat_init(&w[i].lat); /* two threads sample latency */
        pthread_create(&w[i].t, &at, writer_main, &w[i]);
    }
    double r[9];
    G.go = true;
    usleep(50000);
    for (int k = 0; k < P.reps; k++) {
        uint64_t d0 = G.done, t0 = wl_now();
        usleep((useconds_t)(P.secs * 1e6));
        r[k] = (double)(G.done - d0) / ((double)(wl_now() - t0) / 1e9);
    }
    G.stop = true;
    for (int i = 0; i < nw; i++)
        pthread_join(w[i].t, NULL);
    wl_emit_reps(b->name, "append", par, r, P.reps, "events/s");
    wl_lat_sort(&w[0].lat);
    wl_emit(b->name, "append_p50", par, wl_lat_us(&w[0].lat, .5), "us", 0);
    wl_emit(b->name, "append_p99", par, wl_lat_us(&w[0].lat, .99), "us", 0);
    free(w[0].lat.v);
    if (nw > 1)
        free(w[1].lat.v);
    free(w);
}

static void run_group(const backend *b, void *db, uint64_t *ver, int g, uint64_t salt)
{
    char par[16];
    snprintf(par, sizeof par, "g%d", g);
    if (!wl_wanted(par))
        return;
    wl_writer w;
    wl_writer_init(&w, ver, P.streams, 0, 1, salt);
    wl_event *buf = malloc(sizeof *buf * (size_t)g), **ev = malloc(sizeof *ev * (size_t)g);
    for (int i = 0; i < g; i++)
        ev[i] = &buf[i];
    wl_lat_t lat;
    wl_lat_init(&lat);
    double r[9];
    for (int k = 0; k < P.reps; k++) {
        uint64_t t0 = wl_now(), t = t0, n = 0, end = t0 + (uint64_t)(P.secs * 1e9);
        while (t < end) {
            for (int i = 0; i < g; i++)
                wl_next(&w, ev[i]);
            b->append(db, ev, g);
            uint64_t now = wl_now();
            wl_lat_add(&lat, now - t);
            t = now;
            n += (uint64_t)g;
        }
        r[k] = (double)n / ((double)(t - t0) / 1e9);
    }
    wl_lat_sort(&lat);
    wl_emit_reps(b->name, "append", par, r, P.reps, "events/s");
    wl_emit(b->name, "append_p50", par, wl_lat_us(&lat, .5), "us", 0);
    wl_emit(b->name, "append_p99", par, wl_lat_us(&lat, .99), "us", 0);
    free(lat.v);
    free(buf);
    free(ev);
}

static void sub(char *out, size_t n, const char *dir, const char *leaf)
{
    char cmd[700];
    snprintf(out, n, "%s/%s", dir, leaf);
    snprintf(cmd, sizeof cmd, "rm -rf '%s' && mkdir -p '%s'", out, out);
    if (system(cmd))
        wl_die(cmd, "failed");
}

static void run_load_events(const backend *b, const char *d, double rss0, double anon0)
{
    uint64_t *ver = calloc(WL_ALL_STREAMS(P.streams), 8);
    uint32_t *plan = wl_load_plan(P.streams, P.events);
    enum { G1000 = 1000 };
    wl_event *buf = malloc(sizeof *buf * G1000), *ev[G1000];
    for (int i = 0; i < G1000; i++)
        ev[i] = &buf[i];
    void *db = b->open(d, b->relaxed);
    uint64_t t0 = wl_now();
    for (uint32_t i = 0; i < P.events;) {
        int n = 0;
        for (; n < G1000 && i < P.events; n++, i++)
            wl_make(ev[n], i, plan[i], ver[plan[i]]++);
        b->append(db, ev, n);
    }
    wl_emit(b->name, "load", "g1000, all events", P.events / ((double)(wl_now() - t0) / 1e9),
            "events/s", 0);
    wl_emit(b->name, "mem_growth", "RSS after load", wl_mem_mb(getpid(), "VmRSS:") - rss0, "MB", 0);
    wl_emit(b->name, "mem_growth", "anonymous after load", wl_mem_mb(getpid(), "RssAnon:") - anon0,
            "MB", 0);
    wl_emit(b->name, "disk", "bytes/event, running", wl_disk_bytes(d, true) / P.events, "B", 0);
    b->close(db);
    /* zeros written ahead are space for later events, not a cost of the stored ones */
    double ahead = is_factum(b) ? factum_bench_ahead(d) : 0;
    wl_emit(b->name, "disk", "bytes/event, closed", (wl_disk_bytes(d, true) - ahead) / P.events,
            "B", 0);
    if (is_factum(b))
        wl_emit(b->name, "disk", "zeros written ahead", ahead / 1048576, "MB", 0);
    free(plan);
    free(ver);
    free(buf);
}

static void run_rehydrate(const backend *b, void *db)
{
    static const int lens[3] = {10, 100, 1000};
    wl_lat_t lat;
    wl_lat_init(&lat);
    for (int l = 0; l < 3; l++) {
        uint32_t np = wl_probe_count(lens[l]), first = wl_probe_first(P.streams, lens[l]);
        lat.n = 0;
        for (uint32_t i = 0; i < np * 8; i++) {
            char name[24];
            wl_sink s = {0};
            wl_name(name, first + (uint32_t)(wl_mix(i) % np));
            uint64_t t0 = wl_now();
            b->stream(db, name, &s);
            wl_lat_add(&lat, wl_now() - t0);
            if (s.events != (uint64_t)lens[l])
                wl_die("stream", "wrong events");
        }
        wl_lat_sort(&lat);
        char par[32];
        snprintf(par, sizeof par, "%d events", lens[l]);
        wl_emit(b->name, "rehydrate_p50", par, wl_lat_us(&lat, .5), "us", 0);
        wl_emit(b->name, "rehydrate_p99", par, wl_lat_us(&lat, .99), "us", 0);
    }
    free(lat.v);
}

static void run_load(const backend *b, const char *dir)
{
    char d[600];
    sub(d, sizeof d, dir, "load");
    double rss0 = wl_mem_mb(getpid(), "VmRSS:"), anon0 = wl_mem_mb(getpid(), "RssAnon:");
    run_load_events(b, d, rss0, anon0);

    uint64_t t0 = wl_now();
    void *db = b->open(d, b->relaxed);
    wl_emit(b->name, "open", "with the load stored", (double)(wl_now() - t0) / 1e6, "ms", 0);
    double r[9];
    wl_sink s0 = {0};
    for (int k = 0; k < P.reps + 1; k++) {
        wl_sink s = {0};
        t0 = wl_now();
        b->replay(db, &s);
        double v = (double)s.events / ((double)(wl_now() - t0) / 1e9);
        if (s.events != P.events || (k && s.crc != s0.crc))
            wl_die("replay", "wrong events");
        s0 = s;
        if (k)
            r[k - 1] = v; /* the first pass warms the caches */
        else
            wl_emit(b->name, "replay", "first pass after open", v, "events/s", 0);
    }
    wl_emit_reps(b->name, "replay", "all, warm", r, P.reps, "events/s");
    wl_emit(b->name, "mem_growth", "RSS after replay", wl_mem_mb(getpid(), "VmRSS:") - rss0, "MB",
            0);
    wl_emit(b->name, "mem_growth", "anonymous after replay",
            wl_mem_mb(getpid(), "RssAnon:") - anon0, "MB", 0);
    run_rehydrate(b, db);
    b->close(db);
}

/* ---- projection: the load folded into an SQL read model -------------------------------------- */

/* One row for each order (events, quantity, cents), upserted; 1000 events in a transaction, which
 * also stores the position reached; synchronous=NORMAL, because a read model can be rebuilt. Reads
 * the raw log: the least that a projection can cost. */
static uint64_t json_num(const char *d, size_t n, const char *key)
{
    const char *p = memmem(d, n, key, strlen(key));
    return p ? strtoull(p + strlen(key), NULL, 10) : 0;
}
/* Applies one event to the projection: the same for raw and Factum. */
typedef struct {
    sqlite3 *db;
    sqlite3_stmt *up, *pos, *beg, *com;
    uint64_t n;
} projector;
static void project(void *arg, const char *name, size_t name_len, const char *data, size_t len,
                    uint64_t position)
{
    projector *p = arg;
    if (p->n % 1000 == 0)
        sqlite3_step(p->beg), sqlite3_reset(p->beg);
    uint64_t q = json_num(data, len, "\"quantity\":"),
             c = json_num(data, len, "\"unitPriceCents\":");
    sqlite3_bind_text(p->up, 1, name, (int)name_len, SQLITE_STATIC);
    sqlite3_bind_int64(p->up, 2, (sqlite3_int64)q);
    sqlite3_bind_int64(p->up, 3, (sqlite3_int64)(q * c));
    if (sqlite3_step(p->up) != SQLITE_DONE)
        wl_die("upsert", sqlite3_errmsg(p->db));
    sqlite3_reset(p->up);
    if (++p->n % 1000 == 0 || p->n == P.events) {
        sqlite3_bind_int64(p->pos, 1, (sqlite3_int64)position);
        sqlite3_step(p->pos), sqlite3_reset(p->pos);
        if (sqlite3_step(p->com) != SQLITE_DONE)
            wl_die("commit", sqlite3_errmsg(p->db));
        sqlite3_reset(p->com);
    }
}
static void raw_each(raw_t *r, projector *p)
{
    char *m = mmap(NULL, (size_t)r->end, PROT_READ, MAP_SHARED, r->fd, 0);
    for (off_t o = 0; o < r->end;) {
        const rec *x = (const rec *)(const void *)(m + o);
        if (wl_crc32c(0, m + o + 8, x->len - 8) != x->crc)
            wl_die("projection", "bad crc");
        const char *name = m + o + sizeof *x;
        project(p, name, x->name_len, name + x->name_len + x->type_len, x->data_len, x->pos);
        o += x->len;
    }
    munmap(m, (size_t)r->end);
}
static void run_projection(const backend *b, const char *dir)
{
    char d[600], p[700];
    snprintf(d, sizeof d, "%s/load", dir);
    bool factum = is_factum(b);
    raw_t *r = factum ? NULL : raw_open(d, false);
    void *f = factum ? b->open(d, false) : NULL;
    snprintf(p, sizeof p, "%s/read.db", dir);
    double v[9];
    for (int k = 0; k < P.reps; k++) {
        char cmd[2400];
        snprintf(cmd, sizeof cmd, "rm -f '%s' '%s-wal' '%s-shm'", p, p, p);
        if (system(cmd))
            wl_die(cmd, "failed");
        sqlite3 *db;
        if (sqlite3_open(p, &db))
            wl_die(p, sqlite3_errmsg(db));
        sqlite3_exec(
            db,
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536;"
            "CREATE TABLE orders(id TEXT PRIMARY KEY, events INTEGER, quantity INTEGER, cents "
            "INTEGER)"
            " WITHOUT ROWID; CREATE TABLE reached(one INTEGER PRIMARY KEY, position INTEGER);"
            "INSERT INTO reached VALUES(1, 0)",
            NULL, NULL, NULL);
        sqlite3_stmt *up =
            sq_prep(db, "INSERT INTO orders VALUES(?1, 1, ?2, ?3) ON CONFLICT(id) DO UPDATE SET"
                        " events = events + 1, quantity = quantity + ?2, cents = cents + ?3");
        sqlite3_stmt *pos = sq_prep(db, "UPDATE reached SET position = ?1"),
                     *beg = sq_prep(db, "BEGIN"), *com = sq_prep(db, "COMMIT");
        projector j = {db, up, pos, beg, com, 0};
        uint64_t t0 = wl_now();
        if (factum)
            factum_bench_each(f, project, &j);
        else
            raw_each(r, &j);
        uint64_t n = j.n;
        if (n != P.events)
            wl_die("projection", "wrong events");
        v[k] = (double)n / ((double)(wl_now() - t0) / 1e9);
        sqlite3_finalize(up);
        sqlite3_finalize(pos);
        sqlite3_finalize(beg);
        sqlite3_finalize(com);
        sqlite3_close(db);
    }
    wl_emit_reps(b->name, "projection", "into SQLite, 1000 a transaction", v, P.reps, "events/s");
    if (factum)
        b->close(f);
    else
        raw_close(r);
}

int main(int argc, char **argv)
{
    P = wl_params();
    if (P.reps > 8)
        P.reps = 8;
    if (argc != 4) {
        fprintf(stderr, "usage: embedded append|load|open|projection|kill|absent|query|verify "
                        "BACKEND DIR\n");
        return 2;
    }
    const char *step = argv[1], *name = argv[2], *dir = argv[3];
    const backend *b = NULL;
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (!strcmp(backends[i].name, name))
            b = &backends[i];
    if (!b)
        wl_die(name, "unknown backend");
    char d[600];
    wl_init();
    backend named = *b; /* WL_NAME: the peer's name in the rows */
    const char *as = getenv("WL_NAME");
    named.name = as && *as ? as : b->name;
    snprintf(d, sizeof d, "%s/load", dir);
    if (is_factum(b) && factum_bench_step(step, named.name, d))
        return 0;
    if (!strcmp(step, "append")) {
        sub(d, sizeof d, dir, "append");
        uint64_t *ver = calloc(WL_ALL_STREAMS(P.streams), 8);
        void *db = b->open(d, b->relaxed);
        static const int groups[4] = {1, 100, 256, 1000}, writers[4] = {1, 16, 64, 256};
        for (int i = 0; i < 4; i++)
            run_group(b, db, ver, groups[i], (uint64_t)(i + 1) << 40);
        for (int i = 0; i < 4; i++)
            run_writers(b, db, ver, writers[i], (uint64_t)(i + 8) << 40);
        if (is_factum(b))
            factum_bench_extra(db, ver, &P);
        b->close(db);
        free(ver);
        sub(d, sizeof d, dir, "append"); /* frees the disk */
    } else if (!strcmp(step, "load")) {
        if (!b->appends_only)
            run_load(&named, dir);
    } else if (!strcmp(step, "projection")) {
        run_projection(b, dir);
    } else if (!strcmp(step, "kill")) {
        snprintf(d, sizeof d, "%s/load", dir);
        factum_bench_kill(d);
    } else {
        snprintf(d, sizeof d, "%s/load", dir);
        uint64_t t0 = wl_now();
        void *db = b->open(d, b->relaxed);
        wl_sink s = {0};
        if (is_factum(b))
            b->stream(db, "order-00000000", &s); /* until a stream can be read */
        const char *how = getenv("WL_OPEN");
        wl_emit(named.name, "open", how ? how : "new process", (double)(wl_now() - t0) / 1e6, "ms",
                0);
        wl_emit(named.name, "rss", "opened, idle", wl_mem_mb(getpid(), "VmRSS:"), "MB", 0);
        b->close(db);
    }
    return 0;
}
