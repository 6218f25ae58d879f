/*
** A list server that sends anything, and a reader that does anything. The input is a series of
** steps that end with '\0': "p<body>" a page arrives, "f" the attempt fails with a 500, "g" the
** object under the cursor is gone, "t" the reader takes a page, "s<digits>" it splits the walk
** there.
*/
#include "net/walk.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool promise) {
  if (!promise)
    abort();
}

/* Takes the request that waits off the queue, as if it were on the wire. */
static void depart(cm_request *r) {
  check(strstr(cm_buf_str(&r->query), "limit=") != NULL);
  cm_queue_remove(r->client->queue, r);
}

static void arrive(cm_walk *w, const char *body, size_t n) {
  cm_request *r = &w->request;
  char why[128];
  depart(r);
  cm_buf_clear(&r->body);
  cm_failure_init(&r->failure);
  check(cm_buf_add(&r->body, body, n));
  if (r->watch->accept(w, r, why, sizeof why) == CM_NET_OK) {
    r->state = CM_DONE;
  } else {
    check(memchr(why, '\0', sizeof why) != NULL);
    r->state = CM_FAILED;
  }
  r->watch->ended(w, r);
}

static void be_gone(cm_walk *w) {
  cm_request *r = &w->request;
  depart(r);
  cm_failure_init(&r->failure);
  r->state = CM_FAILED;
  r->failure.status = 400;
  strcpy(r->failure.code, "resource_missing");
  strcpy(r->failure.param, "starting_after");
  r->watch->ended(w, r);
}

static void fail(cm_walk *w) {
  cm_outcome o = {CM_NET_OK, 500, -1, -1, ""};
  depart(&w->request);
  check(w->request.watch->again(w, &o) && w->limit >= CM_LIMIT_MIN);
  cm_queue_add(w->request.client->queue, &w->request, 0);
}

static void take(cm_walk *w) {
  cm_page page = {0};
  if (!cm_walk_take(w, &page))
    return;
  check(page.count > 0 && page.list[page.count - 1].at < page.body.len);
  cm_page_free(&page);
}

static void step(cm_walk *w, const char *text, size_t n) {
  char digits[20] = "";
  bool waits = w->request.state == CM_WAITING;
  switch (n > 0 ? *text : '\0') {
  case 'p':
    if (waits)
      arrive(w, text + 1, n - 1);
    break;
  case 'f':
    if (waits)
      fail(w);
    break;
  case 'g':
    if (waits)
      be_gone(w);
    break;
  case 't':
    take(w);
    break;
  case 's':
    memcpy(digits, text + 1, n - 1 < 18 ? n - 1 : 18);
    cm_walk_split(w, llabs(strtoll(digits, NULL, 10)));
    break;
  default:
    break;
  }
  check(w->complete || w->has_ahead || w->request.state == CM_WAITING);
  check(w->has_ready || !w->has_ahead);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static cm_queue *queue;
  static cm_client *client;
  const char *at = (const char *)data, *end = at + size;
  cm_walk w;
  if (!queue) {
    queue = cm_queue_new(4);
    client = cm_client_new(queue, NULL, NULL);
  }
  memset(&w, 0, sizeof w);
  check(cm_request_init(&w.request, client, "GET", "/v1/charges", NULL));
  w.limit = CM_LIMIT_MAX;
  cm_walk_start(&w);
  while (at < end) {
    const char *stop = memchr(at, '\0', (size_t)(end - at));
    size_t n = stop ? (size_t)(stop - at) : (size_t)(end - at);
    step(&w, at, n);
    at += stop ? n + 1 : n;
  }
  cm_walk_free(&w);
  return 0;
}
