/*
** buf.h: growable bytes with an upper bound. Lua-free.
** A zeroed cm_buf is a valid empty one without a bound. The bytes are always followed by a '\0'
** that is not counted, so that text can be passed on as a C string.
*/
#ifndef CM_BUF_H
#define CM_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct cm_buf {
  char *data;  /* NULL while nothing was ever added */
  size_t len;  /* bytes held */
  size_t room; /* bytes allocated */
  size_t max;  /* upper bound of len; 0 = none */
  bool secret; /* not in core dumps, wiped before it is given back */
} cm_buf;

void cm_buf_init(cm_buf *b, size_t max, bool secret);
char *cm_buf_room(cm_buf *b, size_t n);
bool cm_buf_grow(cm_buf *b, const void *bytes, size_t n);
bool cm_buf_adds(cm_buf *b, const char *text);
bool cm_buf_addint(cm_buf *b, long long n);
void cm_buf_cut(cm_buf *b, size_t len);
const char *cm_buf_str(const cm_buf *b);
void cm_buf_clear(cm_buf *b);
void cm_buf_fit(cm_buf *b);
void cm_buf_move(cm_buf *to, cm_buf *from);
void cm_buf_free(cm_buf *b);

/*
** Appends n bytes. Returns false, with the buffer as it was, when the bound would be passed or
** memory is short.
*/
static inline bool cm_buf_add(cm_buf *b, const void *bytes, size_t n) {
  if (n == 0 || n >= b->room - b->len || (b->max && n > b->max - b->len))
    return cm_buf_grow(b, bytes, n);
  memcpy(b->data + b->len, bytes, n);
  b->len += n;
  b->data[b->len] = '\0';
  return true;
}

#endif
