#include "net/pass.h"

#include <string.h>

/*
** Takes hold of an endpoint in each of CM_LIMITERS limiters, NULL ones left out; the pass must be
** zeroed. Returns false when memory is short; cm_pass_leave is due in any case.
*/
bool cm_pass_enter(cm_pass *p, cm_limiter *const *limiters, const char *endpoint, double now) {
  int i;
  for (i = 0; i < CM_LIMITERS; i++) {
    cm_bucket *b;
    if (!limiters[i])
      continue;
    b = cm_limiter_enter(limiters[i], endpoint, now);
    if (!b)
      return false;
    p->limiters[p->count] = limiters[i];
    p->buckets[p->count++] = b;
  }
  return true;
}

/*
** Lets go of everything; harmless when repeated. No request may wait or be in flight.
*/
void cm_pass_leave(cm_pass *p) {
  while (p->count > 0) {
    p->count--;
    cm_limiter_leave(p->limiters[p->count], p->buckets[p->count]);
  }
}

/*
** Counts a request that waits (1), or no longer waits (-1).
*/
void cm_pass_wait(cm_pass *p, int requests) {
  int i;
  for (i = 0; i < p->count; i++) {
    p->limiters[i]->waiting += requests;
    p->buckets[i]->waiting += requests;
  }
}

/*
** Asks to send the request. Returns 0 if every limiter lets it (and has counted it in flight until
** cm_pass_finish); else the time at which to ask again, and no limiter has given anything.
*/
double cm_pass_acquire(cm_pass *p, double now) {
  double when = now;
  int i;
  for (i = 0; i < p->count; i++) {
    double ready = cm_limiter_ready(p->limiters[i], p->buckets[i], now);
    if (ready > when)
      when = ready;
  }
  if (when > now)
    return when;
  for (i = 0; i < p->count; i++)
    cm_limiter_take(p->limiters[i], p->buckets[i]);
  p->in_flight = true;
  return 0;
}

/*
** Ends the request's flight, whether it succeeded or not. Harmless if it was not in flight.
*/
void cm_pass_finish(cm_pass *p) {
  int i;
  if (!p->in_flight)
    return;
  p->in_flight = false;
  for (i = 0; i < p->count; i++)
    cm_limiter_finish(p->limiters[i]);
}

/*
** Reacts to a 429, as cm_limiter_punish. The account's limiter takes every one: Stripe counts by
** account (Stripe docs, Rate limits). The others only what names a global limit, since one
** account's trouble must not slow all of them down.
*/
void cm_pass_punish(cm_pass *p, const char *reason, double pause, double now) {
  bool global = reason && strncmp(reason, "global-", 7) == 0;
  int i;
  for (i = 0; i < p->count; i++)
    if (i == 0 || global)
      cm_limiter_punish(p->limiters[i], p->buckets[i], reason, pause, now);
}
