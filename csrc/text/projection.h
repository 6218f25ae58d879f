/*
** projection.h: copies JSON objects and keeps only some members. Lua-free.
** A mapping names the fields it reads; leaving out the others before a value is built is what makes
** decoding cheap.
*/
#ifndef CM_PROJECTION_H
#define CM_PROJECTION_H

#include "text/buf.h"

typedef struct cm_projection {
  struct cm_projection *next, *members; /* the next one beside it; those inside it */
  bool whole;                           /* wanted with all that is in it */
  size_t len;
  char name[];
} cm_projection;

cm_projection *cm_projection_new(void);
bool cm_projection_add(cm_projection *p, const char *path, size_t len);
bool cm_projection_copy(const cm_projection *p, const char *text, size_t len, cm_buf *out);
void cm_projection_free(cm_projection *p);

#endif
