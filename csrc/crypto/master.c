#include "crypto/master.h"

#include <stdio.h>
#include <string.h>

/*
** Derives the key of a use and a purpose. Every use and every purpose has its own key, which
** reveals neither another one nor the master key. use: a constant without a ':'. purpose: at most
** CM_PURPOSE_MAX bytes. Returns false if OpenSSL fails.
*/
bool cm_master_derive(const cm_master *m, const char *use, cm_part purpose,
                      unsigned char key[CM_SHA256_SIZE]) {
  const cm_part master = {m->bytes, sizeof m->bytes}, no_salt = {NULL, 0};
  char info[CM_PURPOSE_MAX + 64];
  cm_part all = {info, 0};
  int n = snprintf(info, sizeof info, "lua-commerce:%s:", use);
  if (n < 0 || (size_t)n > sizeof info - CM_PURPOSE_MAX || purpose.n > CM_PURPOSE_MAX)
    return false;
  if (purpose.n)
    memcpy(info + n, purpose.bytes, purpose.n);
  all.n = (size_t)n + purpose.n;
  return cm_hkdf_sha256(master, no_salt, all, key, CM_SHA256_SIZE);
}

/*
** Reads a master key: the base64 of 32 bytes. Returns false with the reason in *wrong, which never
** repeats any of the text, or with NULL there if OpenSSL fails.
*/
bool cm_master_read(cm_master *m, const char *text, size_t n, const char **wrong) {
  const cm_part none = {NULL, 0};
  unsigned char bytes[3 * CM_MASTER_SIZE] = {0}, id[CM_SHA256_SIZE];
  size_t size;
  bool decoded = cm_base64_decode(text, n, bytes, sizeof bytes, &size);
  *wrong = NULL;
  if (n > 4 * CM_MASTER_SIZE || (decoded && size > CM_MASTER_SIZE))
    *wrong = "is longer than 32 bytes";
  else if (!decoded)
    *wrong = "is not base64";
  else if (size < CM_MASTER_SIZE)
    *wrong = "is shorter than 32 bytes";
  memcpy(m->bytes, bytes, sizeof m->bytes);
  cm_wipe(bytes, sizeof bytes);
  if (*wrong || !cm_master_derive(m, "id", none, id)) {
    cm_master_wipe(m);
    return false;
  }
  cm_hex(id, (CM_KEY_ID_SIZE - 1) / 2, m->id);
  return true;
}

/*
** Writes the HMAC-SHA256 of the text by the key of a purpose, in base64url. Returns as
** cm_master_derive.
*/
bool cm_master_sign(const cm_master *m, cm_part purpose, cm_part text, char mac[CM_MAC_SIZE]) {
  unsigned char key[CM_SHA256_SIZE], bytes[CM_SHA256_SIZE];
  const cm_part signer = {key, sizeof key};
  bool ok = cm_master_derive(m, "sign", purpose, key) && cm_hmac_sha256(signer, &text, 1, bytes);
  cm_wipe(key, sizeof key);
  if (ok)
    cm_base64url(bytes, sizeof bytes, mac);
  return ok;
}

/*
** Forgets the key.
*/
void cm_master_wipe(cm_master *m) {
  cm_wipe(m, sizeof *m);
}
