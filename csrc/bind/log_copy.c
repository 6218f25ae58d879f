#define _GNU_SOURCE /* RTLD_NOLOAD on macOS and the BSDs, too */

#include "bind/log_copy.h"

#include "bind/class.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LOG_COPY_CLASS "commerce.log_copy"

/* SQLite's constants: https://sqlite.org/c3ref/constlist.html */
#define SQLITE_OK 0
#define SQLITE_OPEN_READWRITE 0x2
#define SQLITE_OPEN_NOMUTEX 0x8000
#define SQLITE_CHECKPOINT_PASSIVE 0

typedef struct sqlite3 sqlite3;

/*
** The functions of the SQLite library that the process has loaded for its database driver. This
** module is not linked to SQLite: a second copy of the library in one process would drop the file
** locks of the first one (https://sqlite.org/howtocorrupt.html, 2.2.1).
*/
typedef struct library {
  const char *(*sourceid)(void);
  int (*threadsafe)(void);
  int (*open_v2)(const char *, sqlite3 **, int, const char *);
  int (*exec)(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *, char **);
  int (*checkpoint)(sqlite3 *, const char *, int, int *, int *);
  const char *(*errstr)(int);
  int (*close)(sqlite3 *);
} library;

/* The thread and its owner share this. The thread writes the results before it sets `done`. */
typedef struct copy {
  library sqlite;
  char *path;
  int status, pages, copied;
  bool done;
  pthread_mutex_t lock; /* of `done` */
} copy;

typedef struct log_copy {
  copy *shared;
  pthread_t thread;
  bool running;
} log_copy;

static const char *const NAMES[] = {"libsqlite3.so.0", "libsqlite3.so", "libsqlite3.dylib",
                                    "/usr/lib/libsqlite3.dylib"};

/* POSIX allows what ISO C does not: a function's address in an object pointer. */
static bool symbol(void *handle, const char *name, void *function) {
  void *address = dlsym(handle, name);
  memcpy(function, &address, sizeof address);
  return address != NULL;
}

/* Finds the loaded library. It is not closed: the process keeps its library anyway. */
static bool find(library *found) {
  size_t i;
  for (i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
    void *handle = dlopen(NAMES[i], RTLD_NOW | RTLD_NOLOAD);
    if (handle && symbol(handle, "sqlite3_sourceid", &found->sourceid) &&
        symbol(handle, "sqlite3_threadsafe", &found->threadsafe) &&
        symbol(handle, "sqlite3_open_v2", &found->open_v2) &&
        symbol(handle, "sqlite3_exec", &found->exec) &&
        symbol(handle, "sqlite3_wal_checkpoint_v2", &found->checkpoint) &&
        symbol(handle, "sqlite3_errstr", &found->errstr) &&
        symbol(handle, "sqlite3_close", &found->close))
      return true;
  }
  return false;
}

/* The thread. A connection learns that the database has a log with its first read. */
static void *copy_log(void *argument) {
  copy *c = argument;
  sqlite3 *db = NULL;
  int pages = 0, copied = 0;
  int status = c->sqlite.open_v2(c->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
  if (status == SQLITE_OK)
    status = c->sqlite.exec(db, "PRAGMA schema_version", NULL, NULL, NULL);
  if (status == SQLITE_OK)
    status = c->sqlite.checkpoint(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
  c->sqlite.close(db);
  c->status = status;
  c->pages = pages;
  c->copied = copied;
  pthread_mutex_lock(&c->lock);
  c->done = true;
  pthread_mutex_unlock(&c->lock);
  return NULL;
}

/* Signals are the process's own matter: none interrupts the thread. */
static int begin(log_copy *l) {
  sigset_t all, before;
  int failed;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  failed = pthread_create(&l->thread, NULL, copy_log, l->shared);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  l->running = failed == 0;
  return failed;
}

/*
** core.copy_log(path, source_id) -> log_copy or nil, message
** Starts to copy the log (WAL) of a SQLite database into its file, as far as no reader needs it, in
** a thread of its own: that waits for the disk. Must be called while another connection of this
** process has the database open, whose sqlite_source_id() is given. Fails if the process has
** another SQLite library, too, or one that threads cannot share.
*/
int cm_log_copy_start(lua_State *L) {
  size_t length;
  const char *path = luaL_checklstring(L, 1, &length);
  const char *source_id = luaL_checkstring(L, 2);
  log_copy *l = cm_new(L, LOG_COPY_CLASS, sizeof *l);
  copy *c = l->shared = calloc(1, sizeof *c);
  if (!c || !(c->path = malloc(length + 1)))
    return luaL_error(L, "out of memory");
  memcpy(c->path, path, length + 1);
  pthread_mutex_init(&c->lock, NULL);
  if (!find(&c->sqlite) || strcmp(c->sqlite.sourceid(), source_id) != 0 ||
      !c->sqlite.threadsafe()) {
    lua_pushnil(L);
    lua_pushliteral(L, "this process's SQLite cannot be used by a thread");
    return 2;
  }
  if (begin(l) != 0) {
    lua_pushnil(L);
    lua_pushliteral(L, "no thread can be started");
    return 2;
  }
  return 1;
}

static bool is_done(copy *c) {
  bool done;
  pthread_mutex_lock(&c->lock);
  done = c->done;
  pthread_mutex_unlock(&c->lock);
  return done;
}

/*
** log_copy:poll() -> integer, integer; false; or nil, message
** Gives how many pages the log has, and how many of them are in the file now; false while the
** thread works; nil and SQLite's reason after a failure.
*/
static int log_copy_poll(lua_State *L) {
  log_copy *l = luaL_checkudata(L, 1, LOG_COPY_CLASS);
  copy *c = l->shared;
  if (!is_done(c)) {
    lua_pushboolean(L, 0);
    return 1;
  }
  if (c->status != SQLITE_OK) {
    lua_pushnil(L);
    lua_pushstring(L, c->sqlite.errstr(c->status));
    return 2;
  }
  lua_pushinteger(L, c->pages);
  lua_pushinteger(L, c->copied);
  return 2;
}

/* Waits for the thread, which uses what is freed. */
static int log_copy_gc(lua_State *L) {
  log_copy *l = luaL_checkudata(L, 1, LOG_COPY_CLASS);
  if (l->running)
    pthread_join(l->thread, NULL);
  l->running = false;
  if (l->shared) {
    if (l->shared->path)
      pthread_mutex_destroy(&l->shared->lock);
    free(l->shared->path);
    free(l->shared);
  }
  l->shared = NULL;
  return 0;
}

/*
** Registers the class.
*/
void cm_open_log_copy(lua_State *L) {
  static const luaL_Reg meta[] = {{"__gc", log_copy_gc}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"poll", log_copy_poll}, {NULL, NULL}};
  cm_class(L, LOG_COPY_CLASS, meta, methods);
}
