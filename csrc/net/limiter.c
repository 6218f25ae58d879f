#include "net/limiter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RECOVERY 0.1    /* of the configured rate, regained a second */
#define FLOOR (1 / 32.) /* of the configured rate, never cut below */
#define SAME_EVENT 1.0  /* seconds in which several 429s count as one */
#define PAUSE_UNLIMITED 0.5
#define LEAST_SHARE (1 / 1024.) /* rates stay above 0: a smaller share is next to nothing */
#define OTHERS_FINISH 0.1       /* seconds: requests of another transport may end unseen */

/* Own ones, so that the module need not link libm. */
static double least(double a, double b) {
  return a < b ? a : b;
}

static double most(double a, double b) {
  return a > b ? a : b;
}

/* The tokens that a bucket of some rate may hold: at least one request's. */
static double burst_of(double rate, double burst) {
  return most(1, burst > 0 ? burst : rate / 5);
}

static cm_bucket *bucket_new(const char *name, double rate, double burst, double now) {
  size_t n = strlen(name) + 1;
  cm_bucket *b = calloc(1, sizeof *b + n);
  if (!b)
    return NULL;
  memcpy(b->name, name, n);
  b->base = b->rate = rate > 0 ? rate : INFINITY;
  b->burst = burst_of(b->base, burst);
  b->tokens = b->burst;
  b->at = now;
  b->cut_at = -INFINITY;
  return b;
}

/*
** Brings tokens and rate up to date. A rate that was cut comes back linearly, so the tokens of an
** interval are those of its mean rate.
*/
static void refill(cm_bucket *b, double now) {
  double before = b->rate, passed = now - b->at;
  if (isinf(b->base) || passed <= 0)
    return;
  b->rate = least(b->base, b->rate + RECOVERY * b->base * passed);
  b->tokens = least(b->burst, b->tokens + (before + b->rate) / 2 * passed);
  b->at = now;
}

/* The first moment, now or later, at which the bucket may have a token. */
static double ready(cm_bucket *b, double now) {
  double when = now;
  refill(b, now);
  if (!isinf(b->base) && b->tokens < 1 - 1e-9)
    when = now + (1 - b->tokens) / b->rate;
  return most(when, b->not_before);
}

static void take(cm_bucket *b) {
  if (!isinf(b->base))
    b->tokens -= 1;
}

/*
** A server said the bucket is too fast: empty it, halve its rate (once for answers that come
** together), and wait as long as asked. Without a rate to halve there is only the wait.
*/
static void cut(cm_bucket *b, double pause, double now) {
  refill(b, now);
  if (isinf(b->base))
    pause = most(pause, PAUSE_UNLIMITED);
  b->not_before = most(b->not_before, now + pause);
  if (now - b->cut_at < SAME_EVENT)
    return;
  b->cut_at = now;
  b->tokens = least(b->tokens, 0);
  if (!isinf(b->base))
    b->rate = most(b->rate / 2, b->base * FLOOR);
}

/*
** Makes a limiter with one reference. The burst is kept small on purpose: a server whose bucket
** has the same rate and holds a second's worth then never sees more than it allows, even if the
** network bunches requests. Returns NULL when memory is short.
*/
cm_limiter *cm_limiter_new(const cm_limits *limits, double now) {
  cm_limiter *l = calloc(1, sizeof *l);
  if (!l)
    return NULL;
  l->global = bucket_new("", limits->rate, limits->burst, now);
  if (!l->global) {
    free(l);
    return NULL;
  }
  l->refs = 1;
  l->share = 1;
  l->limits = *limits;
  if (!(l->limits.concurrency > 0))
    l->limits.concurrency = INFINITY;
  l->concurrency = l->limits.concurrency;
  l->concurrency_at = now;
  l->concurrency_cut_at = -INFINITY;
  return l;
}

/*
** Gives up one reference (holders count up `refs` themselves). NULL is harmless.
*/
void cm_limiter_release(cm_limiter *l) {
  cm_bucket *b, *next;
  if (!l || --l->refs > 0)
    return;
  for (b = l->endpoints; b; b = next) {
    next = b->next;
    free(b);
  }
  free(l->global);
  free(l);
}

/* Gives a bucket another rate. A rate that was cut stays cut by as much. */
static void bucket_scale(cm_bucket *b, double rate, double burst, double now) {
  refill(b, now);
  if (isinf(b->base) && !(rate > 0 && !isinf(rate)))
    return;
  if (isinf(b->base) || !(rate > 0) || isinf(rate))
    b->rate = rate > 0 ? rate : INFINITY;
  else
    b->rate *= rate / b->base;
  b->base = rate > 0 ? rate : INFINITY;
  b->burst = burst_of(rate, burst);
  b->tokens = least(b->tokens, b->burst);
}

/* Requests that a limiter's share lets be in flight. */
static double concurrency_of(const cm_limiter *l) {
  return most(1, l->limits.concurrency * l->share);
}

/*
** Gives a limiter in use other limits, of which it keeps its share. What 429s have cut stays cut by
** as much.
*/
void cm_limiter_limit(cm_limiter *l, const cm_limits *limits, double now) {
  double before = concurrency_of(l), cut = before - cm_limiter_concurrency(l, now);
  l->limits = *limits;
  if (!(l->limits.concurrency > 0))
    l->limits.concurrency = INFINITY;
  l->concurrency =
      isinf(before) ? concurrency_of(l) : most(1, concurrency_of(l) * (1 - cut / before));
  cm_limiter_scale(l, l->share, now);
}

/*
** Has the limiter keep to a share of its limits from now on: several processes that ask one server
** divide what it allows. share: 0 to 1; next to nothing goes with 0.
*/
void cm_limiter_scale(cm_limiter *l, double share, double now) {
  double before = concurrency_of(l), cut = before - cm_limiter_concurrency(l, now);
  cm_bucket *b;
  l->share = least(1, most(share, LEAST_SHARE));
  bucket_scale(l->global, l->limits.rate * l->share, l->limits.burst * l->share, now);
  for (b = l->endpoints; b; b = b->next)
    bucket_scale(b, l->limits.endpoint_rate * l->share, l->limits.burst * l->share, now);
  if (!isinf(l->limits.concurrency))
    l->concurrency = most(1, concurrency_of(l) * (1 - cut / before));
}

/* Forgets unused endpoints in their initial state: a new bucket would be equal. */
static void prune(cm_limiter *l, double now) {
  cm_bucket **at = &l->endpoints;
  while (*at) {
    cm_bucket *b = *at;
    refill(b, now);
    if (b->users == 0 && b->not_before <= now && b->rate >= b->base &&
        (isinf(b->base) || b->tokens >= b->burst)) {
      *at = b->next;
      l->count--;
      free(b);
    } else {
      at = &b->next;
    }
  }
}

/*
** Returns the bucket of an endpoint, which the caller holds until cm_limiter_leave, or NULL when
** memory is short.
*/
cm_bucket *cm_limiter_enter(cm_limiter *l, const char *endpoint, double now) {
  cm_bucket *b;
  for (b = l->endpoints; b && strcmp(b->name, endpoint) != 0; b = b->next)
    ;
  if (!b) {
    if (l->count >= CM_ENDPOINTS)
      prune(l, now);
    b = bucket_new(endpoint, l->limits.endpoint_rate * l->share, l->limits.burst * l->share, now);
    if (!b)
      return NULL;
    b->next = l->endpoints;
    l->endpoints = b;
    l->count++;
  }
  b->users++;
  return b;
}

/*
** Lets go of a bucket got from cm_limiter_enter.
*/
void cm_limiter_leave(cm_limiter *l, cm_bucket *b) {
  (void)l;
  b->users--;
}

/*
** Returns how many requests may be in flight now, as a fraction (after a cut, one more a second).
*/
double cm_limiter_concurrency(cm_limiter *l, double now) {
  if (now > l->concurrency_at) {
    l->concurrency = least(concurrency_of(l), l->concurrency + now - l->concurrency_at);
    l->concurrency_at = now;
  }
  return l->concurrency;
}

/*
** Returns the bucket's rate now, in requests a second.
*/
double cm_bucket_rate(cm_bucket *b, double now) {
  refill(b, now);
  return b->rate;
}

/*
** Returns when one more request may go: `now`, or the time at which to ask again.
*/
double cm_limiter_ready(cm_limiter *l, cm_bucket *b, double now) {
  if (l->in_flight + 1 > cm_limiter_concurrency(l, now))
    return now + OTHERS_FINISH;
  return most(ready(l->global, now), ready(b, now));
}

/*
** Spends a request's tokens, which must be ready, and counts it in flight until cm_limiter_finish.
*/
void cm_limiter_take(cm_limiter *l, cm_bucket *b) {
  take(l->global);
  take(b);
  l->in_flight++;
}

/*
** Ends a request that had taken its tokens, whether it succeeded or not.
*/
void cm_limiter_finish(cm_limiter *l) {
  l->in_flight--;
}

static double whole(double n) {
  return n < 1e15 ? (double)(long long)n : INFINITY;
}

/* Requests for which the bucket has tokens now. */
static double held(cm_bucket *b, double now) {
  refill(b, now);
  if (b->not_before > now)
    return 0;
  return isinf(b->base) ? INFINITY : whole(b->tokens + 1e-9);
}

/*
** Returns how many more requests to an endpoint its own limit would allow now, after those that
** wait: a whole number, INFINITY without a limit or for an endpoint not used lately.
*/
double cm_limiter_own_room(cm_limiter *l, const char *endpoint, double now) {
  cm_bucket *b;
  for (b = l->endpoints; b; b = b->next)
    if (strcmp(b->name, endpoint) == 0)
      return most(0, held(b, now) - b->waiting);
  return INFINITY;
}

/*
** Returns how many more requests to an endpoint could go now, after those that wait: a whole
** number, INFINITY without a limit. endpoint: NULL, or one not used lately, for any.
*/
double cm_limiter_room(cm_limiter *l, const char *endpoint, double now) {
  double slots = whole(cm_limiter_concurrency(l, now)) - l->in_flight;
  double room = least(held(l->global, now), slots);
  cm_bucket *b;
  for (b = l->endpoints; b; b = b->next)
    room -= least(held(b, now), b->waiting); /* more of them cannot go now, and take nothing */
  return most(0, endpoint ? least(room, cm_limiter_own_room(l, endpoint, now)) : room);
}

/*
** Reacts to a 429. reason: Stripe-Rate-Limited-Reason (Stripe docs, Rate limits: global-rate,
** endpoint-rate, global-concurrency, endpoint-concurrency, resource-specific) or NULL, which is
** taken for global-rate. pause: seconds the server asked for, 0 if it did not.
*/
void cm_limiter_punish(cm_limiter *l, cm_bucket *b, const char *reason, double pause, double now) {
  l->limited++;
  if (reason && strstr(reason, "-concurrency")) {
    cm_limiter_concurrency(l, now);
    if (now - l->concurrency_cut_at < SAME_EVENT)
      return;
    l->concurrency_cut_at = now;
    /* Without a bound of our own, what was in flight (this one included) was too much. */
    l->concurrency = most(1, least(l->concurrency, l->in_flight + 1) / 2);
  } else if (reason &&
             (strcmp(reason, "endpoint-rate") == 0 || strcmp(reason, "resource-specific") == 0)) {
    cut(b, pause, now);
  } else {
    cut(l->global, pause, now);
  }
}
