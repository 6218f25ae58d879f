#define _POSIX_C_SOURCE 200809L

#include "net/net.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_POLL 60.0 /* seconds: a wait is cut into pieces libcurl's int can hold */

/*
** Returns the monotonic time in seconds.
*/
double cm_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void global_init(void) {
  /* Never undone: other users of libcurl may live in this process. */
  curl_global_init(CURL_GLOBAL_DEFAULT);
}

/*
** Makes a queue with one reference; the caller fills in the plain fields. max_running: most
** requests on the wire, hence most connections. Returns NULL when memory is short.
*/
cm_queue *cm_queue_new(int max_running) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  cm_queue *q = calloc(1, sizeof *q);
  if (!q)
    return NULL;
  pthread_once(&once, global_init);
  q->refs = 1;
  q->pid = getpid();
  q->max_running = max_running;
  q->spares = cm_spares_new();
  q->idle = calloc((size_t)max_running, sizeof *q->idle);
  q->curl = curl_multi_init();
  if (!q->idle || !q->curl) {
    cm_queue_release(q);
    return NULL;
  }
  curl_multi_setopt(q->curl, CURLMOPT_MAXCONNECTS, (long)max_running);
  q->random = (uint64_t)(cm_now() * 1e9) ^ ((uint64_t)q->pid << 32) ^ (uint64_t)(uintptr_t)q;
  return q;
}

/*
** Says why the queue cannot be used, or NULL. A forked child must not touch it: the connections
** are its parent's.
*/
const char *cm_queue_fault(const cm_queue *q) {
  if (q->closed)
    return "transport closed";
  return q->pid == getpid() ? NULL : "transport used after fork";
}

/*
** Returns a number in [0, 1) for jitter: spread, not secrecy (xorshift64*).
*/
double cm_queue_random(cm_queue *q) {
  q->random ^= q->random >> 12;
  q->random ^= q->random << 25;
  q->random ^= q->random >> 27;
  return (double)(q->random * 0x2545F4914F6CDD1DULL >> 11) / 9007199254740992.0;
}

/*
** Holds SIGPIPE back while libcurl may write: with CURLOPT_NOSIGNAL it no longer does so itself,
** and OpenSSL writes to connections that the server has closed.
*/
typedef struct pipe_guard {
  sigset_t before, pipe;
  bool pending;
} pipe_guard;

static void pipe_hold(pipe_guard *g) {
  sigset_t now;
  sigemptyset(&g->pipe);
  sigaddset(&g->pipe, SIGPIPE);
  sigpending(&now);
  g->pending = sigismember(&now, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &g->pipe, &g->before);
}

static void pipe_release(const pipe_guard *g) {
  const struct timespec none = {0, 0};
  if (!g->pending) /* what came up meanwhile is ours */
    while (sigtimedwait(&g->pipe, NULL, &none) == SIGPIPE)
      ;
  pthread_sigmask(SIG_SETMASK, &g->before, NULL);
}

static void append(cm_request **first, cm_request **last, cm_request *r) {
  r->next = NULL;
  r->prev = *last;
  *(*last ? &(*last)->next : first) = r;
  *last = r;
}

static void unlink_from(cm_request **first, cm_request **last, cm_request *r) {
  *(r->prev ? &r->prev->next : first) = r->next;
  *(r->next ? &r->next->prev : last) = r->prev;
  r->prev = r->next = NULL;
}

/*
** Puts a request in line. It starts when r->not_before is past and its limiters let it.
*/
void cm_queue_add(cm_queue *q, cm_request *r, double now) {
  append(&q->waiting, &q->last_waiting, r);
  q->n_waiting++;
  cm_pass_wait(&r->pass, 1);
  r->queued_at = now;
  r->state = CM_WAITING;
}

static void unqueue(cm_queue *q, cm_request *r) {
  unlink_from(&q->waiting, &q->last_waiting, r);
  q->n_waiting--;
  cm_pass_wait(&r->pass, -1);
}

/* Takes the easy handle back from a request that was on the wire. */
static void take_off_wire(cm_queue *q, cm_request *r) {
  CURL *easy = r->easy;
  pipe_guard guard;
  unlink_from(&q->running, &q->last_running, r);
  q->n_running--;
  r->easy = NULL;
  cm_pass_finish(&r->pass);
  if (!easy || q->pid != getpid()) {
    r->lines = NULL; /* after a fork the handle is left alone, and leaks with its lines */
    return;
  }
  pipe_hold(&guard);
  curl_multi_remove_handle(q->curl, easy);
  pipe_release(&guard);
  curl_easy_reset(easy);
  cm_lines_release(r->lines);
  r->lines = NULL;
  if (q->n_idle < q->max_running)
    q->idle[q->n_idle++] = easy;
  else
    curl_easy_cleanup(easy);
}

/*
** Takes a request out of the queue, wherever it stands. Harmless for a request that is not in it.
*/
void cm_queue_remove(cm_queue *q, cm_request *r) {
  if (r->state == CM_WAITING)
    unqueue(q, r);
  else if (r->state == CM_RUNNING)
    take_off_wire(q, r);
  else
    return;
  r->state = CM_NEW;
}

/* Puts a waiting request on the wire. */
static void start(cm_queue *q, cm_request *r, double now) {
  CURL *easy = q->n_idle > 0 ? q->idle[--q->n_idle] : curl_easy_init();
  unqueue(q, r);
  r->state = CM_RUNNING;
  cm_client_count(r->client, &(cm_counts){.requests = 1, .waited = now - r->queued_at});
  r->attempts++;
  r->easy = easy;
  append(&q->running, &q->last_running, r);
  q->n_running++;
  if (easy && cm_request_prepare(r, easy) && curl_multi_add_handle(q->curl, easy) == CURLM_OK)
    return;
  take_off_wire(q, r);
  cm_request_fail(r, CM_TRANSPORT, "out of memory");
}

/*
** Starts what may start. Returns how many requests ended without a start, and in *wake the moment
** at which to try again.
*/
static int start_waiting(cm_queue *q, double now, double *wake) {
  cm_request *r, *next;
  int ended = 0;
  for (r = q->waiting; r && q->n_running < q->max_running; r = next) {
    double when = r->not_before;
    next = r->next;
    if (when <= now) {
      when = cm_pass_acquire(&r->pass, now);
      if (when == 0) {
        start(q, r, now);
        ended += r->state == CM_FAILED;
        continue;
      }
    }
    if (when < *wake)
      *wake = when;
  }
  return ended;
}

/* Takes what libcurl has finished, until a request is over for good, which *ended counts: the scan
   of a page takes part of a millisecond, and the caller may have its turn among the requests of a
   server. The next step takes the others. Returns whether there was anything. */
static bool collect(cm_queue *q, int *ended) {
  CURLMsg *msg;
  int left;
  bool any = false;
  while (*ended == 0 && (msg = curl_multi_info_read(q->curl, &left)) != NULL) {
    cm_request *r = NULL;
    CURLcode code = msg->data.result; /* msg dies with the handle's removal */
    if (msg->msg != CURLMSG_DONE)
      continue;
    curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&r);
    *ended += cm_request_finish(r, code, cm_now());
    any = true;
  }
  return any;
}

/*
** Drives all requests for at most `timeout` seconds, 0 for one step without waiting. Returns as
** soon as a request ended or no request is left: of several answers that have come, each step takes
** one. Returns the number of requests not yet ended.
*/
int cm_queue_run(cm_queue *q, double timeout) {
  double deadline = cm_now() + timeout;
  pipe_guard guard;
  int ended = 0;
  pipe_hold(&guard);
  for (;;) {
    double now = cm_now(), wake = deadline;
    int active;
    bool any;
    ended += start_waiting(q, now, &wake);
    curl_multi_perform(q->curl, &active);
    any = collect(q, &ended);
    now = cm_now();
    if (ended > 0) {
      /* What the answers set off goes out now, while the caller is busy with them. */
      start_waiting(q, now, &wake);
      curl_multi_perform(q->curl, &active);
      break;
    }
    if (q->n_waiting + q->n_running == 0 || now >= deadline)
      break;
    if (any)
      continue; /* only retries: see when they are due */
    if (wake - now > LONGEST_POLL)
      wake = now + LONGEST_POLL;
    if (wake > now)
      curl_multi_poll(q->curl, NULL, 0, (int)((wake - now) * 1000) + 1, NULL);
  }
  pipe_release(&guard);
  return q->n_waiting + q->n_running;
}

/*
** The request that was sent first of all that have not ended, or NULL. One that has only waited for
** a rate limit so far does not count.
*/
const cm_request *cm_queue_oldest(const cm_queue *q) {
  const cm_request *oldest = NULL, *r;
  int i;
  for (i = 0; i < 2; i++)
    for (r = i ? q->waiting : q->running; r; r = r->next)
      if (r->attempts > 0 && (!oldest || r->sent_at < oldest->sent_at))
        oldest = r;
  return oldest;
}

/*
** Ends every request ("transport closed") and closes all connections. Harmless when repeated. In a
** forked child the connections are left to the parent.
*/
void cm_queue_close(cm_queue *q) {
  pipe_guard guard;
  if (q->closed)
    return;
  q->closed = true;
  while (q->running || q->waiting) {
    cm_request *r = q->running ? q->running : q->waiting;
    cm_queue_remove(q, r);
    cm_request_fail(r, CM_CANCELLED, "transport closed");
  }
  if (q->pid == getpid()) {
    pipe_hold(&guard);
    while (q->n_idle > 0)
      curl_easy_cleanup(q->idle[--q->n_idle]);
    curl_multi_cleanup(q->curl);
    pipe_release(&guard);
  }
  q->curl = NULL;
}

/*
** Gives up one reference (holders count up `refs` themselves); the last one closes. NULL is
** harmless.
*/
void cm_queue_release(cm_queue *q) {
  if (!q || --q->refs > 0)
    return;
  cm_queue_close(q);
  cm_buf_free(&q->ca_file);
  cm_spares_release(q->spares);
  free(q->idle);
  free(q);
}
