#include "bind/secret.h"

#include "bind/class.h"
#include "bind/lua_failure.h"
#include "crypto/input.h"
#include "text/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is wrong with a secret, or NULL; never repeats any of it. */
static const char *fault(const char *text, size_t n) {
  size_t i;
  if (n == 0)
    return "is empty";
  if (n > CM_SECRET_MAX)
    return "is longer than 4096 bytes";
  if (strchr(" \t\r\n", text[n - 1]))
    return "ends with a space or a line end";
  for (i = 0; i < n; i++)
    if (text[i] <= ' ' || text[i] > '~')
      return "holds a space, a control character or a character outside ASCII";
  return NULL;
}

/*
** Pushes an empty secret, its finalizer armed, which will wipe the bytes that the caller adds.
*/
cm_secret *cm_new_secret(lua_State *L) {
  cm_secret *s = cm_new(L, CM_SECRET_CLASS, sizeof *s);
  cm_buf_init(&s->bytes, CM_SECRET_MAX, true);
  return s;
}

/*
** Returns the secret at an index. Raises on any other value and on a closed secret.
*/
cm_secret *cm_check_secret(lua_State *L, int index) {
  cm_secret *s = luaL_checkudata(L, index, CM_SECRET_CLASS);
  if (s->bytes.len == 0)
    luaL_argerror(L, index, "secret is closed");
  return s;
}

/* Pushes the secret, or nil, message, details. `what` names it in the message. */
static int push_secret(lua_State *L, const char *what, const char *text, size_t n) {
  const char *wrong = fault(text, n);
  cm_secret *s;
  if (wrong) {
    lua_pushfstring(L, "%s %s", what, wrong);
    return cm_push_fault(L, CM_AUTH, lua_tostring(L, -1));
  }
  s = cm_new_secret(L);
  if (!cm_buf_add(&s->bytes, text, n))
    return luaL_error(L, "out of memory");
  return 1;
}

/*
** Pushes a member of a JSON object as a secret. Pushes nothing and returns false if the object has
** no such text, or one that cannot be a secret.
*/
bool cm_push_member_secret(lua_State *L, const char *text, size_t len, const char *name) {
  cm_json j;
  cm_span key, value;
  cm_json_init(&j, text, len);
  if (!cm_json_open(&j, '{'))
    return false;
  while (cm_json_member(&j, &key) > 0) {
    if (!cm_json_is(&j, key, name) || cm_json_peek(&j) != '"') {
      cm_json_skip(&j);
      continue;
    }
    if (!cm_json_string(&j, &value) || memchr(text + value.at, '\\', value.len) ||
        fault(text + value.at, value.len))
      return false;
    if (!cm_buf_add(&cm_new_secret(L)->bytes, text + value.at, value.len))
      luaL_error(L, "out of memory");
    return true;
  }
  return false;
}

/*
** core.secret(text) -> secret | nil, message, details
** Copies the text to memory that is wiped on close and collection. The caller's Lua string stays
** in memory until it is collected.
*/
int cm_secret_new(lua_State *L) {
  size_t n;
  const char *text;
  luaL_checktype(L, 1, LUA_TSTRING);
  text = lua_tolstring(L, 1, &n);
  return push_secret(L, "secret", text, n);
}

/* The secret in a file, or nil, message, details. `what` names it in the message. */
static int push_from_file(lua_State *L, const char *path, const char *what) {
  const char *wrong;
  cm_secret *s = cm_new_secret(L);
  char message[512];
  switch (cm_input_read(path, &s->bytes)) {
  case CM_INPUT_READ:
    wrong = fault(cm_buf_str(&s->bytes), s->bytes.len);
    break;
  case CM_INPUT_LONG:
    wrong = "is longer than 4096 bytes";
    break;
  case CM_INPUT_ENDED:
    return cm_push_fault(L, CM_CANCELLED, "interrupted");
  default:
    wrong = strerror(errno);
  }
  if (!wrong)
    return 1;
  snprintf(message, sizeof message, "%s: %s", what, wrong);
  cm_scrub(message); /* the "path" may be the key itself, given by mistake */
  return cm_push_fault(L, CM_AUTH, message);
}

/*
** core.secret_from_file(path) -> secret | nil, message, details
** Reads a file in C, or standard input if the path is "-": of a terminal, a line that it does not
** show. One line end is left out.
*/
int cm_secret_from_file(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  return push_from_file(L, path, strcmp(path, "-") == 0 ? "standard input" : path);
}

static const char *variable(const char *name) {
  const char *text = getenv(name);
  return text && *text ? text : NULL;
}

/*
** core.secret_from_env(name) -> secret | nil (unset or empty) | nil, message, details
** Reads the variable, or the file that the variable NAME_FILE names, in C: the value never becomes
** a Lua string.
*/
int cm_secret_from_env(lua_State *L) {
  const char *name = luaL_checkstring(L, 1), *text = variable(name), *file_name, *path;
  lua_settop(L, 1);
  file_name = lua_pushfstring(L, "%s_FILE", name);
  path = variable(file_name);
  if (text && path) {
    lua_pushfstring(L, "%s and %s are both set: unset one of them", name, file_name);
    return cm_push_fault(L, CM_AUTH, lua_tostring(L, -1));
  }
  if (path)
    return push_from_file(L, path, lua_pushfstring(L, "%s: %s", file_name, path));
  if (text)
    return push_secret(L, name, text, strlen(text));
  lua_pushnil(L);
  return 1;
}

/* secret:has_prefix(text) -> boolean */
static int secret_has_prefix(lua_State *L) {
  const cm_secret *s = cm_check_secret(L, 1);
  size_t n;
  const char *prefix = luaL_checklstring(L, 2, &n);
  lua_pushboolean(L, n <= s->bytes.len && memcmp(s->bytes.data, prefix, n) == 0);
  return 1;
}

/*
** secret:mask() -> string fit for printing: Stripe's prefix, an ellipsis and, of a key long enough
** to keep its strength, the last four characters; of anything else only the ellipsis.
*/
static int secret_mask(lua_State *L) {
  const cm_secret *s = cm_check_secret(L, 1);
  size_t prefix = cm_secret_prefix(s->bytes.data);
  const char *tail = prefix && s->bytes.len >= 20 ? s->bytes.data + s->bytes.len - 4 : "";
  lua_pushlstring(L, s->bytes.data, prefix);
  lua_pushfstring(L, "%s\xE2\x80\xA6%s", lua_tostring(L, -1), tail);
  return 1;
}

/* secret:close() wipes it; also its finalizer. Sessions made with it keep their own copy. */
static int secret_close(lua_State *L) {
  cm_secret *s = luaL_checkudata(L, 1, CM_SECRET_CLASS);
  cm_buf_free(&s->bytes);
  return 0;
}

static int secret_tostring(lua_State *L) {
  lua_pushliteral(L, "commerce.secret(redacted)");
  return 1;
}

/*
** Registers the class.
*/
void cm_open_secret(lua_State *L) {
  static const luaL_Reg meta[] = {{"__gc", secret_close},
                                  {"__close", secret_close},
                                  {"__tostring", secret_tostring},
                                  {NULL, NULL}};
  static const luaL_Reg methods[] = {{"close", secret_close},
                                     {"has_prefix", secret_has_prefix},
                                     {"mask", secret_mask},
                                     {NULL, NULL}};
  cm_class(L, CM_SECRET_CLASS, meta, methods);
}
