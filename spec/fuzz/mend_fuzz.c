/* Any bytes: what is mended needs no mending, and what was JSON still is. */
#include "text/json.h"
#include "text/mend.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_json(const char *text, size_t n) {
  cm_json j;
  cm_json_init(&j, text, n);
  return cm_json_skip(&j) && cm_json_end(&j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size ? size : 1);
  bool before = is_json((const char *)data, size);
  if (!text)
    return 0;
  if (size)
    memcpy(text, data, size);
  cm_mend(text, size, 0);
  if (cm_mend_find(text, size, 0) != size || is_json(text, size) != before)
    abort();
  free(text);
  return 0;
}
