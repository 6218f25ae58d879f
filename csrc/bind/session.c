#include "bind/session.h"

#include "bind/args.h"
#include "bind/class.h"
#include "bind/lua_limiter.h"
#include "bind/secret.h"
#include "bind/transport.h"
#include "bind/version.h"

#include <ctype.h>
#include <string.h>

#define DEFAULT_MAX_BODY (32LL << 20)
#define LONGEST 86400.0 /* seconds: no timeout is longer */

static bool word_of(const char *text, const char *others) {
  for (; *text; text++)
    if (!isalnum((unsigned char)*text) && !strchr(others, *text))
      return false;
  return true;
}

/* The checked option table, before anything is allocated. */
typedef struct options {
  cm_transport *transport;
  cm_limiter *limiter, *platform_limiter;
  cm_secret *key;
  cm_base_url base;
  const char *version, *account, *context, *user_agent;
  double timeout, backoff, backoff_cap;
  long long retries, low_speed_time, max_body;
  bool foreign, renewable, json;
  cm_reach reach;
} options;

/* The limiter that an option names, or NULL. */
static cm_limiter *limiter(lua_State *L, const char *name) {
  const cm_limiter_box *box = cm_opt_object(L, 1, name, CM_LIMITER_CLASS, false);
  return box ? box->limiter : NULL;
}

static cm_reach read_reach(lua_State *L, bool foreign) {
  static const char *const names[] = {"anywhere", "public", "network", NULL};
  const char *name = cm_opt_string(L, 1, "reach", "anywhere", NULL);
  int i;
  for (i = 0; names[i]; i++)
    if (strcmp(name, names[i]) == 0)
      break;
  if (!names[i])
    cm_opt_error(L, "reach", "anywhere, public or network expected");
  if (i > 0 && !foreign)
    cm_opt_error(L, "reach", "for a foreign server only");
  return (cm_reach)i;
}

/* The account that an option names, or NULL. */
static const char *account(lua_State *L, const char *name) {
  const char *id = cm_opt_text(L, 1, name, NULL, 255);
  if (id && (strncmp(id, "acct_", 5) != 0 || !id[5] || !word_of(id + 5, "_")))
    cm_opt_error(L, name, "not an account id (acct_...)");
  return id;
}

static void read_options(lua_State *L, options *o) {
  static const char *const names[] = {
      "transport",        "key",        "base_url", "version",     "account", "limiter",
      "platform_limiter", "retries",    "backoff",  "backoff_cap", "timeout", "low_speed_time",
      "max_body",         "user_agent", "foreign",  "headers",     "reach",   "context",
      "renewable",        "json",       NULL};
  const char *base, *wrong;
  size_t n;
  cm_opt_table(L, 1, names);
  o->transport = cm_opt_object(L, 1, "transport", CM_TRANSPORT_CLASS, true);
  o->foreign = cm_opt_bool(L, 1, "foreign", false);
  o->json = cm_opt_bool(L, 1, "json", o->foreign);
  if (o->foreign && !o->json)
    cm_opt_error(L, "json", "a foreign server always gets JSON");
  o->key = cm_opt_object(L, 1, "key", CM_SECRET_CLASS, !o->foreign);
  o->renewable = cm_opt_bool(L, 1, "renewable", false);
  if (o->renewable && o->foreign)
    cm_opt_error(L, "renewable", "not for a foreign server");
  if (o->key && o->foreign)
    cm_opt_error(L, "key", "not for a foreign server");
  if (o->key && o->key->bytes.len == 0)
    cm_opt_error(L, "key", "secret is closed");
  o->limiter = limiter(L, "limiter");
  o->platform_limiter = limiter(L, "platform_limiter");
  if (o->limiter && o->limiter == o->platform_limiter)
    cm_opt_error(L, "platform_limiter", "the same as 'limiter'");
  base = cm_opt_string(L, 1, "base_url", CM_STRIPE_BASE_URL, &n);
  o->reach = read_reach(L, o->foreign);
  wrong = cm_base_url_parse(&o->base, base, n, o->reach == CM_NETWORK);
  if (wrong)
    cm_opt_error(L, "base_url", wrong);
  o->version = cm_opt_text(L, 1, "version", CM_STRIPE_VERSION, 64);
  if (!word_of(o->version, ".-_"))
    cm_opt_error(L, "version", "not a Stripe version such as " CM_STRIPE_VERSION);
  o->account = account(L, "account");
  o->context = account(L, "context");
  if (o->account && o->context)
    cm_opt_error(L, "context", "takes the place of 'account': give one of them");
  o->user_agent = cm_opt_text(L, 1, "user_agent", "lua-commerce/" CM_VERSION, 256);
  o->timeout = cm_opt_number(L, 1, "timeout", 80, 0.001, LONGEST);
  o->backoff = cm_opt_number(L, 1, "backoff", 0.5, 0, LONGEST);
  o->backoff_cap = cm_opt_number(L, 1, "backoff_cap", 32, 0, LONGEST);
  o->retries = 8;
  cm_opt_int(L, 1, "retries", &o->retries, 0, 100);
  o->low_speed_time = 0;
  cm_opt_int(L, 1, "low_speed_time", &o->low_speed_time, 1, (long long)LONGEST);
  o->max_body = DEFAULT_MAX_BODY;
  cm_opt_int(L, 1, "max_body", &o->max_body, 1, 1LL << 30);
}

/* Writes the value of the header that signs a request; the caller frees it in any case. */
static bool write_bearer(cm_buf *bearer, const cm_secret *key) {
  cm_buf_init(bearer, 0, true);
  return cm_buf_adds(bearer, "Bearer ") && cm_buf_add(bearer, key->bytes.data, key->bytes.len);
}

static bool set_headers(cm_client *c, const options *o) {
  cm_buf bearer;
  bool ok;
  if (o->foreign) /* Stripe and the key must not show */
    return cm_client_header(c, "Content-Type", "application/json", 16, false) &&
           cm_client_header(c, "User-Agent", o->user_agent, strlen(o->user_agent), false);
  ok = write_bearer(&bearer, o->key);
  ok = ok && cm_client_header(c, "Authorization", bearer.data, bearer.len, true);
  cm_buf_free(&bearer);
  return ok && cm_client_header(c, "Stripe-Version", o->version, strlen(o->version), false) &&
         cm_client_header(c, "User-Agent", o->user_agent, strlen(o->user_agent), false) &&
         (!o->json || cm_client_header(c, "Content-Type", "application/json", 16, false)) &&
         (!o->account ||
          cm_client_header(c, "Stripe-Account", o->account, strlen(o->account), false)) &&
         (!o->context ||
          cm_client_header(c, "Stripe-Context", o->context, strlen(o->context), false));
}

/* Adds the headers that the caller wants, an array of {name, value}. */
static void add_headers(lua_State *L, cm_client *c) {
  int i, n;
  lua_getfield(L, 1, "headers");
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return;
  }
  if (!c->foreign || lua_type(L, -1) != LUA_TTABLE)
    cm_opt_error(L, "headers",
                 c->foreign ? "array of {name, value} expected" : "for a foreign server only");
  n = (int)lua_rawlen(L, -1);
  for (i = 1; i <= n; i++) {
    const char *name, *value;
    size_t at, length;
    lua_rawgeti(L, -1, i);
    if (lua_type(L, -1) != LUA_TTABLE)
      cm_opt_error(L, "headers", "array of {name, value} expected");
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
      cm_opt_error(L, "headers", "array of {name, value} expected");
    name = lua_tostring(L, -2);
    value = lua_tolstring(L, -1, &length);
    if (!*name || !word_of(name, "-_"))
      cm_opt_error(L, "headers", "a name holds letters, digits and dashes only");
    for (at = 0; at < length; at++)
      if (value[at] < ' ' || value[at] > '~')
        cm_opt_error(L, "headers", "a value holds a control character or one outside ASCII");
    if (!cm_client_header(c, name, value, length, true))
      cm_opt_error(L, "headers", "too many");
    lua_pop(L, 3);
  }
  lua_pop(L, 1);
}

/*
** core.session{transport, key, base_url, version, account, context, limiter, platform_limiter,
** retries, backoff, backoff_cap, timeout, low_speed_time, max_body, user_agent, foreign, headers,
** reach, renewable, json} -> session
** Only transport and key are required; core.d.lua has the options' meanings and defaults. Keeps
** its transport alive and its own wiped copy of the key. A foreign server gets JSON, and no key.
*/
int cm_session_new(lua_State *L) {
  options o;
  cm_session *s;
  cm_client *c;
  lua_settop(L, 1);
  read_options(L, &o);
  s = cm_new(L, CM_SESSION_CLASS, sizeof *s);
  s->client = c = cm_client_new(o.transport->queue, o.limiter, o.platform_limiter);
  if (!c || !set_headers(c, &o))
    return luaL_error(L, "out of memory");
  c->foreign = o.foreign;
  c->renewable = o.renewable;
  c->json = o.json;
  add_headers(L, c);
  c->base = o.base;
  c->timeout = o.timeout;
  c->low_speed_time = (long)o.low_speed_time;
  c->max_body = (size_t)o.max_body;
  c->reach = o.reach;
  c->policy.retries = (int)o.retries;
  c->policy.backoff = o.backoff;
  c->policy.backoff_cap = o.backoff_cap;
  lua_getfield(L, 1, "transport");
  cm_keep(L, 2, 3);
  lua_settop(L, 2);
  return 1;
}

/*
** Returns the client of the session at an argument position. Raises on any other value and on a
** closed session.
*/
cm_client *cm_check_session(lua_State *L, int index) {
  cm_session *s = luaL_checkudata(L, index, CM_SESSION_CLASS);
  if (!s->client)
    luaL_argerror(L, index, "session is closed");
  return s->client;
}

static void count(lua_State *L, const char *name, unsigned long long n) {
  lua_pushinteger(L, (lua_Integer)n);
  lua_setfield(L, -2, name);
}

/*
** session:stats() -> {requests, retries, rate_limited, bytes, waited}
** requests: attempts sent; bytes: of bodies as they came over the wire, compressed or not; waited:
** seconds requests stood in line for limiter or backoff, summed up.
*/
static int session_stats(lua_State *L) {
  const cm_counts *c = &cm_check_session(L, 1)->counts;
  lua_createtable(L, 0, 5);
  count(L, "requests", c->requests);
  count(L, "retries", c->retries);
  count(L, "rate_limited", c->rate_limited);
  count(L, "bytes", c->bytes);
  lua_pushnumber(L, c->waited);
  lua_setfield(L, -2, "waited");
  return 1;
}

/*
** session:child() -> a session with the same key, account, server, limits and transport, and counts
** of its own, which this session's counts include.
*/
static int session_child(lua_State *L) {
  cm_client *parent = cm_check_session(L, 1);
  cm_session *s = cm_new(L, CM_SESSION_CLASS, sizeof *s);
  s->client = cm_client_child(parent);
  if (!s->client)
    return luaL_error(L, "out of memory");
  cm_keep(L, lua_gettop(L), 1);
  return 1;
}

/*
** session:needs_key() -> boolean
** Whether a request of this session, or of a child, was refused with 401 and waits for a new key.
*/
static int session_needs_key(lua_State *L) {
  lua_pushboolean(L, cm_client_root(cm_check_session(L, 1))->needs_key);
  return 1;
}

/*
** session:set_key([key])
** Replaces the key of a renewable session and its children; requests on the wire are not disturbed,
** and those that wait for a key are sent with it. Without a key they are sent with the old one, for
** the last time. Copies the key.
*/
static int session_set_key(lua_State *L) {
  cm_client *c = cm_check_session(L, 1);
  if (!cm_client_root(c)->renewable)
    luaL_argerror(L, 1, "session is not renewable");
  if (!lua_isnoneornil(L, 2)) {
    const cm_secret *key = cm_check_secret(L, 2);
    cm_buf bearer;
    bool ok = write_bearer(&bearer, key) && cm_client_set_key(c, bearer.data, bearer.len);
    cm_buf_free(&bearer);
    if (!ok)
      return luaL_error(L, "out of memory");
  }
  cm_client_go_on(c, cm_now());
  return 0;
}

/*
** session:close() ends its use; also its finalizer. Requests under way go on, and the last one
** wipes the key.
*/
static int session_close(lua_State *L) {
  cm_session *s = luaL_checkudata(L, 1, CM_SESSION_CLASS);
  cm_client_release(s->client);
  s->client = NULL;
  return 0;
}

/*
** Registers the class. call.c and pager.c add the methods that make calls and pagers.
*/
void cm_open_session(lua_State *L) {
  static const luaL_Reg meta[] = {
      {"__gc", session_close}, {"__close", session_close}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"child", session_child},         {"stats", session_stats},
                                     {"needs_key", session_needs_key}, {"set_key", session_set_key},
                                     {"close", session_close},         {NULL, NULL}};
  cm_class(L, CM_SESSION_CLASS, meta, methods);
}
