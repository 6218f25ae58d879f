#include "walk.h"

#include "multi.h"

#include <stdio.h>
#include <string.h>

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
  cm_multi_remove(w->request.client->multi, &w->request);
  cm_request_fail(&w->request, kind, text);
}

static void ask(cm_walk *w) {
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

/*
** The object under the cursor was deleted. Goes back to the ones before it, in growing steps, and
** when there are none left starts over at the second where the last page ended. Returns false if
** that is impossible: no page was read yet, or the objects have no `created`.
*/
static bool step_back(cm_walk *w) {
  const cm_trail *t = &w->trail;
  size_t at = cm_trail_find(t, cm_buf_str(&w->cursor), w->cursor.len);
  const cm_step *last;
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
  last = &t->list[t->count - 1];
  if (!last->has_created)
    return false;
  cm_buf_clear(&w->cursor);
  w->lt.set = false;
  w->lte.set = true;
  w->lte.second = last->created;
  return true;
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

/* Takes the page that just came in and goes on from it. Returns what is wrong with it, or NULL. */
static const char *take_in(cm_walk *w) {
  cm_page *p = &w->incoming;
  const char *last;
  size_t count = p->count, len;
  if (count == 0 && p->has_more)
    return "empty page, yet has_more is true";
  w->complete = !p->has_more;
  if (count == 0)
    return NULL;
  last = cm_page_id(p, count - 1, &len);
  if (len > 0 && len == w->cursor.len && memcmp(last, w->cursor.data, len) == 0)
    return "page ends with the object it should start after";
  if (p->has_more && len == 0)
    return "last object of a page has no id to go on from";
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
  cm_buf_move(&w->incoming.body, &r->body);
  snprintf(w->incoming.request_id, sizeof w->incoming.request_id, "%s", id ? id : "");
  scan = cm_page_scan(&w->incoming, fault, sizeof fault);
  if (scan == CM_SCAN_OK)
    return CM_NET_OK;
  snprintf(why, room, "unusable answer: %s", fault);
  /* A body cut short is a broken connection in disguise; a whole one stays what it is. */
  return scan == CM_SCAN_DAMAGED ? CM_NET_BROKEN : CM_NET_FINAL;
}

/* Large pages are what fails first when a list is slow, so trouble makes them smaller, for good. */
static bool on_again(void *owner, const cm_outcome *o) {
  cm_walk *w = owner;
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
** Hands the next page over to `out`, which must be empty. Returns false if none is here.
*/
bool cm_walk_take(cm_walk *w, cm_page *out) {
  if (!w->has_ready)
    return false;
  cm_page_move(out, &w->ready);
  w->has_ready = w->has_ahead;
  if (w->has_ahead) {
    cm_page_move(&w->ready, &w->ahead);
    w->has_ahead = false;
    ask(w);
  }
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
