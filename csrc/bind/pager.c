#include "bind/pager.h"

#include "bind/args.h"
#include "bind/class.h"
#include "bind/lua_failure.h"
#include "bind/lua_page.h"
#include "bind/session.h"
#include "net/net.h"
#include "net/url.h"
#include "net/walk.h"

#include <string.h>

#define PAGER_CLASS "commerce.pager"

static const char *refuse(const char *key) {
  if (strcmp(key, "limit") == 0)
    return "use the option 'limit'";
  if (strcmp(key, "starting_after") == 0 || strcmp(key, "ending_before") == 0)
    return "use the option 'cursor'";
  if (strcmp(key, "created") == 0 || strncmp(key, "created[", 8) == 0)
    return "use the options 'created_gte', 'created_gt', 'created_lt', 'created_lte'";
  return NULL;
}

static cm_bound bound(lua_State *L, const char *name) {
  cm_bound b = {false, 0};
  b.set = cm_opt_int(L, 2, name, &b.second, 0, (long long)CM_INT_MAX);
  return b;
}

/*
** session:pager{path, query, limit, created_gte, created_gt, created_lt, created_lte, cursor,
** endpoint, timeout} -> pager
** Queues the request for the first page; core.d.lua has the options.
*/
static int pager_new(lua_State *L) {
  static const char *const names[] = {"path",       "query",      "limit",       "created_gte",
                                      "created_gt", "created_lt", "created_lte", "cursor",
                                      "endpoint",   "timeout",    NULL};
  cm_client *c = cm_check_session(L, 1);
  const char *path, *endpoint, *cursor, *wrong;
  long long limit = CM_LIMIT_MAX;
  cm_bound gte, gt, lt, lte;
  double timeout;
  cm_walk *w;
  size_t n, n_cursor;
  lua_settop(L, 2);
  cm_opt_table(L, 2, names);
  path = cm_opt_string(L, 2, "path", "", &n);
  wrong = cm_url_path_fault(path, n);
  if (wrong)
    cm_opt_error(L, "path", wrong);
  cm_opt_int(L, 2, "limit", &limit, 1, CM_LIMIT_MAX);
  gte = bound(L, "created_gte");
  gt = bound(L, "created_gt");
  lt = bound(L, "created_lt");
  lte = bound(L, "created_lte");
  cursor = cm_opt_string(L, 2, "cursor", NULL, &n_cursor);
  if (cursor && (n_cursor == 0 || n_cursor > CM_ELEMENT_ID))
    cm_opt_error(L, "cursor", n_cursor ? "too long" : "empty");
  endpoint = cm_opt_text(L, 2, "endpoint", NULL, CM_ENDPOINT_MAX);
  timeout = cm_opt_number(L, 2, "timeout", c->timeout, 0.001, 86400);
  w = cm_new(L, PAGER_CLASS, sizeof *w);
  if (!cm_request_init(&w->request, c, "GET", path, endpoint) ||
      (cursor && !cm_buf_add(&w->cursor, cursor, n_cursor)))
    return luaL_error(L, "out of memory");
  cm_opt_pairs(L, 2, "query", &w->fixed, refuse);
  w->request.timeout = timeout;
  w->limit = (int)limit;
  w->gte = gte;
  w->gt = gt;
  w->lt = lt;
  w->lte = lte;
  cm_keep(L, 3, 1);
  cm_walk_start(w);
  return 1;
}

/*
** pager:poll() -> page | false (still coming) | nil (the end) | nil, message, details
*/
static int pager_poll(lua_State *L) {
  cm_walk *w = luaL_checkudata(L, 1, PAGER_CLASS);
  const char *fault;
  if (w->has_ready) {
    cm_page *page = cm_push_page(L);
    cm_walk_take(w, page);
    return 1;
  }
  if (!w->complete) {
    fault = cm_queue_fault(w->request.client->queue);
    if (!fault) {
      lua_pushboolean(L, 0);
      return 1;
    }
    cm_walk_fail(w, CM_CANCELLED, fault);
  }
  if (w->failed)
    return cm_push_failure(L, &w->request.failure);
  lua_pushnil(L);
  return 1;
}

/* pager:limit() -> objects asked for a page now */
static int pager_limit(lua_State *L) {
  const cm_walk *w = luaL_checkudata(L, 1, PAGER_CLASS);
  lua_pushinteger(L, w->limit);
  return 1;
}

/*
** pager:split(second) -> boolean
** true: from now on it gives no object created before `second`; another pager, opened with
** created_lt = second, must. false: nothing has changed.
*/
static int pager_split(lua_State *L) {
  cm_walk *w = luaL_checkudata(L, 1, PAGER_CLASS);
  long long second = cm_checkint(L, 2, 0, (long long)CM_INT_MAX);
  lua_pushboolean(L, cm_walk_split(w, second));
  return 1;
}

static void push_bound(lua_State *L, cm_bound b) {
  if (b.set)
    lua_pushinteger(L, (lua_Integer)b.second);
  else
    lua_pushnil(L);
}

/*
** pager:position() -> created of the last object polled or nil, lower bound of created or nil
*/
static int pager_position(lua_State *L) {
  const cm_walk *w = luaL_checkudata(L, 1, PAGER_CLASS);
  push_bound(L, w->reached);
  push_bound(L, cm_walk_floor(w));
  return 2;
}

/*
** pager:close() cancels a running request and drops pages not taken. Pages taken stay.
*/
static int pager_close(lua_State *L) {
  cm_walk *w = luaL_checkudata(L, 1, PAGER_CLASS);
  if (w->request.client && (w->has_ready || !w->complete))
    cm_walk_fail(w, CM_CANCELLED, "cancelled");
  w->has_ready = w->has_ahead = false;
  cm_walk_free(w);
  return 0;
}

static int pager_gc(lua_State *L) {
  cm_walk_free(luaL_checkudata(L, 1, PAGER_CLASS));
  return 0;
}

/*
** Registers the class, and session:pager. The class of sessions must be registered already.
*/
void cm_open_pager(lua_State *L) {
  static const luaL_Reg meta[] = {{"__gc", pager_gc}, {"__close", pager_close}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"poll", pager_poll},   {"limit", pager_limit},
                                     {"split", pager_split}, {"position", pager_position},
                                     {"close", pager_close}, {NULL, NULL}};
  static const luaL_Reg makers[] = {{"pager", pager_new}, {NULL, NULL}};
  cm_class(L, PAGER_CLASS, meta, methods);
  cm_class_methods(L, CM_SESSION_CLASS, makers);
}
