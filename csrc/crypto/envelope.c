#include "crypto/envelope.h"

#include <stdio.h>
#include <string.h>

#define VERSION "cm1."

static bool is_key_id(const char *text) {
  size_t i;
  for (i = 0; i < CM_KEY_ID_SIZE - 1; i++)
    if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
      return false;
  return true;
}

/*
** Reads an envelope's text. Returns false if it is not an envelope of this version.
*/
bool cm_envelope_read(cm_envelope *e, const char *text, size_t n) {
  const char *id = text + sizeof VERSION - 1, *nonce = text + CM_ENVELOPE_HEAD, *sealed;
  const size_t nonce_letters = CM_BASE64URL_SIZE(CM_GCM_NONCE_SIZE) - 1;
  const size_t fixed = CM_ENVELOPE_HEAD + nonce_letters + 1;
  size_t nonce_size;
  if (n <= fixed || memcmp(text, VERSION, sizeof VERSION - 1) != 0 || !is_key_id(id) ||
      nonce[-1] != '.' || nonce[nonce_letters] != '.')
    return false;
  sealed = nonce + nonce_letters + 1;
  memcpy(e->key_id, id, CM_KEY_ID_SIZE - 1);
  e->key_id[CM_KEY_ID_SIZE - 1] = '\0';
  return cm_base64_decode(nonce, nonce_letters, e->nonce, sizeof e->nonce, &nonce_size) &&
         nonce_size == sizeof e->nonce &&
         cm_base64_decode(sealed, n - fixed, e->sealed, sizeof e->sealed, &e->size) &&
         e->size > CM_GCM_TAG_SIZE;
}

/* What is authenticated beside the secret: version and key id, then the context. */
static void bind(cm_part bound[2], char head[CM_ENVELOPE_HEAD + 1], const char *key_id,
                 cm_part context) {
  snprintf(head, CM_ENVELOPE_HEAD + 1, VERSION "%s.", key_id);
  bound[0].bytes = head;
  bound[0].n = CM_ENVELOPE_HEAD;
  bound[1] = context;
}

/*
** Seals a secret of 1 to CM_SEALED_MAX bytes for a context: it opens for no other. Each key is
** used with random nonces, which SP 800-38D allows 2^32 times. Returns false if OpenSSL cannot.
*/
bool cm_seal(const cm_master *m, cm_part secret, cm_part context, char text[CM_ENVELOPE_MAX]) {
  const cm_part no_purpose = {NULL, 0};
  unsigned char key[CM_AES_KEY_SIZE], nonce[CM_GCM_NONCE_SIZE];
  unsigned char sealed[CM_SEALED_MAX + CM_GCM_TAG_SIZE];
  char head[CM_ENVELOPE_HEAD + 1], *end = text + CM_ENVELOPE_HEAD;
  cm_part bound[2];
  bool ok;
  if (secret.n == 0 || secret.n > CM_SEALED_MAX)
    return false;
  bind(bound, head, m->id, context);
  ok = cm_random(nonce, sizeof nonce) && cm_master_derive(m, "seal", no_purpose, key) &&
       cm_gcm_encrypt(key, nonce, bound, 2, secret, sealed);
  cm_wipe(key, sizeof key);
  if (!ok)
    return false;
  memcpy(text, head, CM_ENVELOPE_HEAD);
  cm_base64url(nonce, sizeof nonce, end);
  end += CM_BASE64URL_SIZE(CM_GCM_NONCE_SIZE) - 1;
  *end++ = '.';
  cm_base64url(sealed, secret.n + CM_GCM_TAG_SIZE, end);
  return true;
}

/*
** Opens an envelope for its context and appends the secret to the buffer, which is to wipe it.
*/
cm_opening cm_unseal(const cm_master *m, const cm_envelope *e, cm_part context, cm_buf *secret) {
  const cm_part sealed = {e->sealed, e->size}, no_purpose = {NULL, 0};
  unsigned char key[CM_AES_KEY_SIZE], plain[CM_SEALED_MAX];
  char head[CM_ENVELOPE_HEAD + 1];
  cm_part bound[2];
  bool ok, authentic = false;
  if (strcmp(e->key_id, m->id) != 0)
    return CM_OTHER_KEY;
  bind(bound, head, e->key_id, context);
  ok = cm_master_derive(m, "seal", no_purpose, key) &&
       cm_gcm_decrypt(key, e->nonce, bound, 2, sealed, plain, &authentic);
  cm_wipe(key, sizeof key);
  if (authentic)
    ok = cm_buf_add(secret, plain, e->size - CM_GCM_TAG_SIZE);
  cm_wipe(plain, sizeof plain);
  if (!ok)
    return CM_UNABLE;
  return authentic ? CM_OPENED : CM_NOT_AUTHENTIC;
}
