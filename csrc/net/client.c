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

/*
** Returns the client that has the lines and the key: the first of its parents.
*/
cm_client *cm_client_root(cm_client *c) {
  while (c->parent)
    c = c->parent;
  return c;
}

static cm_lines *new_lines(void) {
  cm_lines *l = calloc(1, sizeof *l);
  if (l)
    l->refs = 1;
  return l;
}

/*
** Gives up one reference (holders count up `refs` themselves). The last one wipes the lines. NULL
** is harmless.
*/
void cm_lines_release(cm_lines *l) {
  int i;
  if (!l || --l->refs > 0)
    return;
  for (i = 0; i < CM_HEADERS; i++)
    cm_buf_free(&l->text[i]);
  free(l);
}

/* Takes the line that was written after the last one into the list. */
static void link_line(cm_lines *l) {
  int i = l->n;
  l->list[i].data = l->text[i].data;
  l->list[i].next = NULL;
  if (i > 0)
    l->list[i - 1].next = &l->list[i];
  l->n++;
}

static bool add_line(cm_lines *l, const char *name, const char *value, size_t n, bool secret) {
  cm_buf *line = &l->text[l->n];
  if (l->n == CM_HEADERS)
    return false;
  cm_buf_init(line, 0, secret);
  if (!cm_buf_adds(line, name) || !cm_buf_adds(line, ": ") || !cm_buf_add(line, value, n))
    return false;
  link_line(l);
  return true;
}

/*
** Adds a header line to every request of this client, which must have no parent; the value must
** hold no control characters. secret: it may hold one. Returns false when memory is short, or all
** lines are taken.
*/
bool cm_client_header(cm_client *c, const char *name, const char *value, size_t n, bool secret) {
  if (!c->lines)
    c->lines = new_lines();
  return c->lines && add_line(c->lines, name, value, n, secret);
}

static const char authorization[] = "Authorization";

/*
** Replaces the key of this client and of its children: attempts from now on are sent with it, those
** on the wire end as they were sent. bearer: the header's value. Returns false, with nothing
** changed, when memory is short.
*/
bool cm_client_set_key(cm_client *c, const char *bearer, size_t n) {
  cm_client *root = cm_client_root(c);
  cm_lines *fresh = new_lines(), *old = root->lines;
  size_t len = sizeof authorization - 1;
  bool ok = fresh != NULL;
  int i;
  for (i = 0; ok && i < old->n; i++) {
    const cm_buf *line = &old->text[i];
    if (line->len > len && strncmp(line->data, authorization, len) == 0 && line->data[len] == ':') {
      ok = add_line(fresh, authorization, bearer, n, true);
      continue;
    }
    cm_buf_init(&fresh->text[i], 0, line->secret);
    ok = cm_buf_add(&fresh->text[i], line->data, line->len);
    if (ok)
      link_line(fresh);
  }
  if (!ok) {
    cm_lines_release(fresh);
    return false;
  }
  root->lines = fresh;
  root->key_age++;
  cm_lines_release(old);
  return true;
}

/*
** Lets the requests that wait for a new key be sent, with the key that there is now.
*/
void cm_client_go_on(cm_client *c, double now) {
  cm_client *root = cm_client_root(c);
  cm_request *r;
  root->needs_key = false;
  for (r = root->queue->waiting; r; r = r->next)
    if (r->held && cm_client_root(r->client) == root) {
      r->held = false;
      r->not_before = now;
    }
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
  c->json = parent->json;
  c->reach = parent->reach;
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
  cm_lines_release(c->lines);
  for (i = 0; i < CM_LIMITERS; i++)
    cm_limiter_release(c->limiters[i]);
  cm_queue_release(c->queue);
  cm_client_release(c->parent);
  free(c);
}
