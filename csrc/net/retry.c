#include "net/retry.h"

#include <string.h>

/*
** Returns whether the same request may succeed later: network trouble, 408, 409, 424, 429, every
** status from 500 up (a proxy in front of Stripe has its own, such as 520), and 400 with code
** rate_limit; Stripe-Should-Retry overrides (as in Stripe's SDKs, which add that 400).
*/
bool cm_retryable(const cm_outcome *o) {
  if (o->net != CM_NET_OK)
    return o->net != CM_NET_FINAL;
  if (o->should_retry >= 0)
    return o->should_retry == 1;
  switch (o->status) {
  case 408:
  case 409:
  case 424:
  case 429:
    return true;
  case 400:
    return strcmp(o->code, "rate_limit") == 0;
  default:
    return o->status >= 500;
  }
}

/*
** Computes capped exponential backoff with full jitter: uniform in [0, min(cap, backoff *
*2^(attempt-1))).
** attempt: the attempts made so far, from 1. random: uniform in [0, 1). Returns seconds.
*/
double cm_backoff(const cm_policy *p, int attempt, double random) {
  double bound = p->backoff;
  while (--attempt > 0 && bound < p->backoff_cap)
    bound *= 2;
  return random * (bound < p->backoff_cap ? bound : p->backoff_cap);
}

/*
** Returns the seconds to wait before the next attempt, or -1 to give up. A wait the server asked
** for is kept, up to CM_RETRY_AFTER_MAX; the jitter may only make it longer.
*/
double cm_retry_delay(const cm_policy *p, const cm_outcome *o, int attempts, double random) {
  double wait, asked = o->retry_after;
  if (attempts > p->retries || !cm_retryable(o))
    return -1;
  wait = cm_backoff(p, attempts, random);
  if (asked > CM_RETRY_AFTER_MAX)
    asked = CM_RETRY_AFTER_MAX;
  return asked > wait ? asked : wait;
}
