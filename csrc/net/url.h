/*
** url.h: percent-encoding, and which texts may be a request path. Lua-free.
*/
#ifndef CM_URL_H
#define CM_URL_H

#include "text/buf.h"

#define CM_PATH_MAX 512 /* longest request path accepted, in bytes */

#define CM_URL_ENCODED(n) ((n)*3) /* most bytes that n bytes take when encoded */

size_t cm_url_encode(const char *text, size_t n, char *out);
bool cm_url_decode(const char *text, size_t n, char *out, size_t *len);
bool cm_url_escape(cm_buf *out, const char *text, size_t n);
bool cm_url_pair(cm_buf *out, const char *key, size_t nkey, const char *value, size_t nvalue);
const char *cm_url_path_fault(const char *path, size_t n);
const char *cm_url_target_fault(const char *target, size_t n);

#endif
