/*
** libpq.h: finds libpq's header.
*/
#ifndef PQ_LIBPQ_H
#define PQ_LIBPQ_H

/* Debian keeps the header in a folder of its own. */
#if defined(__has_include)
#if __has_include(<libpq-fe.h>)
#include <libpq-fe.h>
#elif __has_include(<postgresql/libpq-fe.h>)
#include <postgresql/libpq-fe.h>
#else
#error "libpq-fe.h is missing: install libpq-dev, or name its folder in PQ_INCDIR"
#endif
#else
#include <libpq-fe.h>
#endif

#endif
