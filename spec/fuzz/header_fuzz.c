/* Header lines of any shape, split at line ends as libcurl does, into a header that is empty or
   nearly full. */
#include "net/header.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A field that leaves room for the given number of bytes. */
static void fill(cm_header *h, size_t left) {
  static char text[CM_HEADER_MAX];
  memset(text, 'x', sizeof text);
  memcpy(text, "a:", 2);
  if (!cm_header_line(h, text, CM_HEADER_MAX - left - 1)) /* "a", and two '\0' for the colon */
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *at = (const char *)data, *end = at + size;
  const char *name = NULL, *value = NULL;
  cm_header h;
  double wait;
  cm_header_init(&h);
  if (size > 0 && *at % 2) /* an odd first byte says how full it is */
    fill(&h, (unsigned char)*at++);
  while (at < end) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    size_t n = stop ? (size_t)(stop - at) + 1 : (size_t)(end - at);
    if (!cm_header_line(&h, at, n))
      break;
    at += n;
  }
  while ((name = cm_header_next(&h, name, &value)) != NULL)
    if (name + strlen(name) + 1 != value || !cm_header_get(&h, name) ||
        value + strlen(value) >= h.fields.data + h.fields.len)
      abort();
  wait = cm_header_retry_after(&h, 1700000000);
  if (!(wait >= 0 || wait == -1))
    abort();
  cm_header_should_retry(&h);
  cm_header_free(&h);
  return 0;
}
