/*
** locale.h: the host program's locale: what its decimal point is, and calls without it; the width
** of texts.
*/
#ifndef CM_LOCALE_H
#define CM_LOCALE_H

#include "bind/compat.h"

int cm_locale_call(lua_State *L);
int cm_locale_point(lua_State *L);
int cm_locale_width(lua_State *L);

#endif
