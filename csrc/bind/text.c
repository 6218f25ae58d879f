#include "bind/text.h"

#include "net/failure.h"
#include "net/url.h"
#include "text/base64.h"
#include "text/mend.h"
#include "text/utf8.h"
#include "text/uuid.h"

#include <string.h>

#define LONGEST (1u << 30) /* bytes: no result's size overflows */

static const char *check_text(lua_State *L, size_t *n) {
  const char *text = luaL_checklstring(L, 1, n);
  luaL_argcheck(L, *n <= LONGEST, 1, "text is too long");
  return text;
}

/*
** core.base64_decode(text) -> string or nil
** The bytes that base64 stands for, in either alphabet, with padding or without; nil for anything
** else.
*/
int cm_text_base64_decode(lua_State *L) {
  size_t n, size;
  const char *text = check_text(L, &n);
  unsigned char *out = lua_newuserdata(L, n + 1);
  if (!cm_base64_decode(text, n, out, n, &size))
    return 0;
  lua_pushlstring(L, (const char *)out, size);
  return 1;
}

/*
** core.is_utf8(text) -> boolean
** Whether a text is UTF-8 as RFC 3629 has it.
*/
int cm_text_is_utf8(lua_State *L) {
  size_t n;
  const char *text = luaL_checklstring(L, 1, &n);
  lua_pushboolean(L, cm_utf8_valid(text, n));
  return 1;
}

/*
** core.json_mend(text) -> string
** The JSON text with U+FFFD in place of each escape of NUL and of half a surrogate pair.
*/
int cm_text_json_mend(lua_State *L) {
  size_t n, at;
  const char *text = luaL_checklstring(L, 1, &n);
  char *copy;
  lua_settop(L, 1);
  at = cm_mend_find(text, n, 0);
  if (at == n)
    return 1;
  copy = lua_newuserdata(L, n);
  memcpy(copy, text, n);
  cm_mend(copy, n, at);
  lua_pushlstring(L, copy, n);
  return 1;
}

/*
** core.percent_encode(text) -> string
** The text for a query, a form or a path segment: every byte but RFC 3986's unreserved ones as %XX.
*/
int cm_text_percent_encode(lua_State *L) {
  size_t n;
  const char *text = check_text(L, &n);
  char *out = lua_newuserdata(L, CM_URL_ENCODED(n) + 1);
  lua_pushlstring(L, out, cm_url_encode(text, n, out));
  return 1;
}

/*
** core.percent_decode(text) -> string or nil
** The text with each %XX as its byte; nil if two hexadecimal digits do not follow a '%'.
*/
int cm_text_percent_decode(lua_State *L) {
  size_t n, len;
  const char *text = check_text(L, &n);
  char *out = lua_newuserdata(L, n + 1);
  if (!cm_url_decode(text, n, out, &len))
    return 0;
  lua_pushlstring(L, out, len);
  return 1;
}

/*
** core.uuid() -> string
** A random UUID (version 4). Raises if the system gives no randomness.
*/
int cm_text_uuid(lua_State *L) {
  char text[CM_UUID_SIZE];
  if (!cm_uuid(text))
    return luaL_error(L, "the system gives no random numbers");
  lua_pushstring(L, text);
  return 1;
}

/*
** core.scrub(text) -> string
** The text without what looks like a key, a webhook secret, an OAuth code or a refresh token.
*/
int cm_text_scrub(lua_State *L) {
  size_t n;
  const char *text = luaL_checklstring(L, 1, &n);
  char *copy = lua_newuserdata(L, n + 1); /* scrubbing only shortens: it fits */
  memcpy(copy, text, n + 1);
  cm_scrub(copy);
  lua_pushstring(L, copy);
  return 1;
}
