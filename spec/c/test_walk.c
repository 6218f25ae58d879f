/*
** Walks that are split while they run, against a list server in memory. Nothing is sent: the test
** stands in for the queue's wire, one action at a time, in random order.
*/
#include "net/net.h"
#include "test.h"
#include "net/walk.h"

#include <stdlib.h>

#define OBJECTS 400
#define READERS 64

static cm_queue *queue;
static cm_client *client;
static unsigned seed;

static int below(int n) {
  seed = seed * 1664525u + 1013904223u;
  return (int)((seed >> 8) % (unsigned)n);
}

/* The server: objects newest first. Object i has the id "o<i>". */
static struct {
  int count;
  int created[OBJECTS]; /* 0: has none */
  bool deleted[OBJECTS];
  int given[OBJECTS]; /* how often a reader got it */
  const char *page;   /* what a broken server answers to everything */
} list;

typedef struct reader {
  cm_walk walk;
  char query[512]; /* of the request on the wire */
} reader;

static reader readers[READERS];
static int n_readers;
static int cuts_ready, cuts_ahead, cuts_flying, refused;

static void stop(void) {
  while (n_readers > 0)
    cm_walk_free(&readers[--n_readers].walk);
  memset(&list, 0, sizeof list);
}

static cm_walk *start(int limit, long long gte, long long lt) {
  cm_walk *w = &readers[n_readers++].walk;
  memset(w, 0, sizeof *w);
  cm_request_init(&w->request, client, "GET", "/v1/charges", NULL);
  w->limit = limit;
  w->gte = (cm_bound){gte > 0, gte};
  w->lt = (cm_bound){lt > 0, lt};
  cm_walk_start(w);
  return w;
}

static long long parameter(const char *query, const char *name, long long none) {
  const char *at = strstr(query, name);
  return at ? strtoll(at + strlen(name), NULL, 10) : none;
}

/* Puts the waiting request on the wire, as the queue would. */
static void depart(reader *r) {
  cm_request *q = &r->walk.request;
  snprintf(r->query, sizeof r->query, "%s", cm_buf_str(&q->query));
  cm_queue_remove(queue, q);
  q->state = CM_RUNNING;
  q->prev = queue->last_running;
  *(q->prev ? &q->prev->next : &queue->running) = q;
  queue->last_running = q;
  queue->n_running++;
}

/* Answers a list request as Stripe does. Returns false if the cursor is unknown. */
static bool serve(const char *query, cm_buf *out) {
  long long limit = parameter(query, "limit=", 10);
  long long gte = parameter(query, "created%5Bgte%5D=", 0);
  long long lt = parameter(query, "created%5Blt%5D=", 1LL << 40);
  long long lte = parameter(query, "created%5Blte%5D=", 1LL << 40);
  long long after = parameter(query, "starting_after=o", -1);
  bool more = false;
  int i, found = 0;
  if (list.page)
    return cm_buf_adds(out, list.page);
  if (after >= 0 && list.deleted[after])
    return false;
  cm_buf_adds(out, "{\"object\":\"list\",\"data\":[");
  for (i = (int)after + 1; i < list.count && !more; i++) {
    char text[64];
    int created = list.created[i];
    if (list.deleted[i] || (created && (created < gte || created >= lt || created > lte)))
      continue;
    if (found == limit) {
      more = true;
      continue;
    }
    if (created)
      snprintf(text, sizeof text, "%s{\"id\":\"o%d\",\"created\":%d}", found ? "," : "", i,
               created);
    else
      snprintf(text, sizeof text, "%s{\"id\":\"o%d\"}", found ? "," : "", i);
    cm_buf_adds(out, text);
    found++;
  }
  cm_buf_adds(out, more ? "],\"has_more\":true}" : "],\"has_more\":false}");
  return true;
}

/* The answer to the request on the wire arrives. */
static void answer(reader *r) {
  cm_request *q = &r->walk.request;
  char why[128];
  cm_queue_remove(queue, q);
  cm_buf_clear(&q->body);
  cm_failure_init(&q->failure);
  if (serve(r->query, &q->body)) {
    q->state = q->watch->accept(q->owner, q, why, sizeof why) == CM_NET_OK ? CM_DONE : CM_FAILED;
  } else {
    q->state = CM_FAILED;
    q->failure.status = 400;
    strcpy(q->failure.code, "resource_missing");
    strcpy(q->failure.param, "starting_after");
  }
  q->watch->ended(q->owner, q);
}

/* The attempt on the wire fails and waits for the next. */
static void fail(reader *r) {
  cm_outcome o = {CM_NET_OK, 500, -1, -1, ""};
  cm_request *q = &r->walk.request;
  cm_queue_remove(queue, q);
  q->watch->again(q->owner, &o);
  cm_queue_add(queue, q, 0);
}

static void take(reader *r) {
  cm_page page = {0};
  size_t i, len;
  if (!cm_walk_take(&r->walk, &page))
    return;
  for (i = 0; i < page.count; i++)
    list.given[atoi(cm_page_id(&page, i, &len) + 1)]++;
  cm_page_free(&page);
}

/* Splits where it may be possible, and gives what is left over to a new reader. */
static void split(reader *r, int lowest, int highest) {
  cm_walk *w = &r->walk;
  cm_bound low = cm_walk_floor(w);
  int second = lowest - 1 + below(highest - lowest + 3);
  bool ready = w->has_ready, ahead = w->has_ahead, flying = w->request.state == CM_RUNNING;
  if (n_readers == READERS)
    return;
  if (!cm_walk_split(w, second)) {
    refused++;
    return;
  }
  cuts_ready += w->complete && ready;
  cuts_ahead += w->complete && ahead;
  cuts_flying += !w->complete && flying;
  start(w->limit, low.set ? low.second : 0, second);
}

static bool over(const reader *r) {
  return r->walk.complete && !r->walk.has_ready;
}

/* One random action. */
static void act(reader *r, int lowest, int highest) {
  cm_walk *w = &r->walk;
  int dice = below(100);
  if (dice < 8)
    split(r, lowest, highest);
  else if (dice < 40)
    take(r);
  else if (w->request.state == CM_WAITING)
    depart(r);
  else if (w->request.state == CM_RUNNING && dice < 45)
    fail(r);
  else if (w->request.state == CM_RUNNING)
    answer(r);
}

/* Runs all readers to their end. Returns how many of them failed. */
static int finish(int lowest, int highest, bool deletions) {
  int i, open, failed = 0;
  do {
    open = 0;
    for (i = 0; i < n_readers; i++) {
      if (deletions && below(200) == 0)
        list.deleted[below(list.count)] = true;
      if (over(&readers[i]))
        continue;
      act(&readers[i], lowest, highest);
      open++;
    }
  } while (open > 0);
  for (i = 0; i < n_readers; i++)
    failed += readers[i].walk.failed;
  return failed;
}

/* Objects with random gaps in time, some of them many in one second. */
static int fill(void) {
  int gap = 1 + below(6), ties = below(40), i, second = 5000, same = 0;
  list.count = below(OBJECTS);
  for (i = 0; i < list.count; i++) {
    if (same > 0)
      same--;
    else if (below(10) == 0)
      same = below(ties + 1);
    else
      second -= below(gap + 1);
    list.created[i] = second;
  }
  return second;
}

static void gives_each_object_once(bool deletions, unsigned from) {
  int run, i;
  cuts_ready = cuts_ahead = cuts_flying = refused = 0;
  for (run = 0; run < 2000; run++) {
    int lowest;
    seed = from + (unsigned)run;
    stop();
    lowest = fill();
    start(1 + below(30), below(2) ? lowest : 0, below(2) ? 5001 : 0);
    CHECK(finish(lowest, 5000, deletions) == 0);
    for (i = 0; i < list.count; i++)
      CHECK(list.given[i] == 1 || (list.deleted[i] && list.given[i] == 0));
  }
  /* the dice did not miss what this is about */
  CHECK(cuts_ready > 100 && cuts_ahead > 100 && cuts_flying > 100 && refused > 100);
}

static void gives_each_object_once_however_it_is_split(void) {
  gives_each_object_once(false, 1);
}

static void gives_each_object_once_while_others_are_deleted(void) {
  gives_each_object_once(true, 100000);
}

/* Sends what waits and answers it. */
static void exchange(void) {
  depart(&readers[0]);
  answer(&readers[0]);
}

/* A reader of objects at these seconds, in pages of 2. */
static cm_walk *read_list(const int *created, int count) {
  stop();
  list.count = count;
  memcpy(list.created, created, (size_t)count * sizeof *created);
  return start(2, 0, 0);
}

#define READ(...)                                                                                  \
  read_list((const int[]){__VA_ARGS__}, (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)))

static void ends_at_once_when_a_page_is_cut(void) {
  cm_walk *w = READ(90, 80, 70, 60, 50, 40);
  exchange();
  depart(&readers[0]);
  CHECK(cm_walk_split(w, 85));
  CHECK(w->complete && !w->failed && w->request.state == CM_NEW && queue->n_running == 0);
  CHECK(w->ready.count == 1 && !w->ready.has_more);
}

static void drops_a_page_that_is_wholly_older(void) {
  cm_walk *w = READ(90, 80, 70, 60, 50, 40);
  exchange();
  exchange();
  CHECK(w->has_ahead && cm_walk_split(w, 75));
  CHECK(w->complete && !w->has_ahead && w->ready.count == 2 && !w->ready.has_more);
}

static void cuts_the_page_on_the_wire(void) {
  cm_walk *w = READ(90, 80, 70, 60, 50, 40);
  exchange();
  depart(&readers[0]);
  CHECK(cm_walk_split(w, 65) && !w->complete);
  answer(&readers[0]);
  CHECK(w->complete && w->ahead.count == 1 && !w->ahead.has_more);
}

static void gives_what_is_asked_later_the_bound(void) {
  cm_walk *w = READ(90, 80, 70, 60, 50, 40);
  exchange();
  CHECK(w->request.state == CM_WAITING && cm_walk_split(w, 55));
  CHECK(strstr(cm_buf_str(&w->request.query), "created%5Bgte%5D=55") != NULL);
  depart(&readers[0]);
  CHECK(cm_walk_split(w, 65)); /* sent with 55 */
  fail(&readers[0]);
  depart(&readers[0]);
  CHECK(strstr(readers[0].query, "created%5Bgte%5D=65") != NULL);
  answer(&readers[0]);
  CHECK(w->complete && w->ahead.count == 1 && w->ahead.list[0].created == 70);
}

static void refuses_what_is_no_split(void) {
  cm_walk *w = READ(90, 80, 70, 60, 50, 40);
  exchange();
  CHECK(!cm_walk_split(w, 90) && !cm_walk_split(w, 91));
  take(&readers[0]);
  CHECK(w->reached.set && w->reached.second == 80);
  CHECK(!cm_walk_split(w, 85) && !cm_walk_split(w, 80));
  CHECK(cm_walk_split(w, 60) && cm_walk_floor(w).second == 60);
  CHECK(!cm_walk_split(w, 60) && !cm_walk_split(w, 59));
  exchange();
  CHECK(w->complete && !cm_walk_split(w, 65));
}

static void knows_its_bounds_before_the_first_page(void) {
  cm_walk *w = READ(90);
  CHECK(!cm_walk_floor(w).set);
  w->gte = (cm_bound){true, 50};
  w->gt = (cm_bound){true, 50};
  CHECK(cm_walk_floor(w).second == 51);
  w->lt = (cm_bound){true, 81};
  CHECK(!cm_walk_split(w, 51) && !cm_walk_split(w, 80));
  w->lte = (cm_bound){true, 70};
  CHECK(!cm_walk_split(w, 70) && cm_walk_split(w, 69));
  CHECK(!w->gt.set && cm_walk_floor(w).second == 69);
}

static void refuses_objects_without_created(void) {
  cm_walk *w = READ(90, 0, 80, 70, 60);
  exchange();
  CHECK(w->unordered && !cm_walk_split(w, 75));
}

static void refuses_objects_out_of_order(void) {
  cm_walk *w = READ(90, 80, 85, 70, 60);
  exchange();
  CHECK(!w->unordered);
  exchange();
  CHECK(w->unordered && !cm_walk_split(w, 75));
}

static void leaves_an_unordered_page_on_the_wire_to_the_server(void) {
  cm_walk *w = READ(90, 80, 50, 70, 60);
  exchange();
  depart(&readers[0]);
  CHECK(cm_walk_split(w, 65));
  answer(&readers[0]);
  CHECK(!w->has_ahead && w->request.state == CM_WAITING);
  exchange();
  CHECK(w->complete && w->ahead.count == 1 && w->ahead.list[0].created == 70);
}

/* After the cursor was deleted, the server names the same two objects for ever, in turns. */
static void gives_up_when_the_same_objects_come_over_and_over(void) {
  cm_walk *w = READ(90, 80, 70, 60, 50, 40);
  int rounds = 0;
  exchange();
  list.deleted[1] = true;
  exchange();
  CHECK(w->recovering && !w->failed);
  while (!w->failed && rounds < 20) {
    list.page =
        rounds++ % 2 == 1
            ? "{\"object\":\"list\",\"data\":[{\"id\":\"o0\",\"created\":90}],\"has_more\":true}"
            : "{\"object\":\"list\",\"data\":[{\"id\":\"o1\",\"created\":80}],\"has_more\":true}";
    exchange();
  }
  CHECK(rounds == 3); /* once more than there are objects that it knows */
  CHECK(w->request.failure.kind == CM_DECODE);
  CHECK(strstr(w->request.failure.message, "the same objects over and over"));
}

int main(void) {
  queue = cm_queue_new(4);
  client = cm_client_new(queue, NULL, NULL);
  RUN(gives_each_object_once_however_it_is_split);
  RUN(gives_each_object_once_while_others_are_deleted);
  RUN(ends_at_once_when_a_page_is_cut);
  RUN(drops_a_page_that_is_wholly_older);
  RUN(cuts_the_page_on_the_wire);
  RUN(gives_what_is_asked_later_the_bound);
  RUN(refuses_what_is_no_split);
  RUN(knows_its_bounds_before_the_first_page);
  RUN(refuses_objects_without_created);
  RUN(refuses_objects_out_of_order);
  RUN(leaves_an_unordered_page_on_the_wire_to_the_server);
  RUN(gives_up_when_the_same_objects_come_over_and_over);
  stop();
  cm_client_release(client);
  cm_queue_release(queue);
  return test_end();
}
