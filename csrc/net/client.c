#include "net/net.h"

#include <stdlib.h>
#include <string.h>

/*
** Makes a client with one reference; the caller fills in the plain fields. Takes references to the
** queue and the limiters (which may be NULL). Returns NULL when memory is short.
*/
cm_client *cm_client_new(cm_queue *queue, cm_limiter *account, cm_limiter *platform) {
  cm_client *c = calloc(1, sizeof *c);
  if (!c)
    return NULL;
  c->refs = 1;
  c->queue = queue;
  queue->refs++;
  c->limiters[0] = account;
  c->limiters[1] = platform;
  if (account)
    account->refs++;
  if (platform)
    platform->refs++;
  return c;
}

/* Takes the line that was written after the last header into the list. */
static void link_line(cm_client *c) {
  int i = c->n_headers;
  c->headers[i].data = c->lines[i].data;
  c->headers[i].next = NULL;
  if (i > 0)
    c->headers[i - 1].next = &c->headers[i];
  c->n_headers++;
}

/*
** Adds a header line to every request of this client; the value must hold no control characters.
** secret: it may hold one. Returns false when memory is short, or all lines are taken.
*/
bool cm_client_header(cm_client *c, const char *name, const char *value, size_t n, bool secret) {
  cm_buf *line = &c->lines[c->n_headers];
  if (c->n_headers == CM_HEADERS)
    return false;
  cm_buf_init(line, 0, secret);
  if (!cm_buf_adds(line, name) || !cm_buf_adds(line, ": ") || !cm_buf_add(line, value, n))
    return false;
  link_line(c);
  return true;
}

/*
** Makes a client like another one, with one reference. Its requests count for both. Returns NULL
** when memory is short.
*/
cm_client *cm_client_child(cm_client *parent) {
  cm_client *c = cm_client_new(parent->queue, parent->limiters[0], parent->limiters[1]);
  if (!c)
    return NULL;
  c->parent = parent;
  parent->refs++;
  c->base = parent->base;
  c->policy = parent->policy;
  c->timeout = parent->timeout;
  c->low_speed_time = parent->low_speed_time;
  c->max_body = parent->max_body;
  c->foreign = parent->foreign;
  c->reach = parent->reach;
  while (c->n_headers < parent->n_headers) {
    const cm_buf *line = &parent->lines[c->n_headers];
    cm_buf_init(&c->lines[c->n_headers], 0, line->secret);
    if (!cm_buf_add(&c->lines[c->n_headers], line->data, line->len)) {
      cm_client_release(c);
      return NULL;
    }
    link_line(c);
  }
  return c;
}

/*
** Counts for a client and for those above it.
*/
void cm_client_count(cm_client *c, const cm_counts *more) {
  for (; c; c = c->parent) {
    c->counts.requests += more->requests;
    c->counts.retries += more->retries;
    c->counts.rate_limited += more->rate_limited;
    c->counts.bytes += more->bytes;
    c->counts.waited += more->waited;
  }
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
  cm_queue_release(c->queue);
  cm_client_release(c->parent);
  free(c);
}
