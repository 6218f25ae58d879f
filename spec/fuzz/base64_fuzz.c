/* What base64.c decodes, it encodes to the same letters again; utf8.c stays inside and agrees with
   itself on every split. */
#include "text/base64.h"
#include "text/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool promise) {
  if (!promise)
    abort();
}

static void check_base64(const char *text, size_t size) {
  unsigned char *bytes = malloc(size + 1);
  char *again = malloc(CM_BASE64_SIZE(size));
  size_t n, i;
  check(bytes && again);
  if (cm_base64_decode(text, size, bytes, size, &n)) {
    check(n <= size);
    cm_base64url(bytes, n, again);
    for (i = 0; again[i]; i++)
      check(again[i] == (text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]));
    for (; i < size; i++)
      check(text[i] == '=');
  }
  free(bytes);
  free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  size_t half = size / 2;
  check_base64(text, size);
  if (cm_utf8_valid(text, half) && cm_utf8_valid(text + half, size - half))
    check(cm_utf8_valid(text, size));
  return 0;
}
