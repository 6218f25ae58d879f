/*
** log_copy.h: copies SQLite's log into its database in a thread.
*/
#ifndef CM_LOG_COPY_H
#define CM_LOG_COPY_H

#include "bind/compat.h"

void cm_open_log_copy(lua_State *L);
int cm_log_copy_start(lua_State *L);

#endif
