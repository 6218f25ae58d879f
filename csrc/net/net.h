/*
** net.h: client, request, attempt and queue, the units that send HTTP requests. Lua-free.
**
** They know each other, so they have this one header: client.c, request.c (a request's life),
** attempt.c (how libcurl is set up for one attempt) and queue.c.
** Nothing here is thread-safe; every object belongs to one Lua state and one process.
**
** Who owns whom, from the socket up to the objects that Lua holds:
**
** Queue (cm_queue): one libcurl multi handle and two lists, of the requests that wait for their
**   turn and of those on the wire. Reference-counted: the transport and every client hold it. Owns
**   the multi handle and the idle easy handles; lends an easy handle to a request while that is on
**   the wire. Borrows the requests in its lists: a request takes itself out before it is freed.
**   Closing the queue fails every request; the struct stays until its last holder releases it, so
**   that no pointer to it dangles.
**
** Client (cm_client): what all requests of one session share, which is the server, the credentials
**   (as header lines), the limits, the retry policy and the counters. A child uses its parent's
**   lines. Reference-counted: its session, its requests and its children hold it. Holds its queue,
**   its limiters and its parent.
**
** Lines (cm_lines): a client's header lines at one time, wiped when freed. Reference-counted: the
**   client holds the present ones, and an attempt the ones that it was sent with, since libcurl
**   reads them until the attempt ends. A new key makes new lines.
**
** Request (cm_request): one HTTP request with all its attempts. Never allocated alone: it is a
**   member of a call or of a walk, which frees it with cm_request_free. Holds its client, and its
**   limiters' buckets through its pass. Owns its buffers. Borrows `easy` (from the queue, while on
**   the wire), `watch` and `method` (constants), and `owner`, the walk that it is a member of.
**
** Limiter (cm_limiter, limiter.h): token buckets. Reference-counted: the Lua object and the clients
**   hold it. A bucket belongs to its limiter, which keeps it while a pass (pass.h) uses it; a pass
**   borrows the limiters that its client holds.
**
** Walk (cm_walk, walk.h): the pages of one list. Is the pager's userdata itself. Owns its request
**   and the pages that were not taken; a page that is taken moves to the userdata of its own, which
**   outlives walk, session and transport. A walk must not move in memory once it was started.
**
** In Lua (bind/): transport, session, call, pager, page and limiter are userdata. A transport holds
**   its queue until it is collected, closed or not. A session keeps its transport alive and holds
**   its client until it is closed; its calls and pagers go on without it. A call or pager keeps its
**   session alive and owns its request or walk; a call that has been polled keeps its response
**   instead and gives the request back at once.
**
** A request's life: cm_request_init, then cm_request_send puts it into the queue; cm_queue_run
** starts it when `not_before` is past and its pass lets it, and hands the end of each attempt to
** cm_request_finish, which keeps the answer, queues the next attempt or fails the request, and then
** tells its watch. libcurl's callbacks only append to the request's buffers.
*/
#ifndef CM_NET_H
#define CM_NET_H

#include "net/base_url.h"
#include "net/failure.h"
#include "net/header.h"
#include "net/pass.h"
#include "net/retry.h"
#include "net/url.h"
#include "text/buf.h"
#include "text/spares.h"

#include <curl/curl.h>
#include <sys/types.h>

typedef struct cm_client cm_client;
typedef struct cm_queue cm_queue;
typedef struct cm_request cm_request;

/* ---------------------------------------------------------------- client */

/* Authorization, Stripe-Version, User-Agent, Stripe-Account; or a caller's */
#define CM_HEADERS 8

/* Which addresses may be connected to, checked once the name is resolved. CM_NETWORK: all of them,
   but without TLS only those that are not public. */
typedef enum cm_reach { CM_ANYWHERE, CM_PUBLIC, CM_NETWORK } cm_reach;

/* The totals of a client's requests. */
typedef struct cm_counts {
  unsigned long long requests, retries, rate_limited, bytes;
  double waited; /* seconds */
} cm_counts;

/* The header lines of requests. */
typedef struct cm_lines {
  int refs, n;
  /* libcurl only reads this list, so its nodes and text are ours: no copy outside wiped memory. */
  struct curl_slist list[CM_HEADERS];
  cm_buf text[CM_HEADERS];
} cm_lines;

struct cm_client {
  int refs;
  cm_queue *queue;
  cm_limiter *limiters[CM_LIMITERS]; /* the account's, the platform's; or NULL */
  cm_base_url base;
  cm_policy policy;
  double timeout; /* seconds an attempt may take */
  long low_speed_time;
  size_t max_body;
  cm_reach reach;
  bool json;        /* what is posted is JSON, not a form */
  bool foreign;     /* a server other than Stripe's: gets no key, and its paths may be secrets */
  cm_lines *lines;  /* NULL: the parent's */
  bool renewable;   /* its key can be replaced: a request that gets 401 waits for a new one */
  bool needs_key;   /* a request waits for a new key */
  unsigned key_age; /* how many keys there were before the present one */
  cm_counts counts;
  cm_client *parent; /* counts what this one counts, too; or NULL */
};

cm_client *cm_client_new(cm_queue *queue, cm_limiter *account, cm_limiter *platform);
cm_client *cm_client_root(cm_client *c);
bool cm_client_header(cm_client *c, const char *name, const char *value, size_t n, bool secret);
bool cm_client_set_key(cm_client *c, const char *bearer, size_t n);
void cm_client_go_on(cm_client *c, double now);
cm_client *cm_client_child(cm_client *parent);
void cm_client_count(cm_client *c, const cm_counts *more);
void cm_client_release(cm_client *c);
void cm_lines_release(cm_lines *l);

/* ---------------------------------------------------------------- request */

typedef enum cm_state { CM_NEW, CM_WAITING, CM_RUNNING, CM_DONE, CM_FAILED } cm_state;

/* What a walk adds to a request. The functions are called by cm_queue_run, never inside libcurl. */
typedef struct cm_watch {
  /* Looks at a 2xx body: CM_NET_OK takes it; otherwise `why` gets the reason. */
  cm_net (*accept)(void *owner, cm_request *r, char *why, size_t room);
  /* The request will be sent again after what went wrong. May change the query; false: no memory.
   */
  bool (*again)(void *owner, const cm_outcome *o);
  /* The request is done or failed for good. May send it anew. */
  void (*ended)(void *owner, cm_request *r);
} cm_watch;

struct cm_request {
  cm_request *prev, *next; /* in a list of the queue */
  cm_client *client;
  cm_pass pass;
  const cm_watch *watch;
  void *owner;
  cm_state state;
  const char *method; /* a string constant */
  char path[CM_PATH_MAX + 1];
  cm_buf query, form;
  double timeout;                        /* seconds an attempt may take */
  double sent_at, queued_at, not_before; /* monotonic, seconds; sent_at: the first attempt's */
  int attempts;
  enum {
    CM_NONE,
    CM_BODY,
    CM_FIELDS,
    CM_ADDRESS,
    CM_FORBIDDEN
  } refused;        /* what grew too large, or where to */
  cm_lines *lines;  /* that the attempt on the wire is sent with, or NULL */
  unsigned key_age; /* of the attempt's key, as the client's */
  bool renewed;     /* was sent again after a 401 */
  bool held;        /* waits for a new key */
  CURL *easy;
  char curl_error[CURL_ERROR_SIZE];
  cm_buf url, body;
  cm_header header;
  int status;
  cm_failure failure;
};

bool cm_request_init(cm_request *r, cm_client *c, const char *method, const char *path,
                     const char *endpoint);
void cm_request_send(cm_request *r);
bool cm_request_prepare(cm_request *r, CURL *easy);
bool cm_request_finish(cm_request *r, CURLcode code, double now);
void cm_request_fail(cm_request *r, cm_kind kind, const char *text);
void cm_request_free(cm_request *r);
const char *cm_request_name(const cm_request *r);

/* ---------------------------------------------------------------- queue */

struct cm_queue {
  int refs;
  CURLM *curl;
  pid_t pid; /* the process that made it: the only one that may use it */
  bool closed;
  double connect_timeout; /* seconds */
  int max_running;
  bool http2;
  cm_buf ca_file;                /* empty: libcurl's default */
  cm_request *waiting, *running; /* lists in order of arrival */
  cm_request *last_waiting, *last_running;
  int n_waiting, n_running;
  CURL **idle; /* easy handles for reuse, at most max_running */
  int n_idle;
  cm_spares *spares; /* for bodies of pages; NULL when memory was short */
  unsigned long long random;
};

double cm_now(void);
cm_queue *cm_queue_new(int max_running);
const char *cm_queue_fault(const cm_queue *q);
double cm_queue_random(cm_queue *q);
void cm_queue_add(cm_queue *q, cm_request *r, double now);
void cm_queue_remove(cm_queue *q, cm_request *r);
int cm_queue_run(cm_queue *q, double timeout);
const cm_request *cm_queue_oldest(const cm_queue *q);
void cm_queue_close(cm_queue *q);
void cm_queue_release(cm_queue *q);

#endif
