#include "text/spares.h"

#include <stdlib.h>
#include <string.h>

/*
** An empty store, with one holder. NULL when memory is short.
*/
cm_spares *cm_spares_new(void) {
  cm_spares *s = calloc(1, sizeof *s);
  if (s)
    s->refs = 1;
  return s;
}

/*
** Adds a holder, who must call cm_spares_release. Returns s; NULL is harmless.
*/
cm_spares *cm_spares_hold(cm_spares *s) {
  if (s)
    s->refs++;
  return s;
}

/*
** Gives a buffer that has no memory yet that of a spare one, if there is one. Its bound stays. Not
** for a secret.
*/
void cm_spares_take(cm_spares *s, cm_buf *b) {
  size_t max = b->max;
  if (!s || s->n == 0 || b->data || b->secret)
    return;
  *b = s->list[--s->n];
  b->max = max;
}

/*
** Keeps the memory of a buffer, or gives it back to the system. The buffer is empty then.
*/
void cm_spares_give(cm_spares *s, cm_buf *b) {
  if (!s || !b->data || b->secret || b->room > CM_SPARE_MAX || s->n == CM_SPARES) {
    cm_buf_free(b);
    return;
  }
  cm_buf_clear(b);
  s->list[s->n] = (cm_buf){.data = b->data, .room = b->room};
  s->n++;
  b->data = NULL;
  b->room = 0;
}

/*
** Ends one holder's use; the last one frees the buffers. NULL is harmless.
*/
void cm_spares_release(cm_spares *s) {
  if (!s || --s->refs > 0)
    return;
  while (s->n > 0)
    cm_buf_free(&s->list[--s->n]);
  free(s);
}
