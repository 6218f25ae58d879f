/*
** envelope.h: a secret sealed for a place where others may read: AES-256-GCM under a key derived
** from the master key, bound to a context. Lua-free.
**
**   cm1.<id of the master key>.<nonce>.<ciphertext and tag>
**
** The id is in hexadecimal, the rest in base64url. What is authenticated beside the secret is all
** up to the second dot and the context, so that neither can be exchanged.
*/
#ifndef CM_ENVELOPE_H
#define CM_ENVELOPE_H

#include "crypto/master.h"
#include "text/buf.h"

#define CM_SEALED_MAX 4096  /* longest secret that is sealed, in bytes */
#define CM_ENVELOPE_HEAD 21 /* "cm1.", the id of the key and a dot */
#define CM_ENVELOPE_MAX                                                                            \
  (CM_ENVELOPE_HEAD + CM_BASE64URL_SIZE(CM_GCM_NONCE_SIZE) +                                       \
   CM_BASE64URL_SIZE(CM_SEALED_MAX + CM_GCM_TAG_SIZE)) /* its '\0' included */

typedef struct cm_envelope {
  char key_id[CM_KEY_ID_SIZE];
  unsigned char nonce[CM_GCM_NONCE_SIZE];
  unsigned char sealed[CM_SEALED_MAX + CM_GCM_TAG_SIZE];
  size_t size; /* of `sealed` */
} cm_envelope;

typedef enum cm_opening {
  CM_OPENED,
  CM_OTHER_KEY,     /* sealed with another master key */
  CM_NOT_AUTHENTIC, /* changed, or sealed for another context */
  CM_UNABLE         /* OpenSSL or memory fail */
} cm_opening;

bool cm_envelope_read(cm_envelope *e, const char *text, size_t n);
bool cm_seal(const cm_master *m, cm_part secret, cm_part context, char text[CM_ENVELOPE_MAX]);
cm_opening cm_unseal(const cm_master *m, const cm_envelope *e, cm_part context, cm_buf *secret);

#endif
