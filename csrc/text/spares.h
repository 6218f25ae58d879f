/*
** spares.h: the memory of pages that were read, kept for the next ones. Lua-free.
** A page has some hundred kilobytes. Fresh memory of that size comes from the system, which clears
** it piece by piece while it is written: that, and growing into it, costs more than the bytes.
*/
#ifndef CM_SPARES_H
#define CM_SPARES_H

#include "text/buf.h"

#define CM_SPARES 4                /* buffers kept at most */
#define CM_SPARE_MAX (1024 * 1024) /* bytes; larger ones are given back */

typedef struct cm_spares {
  int refs, n;
  cm_buf list[CM_SPARES];
} cm_spares;

cm_spares *cm_spares_new(void);
cm_spares *cm_spares_hold(cm_spares *s);
void cm_spares_take(cm_spares *s, cm_buf *b);
void cm_spares_give(cm_spares *s, cm_buf *b);
void cm_spares_release(cm_spares *s);

#endif
