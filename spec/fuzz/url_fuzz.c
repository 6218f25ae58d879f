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
  if (!cm_url_path_fault(text, size)) {
    check(text[0] == '/' && text[size - 1] != '/');
    for (i = 0; i + 1 < size; i++)
      check(text[i] > ' ' && text[i] <= '~' && !(text[i] == '/' && text[i + 1] == '/'));
  }
  if (!cm_base_url_parse(&base, text, size, false)) {
    size_t n = strlen(base.text);
    check(base.https || base.loopback);
    check(base.host[0] && n > 7 && base.text[n - 1] != '/' && !strpbrk(base.text, "@?# \\"));
  }
  return 0;
}
