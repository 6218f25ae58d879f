/* What comes out of url.c and base_url.c is what they promise, whatever goes in. */
#include "net/base_url.h"
#include "net/url.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool promise) {
  if (!promise)
    abort();
}

/* Encoded bytes decode to themselves, and any bytes decode to no more bytes than they are. */
static void check_decoding(const char *text, size_t size) {
  char *encoded = malloc(CM_URL_ENCODED(size) + 1), *decoded = malloc(CM_URL_ENCODED(size) + 1);
  size_t n, len;
  check(encoded && decoded);
  n = cm_url_encode(text, size, encoded);
  check(n <= CM_URL_ENCODED(size) && cm_url_decode(encoded, n, decoded, &len) && len == size);
  check(size == 0 || memcmp(decoded, text, size) == 0);
  if (cm_url_decode(text, size, decoded, &len))
    check(len <= size);
  free(encoded);
  free(decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  cm_buf out = {0};
  cm_base_url base;
  size_t i;
  check(cm_url_pair(&out, text, size / 2, text + size / 2, size - size / 2));
  for (i = 0; i < out.len; i++)
    check(out.data[i] > ' ' && out.data[i] <= '~' && !strchr("&#?[]\"", out.data[i]));
  check(strchr(out.data, '=') == strrchr(out.data, '='));
  cm_buf_free(&out);
  check_decoding(text, size);
  if (!cm_url_path_fault(text, size)) {
    check(text[0] == '/' && text[size - 1] != '/');
    for (i = 0; i + 1 < size; i++)
      check(text[i] > ' ' && text[i] <= '~' && !(text[i] == '/' && text[i + 1] == '/'));
  }
  if (!cm_url_target_fault(text, size)) {
    check(text[0] == '/' && size <= CM_PATH_MAX);
    for (i = 0; i < size; i++)
      check(text[i] > ' ' && text[i] <= '~' && text[i] != '#');
  }
  if (!cm_base_url_parse(&base, text, size, false)) {
    size_t n = strlen(base.text);
    check(base.https || base.loopback);
    check(base.host[0] && n > 7 && base.text[n - 1] != '/' && !strpbrk(base.text, "@?# \\"));
  }
  return 0;
}
