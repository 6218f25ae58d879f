/*
** header.h: the header fields of one response. Lua-free.
*/
#ifndef CM_HEADER_H
#define CM_HEADER_H

#include "text/buf.h"

#define CM_HEADER_MAX (64 * 1024) /* bytes of header fields kept of one response */

typedef struct cm_header {
  cm_buf fields; /* "name\0value\0" after "name\0value\0", names in lower case */
} cm_header;

void cm_header_init(cm_header *h);
bool cm_header_line(cm_header *h, const char *line, size_t n);
const char *cm_header_get(const cm_header *h, const char *name);
const char *cm_header_next(const cm_header *h, const char *name, const char **value);
int cm_header_should_retry(const cm_header *h);
double cm_header_retry_after(const cm_header *h, long long now);
void cm_header_free(cm_header *h);

#endif
