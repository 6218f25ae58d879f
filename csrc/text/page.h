/*
** page.h: one page of a list, found in its bytes without building values. Lua-free.
*/
#ifndef CM_PAGE_H
#define CM_PAGE_H

#include "text/spares.h"

#include <stdint.h>

#define CM_PAGE_MAX 1000   /* elements accepted on a page; Stripe sends at most 100 */
#define CM_REQUEST_ID 64   /* room for a request id */
#define CM_ELEMENT_ID 1024 /* longest id accepted; Stripe's own bound is 255 */

typedef struct cm_element {
  uint32_t at, len;       /* the element's JSON text */
  uint32_t id_at, id_len; /* its "id", see cm_page_id; length 0 if it has none */
  bool id_apart;          /* the id had escapes: it stands in `ids`, not in `body` */
  int64_t created;        /* its "created", Unix seconds */
  bool has_created;
  const char *fault; /* why the element cannot be read alone; NULL if it can */
} cm_element;

typedef enum cm_scan {
  CM_SCAN_OK,
  CM_SCAN_DAMAGED, /* no valid JSON: cut short on the way, perhaps */
  CM_SCAN_FOREIGN  /* valid so far, but not a list that can be paged */
} cm_scan;

typedef struct cm_page {
  cm_buf body;
  cm_buf ids; /* those that had escapes, without them */
  cm_element *list;
  size_t count, room;
  bool has_more;
  bool damaged;      /* an element is no JSON, which another copy of the page may mend */
  cm_spares *spares; /* get the body back; or NULL */
  char request_id[CM_REQUEST_ID];
} cm_page;

cm_scan cm_page_scan(cm_page *p, char *why, size_t room);
const char *cm_page_id(const cm_page *p, size_t i, size_t *len);
void cm_page_move(cm_page *to, cm_page *from);
void cm_page_free(cm_page *p);

#endif
