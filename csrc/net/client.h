/*
** client.h: what all requests of one session share: server, credentials, limits, counters. No Lua.
** Shared by reference counting between the session object and every request.
*/
#ifndef CM_CLIENT_H
#define CM_CLIENT_H

#include "net/base_url.h"
#include "text/buf.h"
#include "net/pass.h"
#include "net/retry.h"

#include <curl/curl.h>

/* Authorization, Stripe-Version, User-Agent, Stripe-Account; or a caller's */
#define CM_HEADERS 8

/* Which addresses may be connected to, whatever name led there. CM_NETWORK: every one, but without
   TLS only those that are not public. */
typedef enum cm_reach { CM_ANYWHERE, CM_PUBLIC, CM_NETWORK } cm_reach;

/* What its requests came to. */
typedef struct cm_counts {
  unsigned long long requests, retries, rate_limited, bytes;
  double waited;
} cm_counts;

typedef struct cm_client {
  int refs;
  struct cm_multi *multi;
  cm_limiter *limiters[CM_LIMITERS]; /* the account's, the platform's; or NULL */
  cm_base_url base;
  cm_policy policy;
  double timeout; /* seconds an attempt may take */
  long low_speed_time;
  size_t max_body;
  cm_reach reach;
  bool foreign; /* no key: somebody else's server, whose paths may be secrets */
  /* libcurl only reads this list, so its nodes and text are ours: no copy outside wiped memory. */
  struct curl_slist headers[CM_HEADERS];
  cm_buf lines[CM_HEADERS];
  int n_headers;
  cm_counts counts;
  struct cm_client *parent; /* counts what this one counts, too; or NULL */
} cm_client;

cm_client *cm_client_new(struct cm_multi *multi, cm_limiter *account, cm_limiter *platform);
bool cm_client_header(cm_client *c, const char *name, const char *value, size_t n);
cm_client *cm_client_child(cm_client *parent);
void cm_client_count(cm_client *c, const cm_counts *more);
void cm_client_release(cm_client *c);

#endif
