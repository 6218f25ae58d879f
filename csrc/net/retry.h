/*
** retry.h: decides whether a failed request is sent again, and when. Lua-free.
*/
#ifndef CM_RETRY_H
#define CM_RETRY_H

#include <stdbool.h>

#define CM_RETRY_AFTER_MAX 60.0 /* longest Retry-After obeyed, in seconds */

typedef enum cm_net {
  CM_NET_OK,      /* an answer arrived whole */
  CM_NET_BROKEN,  /* no connection, or it broke, or the body was damaged */
  CM_NET_TIMEOUT, /* the attempt's time was up */
  CM_NET_FINAL    /* trying again cannot help: certificate, size, setup */
} cm_net;

typedef struct cm_outcome {
  cm_net net;
  int status;         /* 0 without an answer */
  int should_retry;   /* Stripe-Should-Retry: 1, 0, -1 not said */
  double retry_after; /* seconds, -1 not said */
  const char *code;   /* the error's code, "" for none */
} cm_outcome;

typedef struct cm_policy {
  int retries;        /* attempts after the first */
  double backoff;     /* seconds: bound of the first wait */
  double backoff_cap; /* seconds: bound of any wait */
} cm_policy;

bool cm_retryable(const cm_outcome *o);
double cm_backoff(const cm_policy *p, int attempt, double random);
double cm_retry_delay(const cm_policy *p, const cm_outcome *o, int attempts, double random);

#endif
