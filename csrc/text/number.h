/*
** number.h: numbers as canonical decimal text: the shortest one that reads back as the same value,
** without an exponent. Lua-free, independent of the locale.
*/
#ifndef CM_NUMBER_H
#define CM_NUMBER_H

#include "text/buf.h"

double cm_number_value(const char *text, size_t n);
bool cm_number_add(cm_buf *out, const char *text, size_t n);
bool cm_number_add_double(cm_buf *out, double value);
bool cm_number_add_shifted(cm_buf *out, const char *text, size_t n, size_t places);
size_t cm_number_significant(const char *text, size_t n);

#endif
