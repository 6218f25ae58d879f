/*
** pass.h: one request's way through all the limiters that it is under, all or none. Lua-free.
** The first limiter is the account's; others count what several accounts do together.
*/
#ifndef CM_PASS_H
#define CM_PASS_H

#include "net/limiter.h"

#define CM_LIMITERS 2 /* the account's, and the one of the platform's key */

typedef struct cm_pass {
  cm_limiter *limiters[CM_LIMITERS]; /* kept alive by the client */
  cm_bucket *buckets[CM_LIMITERS];   /* held, one of each limiter */
  int count;
  bool in_flight;
} cm_pass;

bool cm_pass_enter(cm_pass *p, cm_limiter *const *limiters, const char *endpoint, double now);
void cm_pass_leave(cm_pass *p);
void cm_pass_wait(cm_pass *p, int requests);
double cm_pass_acquire(cm_pass *p, double now);
void cm_pass_finish(cm_pass *p);
void cm_pass_punish(cm_pass *p, const char *reason, double pause, double now);

#endif
