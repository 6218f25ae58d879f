/*
** url.h: percent-encoding, and which texts may be a request path. Lua-free.
*/
#ifndef CM_URL_H
#define CM_URL_H

#include "text/buf.h"

#define CM_PATH_MAX 512 /* longest request path accepted, in bytes */

bool cm_url_escape(cm_buf *out, const char *text, size_t n);
bool cm_url_pair(cm_buf *out, const char *key, size_t nkey, const char *value, size_t nvalue);
const char *cm_url_path_fault(const char *path, size_t n);
const char *cm_url_target_fault(const char *target, size_t n);

#endif
