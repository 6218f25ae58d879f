#define _POSIX_C_SOURCE 200809L

#include "crypto/input.h"

#include "crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define CTRL_C '\003'

/* Reads to the end, or to the end of the line. No stdio: its buffers would keep a copy. */
static cm_input read_all(int fd, bool line, cm_buf *out) {
  cm_input result = CM_INPUT_READ;
  char bytes[512];
  for (;;) {
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      result = CM_INPUT_FAILED;
    else if (n > 0 && line && bytes[n - 1] == CTRL_C)
      result = CM_INPUT_ENDED;
    else if (n > 0 && !cm_buf_add(out, bytes, (size_t)n))
      result = CM_INPUT_LONG;
    if (n <= 0 || result != CM_INPUT_READ || (line && bytes[n - 1] == '\n'))
      break;
  }
  cm_wipe(bytes, sizeof bytes);
  return result;
}

/*
** A line from a terminal, which does not show it. Ctrl-C comes as a character: a signal would end
** the process with the terminal left silent.
*/
static cm_input read_hidden(int fd, cm_buf *out) {
  struct termios before, silent;
  cm_input result;
  int reason;
  if (tcgetattr(fd, &before) != 0)
    return CM_INPUT_FAILED;
  silent = before;
  silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
  silent.c_lflag |= ICANON;
  silent.c_cc[VEOL] = CTRL_C;
  if (tcsetattr(fd, TCSAFLUSH, &silent) != 0)
    return CM_INPUT_FAILED;
  result = read_all(fd, true, out);
  reason = errno;
  tcsetattr(fd, TCSAFLUSH, &before);
  errno = reason;
  return result;
}

/*
** Appends what a file holds, or standard input if the path is "-": of a terminal, a line that it
** does not show. One line end is left out, since editors and `echo` put it there. The buffer
** bounds the length.
*/
cm_input cm_input_read(const char *path, cm_buf *out) {
  bool standard = strcmp(path, "-") == 0;
  int reason, fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  cm_input result;
  if (fd < 0)
    return CM_INPUT_FAILED;
  result = isatty(fd) ? read_hidden(fd, out) : read_all(fd, false, out);
  reason = errno;
  if (!standard)
    close(fd);
  errno = reason;
  if (out->len > 0 && out->data[out->len - 1] == '\n')
    cm_buf_cut(out, out->len - 1);
  if (out->len > 0 && out->data[out->len - 1] == '\r')
    cm_buf_cut(out, out->len - 1);
  return result;
}
