/*
** process.h: binds to Lua what a program that is in charge of processes asks of the system: which
** processes there are, children, ports, and a log that is never waited for.
*/
#ifndef CM_PROCESS_H
#define CM_PROCESS_H

#include "bind/compat.h"

int cm_process_child_status(lua_State *L);
int cm_process_exists(lua_State *L);
int cm_process_file_id(lua_State *L);
int cm_process_log_line(lua_State *L);
int cm_process_own_output(lua_State *L);
int cm_process_pid_namespace(lua_State *L);
int cm_process_port_fault(lua_State *L);
int cm_process_signal_group(lua_State *L);
int cm_process_spawn(lua_State *L);
int cm_process_terminal_columns(lua_State *L);

#endif
