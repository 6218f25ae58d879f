/*
** address.h: tells public network addresses from others. Lua-free.
*/
#ifndef CM_ADDRESS_H
#define CM_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

bool cm_address_public(const struct sockaddr *address);
bool cm_address_forbidden(const struct sockaddr *address);
bool cm_address_read(const char *text, bool *is_public, bool *forbidden);

#endif
