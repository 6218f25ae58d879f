/*
** trail.h: the objects that a pager handed out last, so that it can continue after the object under
** its cursor was deleted. Lua-free.
** Holds the last page, and the objects before it that were created in the same second as its last
** one: all that a list re-read by `created` can show again.
*/
#ifndef CM_TRAIL_H
#define CM_TRAIL_H

#include "text/page.h"

typedef struct cm_step {
  size_t at, len; /* the id, in ids */
  int64_t created;
  bool has_created;
} cm_step;

typedef struct cm_trail {
  cm_buf ids;
  cm_step *list; /* oldest request first: the last one is the latest cursor */
  size_t count, room;
} cm_trail;

bool cm_trail_add(cm_trail *t, const cm_page *p);
size_t cm_trail_find(const cm_trail *t, const char *id, size_t len);
size_t cm_trail_filter(const cm_trail *t, cm_page *p);
void cm_trail_free(cm_trail *t);

#endif
