/*
** input.h: reads a secret from a file or from standard input, read past Lua. Lua-free.
*/
#ifndef CM_INPUT_H
#define CM_INPUT_H

#include "text/buf.h"

typedef enum cm_input {
  CM_INPUT_READ,
  CM_INPUT_FAILED, /* errno tells why */
  CM_INPUT_LONG,   /* more than the buffer takes */
  CM_INPUT_ENDED   /* Ctrl-C at the terminal */
} cm_input;

cm_input cm_input_read(const char *path, cm_buf *out);

#endif
