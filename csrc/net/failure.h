/*
** failure.h: one failed request, described for a program (details) and for a person (message).
** Lua-free.
*/
#ifndef CM_FAILURE_H
#define CM_FAILURE_H

#include "text/page.h"

typedef enum cm_kind {
  CM_TRANSPORT, /* no usable answer: name, connection, time, size */
  CM_TLS,       /* certificate or handshake */
  CM_HTTP,      /* the server said no */
  CM_AUTH,      /* the server said no to the key: 401, 403 unless a proxy blocked it */
  CM_DECODE,    /* an answer, but not the JSON that was due */
  CM_CANCELLED  /* closed from this side */
} cm_kind;

typedef struct cm_failure {
  cm_kind kind;
  int status;   /* HTTP status, 0 without an answer */
  int curl;     /* CURLcode, 0 if libcurl had no complaint */
  int attempts; /* requests sent */
  bool retryable;
  double retry_after; /* seconds the server asked for, -1 if it did not */
  bool is_json;       /* the answer held an error object */
  bool is_page;       /* the answer was no JSON object: a proxy's page, which Stripe never sends */
  char type[64], code[64], param[128];
  char request_id[CM_REQUEST_ID];
  char limited_reason[32];
  char said[400];     /* the server's own message */
  char message[1280]; /* "GET /v1/charges: HTTP 403: ..." */
} cm_failure;

void cm_failure_init(cm_failure *f);
void cm_failure_read(cm_failure *f, const char *body, size_t n);
void cm_failure_say(cm_failure *f, const char *method, const char *path, const char *text);
void cm_failure_http(cm_failure *f, const char *method, const char *path);
const char *cm_failure_kind(const cm_failure *f);
size_t cm_secret_prefix(const char *s);
void cm_scrub(char *text);

#endif
