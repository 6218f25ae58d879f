/*
** private.h: what keeps a process and its files to their owner. Lua-free.
*/
#ifndef CM_PRIVATE_H
#define CM_PRIVATE_H

#include <stdbool.h>

void cm_private_process(void);
bool cm_private_file(const char *path);

#endif
