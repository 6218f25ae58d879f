/*
** Whatever the text: the copy of valid JSON is valid JSON, and nothing is read out of bounds.
*/
#include "text/json.h"
#include "text/projection.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  static const char *const paths[] = {"id", "a.b", "charge.id", "fee_details.amount", "a.b.c"};
  cm_projection *p = cm_projection_new();
  cm_buf out = {0};
  cm_json j;
  size_t i;
  for (i = 0; i < sizeof paths / sizeof *paths; i++)
    cm_projection_add(p, paths[i], strlen(paths[i]));
  if (cm_projection_copy(p, (const char *)data, size, &out)) {
    cm_json_init(&j, cm_buf_str(&out), out.len);
    if (!cm_json_skip(&j) || !cm_json_end(&j))
      abort();
  }
  cm_buf_free(&out);
  cm_projection_free(p);
  return 0;
}
