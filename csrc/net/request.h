/*
** request.h: one HTTP request with all its attempts. No Lua.
** A request is owned by whoever made it (a call, a walk) and must be freed by it; the multi only
** links to it while it waits or runs.
*/
#ifndef CM_REQUEST_H
#define CM_REQUEST_H

#include "net/client.h"
#include "net/failure.h"
#include "net/header.h"
#include "net/pass.h"
#include "net/url.h"

typedef enum cm_state { CM_NEW, CM_WAITING, CM_RUNNING, CM_DONE, CM_FAILED } cm_state;

struct cm_request;

/* What a walk adds to a request. The functions are called by cm_multi_run, never inside libcurl. */
typedef struct cm_watch {
  /* Looks at a 2xx body: CM_NET_OK takes it; otherwise `why` gets the reason. */
  cm_net (*accept)(void *owner, struct cm_request *r, char *why, size_t room);
  /* The request will be sent again after what went wrong. May change the query; false: no memory.
   */
  bool (*again)(void *owner, const cm_outcome *o);
  /* The request is done or failed for good. May send it anew. */
  void (*ended)(void *owner, struct cm_request *r);
} cm_watch;

typedef struct cm_request {
  struct cm_request *prev, *next; /* in a list of the multi */
  cm_client *client;
  cm_pass pass;
  const cm_watch *watch;
  void *owner;
  cm_state state;
  const char *method; /* a string constant */
  char path[CM_PATH_MAX + 1];
  cm_buf query, form;
  double timeout;
  double queued_at, not_before;
  int attempts;
  enum { CM_NONE, CM_BODY, CM_FIELDS, CM_ADDRESS } refused; /* what grew too large, or where to */
  CURL *easy;
  char curl_error[CURL_ERROR_SIZE];
  cm_buf url, body;
  cm_header header;
  int status;
  cm_failure failure;
} cm_request;

bool cm_request_init(cm_request *r, cm_client *c, const char *method, const char *path,
                     const char *endpoint);
void cm_request_send(cm_request *r);
bool cm_request_prepare(cm_request *r, CURL *easy);
bool cm_request_finish(cm_request *r, CURLcode code, double now);
void cm_request_fail(cm_request *r, cm_kind kind, const char *text);
void cm_request_free(cm_request *r);

#endif
