#include "net/limiter.h"
#include "test.h"

#include <math.h>

static cm_limiter *l;
static cm_bucket *a, *b;

static void start(double rate, double endpoint_rate, double burst, double concurrency) {
  cm_limits limits = {rate, endpoint_rate, burst, concurrency};
  cm_limiter_release(l);
  l = cm_limiter_new(&limits, 0);
  a = cm_limiter_enter(l, "GET /v1/charges", 0);
  b = cm_limiter_enter(l, "GET /v1/refunds", 0);
}

/* Sends a request if it may go: 0. Else when to ask again. */
static double acquire(cm_bucket *bucket, double now) {
  double when = cm_limiter_ready(l, bucket, now);
  if (when > now)
    return when;
  cm_limiter_take(l, bucket);
  return 0;
}

/* Sends all it may on a bucket until `end`, as fast as allowed. Returns how many. */
static int flood(cm_bucket *bucket, double from, double end) {
  int sent = 0;
  double now = from;
  while (now < end) {
    double when = acquire(bucket, now);
    if (when == 0) {
      sent++;
      cm_limiter_finish(l);
    } else {
      if (when <= now)
        return -1;
      now = when;
    }
  }
  return sent;
}

static bool near(double x, double y) {
  return fabs(x - y) < 1e-6;
}

static void holds_the_global_rate(void) {
  int sent;
  start(25, 0, 0, 0);
  sent = flood(a, 0, 10);
  CHECK(sent >= 250 && sent <= 256); /* 10 s and a fifth of a second's burst */
}

static void holds_the_endpoint_rate(void) {
  int sent;
  start(100, 25, 1, 0);
  sent = flood(a, 0, 10);
  CHECK(sent >= 249 && sent <= 252);
  CHECK(acquire(b, 10) == 0); /* another endpoint has its own */
}

static void spends_no_token_in_vain(void) {
  start(100, 1, 1, 0);
  CHECK(acquire(a, 0) == 0);
  CHECK(near(l->global->tokens, 0));
  CHECK(near(acquire(a, 0), 1));
  CHECK(near(acquire(a, 0.5), 1));
  CHECK(near(l->global->tokens, 1));
}

static void allows_a_burst_after_a_pause(void) {
  int sent = 0;
  start(10, 0, 4, 0);
  CHECK(flood(a, 0, 5) > 0);
  while (acquire(a, 100) == 0)
    sent++;
  CHECK(sent == 4);
}

static void can_be_off(void) {
  int i;
  start(0, INFINITY, 0, 0);
  for (i = 0; i < 1000; i++)
    CHECK(acquire(a, 0) == 0);
  CHECK(l->in_flight == 1000);
}

static void bounds_what_is_in_flight(void) {
  start(0, 0, 0, 2);
  CHECK(acquire(a, 0) == 0 && acquire(b, 0) == 0);
  CHECK(acquire(a, 0) > 0);
  cm_limiter_finish(l);
  CHECK(acquire(a, 0) == 0);
}

static void halves_the_endpoint(void) {
  start(100, 20, 0, 0);
  cm_limiter_punish(l, a, "endpoint-rate", 0, 0);
  CHECK(near(cm_bucket_rate(a, 0), 10) && near(cm_bucket_rate(l->global, 0), 100));
  CHECK(acquire(a, 0) > 0);
  CHECK(acquire(b, 0) == 0);
  CHECK(l->limited == 1);
}

static void counts_answers_that_come_together_once(void) {
  int i;
  start(100, 20, 0, 0);
  for (i = 0; i < 10; i++)
    cm_limiter_punish(l, a, "endpoint-rate", 0, 0.01 * i);
  CHECK(cm_bucket_rate(a, 0.1) < 11 && cm_bucket_rate(a, 0.1) > 10);
  for (i = 0; i < 100; i++)
    cm_limiter_punish(l, a, "endpoint-rate", 0, 10 + i);
  CHECK(cm_bucket_rate(a, 110) >= 20 / 32.); /* never stops for good */
}

static void recovers_linearly(void) {
  start(100, 20, 0, 0);
  cm_limiter_punish(l, a, "endpoint-rate", 0, 0);
  CHECK(near(cm_bucket_rate(a, 1), 12));
  CHECK(near(cm_bucket_rate(a, 5), 20));
  CHECK(near(cm_bucket_rate(a, 50), 20));
}

static void takes_an_unknown_reason_for_global(void) {
  start(100, 20, 0, 0);
  cm_limiter_punish(l, a, NULL, 0, 0);
  CHECK(near(cm_bucket_rate(l->global, 0), 50) && near(cm_bucket_rate(a, 0), 20));
  cm_limiter_punish(l, a, "global-rate", 0, 10);
  CHECK(near(cm_bucket_rate(l->global, 10), 50));
}

static void waits_as_long_as_asked(void) {
  start(0, 0, 0, 0);
  cm_limiter_punish(l, a, "endpoint-rate", 3, 10);
  CHECK(near(acquire(a, 10), 13));
  CHECK(acquire(b, 10) == 0);
  CHECK(acquire(a, 13) == 0);
  cm_limiter_punish(l, a, "endpoint-rate", 0, 20);
  CHECK(acquire(a, 20) > 20);
}

static void cuts_concurrency(void) {
  int i;
  start(0, 0, 0, 8);
  for (i = 0; i < 4; i++)
    CHECK(acquire(a, 0) == 0);
  cm_limiter_finish(l);
  cm_limiter_punish(l, a, "endpoint-concurrency", 0, 0);
  CHECK(near(cm_limiter_concurrency(l, 0), 2));
  CHECK(acquire(a, 0) > 0);
  CHECK(near(cm_limiter_concurrency(l, 3), 5));
  CHECK(near(cm_limiter_concurrency(l, 100), 8));
  for (i = 0; i < 10; i++)
    cm_limiter_punish(l, a, "global-concurrency", 0, 200 + 2 * i);
  CHECK(cm_limiter_concurrency(l, 218) >= 1);
}

static void has_room_for_what_could_go(void) {
  int i;
  start(100, 25, 10, 8);
  CHECK(cm_limiter_room(l, NULL, 0) == 8); /* in flight */
  CHECK(cm_limiter_room(l, a->name, 0) == 8);
  for (i = 0; i < 3; i++)
    CHECK(acquire(a, 0) == 0);
  CHECK(cm_limiter_room(l, NULL, 0) == 5);
  for (i = 0; i < 3; i++)
    cm_limiter_finish(l);
  CHECK(cm_limiter_room(l, NULL, 0) == 7 && cm_limiter_room(l, a->name, 0) == 7); /* tokens */
  CHECK(flood(a, 0, 0.41) == 17);
  CHECK(cm_limiter_room(l, a->name, 0.41) == 0 && cm_limiter_room(l, b->name, 0.41) == 8);
}

static void has_no_room_for_what_waits_already(void) {
  start(100, 5, 10, 0);
  a->waiting = 3;
  CHECK(cm_limiter_room(l, a->name, 0) == 7 && cm_limiter_room(l, b->name, 0) == 7);
  a->waiting = 50; /* only 10 of them can go */
  b->waiting = 0;
  CHECK(cm_limiter_room(l, a->name, 0) == 0 && cm_limiter_room(l, NULL, 0) == 0);
  CHECK(cm_limiter_own_room(l, a->name, 0) == 0 && cm_limiter_own_room(l, b->name, 0) == 10);
  CHECK(isinf(cm_limiter_own_room(l, "GET /v1/unused", 0)));
  CHECK(flood(a, 0, 0.5) == 12); /* none of them can go */
  CHECK(cm_limiter_room(l, NULL, 0.5) == 10 && cm_limiter_room(l, b->name, 0.5) == 10);
  a->waiting = 0;
}

static void has_room_without_a_limit(void) {
  start(0, 0, 0, 0);
  CHECK(isinf(cm_limiter_room(l, NULL, 0)) && isinf(cm_limiter_room(l, "GET /v1/payouts", 0)));
  cm_limiter_punish(l, a, "endpoint-rate", 3, 0);
  CHECK(cm_limiter_room(l, a->name, 1) == 0 && isinf(cm_limiter_room(l, b->name, 1)));
  CHECK(isinf(cm_limiter_room(l, a->name, 3)));
}

static void forgets_idle_endpoints(void) {
  char name[32];
  int i;
  start(0, 25, 0, 0);
  for (i = 0; i < 10000; i++) {
    cm_bucket *one;
    snprintf(name, sizeof name, "GET /v1/charges/ch_%d", i);
    one = cm_limiter_enter(l, name, i);
    CHECK(one && acquire(one, i) == 0);
    cm_limiter_finish(l);
    cm_limiter_leave(l, one);
  }
  CHECK(l->count <= CM_ENDPOINTS + 1);
  CHECK(cm_limiter_enter(l, "GET /v1/charges", 10000) == a); /* still in use */
}

static void keeps_to_a_share(void) {
  int sent;
  start(20, 10, 0, 8);
  sent = flood(a, 0, 10);
  CHECK(sent >= 100 && sent <= 102);
  cm_limiter_scale(l, 0.25, 10);
  sent = flood(a, 10, 20); /* 2.5 a second, and a token that was left */
  CHECK(sent >= 25 && sent <= 26);
  CHECK(cm_bucket_rate(l->global, 20) == 5 && cm_limiter_concurrency(l, 20) == 2);
  CHECK(cm_bucket_rate(cm_limiter_enter(l, "GET /v1/payouts", 20), 20) == 2.5);
  cm_limiter_scale(l, 0, 20);
  CHECK(flood(a, 20, 60) <= 2 && cm_limiter_concurrency(l, 60) == 1);
  cm_limiter_scale(l, 1, 60);
  CHECK(flood(a, 60, 70) >= 99 && cm_limiter_concurrency(l, 70) == 8);
}

static void keeps_a_cut_when_its_share_changes(void) {
  start(20, 0, 0, 8);
  cm_limiter_punish(l, a, NULL, 0, 0);
  cm_limiter_punish(l, a, "global-concurrency", 0, 0);
  CHECK(cm_bucket_rate(l->global, 0) == 10 && cm_limiter_concurrency(l, 0) == 1);
  cm_limiter_scale(l, 0.5, 0);
  CHECK(cm_bucket_rate(l->global, 0) == 5 && cm_limiter_concurrency(l, 0) == 1);
  CHECK(cm_bucket_rate(l->global, 100) == 10 && cm_limiter_concurrency(l, 100) == 4);
  start(0, 0, 0, 0);
  cm_limiter_scale(l, 0.5, 0); /* nothing to divide */
  CHECK(isinf(cm_limiter_room(l, NULL, 0)) && isinf(cm_limiter_room(l, a->name, 0)));
}

static void takes_other_limits(void) {
  cm_limits more = {40, 20, 0, 16}, off = {0, 0, 0, 0};
  start(20, 10, 0, 8);
  cm_limiter_scale(l, 0.5, 0);
  cm_limiter_limit(l, &more, 0); /* of which it has the half */
  CHECK(cm_bucket_rate(l->global, 0) == 20 && cm_bucket_rate(a, 0) == 10);
  CHECK(cm_limiter_concurrency(l, 0) == 8);
  cm_limiter_scale(l, 1, 0);
  CHECK(cm_bucket_rate(l->global, 0) == 40 && cm_bucket_rate(a, 0) == 20);
  cm_limiter_punish(l, a, NULL, 0, 0);
  cm_limiter_punish(l, a, "global-concurrency", 0, 0);
  more.rate = 20;
  cm_limiter_limit(l, &more, 0); /* what was cut stays cut */
  CHECK(cm_bucket_rate(l->global, 0) == 10 && cm_limiter_concurrency(l, 0) == 1);
  cm_limiter_limit(l, &off, 1);
  CHECK(isinf(cm_bucket_rate(l->global, 1)) && isinf(cm_bucket_rate(a, 1)));
  CHECK(isinf(cm_limiter_concurrency(l, 1)));
  cm_limiter_limit(l, &more, 2);
  CHECK(cm_bucket_rate(l->global, 2) == 20 && cm_limiter_concurrency(l, 2) == 16);
  CHECK(cm_bucket_rate(cm_limiter_enter(l, "GET /v1/payouts", 2), 2) == 20);
}

int main(void) {
  RUN(holds_the_global_rate);
  RUN(holds_the_endpoint_rate);
  RUN(spends_no_token_in_vain);
  RUN(allows_a_burst_after_a_pause);
  RUN(can_be_off);
  RUN(bounds_what_is_in_flight);
  RUN(halves_the_endpoint);
  RUN(counts_answers_that_come_together_once);
  RUN(recovers_linearly);
  RUN(takes_an_unknown_reason_for_global);
  RUN(waits_as_long_as_asked);
  RUN(cuts_concurrency);
  RUN(has_room_for_what_could_go);
  RUN(has_no_room_for_what_waits_already);
  RUN(has_room_without_a_limit);
  RUN(forgets_idle_endpoints);
  RUN(keeps_to_a_share);
  RUN(keeps_a_cut_when_its_share_changes);
  RUN(takes_other_limits);
  cm_limiter_release(l);
  return test_end();
}
