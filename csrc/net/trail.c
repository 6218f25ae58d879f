#include "net/trail.h"

#include <stdlib.h>
#include <string.h>

/*
** Drops everything that is not of the given second. The bytes move down within the buffer.
*/
static void keep_second(cm_trail *t, const cm_element *last) {
  size_t i, kept = 0, bytes = 0;
  for (i = 0; i < t->count; i++) {
    cm_step s = t->list[i];
    if (!last->has_created || !s.has_created || s.created != last->created)
      continue;
    memmove(t->ids.data + bytes, t->ids.data + s.at, s.len);
    s.at = bytes;
    bytes += s.len;
    t->list[kept++] = s;
  }
  t->count = kept;
  cm_buf_cut(&t->ids, bytes);
}

/*
** Takes over a page's objects. Returns false when memory is short.
*/
bool cm_trail_add(cm_trail *t, const cm_page *p) {
  size_t i;
  if (p->count == 0)
    return true;
  keep_second(t, &p->list[p->count - 1]);
  if (t->count + p->count > t->room) {
    size_t room = (t->count + p->count) * 2;
    cm_step *list = realloc(t->list, room * sizeof *list);
    if (!list)
      return false;
    t->list = list;
    t->room = room;
  }
  for (i = 0; i < p->count; i++) {
    cm_step *s = &t->list[t->count];
    const char *id = cm_page_id(p, i, &s->len);
    s->at = t->ids.len;
    s->created = p->list[i].created;
    s->has_created = p->list[i].has_created;
    if (!cm_buf_add(&t->ids, id, s->len))
      return false;
    t->count++;
  }
  return true;
}

/*
** Returns the place of an id, counted from 0, or t->count if it is not there.
*/
size_t cm_trail_find(const cm_trail *t, const char *id, size_t len) {
  size_t i;
  for (i = t->count; len > 0 && i-- > 0;)
    if (t->list[i].len == len && memcmp(t->ids.data + t->list[i].at, id, len) == 0)
      return i;
  return t->count;
}

/*
** Takes the objects that were handed out already off a page. Returns how many are left.
*/
size_t cm_trail_filter(const cm_trail *t, cm_page *p) {
  size_t i, kept = 0;
  for (i = 0; i < p->count; i++) {
    size_t len;
    const char *id = cm_page_id(p, i, &len);
    if (cm_trail_find(t, id, len) == t->count)
      p->list[kept++] = p->list[i];
  }
  p->count = kept;
  return kept;
}

/*
** Gives the memory back; harmless when repeated.
*/
void cm_trail_free(cm_trail *t) {
  cm_buf_free(&t->ids);
  free(t->list);
  memset(t, 0, sizeof *t);
}
