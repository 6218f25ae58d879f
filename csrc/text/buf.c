#include "text/buf.h"

#include "text/guarded.h"

#include <openssl/crypto.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
** Prepares an empty buffer. max: upper bound in bytes, 0 for no bound. secret: keep the bytes out
** of core dumps, and wipe them before freeing.
** Takes no memory; cannot fail.
*/
void cm_buf_init(cm_buf *b, size_t max, bool secret) {
  memset(b, 0, sizeof *b);
  b->max = max;
  b->secret = secret;
}

/*
** Makes room for `need` bytes. A secret never goes through realloc, which would leave a copy of
** it behind in freed memory.
*/
static bool reserve(cm_buf *b, size_t need) {
  size_t room = b->room ? b->room : 64;
  char *data;
  if (need <= b->room)
    return true;
  while (room < need) {
    if (room > SIZE_MAX / 2)
      return false;
    room *= 2;
  }
  if (!b->secret) {
    data = realloc(b->data, room);
    if (!data)
      return false;
  } else {
    data = cm_guarded_alloc(room, &room);
    if (!data)
      return false;
    if (b->data) {
      memcpy(data, b->data, b->len + 1);
      cm_guarded_free(b->data, b->room);
    }
  }
  b->data = data;
  b->room = room;
  return true;
}

/*
** Makes room for n more bytes and the '\0' after them. Returns the place behind the last byte,
** where the caller may write them and then count them in `len`; NULL when the bound would be
** passed or memory is short.
*/
char *cm_buf_room(cm_buf *b, size_t n) {
  if ((b->max && n > b->max - b->len) || n >= SIZE_MAX - b->len || !reserve(b, b->len + n + 1))
    return NULL;
  return b->data + b->len;
}

/*
** As cm_buf_add, for a buffer that has to grow.
*/
bool cm_buf_grow(cm_buf *b, const void *bytes, size_t n) {
  if (!cm_buf_room(b, n))
    return false;
  if (n)
    memcpy(b->data + b->len, bytes, n);
  b->len += n;
  b->data[b->len] = '\0';
  return true;
}

/*
** Appends a C string. Returns as cm_buf_add.
*/
bool cm_buf_adds(cm_buf *b, const char *text) {
  return cm_buf_add(b, text, strlen(text));
}

/*
** Appends a decimal integer. Returns as cm_buf_add.
*/
bool cm_buf_addint(cm_buf *b, long long n) {
  char text[32];
  snprintf(text, sizeof text, "%lld", n);
  return cm_buf_adds(b, text);
}

/*
** Drops what follows the first `len` bytes, which must be there; a secret's are wiped.
*/
void cm_buf_cut(cm_buf *b, size_t len) {
  if (!b->data)
    return;
  if (b->secret)
    OPENSSL_cleanse(b->data + len, b->len - len);
  b->len = len;
  b->data[len] = '\0';
}

/*
** The bytes as a C string, never NULL; valid until the buffer changes.
*/
const char *cm_buf_str(const cm_buf *b) {
  return b->data ? b->data : "";
}

/*
** Empties the buffer but keeps its memory and bound for reuse.
*/
void cm_buf_clear(cm_buf *b) {
  if (b->data) {
    if (b->secret)
      OPENSSL_cleanse(b->data, b->room);
    b->data[0] = '\0';
  }
  b->len = 0;
}

/*
** Gives back the room that the bytes do not need: buffers grow by doubling. Not for a secret.
*/
void cm_buf_fit(cm_buf *b) {
  char *data = b->secret || !b->data ? NULL : realloc(b->data, b->len + 1);
  if (data) {
    b->data = data;
    b->room = b->len + 1;
  }
}

/*
** Hands the bytes of `from` over to `to`, whose own are freed. `from` stays usable, empty and
** with its bound.
*/
void cm_buf_move(cm_buf *to, cm_buf *from) {
  size_t max = from->max;
  bool secret = from->secret;
  cm_buf_free(to);
  *to = *from;
  cm_buf_init(from, max, secret);
}

/*
** Gives the memory back, wiped if secret. Harmless on an empty buffer and when repeated.
*/
void cm_buf_free(cm_buf *b) {
  if (b->secret)
    cm_guarded_free(b->data, b->room);
  else
    free(b->data);
  b->data = NULL;
  b->len = b->room = 0;
}
