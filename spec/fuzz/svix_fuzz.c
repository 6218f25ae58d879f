/* Webhook secrets and parts of any shape: "secret\0body". A signature is whole, and depends on the
   body. */
#include "crypto/svix.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const cm_part id = {"msg_1", 5}, time = {"1614265330", 10};
  const uint8_t *stop = size ? memchr(data, '\0', size) : NULL;
  size_t n = stop ? (size_t)(stop - data) : size;
  const cm_part secret = {data, n}, body = {stop ? stop + 1 : data, stop ? size - n - 1 : 0};
  char out[CM_SVIX_SIZE], other[CM_SVIX_SIZE];
  if (cm_svix_sign(secret, id, time, body, out) != CM_SVIX_SIGNED)
    return 0;
  if (n <= strlen(CM_SVIX_PREFIX) || memcmp(data, CM_SVIX_PREFIX, strlen(CM_SVIX_PREFIX)) != 0 ||
      strlen(out) != CM_SVIX_SIZE - 1 || memcmp(out, "v1,", 3) != 0)
    abort();
  if (cm_svix_sign(secret, time, id, body, other) != CM_SVIX_SIGNED || strcmp(out, other) == 0)
    abort();
  return 0;
}
