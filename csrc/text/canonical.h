/*
** canonical.h: JSON strings in the form that records have. Lua-free.
*/
#ifndef CM_CANONICAL_H
#define CM_CANONICAL_H

#include "text/buf.h"

/* The room that cm_canonical_string asks for: six bytes for each of n at the most, the quotes, and
   what it may write behind the text on its way. */
#define CM_CANONICAL_ROOM(n) ((n)*6 + 2 + 16)

bool cm_canonical_decode(cm_buf *out, const char *raw, size_t n);
bool cm_canonical_string(cm_buf *out, const char *text, size_t n);
int cm_canonical_compare(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
