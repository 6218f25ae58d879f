#include "bind/seal.h"

#include "bind/args.h"
#include "bind/class.h"
#include "bind/lua_failure.h"
#include "bind/secret.h"
#include "crypto/envelope.h"
#include "crypto/master.h"

#include <stdint.h>
#include <stdio.h>

#define RANDOM_MAX 256 /* bytes of a random token */

/*
** Reads the master key, a secret at index 1. Returns false with nil, message, details pushed. The
** caller wipes it before any call into Lua: an error there would leave it on the stack.
*/
static bool read_master(lua_State *L, cm_master *m) {
  const cm_secret *s = cm_check_secret(L, 1);
  const char *wrong;
  char message[160];
  if (cm_master_read(m, s->bytes.data, s->bytes.len, &wrong))
    return true;
  if (!wrong)
    luaL_error(L, "OpenSSL gives no HKDF-SHA256");
  snprintf(message, sizeof message,
           "master key %s: it must be the base64 of 32 random bytes, as "
           "`openssl rand -base64 32` makes it",
           wrong);
  cm_push_refusal(L, "bad_master_key", message);
  return false;
}

static cm_part check_part(lua_State *L, int index, size_t min, size_t max) {
  cm_part part;
  luaL_checktype(L, index, LUA_TSTRING);
  part.bytes = lua_tolstring(L, index, &part.n);
  luaL_argcheck(L, part.n >= min, index, "empty");
  luaL_argcheck(L, part.n <= max, index, "too long");
  return part;
}

/*
** core.seal(master, secret, context) -> envelope | nil, message, details
** Seals the secret as a text that opens only with the same master key and context.
*/
int cm_seal_seal(lua_State *L) {
  const cm_secret *s = cm_check_secret(L, 2);
  const cm_part secret = {s->bytes.data, s->bytes.len};
  const cm_part context = check_part(L, 3, 1, 1024);
  char envelope[CM_ENVELOPE_MAX];
  cm_master m;
  bool ok;
  if (!read_master(L, &m))
    return 3;
  ok = cm_seal(&m, secret, context, envelope);
  cm_master_wipe(&m);
  if (!ok)
    return luaL_error(L, "OpenSSL gives no AES-256-GCM, or no random numbers");
  lua_pushstring(L, envelope);
  return 1;
}

static int refuse_opening(lua_State *L, cm_opening opening, const char *sealed, const char *id) {
  char message[160];
  if (opening == CM_UNABLE)
    return luaL_error(L, "OpenSSL gives no AES-256-GCM, or out of memory");
  if (opening == CM_NOT_AUTHENTIC)
    return cm_push_refusal(
        L, "not_authentic",
        "the sealed secret does not open: it was changed, or sealed for another owner");
  snprintf(message, sizeof message, "sealed with master key %s, but the master key here is %s",
           sealed, id);
  return cm_push_refusal(L, "other_key", message);
}

/*
** core.unseal(master, envelope, context) -> secret | nil, message, details
** Opens an envelope of core.seal; the failure's code says why it cannot.
*/
int cm_seal_unseal(lua_State *L) {
  const cm_part text = check_part(L, 2, 0, SIZE_MAX), context = check_part(L, 3, 1, 1024);
  char id[CM_KEY_ID_SIZE];
  cm_envelope e;
  cm_master m;
  cm_secret *s;
  cm_opening opening;
  if (!cm_envelope_read(&e, text.bytes, text.n))
    return cm_push_refusal(L, "bad_envelope", "not a sealed secret of a known form");
  s = cm_new_secret(L);
  if (!read_master(L, &m))
    return 3;
  opening = cm_unseal(&m, &e, context, &s->bytes);
  snprintf(id, sizeof id, "%s", m.id);
  cm_master_wipe(&m);
  return opening == CM_OPENED ? 1 : refuse_opening(L, opening, e.key_id, id);
}

/*
** core.key_id(master) -> string | nil, message, details
** Gives the id of a master key, which does not reveal the key.
*/
int cm_seal_key_id(lua_State *L) {
  char id[CM_KEY_ID_SIZE];
  cm_master m;
  if (!read_master(L, &m))
    return 3;
  snprintf(id, sizeof id, "%s", m.id);
  cm_master_wipe(&m);
  lua_pushstring(L, id);
  return 1;
}

/* Signs the text at index 3 for the purpose at index 2. False with a failure pushed. */
static bool sign(lua_State *L, char mac[CM_MAC_SIZE]) {
  const cm_part purpose = check_part(L, 2, 1, CM_PURPOSE_MAX);
  const cm_part text = check_part(L, 3, 0, SIZE_MAX);
  cm_master m;
  bool ok;
  if (!read_master(L, &m))
    return false;
  ok = cm_master_sign(&m, purpose, text, mac);
  cm_master_wipe(&m);
  if (!ok)
    luaL_error(L, "OpenSSL gives no HMAC-SHA256");
  return true;
}

/*
** core.sign(master, purpose, text) -> mac | nil, message, details
** The text's HMAC-SHA256, in base64url, with a key derived for the purpose.
*/
int cm_seal_sign(lua_State *L) {
  char mac[CM_MAC_SIZE];
  if (!sign(L, mac))
    return 3;
  lua_pushstring(L, mac);
  return 1;
}

/*
** core.verify(master, purpose, text, mac) -> boolean | nil, message, details
** Whether core.sign made this mac, compared in a time that does not depend on where they differ.
*/
int cm_seal_verify(lua_State *L) {
  const cm_part given = check_part(L, 4, 0, SIZE_MAX);
  char mac[CM_MAC_SIZE];
  if (!sign(L, mac))
    return 3;
  lua_pushboolean(L, given.n == sizeof mac - 1 && cm_equal(given.bytes, mac, sizeof mac - 1));
  cm_wipe(mac, sizeof mac);
  return 1;
}

/*
** core.random_id(bytes) -> string
** `bytes` random bytes (16 to 256) in base64url. Raises if the system has no randomness.
*/
int cm_seal_random_id(lua_State *L) {
  const size_t n = (size_t)cm_checkint(L, 1, 16, RANDOM_MAX);
  unsigned char bytes[RANDOM_MAX];
  char text[CM_BASE64URL_SIZE(RANDOM_MAX)];
  if (!cm_random(bytes, n))
    return luaL_error(L, "the system gives no random numbers");
  cm_base64url(bytes, n, text);
  cm_wipe(bytes, sizeof bytes);
  lua_pushstring(L, text);
  return 1;
}

/*
** core.sha256(text) -> string
** The SHA-256 of a string or of a secret, in lower-case hexadecimal.
*/
int cm_seal_sha256(lua_State *L) {
  unsigned char digest[CM_SHA256_SIZE];
  char hex[2 * CM_SHA256_SIZE + 1];
  cm_part data;
  if (lua_type(L, 1) == LUA_TUSERDATA) {
    const cm_secret *s = cm_check_secret(L, 1);
    data.bytes = s->bytes.data;
    data.n = s->bytes.len;
  } else {
    data = check_part(L, 1, 0, SIZE_MAX);
  }
  if (!cm_sha256(data, digest))
    return luaL_error(L, "OpenSSL gives no SHA-256");
  cm_hex(digest, sizeof digest, hex);
  lua_pushstring(L, hex);
  return 1;
}
