/*
** mend.h: escapes in JSON text that no Unicode text can hold. Lua-free.
*/
#ifndef CM_MEND_H
#define CM_MEND_H

#include <stddef.h>

size_t cm_mend_find(const char *text, size_t n, size_t from);
void cm_mend(char *text, size_t n, size_t from);

#endif
