/*
** version.h: the library's version, as core.version and the User-Agent give it.
*/
#ifndef CM_VERSION_H
#define CM_VERSION_H

#define CM_VERSION "0.1.0"

#endif
