#include "net/net.h"

#include "text/json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/*
** Prepares a request in zeroed memory; query and form may be filled before it is sent. method: a
** string constant. path: checked by cm_url_path_fault. endpoint: the limiters' name for it, NULL
** for "METHOD PATH". Takes a reference to the client. Returns false when memory is short;
** cm_request_free is due in any case.
*/
bool cm_request_init(cm_request *r, cm_client *c, const char *method, const char *path,
                     const char *endpoint) {
  char name[CM_ENDPOINT_MAX + 1];
  r->client = c;
  c->refs++;
  r->method = method;
  snprintf(r->path, sizeof r->path, "%s", path);
  r->timeout = c->timeout;
  cm_buf_init(&r->form, 0, true); /* OAuth sends codes and tokens in it */
  cm_buf_init(&r->body, c->max_body, false);
  cm_header_init(&r->header);
  cm_failure_init(&r->failure);
  snprintf(name, sizeof name, "%s %s", method, path);
  return cm_pass_enter(&r->pass, c->limiters, endpoint ? endpoint : name, cm_now());
}

/*
** Queues the request from its first attempt on. Without a usable transport it fails at once.
*/
void cm_request_send(cm_request *r) {
  const char *fault = cm_queue_fault(r->client->queue);
  cm_failure_init(&r->failure);
  r->attempts = 0;
  r->renewed = r->held = false;
  r->not_before = 0;
  r->sent_at = cm_now();
  if (fault)
    cm_request_fail(r, CM_CANCELLED, fault);
  else
    cm_queue_add(r->client->queue, r, r->sent_at);
}

/*
** The name of the target in messages. A foreign server's path is kept out of them: many a webhook's
** address is its password.
*/
const char *cm_request_name(const cm_request *r) {
  return r->client->foreign ? r->client->base.host : r->path;
}

/* Whether the attempt ended because one of our own callbacks stopped it; then `out` says why. */
static bool stopped_by_us(const cm_request *r, CURLcode code, char *out, size_t room) {
  const char *host = r->client->base.host;
  if (code == CURLE_COULDNT_CONNECT && r->refused == CM_FORBIDDEN)
    snprintf(out, room,
             "%s is at a link-local address or a metadata service, where no webhook is sent", host);
  else if (code == CURLE_COULDNT_CONNECT && r->refused == CM_ADDRESS)
    snprintf(out, room,
             r->client->reach == CM_PUBLIC
                 ? "%s is at an address of this machine or of a private network"
                 : "%s is at a public address, which is spoken to over https only",
             host);
  else if (code == CURLE_WRITE_ERROR && r->refused == CM_BODY)
    snprintf(out, room, "answer larger than %zu bytes", r->body.max);
  else if (code == CURLE_WRITE_ERROR && r->refused == CM_FIELDS)
    snprintf(out, room, "header of the answer larger than %d bytes", CM_HEADER_MAX);
  else
    return false;
  return true;
}

static bool is_certificate_fault(CURLcode code) {
  switch (code) {
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CIPHER:
  case CURLE_SSL_ISSUER_ERROR:
  case CURLE_SSL_INVALIDCERTSTATUS:
  case CURLE_SSL_CRL_BADFILE:
  case CURLE_SSL_ENGINE_INITFAILED:
    return true;
  default:
    return false;
  }
}

/* Sorts libcurl's error: what to do about it, its kind, and a text for it. */
static cm_net explain(const cm_request *r, CURLcode code, cm_kind *kind, char *out, size_t room) {
  const char *host = r->client->base.host;
  const char *why = r->curl_error[0] ? r->curl_error : curl_easy_strerror(code);
  *kind = code == CURLE_SSL_CONNECT_ERROR || is_certificate_fault(code) ? CM_TLS : CM_TRANSPORT;
  if (stopped_by_us(r, code, out, room))
    return CM_NET_FINAL;
  if (code == CURLE_SSL_CACERT_BADFILE) { /* libcurl's text has the path, which no client may see */
    snprintf(out, room,
             "the file of CA certificates could not be read: check the option ca_file, "
             "CURL_CA_BUNDLE and SSL_CERT_FILE");
    return CM_NET_FINAL;
  }
  if (is_certificate_fault(code)) {
    snprintf(out, room, "certificate of %s not accepted: %s", host, why);
    return CM_NET_FINAL;
  }
  switch (code) {
  case CURLE_COULDNT_RESOLVE_HOST:
    snprintf(out, room, "could not resolve %s", host);
    return CM_NET_BROKEN;
  case CURLE_COULDNT_RESOLVE_PROXY:
    snprintf(out, room, "could not resolve the proxy's name");
    return CM_NET_BROKEN;
  case CURLE_COULDNT_CONNECT:
    snprintf(out, room, "could not connect to %s: %s", host, why);
    return CM_NET_BROKEN;
  case CURLE_OPERATION_TIMEDOUT:
    snprintf(out, room, "timed out: %s", why);
    return CM_NET_TIMEOUT;
  case CURLE_WRITE_ERROR:
    snprintf(out, room, "damaged answer: %s", why);
    return CM_NET_BROKEN;
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR:
  case CURLE_GOT_NOTHING:
  case CURLE_PARTIAL_FILE:
  case CURLE_HTTP2:
  case CURLE_HTTP2_STREAM:
  case CURLE_BAD_CONTENT_ENCODING:
  case CURLE_WEIRD_SERVER_REPLY:
    snprintf(out, room, "connection to %s broke: %s", host, why);
    return CM_NET_BROKEN;
  case CURLE_SSL_CONNECT_ERROR:
    snprintf(out, room, "no TLS connection to %s: %s", host, why);
    /* The same code covers a lost connection and two sides that will never agree. */
    return strstr(why, "SYSCALL") || strstr(why, "reset") || strstr(why, "eof") ? CM_NET_BROKEN
                                                                                : CM_NET_FINAL;
  default:
    snprintf(out, room, "%s", why);
    return CM_NET_FINAL;
  }
}

static void copy(char *out, size_t room, const char *text) {
  snprintf(out, room, "%s", text ? text : "");
}

/* Takes the request off the wire, with its status. */
static void land(cm_request *r) {
  curl_off_t bytes = 0;
  long status = 0;
  curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(r->easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
  cm_queue_remove(r->client->queue, r);
  cm_client_count(r->client, &(cm_counts){.bytes = (unsigned long long)bytes});
  r->status = (int)status;
}

/* Reads an answer outside 2xx. */
static void read_refusal(cm_request *r, cm_outcome *o) {
  cm_failure *f = &r->failure;
  f->status = o->status = r->status;
  o->should_retry = cm_header_should_retry(&r->header);
  o->retry_after = f->retry_after = cm_header_retry_after(&r->header, (long long)time(NULL));
  copy(f->limited_reason, sizeof f->limited_reason,
       cm_header_get(&r->header, "stripe-rate-limited-reason"));
  cm_failure_read(f, cm_buf_str(&r->body), r->body.len);
}

/* Whether a body begins as JSON and is cut off, which a proxy does without an error of its own. One
   that may hold a token is left to its reader. */
static bool is_cut(const cm_request *r, char *words, size_t room) {
  cm_json j;
  cm_json_init(&j, cm_buf_str(&r->body), r->body.len);
  if (r->client->foreign || r->body.secret || cm_json_peek(&j) != '{' || cm_json_skip(&j) ||
      j.at < r->body.len) /* after an error the scan has no text left */
    return false;
  snprintf(words, room, "unusable answer: %s at byte %zu", j.error, j.at);
  return true;
}

/*
** Classifies the attempt. Returns true for an answer to keep; otherwise *o, r->failure and
** `words` (of an attempt without a usable answer) tell what went wrong.
*/
static bool classify(cm_request *r, CURLcode code, cm_outcome *o, char *words, size_t room) {
  cm_failure *f = &r->failure;
  cm_failure_init(f);
  f->attempts = r->attempts;
  copy(f->request_id, sizeof f->request_id, cm_header_get(&r->header, "request-id"));
  if (code != CURLE_OK) {
    o->net = explain(r, code, &f->kind, words, room);
    f->curl = (int)code;
    if (r->client->reach != CM_ANYWHERE &&
        (r->refused == CM_BODY || code == CURLE_OPERATION_TIMEDOUT))
      f->status = r->status; /* a sender of webhooks needs no more of an answer */
  } else if (r->status < 200 || r->status >= 300) {
    read_refusal(r, o);
  } else {
    if (r->watch)
      o->net = r->watch->accept(r->owner, r, words, room);
    else if (is_cut(r, words, room))
      o->net = CM_NET_BROKEN;
    if (o->net == CM_NET_OK)
      return true;
    f->kind = CM_DECODE;
    f->status = r->status;
  }
  f->retryable = cm_retryable(o);
  return false;
}

/* Slows the limiters down after an answer that came from a rate limit. */
static void slow_down(cm_request *r, const cm_outcome *o, double now) {
  const cm_failure *f = &r->failure;
  double pause = o->retry_after > CM_RETRY_AFTER_MAX ? CM_RETRY_AFTER_MAX : o->retry_after;
  if (o->status != 429 && strcmp(f->code, "rate_limit") != 0)
    return;
  cm_client_count(r->client, &(cm_counts){.rate_limited = 1});
  /* A 429 for a locked object (lock_timeout, no reason given) says nothing about speed. */
  if (f->limited_reason[0] || strcmp(f->code, "lock_timeout") != 0)
    cm_pass_punish(&r->pass, f->limited_reason[0] ? f->limited_reason : NULL, pause > 0 ? pause : 0,
                   now);
}

#define KEY_PATIENCE 120 /* seconds that a request waits for a new key */

/* Whether a request that was refused with 401 is sent again, once: with the key that has taken its
   key's place, or else when there is a new one (cm_client_go_on). */
static bool wait_for_key(cm_request *r, const cm_outcome *o, double now) {
  cm_client *root = cm_client_root(r->client);
  if (!root->renewable || o->status != 401 || r->renewed)
    return false;
  r->renewed = true;
  r->not_before = now;
  if (r->key_age == root->key_age) {
    root->needs_key = r->held = true;
    r->not_before = now + KEY_PATIENCE;
  }
  cm_client_count(r->client, &(cm_counts){.retries = 1});
  cm_queue_add(r->client->queue, r, now);
  return true;
}

/* Reacts to a failed attempt. Returns whether another one was queued. */
static bool react(cm_request *r, const cm_outcome *o, double now) {
  cm_client *c = r->client;
  double delay;
  slow_down(r, o, now);
  if (strcmp(r->method, "GET") != 0) /* an OAuth code sent twice revokes what it gave */
    return false;
  if (wait_for_key(r, o, now))
    return true;
  delay = cm_retry_delay(&c->policy, o, r->attempts, cm_queue_random(c->queue));
  if (delay < 0 || (r->watch && !r->watch->again(r->owner, o)))
    return false;
  cm_client_count(c, &(cm_counts){.retries = 1});
  r->not_before = now + delay;
  cm_queue_add(c->queue, r, now);
  return true;
}

/* Ends the request for good and tells its watch, which may send it anew. */
static void deliver(cm_request *r, cm_state state) {
  r->state = state;
  if (r->watch)
    r->watch->ended(r->owner, r);
}

/*
** Takes the end of an attempt: code from libcurl, now the monotonic time in seconds. Keeps the
** answer, queues the next attempt, or fails. Returns whether the caller should hear of it: the
** request ended for good, or waits for a new key.
*/
bool cm_request_finish(cm_request *r, CURLcode code, double now) {
  cm_outcome o = {CM_NET_OK, 0, -1, -1, r->failure.code};
  char words[CURL_ERROR_SIZE + CM_HOST_MAX + 64] = "";
  land(r);
  if (classify(r, code, &o, words, sizeof words)) {
    deliver(r, CM_DONE);
    return true;
  }
  if (react(r, &o, now))
    return r->held;
  if (o.net == CM_NET_OK)
    cm_failure_http(&r->failure, r->method, cm_request_name(r));
  else
    cm_failure_say(&r->failure, r->method, cm_request_name(r), words);
  deliver(r, CM_FAILED);
  return true;
}

/*
** Fails a request that is in no list for a reason of our own.
*/
void cm_request_fail(cm_request *r, cm_kind kind, const char *text) {
  cm_failure_init(&r->failure);
  r->failure.kind = kind;
  r->failure.attempts = r->attempts;
  cm_failure_say(&r->failure, r->method, cm_request_name(r), text);
  deliver(r, CM_FAILED);
}

/*
** Cancels if need be and gives everything back. Harmless on zeroed memory and when repeated.
*/
void cm_request_free(cm_request *r) {
  if (!r->client)
    return;
  cm_queue_remove(r->client->queue, r);
  cm_pass_leave(&r->pass);
  cm_buf_free(&r->query);
  cm_buf_free(&r->form);
  cm_buf_free(&r->url);
  cm_buf_free(&r->body);
  cm_header_free(&r->header);
  cm_client_release(r->client);
  r->client = NULL;
}
