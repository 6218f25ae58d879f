/*
** guarded.h: memory for secrets, which core dumps leave out. Lua-free.
*/
#ifndef CM_GUARDED_H
#define CM_GUARDED_H

#include <stddef.h>

void *cm_guarded_alloc(size_t n, size_t *room);
void cm_guarded_free(void *bytes, size_t room);

#endif
