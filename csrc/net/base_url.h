/*
** base_url.h: decides which servers a secret key may be sent to. Lua-free.
*/
#ifndef CM_BASE_URL_H
#define CM_BASE_URL_H

#include <stdbool.h>
#include <stddef.h>

#define CM_HOST_MAX 253     /* longest DNS name */
#define CM_BASE_URL_MAX 512 /* longest base URL accepted */

typedef struct cm_base_url {
  char text[CM_BASE_URL_MAX + 1]; /* without a trailing '/' */
  char host[CM_HOST_MAX + 1];     /* lower case, without brackets or port */
  bool https;
  bool loopback; /* the host can only be this machine */
} cm_base_url;

const char *cm_base_url_parse(cm_base_url *out, const char *text, size_t n, bool plain);

#endif
