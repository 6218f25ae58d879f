/*
** multi.h: one libcurl multi handle, the requests that wait for their turn and those on the wire.
** No Lua. Shared by reference counting; not thread-safe.
*/
#ifndef CM_MULTI_H
#define CM_MULTI_H

#include "net/request.h"

#include <sys/types.h>

typedef struct cm_multi {
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
  unsigned long long random;
} cm_multi;

double cm_now(void);
cm_multi *cm_multi_new(int max_running);
const char *cm_multi_fault(const cm_multi *m);
double cm_multi_random(cm_multi *m);
void cm_multi_queue(cm_multi *m, cm_request *r, double now);
void cm_multi_remove(cm_multi *m, cm_request *r);
int cm_multi_run(cm_multi *m, double timeout);
void cm_multi_close(cm_multi *m);
void cm_multi_release(cm_multi *m);

#endif
