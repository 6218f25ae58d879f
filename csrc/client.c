#include "client.h"

#include "multi.h"

#include <stdlib.h>
#include <string.h>

/*
** Makes a client with one reference; the caller fills in the plain fields. Takes references to the
** multi and the limiters (which may be NULL). Returns NULL when memory is short.
*/
cm_client *cm_client_new(cm_multi *multi, cm_limiter *account, cm_limiter *platform) {
  cm_client *c = calloc(1, sizeof *c);
  if (!c)
    return NULL;
  c->refs = 1;
  c->multi = multi;
  multi->refs++;
  c->limiters[0] = account;
  c->limiters[1] = platform;
  if (account)
    account->refs++;
  if (platform)
    platform->refs++;
  return c;
}

/*
** Adds a header line to every request of this client; the value must hold no control characters.
** Returns false when memory is short.
*/
bool cm_client_header(cm_client *c, const char *name, const char *value, size_t n) {
  int i = c->n_headers;
  cm_buf *line = &c->lines[i];
  cm_buf_init(line, 0, true);
  if (!cm_buf_adds(line, name) || !cm_buf_adds(line, ": ") || !cm_buf_add(line, value, n))
    return false;
  c->headers[i].data = line->data;
  c->headers[i].next = NULL;
  if (i > 0)
    c->headers[i - 1].next = &c->headers[i];
  c->n_headers++;
  return true;
}

/*
** Gives up one reference (holders count up `refs` themselves). The last one wipes the credentials.
** NULL is harmless.
*/
void cm_client_release(cm_client *c) {
  int i;
  if (!c || --c->refs > 0)
    return;
  for (i = 0; i < CM_HEADERS; i++)
    cm_buf_free(&c->lines[i]);
  for (i = 0; i < CM_LIMITERS; i++)
    cm_limiter_release(c->limiters[i]);
  cm_multi_release(c->multi);
  free(c);
}
