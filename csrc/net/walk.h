/*
** walk.h: cursor pagination over one list, one page ahead of its reader. Lua-free.
** Stripe docs, Pagination: newest first, `starting_after` the last id, until has_more is false.
*/
#ifndef CM_WALK_H
#define CM_WALK_H

#include "net/net.h"
#include "net/trail.h"
#include "text/page.h"

#define CM_LIMIT_MAX 100 /* largest page Stripe serves */
#define CM_LIMIT_MIN 25  /* trouble does not make pages smaller than this */

typedef struct cm_bound {
  bool set;
  long long second; /* Unix seconds */
} cm_bound;

typedef struct cm_walk {
  cm_request request; /* one at a time, sent anew for each page */
  cm_buf fixed;       /* query pairs that never change, encoded */
  int limit;
  cm_bound gte, gt, lt, lte; /* of created */
  cm_buf cursor;             /* id the next page starts after; empty: from the top */
  cm_page incoming;          /* scanned by accept, not yet judged */
  cm_page ready, ahead;      /* for the reader: this page, and the one after it */
  bool has_ready, has_ahead;
  bool complete;    /* nothing more to request: the end, a failure, or closed */
  bool failed;      /* request.failure says why, once the pages are read */
  cm_bound reached; /* created of the last object handed over */
  bool unordered;   /* objects came without created, or not newest first: not to be split */
  bool loose;       /* the request on the wire was sent before a split: it knows the old bound */
  cm_trail trail;
  bool recovering; /* a cursor is gone: what comes may have been seen */
  size_t stride;   /* how far the next step back goes */
  size_t stale;    /* pages in a row that brought nothing new */
  int gaps;        /* empty pages that said has_more, since one brought something new */
} cm_walk;

void cm_walk_start(cm_walk *w);
bool cm_walk_take(cm_walk *w, cm_page *out);
cm_bound cm_walk_floor(const cm_walk *w);
bool cm_walk_split(cm_walk *w, long long second);
void cm_walk_fail(cm_walk *w, cm_kind kind, const char *text);
void cm_walk_free(cm_walk *w);

#endif
