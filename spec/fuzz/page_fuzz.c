/* Any bytes as a page: what is found lies inside, in order, and is JSON of its own or has a fault.
 */
#include "text/json.h"
#include "text/page.h"
#include "net/trail.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  cm_page p = {0};
  cm_trail t = {0};
  char why[80];
  size_t i, end = 0, len;
  if (!cm_buf_add(&p.body, data, size))
    return 0;
  if (cm_page_scan(&p, why, sizeof why) == CM_SCAN_OK) {
    for (i = 0; i < p.count; i++) {
      const cm_element *e = &p.list[i];
      cm_json j;
      if (e->at < end || e->at + e->len > p.body.len)
        abort();
      end = e->at + e->len;
      if (e->id_apart ? e->id_at + e->id_len > p.ids.len
                      : e->id_len && (e->id_at < e->at || e->id_at + e->id_len > end))
        abort();
      cm_page_id(&p, i, &len);
      cm_json_init(&j, p.body.data + e->at, e->len);
      if (!e->fault && (!cm_json_skip(&j) || !cm_json_end(&j)))
        abort();
    }
    if (!cm_trail_add(&t, &p) || !cm_trail_add(&t, &p))
      abort();
    cm_trail_filter(&t, &p);
  } else if (p.count) {
    abort();
  }
  cm_trail_free(&t);
  cm_page_free(&p);
  return 0;
}
