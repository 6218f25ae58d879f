/* Any bytes: the scanner ends, stays inside, and strings it took can be copied. */
#include "net/failure.h"
#include "text/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Walks a value by hand, so that every entry point is used. */
static bool walk(cm_json *j) {
  char out[16];
  cm_span s;
  int64_t n;
  int more;
  switch (cm_json_peek(j)) {
  case '{':
    if (!cm_json_open(j, '{'))
      return false;
    while ((more = cm_json_member(j, &s)) > 0) {
      cm_json_copy(j, s, out, sizeof out);
      if (!walk(j))
        return false;
    }
    return more == 0;
  case '[':
    if (!cm_json_open(j, '['))
      return false;
    while ((more = cm_json_item(j)) > 0)
      if (!walk(j))
        return false;
    return more == 0;
  case '"':
    if (!cm_json_string(j, &s))
      return false;
    if (cm_json_copy(j, s, out, sizeof out) >= sizeof out || s.at + s.len > j->len)
      abort();
    return true;
  default:
    return cm_json_int(j, &n) >= 0;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  cm_json skipped, walked;
  cm_failure f;
  bool a, b;
  cm_json_init(&skipped, text, size);
  cm_json_init(&walked, text, size);
  a = cm_json_skip(&skipped) && cm_json_end(&skipped);
  b = walk(&walked) && cm_json_end(&walked);
  if (a != b || skipped.at != walked.at || skipped.at > size)
    abort();
  cm_failure_init(&f);
  cm_failure_read(&f, text, size);
  cm_failure_http(&f, "GET", "/v1/x");
  if (strlen(f.message) >= sizeof f.message)
    abort();
  return 0;
}
