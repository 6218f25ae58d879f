#include "net/net.h"

#include "net/address.h"

#include <string.h>
#include <sys/socket.h>

static size_t on_body(char *bytes, size_t size, size_t n, void *arg) {
  cm_request *r = arg;
  if (r->watch) /* it is a page */
    cm_spares_take(r->client->queue->spares, &r->body);
  if (cm_buf_add(&r->body, bytes, size * n))
    return size * n;
  r->refused = CM_BODY;
  return 0;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *arg) {
  cm_request *r = arg;
  if (cm_header_line(&r->header, bytes, size * n))
    return size * n;
  r->refused = CM_FIELDS;
  return 0;
}

/* Asked for each address before it is connected to: what a name stands for now may be another
   address than a moment ago, and this is the one that counts.
   API: CURLOPT_OPENSOCKETFUNCTION(3) of libcurl. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a) {
  cm_request *r = arg;
  const cm_client *c = r->client;
  bool is_public = cm_address_public(&a->addr);
  (void)purpose;
  if (cm_address_forbidden(&a->addr)) {
    r->refused = CM_FORBIDDEN;
    return CURL_SOCKET_BAD;
  }
  if (c->reach == CM_PUBLIC ? !is_public : is_public && !c->base.https) {
    r->refused = CM_ADDRESS;
    return CURL_SOCKET_BAD;
  }
  return socket(a->family, a->socktype, a->protocol);
}

static long milliseconds(double seconds) {
  double ms = seconds * 1000;
  return ms < 1 ? 1 : ms > 1e9 ? 1000000000L : (long)ms;
}

static bool build_url(cm_request *r) {
  cm_buf_clear(&r->url);
  return cm_buf_adds(&r->url, r->client->base.text) && cm_buf_adds(&r->url, r->path) &&
         (r->query.len == 0 ||
          (cm_buf_add(&r->url, "?", 1) && cm_buf_add(&r->url, r->query.data, r->query.len)));
}

/* Sets an option unless an earlier one failed; `ok` and `easy` are the caller's. */
#define SET(option, value) ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK

/* A request's target, and the place of its answer. */
static bool set_exchange(cm_request *r, CURL *easy) {
  bool ok = build_url(r);
  const cm_client *root = cm_client_root(r->client);
  r->lines = root->lines;
  if (r->lines)
    r->lines->refs++;
  r->key_age = root->key_age;
  SET(CURLOPT_PRIVATE, r);
  SET(CURLOPT_URL, cm_buf_str(&r->url));
  SET(CURLOPT_HTTPHEADER, r->lines ? &r->lines->list[0] : NULL);
  SET(CURLOPT_WRITEFUNCTION, on_body);
  SET(CURLOPT_WRITEDATA, r);
  SET(CURLOPT_HEADERFUNCTION, on_header);
  SET(CURLOPT_HEADERDATA, r);
  SET(CURLOPT_ERRORBUFFER, r->curl_error);
  SET(CURLOPT_ACCEPT_ENCODING, "");
  SET(CURLOPT_FOLLOWLOCATION, 0L);
  SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  return ok;
}

/* Protocol and certificates. */
static bool set_protocol(const cm_request *r, CURL *easy) {
  const cm_queue *q = r->client->queue;
  bool https = r->client->base.https, ok = true;
#if LIBCURL_VERSION_NUM >= 0x075500
  SET(CURLOPT_PROTOCOLS_STR, https ? "https" : "http");
#else
  SET(CURLOPT_PROTOCOLS, https ? CURLPROTO_HTTPS : CURLPROTO_HTTP);
#endif
  SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  SET(CURLOPT_SSL_VERIFYPEER, 1L);
  SET(CURLOPT_SSL_VERIFYHOST, 2L);
  if (q->ca_file.len)
    SET(CURLOPT_CAINFO, q->ca_file.data);
  SET(CURLOPT_HTTP_VERSION,
      (long)(q->http2 && https ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  SET(CURLOPT_PIPEWAIT, (long)(q->http2 && https));
  return ok;
}

/* Which connection may be used, and how long it may take. */
static bool set_connection(cm_request *r, CURL *easy) {
  const cm_client *c = r->client;
  bool ok = true;
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_TCP_KEEPALIVE, 1L);
  if (c->reach != CM_ANYWHERE) { /* a connection is not shared, in either direction */
    SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
    SET(CURLOPT_OPENSOCKETDATA, r);
    SET(CURLOPT_FRESH_CONNECT, 1L);
    SET(CURLOPT_FORBID_REUSE, 1L);
    SET(CURLOPT_NOPROXY, "*"); /* a proxy could connect to addresses that on_socket never sees */
  }
  if (c->base.loopback) /* a proxy must not see the key */
    SET(CURLOPT_NOPROXY, "*");
  SET(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(c->queue->connect_timeout));
  SET(CURLOPT_TIMEOUT_MS, milliseconds(r->timeout));
  if (c->low_speed_time > 0) {
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, c->low_speed_time);
  }
  return ok;
}

static bool set_method(const cm_request *r, CURL *easy) {
  bool ok = true;
  if (strcmp(r->method, "GET") == 0)
    return true;
  /* libcurl resends by itself when a kept connection turns out dead; a new one never does. */
  SET(CURLOPT_FRESH_CONNECT, 1L);
  if (strcmp(r->method, "POST") == 0) {
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDSIZE, (long)r->form.len);
    SET(CURLOPT_POSTFIELDS, cm_buf_str(&r->form));
  } else {
    SET(CURLOPT_CUSTOMREQUEST, r->method);
  }
  return ok;
}

#undef SET

/*
** Sets a fresh easy handle up for the next attempt. Returns false when memory is short.
** API: curl_easy_setopt(3) of libcurl.
*/
bool cm_request_prepare(cm_request *r, CURL *easy) {
  cm_buf_clear(&r->body);
  cm_buf_clear(&r->header.fields);
  r->refused = CM_NONE;
  r->curl_error[0] = '\0';
  r->status = 0;
  return set_exchange(r, easy) && set_protocol(r, easy) && set_connection(r, easy) &&
         set_method(r, easy);
}
