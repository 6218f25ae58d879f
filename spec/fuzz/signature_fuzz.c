/* Stripe-Signature headers of any shape: what is found lies within the header. */
#include "crypto/signature.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(cm_part part, const char *header, size_t size) {
  const char *bytes = part.bytes;
  if (bytes < header || bytes + part.n > header + size || memchr(bytes, ',', part.n))
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const cm_part secret = {"whsec_x", 7}, body = {"{}", 2};
  const char *header = (const char *)data;
  bool matches = false;
  cm_signature s;
  double time;
  int i;
  cm_signature_parse(&s, header, size);
  if (s.count < 0 || s.count > CM_SIGNATURES || s.time.n > CM_TIMESTAMP_MAX)
    abort();
  for (i = 0; i < s.count; i++)
    check(s.v1[i], header, size);
  if (s.time.n > 0)
    check(s.time, header, size);
  time = cm_signature_time(&s);
  if (!(time >= 0 && time < 1e15))
    abort();
  /* Nobody signs by chance. */
  if (!cm_signature_check(&s, secret, body, &matches) || matches)
    abort();
  return 0;
}
