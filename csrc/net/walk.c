#include "net/walk.h"

#include "net/net.h"

#include <stdio.h>
#include <string.h>

#define COPIES 3 /* of a page with an element that is no JSON, before that element is given up */
#define GAPS 2   /* empty pages in a row, before the list is read on by `created` */

static bool add_number(cm_buf *query, const char *name, long long n) {
  char text[32];
  int len = snprintf(text, sizeof text, "%lld", n);
  return cm_url_pair(query, name, strlen(name), text, (size_t)len);
}

static bool add_bound(cm_buf *query, const char *name, cm_bound b) {
  return !b.set || add_number(query, name, b.second);
}

static bool build_query(cm_walk *w) {
  cm_buf *q = &w->request.query;
  cm_buf_clear(q);
  return cm_buf_add(q, cm_buf_str(&w->fixed), w->fixed.len) && add_number(q, "limit", w->limit) &&
         add_bound(q, "created[gte]", w->gte) && add_bound(q, "created[gt]", w->gt) &&
         add_bound(q, "created[lt]", w->lt) && add_bound(q, "created[lte]", w->lte) &&
         (w->cursor.len == 0 ||
          cm_url_pair(q, "starting_after", 14, w->cursor.data, w->cursor.len));
}

/*
** Ends the walk with a failure of our own; pages already here can still be taken.
*/
void cm_walk_fail(cm_walk *w, cm_kind kind, const char *text) {
  w->complete = w->failed = true;
  w->request.watch = NULL; /* told already */
  cm_queue_remove(w->request.client->queue, &w->request);
  cm_request_fail(&w->request, kind, text);
}

static void ask(cm_walk *w) {
  w->loose = false;
  if (w->complete)
    return;
  if (build_query(w))
    cm_request_send(&w->request);
  else
    cm_walk_fail(w, CM_TRANSPORT, "out of memory");
}

static bool set_cursor(cm_walk *w, const char *id, size_t len) {
  cm_buf_clear(&w->cursor);
  return cm_buf_add(&w->cursor, id, len);
}

/* Starts over at the second where the last page ended. Returns false if that has no `created`. */
static bool go_below(cm_walk *w) {
  const cm_trail *t = &w->trail;
  if (t->count == 0 || !t->list[t->count - 1].has_created)
    return false;
  w->recovering = true;
  cm_buf_clear(&w->cursor);
  w->lt.set = false;
  w->lte.set = true;
  w->lte.second = t->list[t->count - 1].created;
  return true;
}

/*
** The object under the cursor was deleted. Goes back to the ones before it, in growing steps, and
** when no object is left there starts over at the second where the last page ended. Returns false
** if that is impossible: no page was read yet, or the objects have no `created`.
*/
static bool step_back(cm_walk *w) {
  const cm_trail *t = &w->trail;
  size_t at = cm_trail_find(t, cm_buf_str(&w->cursor), w->cursor.len);
  if (t->count == 0 || w->cursor.len == 0)
    return false;
  if (!w->recovering)
    w->stride = 1;
  w->recovering = true;
  if (at > 0 && at < t->count) {
    size_t back = w->stride < at ? w->stride : at;
    w->stride *= 2;
    return set_cursor(w, t->ids.data + t->list[at - back].at, t->list[at - back].len);
  }
  return go_below(w);
}

/* Gives a page to the reader and asks for the next one, unless one is waiting already. */
static void deliver(cm_walk *w) {
  if (w->has_ready) {
    cm_page_move(&w->ahead, &w->incoming);
    w->has_ahead = true;
    return;
  }
  cm_page_move(&w->ready, &w->incoming);
  w->has_ready = true;
  ask(w);
}

/* Whether the page that just came in tells when each object was created, newest first. */
static bool in_order(const cm_walk *w) {
  const cm_element *list = w->incoming.list;
  const cm_trail *t = &w->trail;
  size_t i;
  for (i = 0; i < w->incoming.count; i++)
    if (!list[i].has_created || (i > 0 && list[i].created > list[i - 1].created))
      return false;
  return i == 0 || t->count == 0 || w->recovering ||
         list[0].created <= t->list[t->count - 1].created;
}

/*
** Takes objects created before `second` off a page in order. Returns whether there were any; then
** the walk ends with this page.
*/
static bool cut(cm_page *p, long long second) {
  size_t count = p->count;
  while (p->count > 0 && p->list[p->count - 1].created < second)
    p->count--;
  if (p->count == count)
    return false;
  p->has_more = false;
  return true;
}

/* Whether the present cursor is the one that the walk was given. */
static bool is_given_cursor(const cm_walk *w) {
  return w->cursor.len > 0 && w->trail.count == 0;
}

/*
** A page came without objects, yet says that there are more (which Stripe's lists do now and then).
** Asks once more, then on by `created`. What cannot be passed that way is a fault.
*/
static const char *pass_gap(cm_walk *w) {
  w->gaps++;
  if (w->gaps > GAPS || (w->gaps == GAPS && !go_below(w)))
    return "empty page, yet has_more is true";
  ask(w);
  return NULL;
}

/*
** Leaves objects without an id at the end of a page to the next page, which goes on after the last
** object that has one. Returns false if the page would be empty.
*/
static bool drop_unnamed(cm_page *p) {
  while (p->count > 0 && p->list[p->count - 1].id_len == 0)
    p->count--;
  return p->count > 0;
}

/* Takes the page that just came in and goes on from it. Returns its fault, or NULL. */
static const char *take_in(cm_walk *w) {
  cm_page *p = &w->incoming;
  bool ordered = in_order(w);
  const char *last;
  size_t count, len;
  w->unordered = w->unordered || !ordered;
  if (w->loose) {
    if (!ordered) { /* no telling where it should end: let the server say */
      ask(w);
      return NULL;
    }
    cut(p, w->gte.second);
  }
  count = p->count;
  if (count == 0 && p->has_more)
    return pass_gap(w);
  w->complete = !p->has_more;
  if (count == 0)
    return NULL;
  if (p->has_more && !drop_unnamed(p))
    return "no object of a page has an id to go on from";
  count = p->count;
  last = cm_page_id(p, count - 1, &len);
  if (len > 0 && len == w->cursor.len && memcmp(last, w->cursor.data, len) == 0)
    return "page ends with the object it should start after";
  if (!set_cursor(w, last, len))
    return "out of memory";
  if (w->recovering) {
    /* The order is fixed: after the first new object everything is new. */
    w->recovering = cm_trail_find(&w->trail, last, len) < w->trail.count;
    if (cm_trail_filter(&w->trail, p) == 0) {
      if (++w->stale > w->trail.count)
        return "the same objects over and over";
      ask(w);
      return NULL;
    }
  }
  w->stale = 0;
  w->gaps = 0;
  if (!cm_trail_add(&w->trail, p))
    return "out of memory";
  deliver(w);
  return NULL;
}

static cm_net on_accept(void *owner, cm_request *r, char *why, size_t room) {
  cm_walk *w = owner;
  const char *id = cm_header_get(&r->header, "request-id");
  char fault[80];
  cm_scan scan;
  cm_page_free(&w->incoming);
  w->incoming.spares = cm_spares_hold(r->client->queue->spares);
  cm_buf_move(&w->incoming.body, &r->body);
  if (w->incoming.body.len < w->incoming.body.room / 4)
    cm_buf_fit(&w->incoming.body); /* pages wait here, several of each list */
  snprintf(w->incoming.request_id, sizeof w->incoming.request_id, "%s", id ? id : "");
  scan = cm_page_scan(&w->incoming, fault, sizeof fault);
  if (scan == CM_SCAN_OK && w->incoming.damaged && r->attempts < COPIES &&
      r->attempts <= r->client->policy.retries) {
    snprintf(why, room, "unusable answer: an object is not JSON");
    return CM_NET_BROKEN;
  }
  if (scan == CM_SCAN_OK)
    return CM_NET_OK;
  snprintf(why, room, "unusable answer: %s", fault);
  /* A body cut short is a broken connection in disguise; a whole one stays what it is. */
  return scan == CM_SCAN_DAMAGED ? CM_NET_BROKEN : CM_NET_FINAL;
}

/* Large pages are what fails first when a list is slow, so trouble makes them smaller, for good. */
static bool on_again(void *owner, const cm_outcome *o) {
  cm_walk *w = owner;
  w->loose = false;
  if ((o->net != CM_NET_TIMEOUT && o->status < 500) || w->limit <= CM_LIMIT_MIN)
    return true;
  w->limit = w->limit / 2 > CM_LIMIT_MIN ? w->limit / 2 : CM_LIMIT_MIN;
  return build_query(w);
}

static void on_ended(void *owner, cm_request *r) {
  cm_walk *w = owner;
  const cm_failure *f = &r->failure;
  if (r->state == CM_DONE) {
    const char *fault = take_in(w);
    if (fault) {
      cm_walk_fail(w, CM_DECODE, fault);
      memcpy(r->failure.request_id, w->incoming.request_id, sizeof r->failure.request_id);
      if (w->gaps > 0 && is_given_cursor(w)) { /* nothing follows it: as if it were gone */
        strcpy(r->failure.code, "resource_missing");
        strcpy(r->failure.param, "starting_after");
      } else if (w->gaps > 0) {
        strcpy(r->failure.code, "empty_page");
      }
    }
  } else if (f->status == 400 && strcmp(f->code, "resource_missing") == 0 &&
             strcmp(f->param, "starting_after") == 0 && step_back(w)) {
    ask(w);
  } else {
    w->complete = w->failed = true;
  }
}

static const cm_watch watch = {on_accept, on_again, on_ended};

/*
** Asks for the first page. The request must be initialised and the options filled in; from here on
** the walk must not move in memory.
*/
void cm_walk_start(cm_walk *w) {
  w->request.watch = &watch;
  w->request.owner = w;
  ask(w);
}

/*
** Hands the next page over to `out`, which must be empty. Returns false if no page is here.
*/
bool cm_walk_take(cm_walk *w, cm_page *out) {
  const cm_element *last;
  if (!w->has_ready)
    return false;
  cm_page_move(out, &w->ready);
  last = &out->list[out->count - 1];
  w->reached.set = last->has_created;
  w->reached.second = last->created;
  w->has_ready = w->has_ahead;
  if (w->has_ahead) {
    cm_page_move(&w->ready, &w->ahead);
    w->has_ahead = false;
    ask(w);
  }
  return true;
}

/*
** Returns the lowest `created` that the walk still asks for, unset if it has no lower bound.
*/
cm_bound cm_walk_floor(const cm_walk *w) {
  cm_bound b = w->gte;
  if (w->gt.set && (!b.set || b.second <= w->gt.second)) {
    b.set = true;
    b.second = w->gt.second + 1;
  }
  return b;
}

/* The highest `created` that the walk may still hand over, if that is known. */
static cm_bound newest(const cm_walk *w) {
  cm_bound b = w->lte;
  if (w->has_ready) {
    b.set = true;
    b.second = w->ready.list[0].created;
  } else if (w->reached.set) {
    b = w->reached;
  } else if (w->lt.set && (!b.set || b.second >= w->lt.second)) {
    b.set = true;
    b.second = w->lt.second - 1;
  }
  return b;
}

/*
** Leaves what was created before `second` to another walk: from now on this one ends there. Pages
** already here are cut, and so will be the one on the wire; later requests have the bound.
** Returns false, with nothing changed, if nothing is left to ask for, if an object that old may
** have been handed over already, if either part would have no objects, or if the list is no order
** by `created`.
*/
bool cm_walk_split(cm_walk *w, long long second) {
  cm_bound low = cm_walk_floor(w), high = newest(w);
  bool ends;
  if (w->complete || w->unordered || (low.set && second <= low.second) ||
      (high.set && second >= high.second))
    return false;
  w->gte.set = true;
  w->gte.second = second;
  w->gt.set = false;
  ends = w->has_ready && cut(&w->ready, second);
  if (w->has_ahead && cut(&w->ahead, second)) {
    ends = true;
    if (w->ahead.count == 0) {
      w->has_ahead = w->ready.has_more = false;
      cm_page_free(&w->ahead);
    }
  }
  if (ends) {
    w->complete = true;
    cm_queue_remove(w->request.client->queue, &w->request);
    return true;
  }
  w->loose = w->request.state == CM_RUNNING;
  if (!build_query(w)) /* of a request that waits, or may be sent again */
    cm_walk_fail(w, CM_TRANSPORT, "out of memory");
  return true;
}

/*
** Cancels if need be and gives everything back. Harmless on zeroed memory and when repeated.
*/
void cm_walk_free(cm_walk *w) {
  cm_request_free(&w->request);
  cm_buf_free(&w->fixed);
  cm_buf_free(&w->cursor);
  cm_page_free(&w->incoming);
  cm_page_free(&w->ready);
  cm_page_free(&w->ahead);
  cm_trail_free(&w->trail);
}
