/* Envelopes of any shape: what is read keeps to its bounds, and nobody seals by chance. */
#include "crypto/envelope.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The master key is the one that the seeds are sealed with, so that mutations get as far as
** decryption. */
static const cm_master *master(void) {
  static const char key[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
  static cm_master m;
  static bool ready;
  const char *wrong;
  if (!ready && !cm_master_read(&m, key, sizeof key - 1, &wrong))
    abort();
  ready = true;
  return &m;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const cm_part context = {"connection:1", 12}, other = {"connection:2", 12};
  const char *text = (const char *)data;
  cm_envelope e;
  cm_buf secret;
  unsigned char bytes[64];
  size_t n;
  cm_buf_init(&secret, CM_SEALED_MAX, true);
  if (cm_base64_decode(text, size, bytes, sizeof bytes, &n) && n > sizeof bytes)
    abort();
  if (!cm_envelope_read(&e, text, size))
    return 0;
  if (strlen(e.key_id) != CM_KEY_ID_SIZE - 1 || e.size <= CM_GCM_TAG_SIZE ||
      e.size > sizeof e.sealed)
    abort();
  if (cm_unseal(master(), &e, other, &secret) == CM_OPENED)
    abort();
  /* the seeds open, and only as what they are */
  if (cm_unseal(master(), &e, context, &secret) == CM_OPENED &&
      (secret.len != 6 || memcmp(secret.data, "secret", 6) != 0))
    abort();
  cm_buf_free(&secret);
  return 0;
}
