#include "crypto/password.h"

#include "text/base64.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <stdio.h>
#include <string.h>

#define SALT_SIZE 16
#define HASH_SIZE 32
#define MEMORY_MAX ((uint64_t)512 << 20) /* bytes that OpenSSL may take, for any allowed cost */

typedef struct stored {
  cm_cost cost;
  unsigned char salt[SALT_SIZE], hash[HASH_SIZE];
} stored;

/*
** Derives n bytes from a password by scrypt. Returns false when memory is short, when the cost is
** not one that OpenSSL takes, or when OpenSSL is set up without scrypt.
** API: EVP_PBE_scrypt(3) of OpenSSL.
*/
bool cm_scrypt(cm_part password, cm_part salt, const cm_cost *cost, unsigned char *out, size_t n) {
  bool ok;
  ERR_set_mark();
  ok = EVP_PBE_scrypt(password.bytes, password.n, salt.bytes, salt.n, (uint64_t)1 << cost->ln,
                      cost->r, cost->p, MEMORY_MAX, out, n) == 1;
  ERR_pop_to_mark();
  return ok;
}

/*
** Whether a cost is one that hashes may have: neither free nor more than the memory allowed.
*/
bool cm_password_cost_ok(const cm_cost *cost) {
  return cost->ln >= 10 && cost->ln <= 20 && cost->r >= 1 && cost->r <= 16 && cost->p >= 1 &&
         cost->p <= 16 && ((uint64_t)128 * cost->r << cost->ln) <= MEMORY_MAX / 2;
}

/*
** Hashes a password with a salt of its own. Returns as cm_scrypt, and false without randomness.
*/
bool cm_password_hash(cm_part password, const cm_cost *cost, char out[CM_PASSWORD_SIZE]) {
  unsigned char salt[SALT_SIZE], hash[HASH_SIZE];
  char salt_text[CM_BASE64URL_SIZE(SALT_SIZE)], hash_text[CM_BASE64URL_SIZE(HASH_SIZE)];
  bool ok = cm_password_cost_ok(cost) && cm_random(salt, sizeof salt) &&
            cm_scrypt(password, (cm_part){salt, sizeof salt}, cost, hash, sizeof hash);
  if (ok) {
    cm_base64url(salt, sizeof salt, salt_text);
    cm_base64url(hash, sizeof hash, hash_text);
    snprintf(out, CM_PASSWORD_SIZE, "$scrypt$ln=%u,r=%u,p=%u$%s$%s", cost->ln, cost->r, cost->p,
             salt_text, hash_text);
  }
  cm_wipe(hash, sizeof hash);
  cm_wipe(hash_text, sizeof hash_text);
  return ok;
}

/* "NAME=NUMBER" and the character after it; NULL for anything else. */
static const char *read_number(const char *text, const char *name, char after,
                               unsigned int *number) {
  const size_t n = strlen(name);
  if (strncmp(text, name, n) != 0 || text[n] != '=')
    return NULL;
  text += n + 1;
  for (*number = 0; *text >= '0' && *text <= '9' && *number < 100; text++)
    *number = *number * 10 + (unsigned int)(*text - '0');
  return *text == after ? text + 1 : NULL;
}

static bool read_bytes(const char *text, size_t n, unsigned char *out, size_t wanted) {
  size_t size;
  return cm_base64_decode(text, n, out, wanted, &size) && size == wanted;
}

static bool read_stored(const char *text, size_t n, stored *into) {
  static const char prefix[] = "$scrypt$";
  char copy[CM_PASSWORD_SIZE];
  const char *at, *end;
  if (n >= sizeof copy || memchr(text, '\0', n))
    return false;
  memcpy(copy, text, n);
  copy[n] = '\0';
  at = strncmp(copy, prefix, sizeof prefix - 1) == 0 ? copy + sizeof prefix - 1 : NULL;
  at = at ? read_number(at, "ln", ',', &into->cost.ln) : NULL;
  at = at ? read_number(at, "r", ',', &into->cost.r) : NULL;
  at = at ? read_number(at, "p", '$', &into->cost.p) : NULL;
  end = at ? strchr(at, '$') : NULL;
  return end && cm_password_cost_ok(&into->cost) &&
         read_bytes(at, (size_t)(end - at), into->salt, SALT_SIZE) &&
         read_bytes(end + 1, strlen(end + 1), into->hash, HASH_SIZE);
}

/*
** Reads the cost of a hash. Returns false for a text that cm_password_hash has not made.
*/
bool cm_password_read(const char *text, size_t n, cm_cost *cost) {
  stored given;
  if (!read_stored(text, n, &given))
    return false;
  *cost = given.cost;
  return true;
}

/*
** Sets *matches to whether a password has a hash; to false for a text that is not a hash. Returns
** as cm_scrypt. Takes as long for a wrong password as for the right one.
*/
bool cm_password_check(cm_part password, const char *text, size_t n, bool *matches) {
  unsigned char hash[HASH_SIZE];
  stored given;
  *matches = false;
  if (!read_stored(text, n, &given))
    return true;
  if (!cm_scrypt(password, (cm_part){given.salt, SALT_SIZE}, &given.cost, hash, sizeof hash))
    return false;
  *matches = cm_equal(hash, given.hash, sizeof hash);
  cm_wipe(hash, sizeof hash);
  return true;
}
