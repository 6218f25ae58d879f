#include "crypto/svix.h"

#include "text/base64.h"

#include <string.h>

#define LONGEST 128 /* bytes of a key */

/*
** Signs "<id>.<time>.<body>" by the key that a secret ("whsec_" and base64) holds: HMAC-SHA256, in
** base64, after "v1,". (Codat's documentation, "Verify webhook signature"; its sample is a test.)
*/
cm_svix cm_svix_sign(cm_part secret, cm_part id, cm_part time, cm_part body,
                     char out[CM_SVIX_SIZE]) {
  const size_t prefix = strlen(CM_SVIX_PREFIX);
  const cm_part parts[] = {id, {".", 1}, time, {".", 1}, body};
  unsigned char key[LONGEST], mac[CM_SHA256_SIZE];
  size_t n = 0;
  cm_svix outcome = CM_SVIX_BAD_SECRET;
  if (secret.n > prefix && memcmp(secret.bytes, CM_SVIX_PREFIX, prefix) == 0 &&
      cm_base64_decode((const char *)secret.bytes + prefix, secret.n - prefix, key, sizeof key,
                       &n) &&
      n > 0) {
    outcome = cm_hmac_sha256((cm_part){key, n}, parts, 5, mac) ? CM_SVIX_SIGNED : CM_SVIX_FAILED;
  }
  cm_wipe(key, sizeof key);
  if (outcome == CM_SVIX_SIGNED) {
    memcpy(out, "v1,", 3);
    cm_base64(mac, sizeof mac, out + 3);
  }
  return outcome;
}
