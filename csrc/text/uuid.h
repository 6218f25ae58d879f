/*
** uuid.h: random UUIDs (version 4, RFC 4122). Lua-free.
*/
#ifndef CM_UUID_H
#define CM_UUID_H

#include <stdbool.h>

#define CM_UUID_SIZE 37 /* 36 characters and the final zero */

bool cm_uuid(char out[CM_UUID_SIZE]);

#endif
