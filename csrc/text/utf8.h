/*
** utf8.h: checks that bytes are UTF-8 (RFC 3629). Lua-free.
*/
#ifndef CM_UTF8_H
#define CM_UTF8_H

#include <stdbool.h>
#include <stddef.h>

size_t cm_utf8_sequence(const unsigned char *s, size_t n);
bool cm_utf8_valid(const char *text, size_t n);

#endif
