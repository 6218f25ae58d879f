#include "bind/lua_limiter.h"

#include "bind/args.h"
#include "bind/class.h"
#include "net/net.h"

#include <math.h>

static cm_limits read_limits(lua_State *L, int arg) {
  static const char *const names[] = {"rate", "endpoint_rate", "burst", "concurrency", NULL};
  cm_limits limits;
  cm_opt_table(L, arg, names);
  limits.rate = cm_opt_number(L, arg, "rate", 25, 0, INFINITY);
  limits.endpoint_rate = cm_opt_number(L, arg, "endpoint_rate", 25, 0, INFINITY);
  limits.burst = cm_opt_number(L, arg, "burst", 0, 0, 1e6);
  limits.concurrency = cm_opt_number(L, arg, "concurrency", 20, 0, INFINITY);
  if (limits.concurrency > 0 && limits.concurrency < 1)
    cm_opt_error(L, "concurrency", "0 or at least 1 expected");
  return limits;
}

/*
** core.limiter{rate, endpoint_rate, burst, concurrency} -> limiter
** rate, endpoint_rate: requests a second, over all and for each endpoint; burst: requests that may
** go at once after a pause (default: a fifth of a second's worth); concurrency: requests in flight.
** 0 or math.huge turns a limit off.
*/
int cm_limiter_make(lua_State *L) {
  cm_limits limits = read_limits(L, 1);
  cm_limiter_box *box;
  box = cm_new(L, CM_LIMITER_CLASS, sizeof *box);
  box->limiter = cm_limiter_new(&limits, cm_now());
  if (!box->limiter)
    return luaL_error(L, "out of memory");
  return 1;
}

static void field(lua_State *L, const char *name, double n) {
  lua_pushnumber(L, n);
  lua_setfield(L, -2, name);
}

static void count(lua_State *L, const char *name, lua_Integer n) {
  lua_pushinteger(L, n);
  lua_setfield(L, -2, name);
}

/*
** limiter:stats() -> {in_flight, waiting, limited, rate, concurrency, room,
**   endpoints = {[name] = rate}}
** limited: 429s seen. room: as limiter:room(). Rates and concurrency are those of this moment, as
** far as 429s have cut them.
*/
static int limiter_stats(lua_State *L) {
  cm_limiter_box *box = luaL_checkudata(L, 1, CM_LIMITER_CLASS);
  cm_limiter *l = box->limiter;
  double now = cm_now();
  cm_bucket *b;
  lua_createtable(L, 0, 7);
  count(L, "in_flight", l->in_flight);
  count(L, "waiting", l->waiting);
  count(L, "limited", (lua_Integer)l->limited);
  field(L, "rate", cm_bucket_rate(l->global, now));
  field(L, "concurrency", cm_limiter_concurrency(l, now));
  field(L, "room", cm_limiter_room(l, NULL, now));
  lua_newtable(L);
  for (b = l->endpoints; b; b = b->next)
    field(L, b->name, cm_bucket_rate(b, now));
  lua_setfield(L, -2, "endpoints");
  return 1;
}

/*
** limiter:room(endpoint?) -> requests that could go now beyond those that wait: to an
** endpoint, else over all; math.huge without a limit
*/
static int limiter_room(lua_State *L) {
  cm_limiter_box *box = luaL_checkudata(L, 1, CM_LIMITER_CLASS);
  const char *endpoint = luaL_optstring(L, 2, NULL);
  lua_pushnumber(L, cm_limiter_room(box->limiter, endpoint, cm_now()));
  return 1;
}

/*
** limiter:own_room(endpoint) -> requests to an endpoint that its own limit would allow now beyond
** those that wait, whatever the limit over all allows; math.huge without a limit
*/
static int limiter_own_room(lua_State *L) {
  cm_limiter_box *box = luaL_checkudata(L, 1, CM_LIMITER_CLASS);
  const char *endpoint = luaL_checkstring(L, 2);
  lua_pushnumber(L, cm_limiter_own_room(box->limiter, endpoint, cm_now()));
  return 1;
}

/*
** limiter:limit{rate, endpoint_rate, burst, concurrency}
** Keeps to other limits from now on, as core.limiter takes them; of them it keeps its share.
*/
static int limiter_limit(lua_State *L) {
  cm_limiter_box *box = luaL_checkudata(L, 1, CM_LIMITER_CLASS);
  cm_limits limits = read_limits(L, 2);
  cm_limiter_limit(box->limiter, &limits, cm_now());
  return 0;
}

/*
** limiter:scale(share)
** Keeps to a share of the limits from now on, 0 to 1, of all rates and of requests in flight. With
*0
** next to nothing goes.
*/
static int limiter_scale(lua_State *L) {
  cm_limiter_box *box = luaL_checkudata(L, 1, CM_LIMITER_CLASS);
  lua_Number share = luaL_checknumber(L, 2);
  luaL_argcheck(L, share >= 0 && share <= 1, 2, "a share from 0 to 1 expected");
  cm_limiter_scale(box->limiter, share, cm_now());
  return 0;
}

/* Finalizer. Sessions keep what they use of it. */
static int limiter_gc(lua_State *L) {
  cm_limiter_box *box = luaL_checkudata(L, 1, CM_LIMITER_CLASS);
  cm_limiter_release(box->limiter);
  box->limiter = NULL;
  return 0;
}

/*
** Registers the class.
*/
void cm_open_limiter(lua_State *L) {
  static const luaL_Reg meta[] = {{"__gc", limiter_gc}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"limit", limiter_limit}, {"own_room", limiter_own_room},
                                     {"room", limiter_room},   {"scale", limiter_scale},
                                     {"stats", limiter_stats}, {NULL, NULL}};
  cm_class(L, CM_LIMITER_CLASS, meta, methods);
}
