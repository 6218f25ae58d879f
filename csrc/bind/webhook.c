#include "bind/webhook.h"

#include "bind/args.h"
#include "bind/lua_failure.h"
#include "bind/secret.h"
#include "crypto/signature.h"
#include "crypto/svix.h"

#include <time.h>

/* The secret at the top of the stack: a string or a userdata. It stays where it is. */
static cm_part check_secret(lua_State *L, int i) {
  const cm_secret *s = luaL_testudata(L, -1, CM_SECRET_CLASS);
  cm_part secret = {NULL, 0};
  if (s) {
    secret.bytes = s->bytes.data;
    secret.n = s->bytes.len;
  } else if (lua_type(L, -1) == LUA_TSTRING) {
    secret.bytes = lua_tolstring(L, -1, &secret.n);
  } else {
    luaL_error(L, "bad option 'secrets': %d: string or " CM_SECRET_CLASS " expected, got %s", i,
               luaL_typename(L, -1));
  }
  if (secret.n == 0) /* anybody can sign with it */
    luaL_error(L, "bad option 'secrets': %d: %s", i, s ? "secret is closed" : "empty");
  return secret;
}

/* Whether one of the secrets, an array at the top of the stack, signed the body. */
static bool signed_by_any(lua_State *L, const cm_signature *s, cm_part body) {
  int i, n = (int)lua_rawlen(L, -1);
  bool matches = false;
  if (n == 0)
    cm_opt_error(L, "secrets", "empty");
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    if (!cm_signature_check(s, check_secret(L, i), body, &matches))
      luaL_error(L, "OpenSSL gives no HMAC-SHA256");
    lua_pop(L, 1);
  }
  return matches;
}

/*
** core.verify_signature{body, header, secrets, tolerance, now} -> true | nil, message, details
** Checks that Stripe signed the body, and recently; the failure's code says why not. core.d.lua has
** the options.
*/
int cm_webhook_verify(lua_State *L) {
  static const char *const names[] = {"body", "header", "secrets", "tolerance", "now", NULL};
  double tolerance, now, age;
  const char *header;
  cm_signature s;
  cm_part body;
  bool matches;
  size_t n;
  lua_settop(L, 1);
  cm_opt_table(L, 1, names);
  body.bytes = cm_opt_string(L, 1, "body", "", &body.n);
  header = cm_opt_string(L, 1, "header", "", &n);
  tolerance = cm_opt_number(L, 1, "tolerance", 300, 0, CM_INT_MAX);
  now = cm_opt_number(L, 1, "now", (double)time(NULL), 0, CM_INT_MAX);
  cm_signature_parse(&s, header, n);
  lua_getfield(L, 1, "secrets");
  if (lua_type(L, -1) != LUA_TTABLE)
    cm_opt_error(L, "secrets", "array of secrets expected");
  matches = signed_by_any(L, &s, body);
  if (body.n == 0)
    return cm_push_refusal(L, "empty_body", "webhook refused: empty body");
  if (s.count == 0)
    return cm_push_refusal(L, "no_signature",
                           "webhook refused: no v1 signature in the Stripe-Signature header");
  if (s.time.n == 0)
    return cm_push_refusal(L, "no_timestamp",
                           "webhook refused: no time in the Stripe-Signature header");
  if (!matches)
    return cm_push_refusal(
        L, "mismatch", "webhook refused: no signature matches: another secret, or a changed body");
  age = now - cm_signature_time(&s);
  if (tolerance > 0 && age > tolerance)
    return cm_push_refusal(L, "stale",
                           "webhook refused: signed too long ago: a replay, or a wrong clock");
  if (tolerance > 0 && -age > tolerance)
    return cm_push_refusal(L, "future", "webhook refused: signed in the future: a wrong clock");
  lua_pushboolean(L, 1);
  return 1;
}

/*
** core.sign_webhook(secret, id, time, body) -> signature
** Makes the value of the header webhook-signature, which goes with webhook-id and
** webhook-timestamp; core.d.lua has more.
*/
int cm_webhook_sign(lua_State *L) {
  const cm_secret *s = cm_check_secret(L, 1);
  const cm_part secret = {s->bytes.data, s->bytes.len};
  char out[CM_SVIX_SIZE];
  cm_part parts[3];
  int i;
  for (i = 0; i < 3; i++)
    parts[i].bytes = luaL_checklstring(L, i + 2, &parts[i].n);
  switch (cm_svix_sign(secret, parts[0], parts[1], parts[2], out)) {
  case CM_SVIX_SIGNED:
    lua_pushstring(L, out);
    return 1;
  case CM_SVIX_BAD_SECRET:
    return cm_push_refusal(L, "bad_secret", "not a webhook secret: whsec_ and base64 expected");
  default:
    return luaL_error(L, "OpenSSL gives no HMAC-SHA256");
  }
}
