/*
** limiter.h: keeps requests under a server's limits: a token bucket for everything, one for each
** endpoint, and a bound on requests in flight. Lua-free; the caller gives the monotonic time, in
** seconds. Shared by reference counting; not thread-safe.
*/
#ifndef CM_LIMITER_H
#define CM_LIMITER_H

#include <stdbool.h>
#include <stddef.h>

#define CM_ENDPOINT_MAX 640 /* longest endpoint name, in bytes */
#define CM_ENDPOINTS 256    /* endpoints kept beyond their use */

typedef struct cm_bucket {
  struct cm_bucket *next;
  double base, rate; /* tokens a second: as configured, and now; INFINITY = no limit */
  double burst;      /* most tokens it can hold */
  double tokens;
  double at;         /* when tokens and rate were true */
  double cut_at;     /* when the rate was cut last */
  double not_before; /* no request before this time */
  int users;         /* requests that hold on to the bucket */
  int waiting;       /* of them, those that stand in line */
  char name[];
} cm_bucket;

typedef struct cm_limits {
  double rate, endpoint_rate; /* requests a second; 0 or INFINITY = off */
  double burst;               /* tokens a bucket holds; 0 = a fifth of a second's */
  double concurrency;         /* requests in flight; 0 or INFINITY = off */
} cm_limits;

typedef struct cm_limiter {
  int refs;
  cm_limits limits; /* of a whole, of which this limiter has a share */
  double share;     /* above 0, to 1 */
  cm_bucket *global, *endpoints;
  size_t count; /* of endpoints */
  double concurrency, concurrency_at, concurrency_cut_at;
  int in_flight, waiting;
  unsigned long long limited; /* 429s seen */
} cm_limiter;

cm_limiter *cm_limiter_new(const cm_limits *limits, double now);
void cm_limiter_release(cm_limiter *l);
void cm_limiter_limit(cm_limiter *l, const cm_limits *limits, double now);
void cm_limiter_scale(cm_limiter *l, double share, double now);
cm_bucket *cm_limiter_enter(cm_limiter *l, const char *endpoint, double now);
void cm_limiter_leave(cm_limiter *l, cm_bucket *b);
double cm_limiter_ready(cm_limiter *l, cm_bucket *b, double now);
void cm_limiter_take(cm_limiter *l, cm_bucket *b);
void cm_limiter_finish(cm_limiter *l);
void cm_limiter_punish(cm_limiter *l, cm_bucket *b, const char *reason, double pause, double now);
double cm_bucket_rate(cm_bucket *b, double now);
double cm_limiter_concurrency(cm_limiter *l, double now);
double cm_limiter_room(cm_limiter *l, const char *endpoint, double now);
double cm_limiter_own_room(cm_limiter *l, const char *endpoint, double now);

#endif
