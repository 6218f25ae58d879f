#include "crypto/input.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static cm_buf out;

static void begin(void) {
  cm_buf_free(&out);
  cm_buf_init(&out, 16, true);
}

/* What is read of a file that holds the text. */
static cm_input read_file(const char *text) {
  char path[] = "/tmp/cm_test_inputXXXXXX";
  int fd = mkstemp(path);
  cm_input result = CM_INPUT_FAILED;
  begin();
  if (fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text))
    result = cm_input_read(path, &out);
  if (fd >= 0)
    close(fd);
  unlink(path);
  return result;
}

static bool reads(const char *text, const char *want) {
  return read_file(text) == CM_INPUT_READ && strcmp(cm_buf_str(&out), want) == 0 &&
         out.len == strlen(want);
}

static void leaves_out_one_line_end(void) {
  CHECK(reads("key", "key") && reads("key\n", "key") && reads("key\r\n", "key"));
  CHECK(reads("key\n\n", "key\n") && reads("one\ntwo\n", "one\ntwo"));
  CHECK(reads("", "") && reads("\n", "") && reads("\r\n", ""));
}

static void keeps_to_the_buffers_bound(void) {
  CHECK(reads("0123456789abcdef", "0123456789abcdef"));
  CHECK(read_file("0123456789abcdefg") == CM_INPUT_LONG);
}

static void says_why_it_cannot_read(void) {
  begin();
  CHECK(cm_input_read("/no/such/file", &out) == CM_INPUT_FAILED && errno == ENOENT);
  begin();
  CHECK(cm_input_read("/", &out) == CM_INPUT_FAILED && errno == EISDIR);
  CHECK(out.len == 0);
}

/* Standard input that comes in pieces. */
static void reads_standard_input(void) {
  int ends[2], kept = dup(STDIN_FILENO);
  CHECK(kept >= 0 && pipe(ends) == 0 && dup2(ends[0], STDIN_FILENO) == STDIN_FILENO);
  CHECK(write(ends[1], "sk_", 3) == 3 && write(ends[1], "test\n", 5) == 5);
  close(ends[0]);
  close(ends[1]);
  begin();
  CHECK(cm_input_read("-", &out) == CM_INPUT_READ);
  CHECK_TEXT(cm_buf_str(&out), "sk_test");
  close(STDIN_FILENO); /* and none at all */
  begin();
  CHECK(cm_input_read("-", &out) == CM_INPUT_FAILED && errno == EBADF);
  CHECK(dup2(kept, STDIN_FILENO) == STDIN_FILENO);
  close(kept);
}

/* Types as soon as the terminal is silent: what comes before that is thrown away. */
static pid_t type_later(int terminal, const char *text) {
  struct termios now;
  pid_t child;
  fflush(stdout); /* what waits in it is the parent's to write */
  child = fork();
  if (child != 0)
    return child;
  do
    usleep(1000);
  while (tcgetattr(terminal, &now) == 0 && (now.c_lflag & ECHO));
  _exit(write(terminal, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : 1);
}

/* A terminal: what is typed is read up to the end of the line, is not shown, and Ctrl-C ends it. */
static void reads_a_terminal_silently(void) {
  int master = posix_openpt(O_RDWR | O_NOCTTY), kept = dup(STDIN_FILENO), terminal;
  struct termios before, after;
  char shown[64];
  pid_t child;
  ssize_t n;
  CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
  terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
  CHECK(terminal >= 0 && tcgetattr(terminal, &before) == 0);
  CHECK(dup2(terminal, STDIN_FILENO) == STDIN_FILENO);
  CHECK((child = type_later(master, "sk_test\n")) > 0);
  begin();
  CHECK(cm_input_read("-", &out) == CM_INPUT_READ);
  CHECK_TEXT(cm_buf_str(&out), "sk_test");
  CHECK(waitpid(child, NULL, 0) == child);
  CHECK((child = type_later(master, "sk_\003")) > 0);
  begin();
  CHECK(cm_input_read("-", &out) == CM_INPUT_ENDED);
  CHECK(waitpid(child, NULL, 0) == child);
  CHECK(tcgetattr(terminal, &after) == 0 && before.c_lflag == after.c_lflag &&
        memcmp(before.c_cc, after.c_cc, sizeof after.c_cc) == 0);
  CHECK(fcntl(master, F_SETFL, O_NONBLOCK) == 0);
  n = read(master, shown, sizeof shown);
  CHECK(n <= 0 || !memchr(shown, 's', (size_t)n));
  CHECK(dup2(kept, STDIN_FILENO) == STDIN_FILENO);
  close(kept);
  close(terminal);
  close(master);
}

int main(void) {
  RUN(leaves_out_one_line_end);
  RUN(keeps_to_the_buffers_bound);
  RUN(says_why_it_cannot_read);
  RUN(reads_standard_input);
  RUN(reads_a_terminal_silently);
  cm_buf_free(&out);
  return test_end();
}
