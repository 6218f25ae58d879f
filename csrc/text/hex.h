/*
** hex.h: hexadecimal digits. Lua-free.
*/
#ifndef CM_HEX_H
#define CM_HEX_H

/*
** Returns the value of a hexadecimal digit of either case, or -1 for any other character.
*/
static inline int cm_hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

#endif
