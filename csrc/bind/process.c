#define _DEFAULT_SOURCE /* initgroups */
#define _POSIX_C_SOURCE 200809L

#include "bind/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#define MAX_ARGS 64

static int failed(lua_State *L, const char *what, int error) {
  lua_pushnil(L);
  if (what)
    lua_pushfstring(L, "%s: %s", what, strerror(error));
  else
    lua_pushstring(L, strerror(error));
  return 2;
}

/* --------------------------------------------------------------- processes and files */

/*
** core.pid_namespace() -> string or nil
** Gives the number of this process's PID namespace; nil on a system without namespaces or without
** /proc. stat() follows the link, whose inode is the namespace (namespaces(7)).
*/
int cm_process_pid_namespace(lua_State *L) {
  struct stat space;
  char text[24];
  if (stat("/proc/self/ns/pid", &space) != 0)
    return 0;
  snprintf(text, sizeof text, "%llu", (unsigned long long)space.st_ino);
  lua_pushstring(L, text);
  return 1;
}

static pid_t check_pid(lua_State *L, int index) {
  lua_Integer pid = luaL_checkinteger(L, index);
  luaL_argcheck(L, pid > 1 && pid <= 0x7fffffff, index, "the number of a process expected");
  return (pid_t)pid;
}

/*
** core.process_exists(pid) -> boolean
** Whether the system has a process of this number, also one that this user may not see in /proc. A
** zombie exists.
*/
int cm_process_exists(lua_State *L) {
  lua_Integer pid = luaL_checkinteger(L, 1);
  luaL_argcheck(L, pid > 0 && pid <= 0x7fffffff, 1, "the number of a process expected");
  lua_pushboolean(L, kill((pid_t)pid, 0) == 0 || errno == EPERM);
  return 1;
}

/*
** core.file_id(path) -> string or nil
** Gives the device and inode of a file, by which it differs from a later file of the same name.
*/
int cm_process_file_id(lua_State *L) {
  struct stat file;
  char text[48];
  if (stat(luaL_checkstring(L, 1), &file) != 0)
    return 0;
  snprintf(text, sizeof text, "%llu:%llu", (unsigned long long)file.st_dev,
           (unsigned long long)file.st_ino);
  lua_pushstring(L, text);
  return 1;
}

/* --------------------------------------------------------------- children */

/* Reads the table of words at index 1; they stay on the stack, below which `argv` points. */
static void read_words(lua_State *L, const char **argv) {
  int i, n;
  luaL_checktype(L, 1, LUA_TTABLE);
  n = (int)lua_rawlen(L, 1);
  luaL_argcheck(L, n > 0 && n < MAX_ARGS, 1, "1 to 63 words expected");
  luaL_checkstack(L, n + 4, "too many words");
  for (i = 0; i < n; i++) {
    lua_rawgeti(L, 1, i + 1);
    argv[i] = luaL_checkstring(L, -1);
  }
  argv[n] = NULL;
}

/* Gives up this process's rights for a user's. A later exec keeps it so. */
static bool become(const struct passwd *user) {
  return initgroups(user->pw_name, user->pw_gid) == 0 && setgid(user->pw_gid) == 0 &&
         setuid(user->pw_uid) == 0;
}

/*
** In the child: leads a group of its own, so that the terminal's Ctrl-C reaches the parent alone
** and the parent can end what the child leaves behind. If the parent dies, the child gets SIGTERM.
*/
static void run_child(const char *const *argv, const struct passwd *user, pid_t parent,
                      int report) {
  int fd, error;
  setpgid(0, 0);
  fd = open("/dev/null", O_RDONLY);
  if (fd > 0)
    dup2(fd, 0);
  for (fd = 3; fd < 256; fd++)
    if (fd != report)
      close(fd);
  if (!user || become(user)) {
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* after setuid(), which clears it */
#endif
    if (getppid() != parent)
      _exit(0);
    execvp(argv[0], (char *const *)argv);
  }
  error = errno;
  if (write(report, &error, sizeof error) < 0)
    _exit(126);
  _exit(127);
}

/*
** core.spawn(words [, user]) -> pid or nil, message
** Starts a program with this process's environment, standard output and standard error, as another
** user if one is named. The caller must ask for its status until it has ended.
*/
int cm_process_spawn(lua_State *L) {
  const char *argv[MAX_ARGS], *name = luaL_optstring(L, 2, NULL);
  const struct passwd *user = NULL;
  pid_t parent = getpid(), pid;
  int report[2], error = 0;
  ssize_t n;
  if (name) {
    errno = 0;
    user = getpwnam(name);
    if (!user)
      return failed(L, name, errno ? errno : ENOENT);
  }
  read_words(L, argv);
  if (pipe(report) != 0)
    return failed(L, "pipe", errno);
  fcntl(report[1], F_SETFD, FD_CLOEXEC);
  pid = fork();
  if (pid == 0) {
    close(report[0]);
    run_child(argv, user, parent, report[1]);
  }
  if (pid < 0)
    error = errno;
  close(report[1]);
  do
    n = pid < 0 ? 0 : read(report[0], &error, sizeof error);
  while (n < 0 && errno == EINTR);
  close(report[0]);
  if (error == 0) {
    lua_pushinteger(L, pid);
    return 1;
  }
  if (pid > 0)
    waitpid(pid, NULL, 0);
  return failed(L, argv[0], error);
}

/*
** core.child_status(pid) -> integer or nil
** Gives a child's exit status, or 128 and the signal that ended it; nil while it runs. Once it has
** ended, the next call gives 127.
*/
int cm_process_child_status(lua_State *L) {
  pid_t pid = check_pid(L, 1), found;
  int status = 0;
  do
    found = waitpid(pid, &status, WNOHANG);
  while (found < 0 && errno == EINTR);
  if (found == 0)
    return 0;
  if (found < 0)
    lua_pushinteger(L, 127);
  else
    lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return 1;
}

/*
** core.signal_group(pid, name) -> boolean
** Sends TERM or KILL to a child's group: the child and what it has left behind. False if there is
** none any more.
*/
int cm_process_signal_group(lua_State *L) {
  static const char *const names[] = {"TERM", "KILL", NULL};
  static const int numbers[] = {SIGTERM, SIGKILL};
  pid_t pid = check_pid(L, 1);
  int number = numbers[luaL_checkoption(L, 2, NULL, names)];
  lua_pushboolean(L, kill(-pid, number) == 0);
  return 1;
}

/* --------------------------------------------------------------- ports */

/*
** core.port_fault(address, port) -> string or nil
** Why nobody can listen there; nil if that is possible.
*/
int cm_process_port_fault(lua_State *L) {
  const char *address = luaL_checkstring(L, 1), *port = luaL_checkstring(L, 2);
  struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
                           .ai_socktype = SOCK_STREAM},
                  *found;
  int fd, on = 1, error = 0, wrong = getaddrinfo(address, port, &hints, &found);
  if (wrong != 0) {
    lua_pushstring(L, gai_strerror(wrong));
    return 1;
  }
  fd = socket(found->ai_family, SOCK_STREAM, 0);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 1) != 0)
    error = errno;
  if (fd >= 0)
    close(fd);
  freeaddrinfo(found);
  if (error == 0)
    return 0;
  lua_pushstring(L, strerror(error));
  return 1;
}

/* --------------------------------------------------------------- terminals */

/*
** core.terminal_columns(descriptor) -> integer or nil
** How many columns the terminal has that a descriptor is open on: 0 if it does not say, nil if the
** descriptor is not a terminal's.
*/
int cm_process_terminal_columns(lua_State *L) {
  struct winsize size;
  int fd = (int)luaL_checkinteger(L, 1);
  if (!isatty(fd))
    return 0;
  lua_pushinteger(L, ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0);
  return 1;
}

/* --------------------------------------------------------------- logs */

/*
** Standard output or standard error, as its own: not shared with other programs, so that it may be
** set not to block. A terminal or pipe is opened anew. A socket cannot be; it is set as it is.
*/
static void own(int fd) {
  struct stat file;
  char path[32];
  int fresh;
  if (fstat(fd, &file) != 0) { /* closed: another file must not come to its place */
    fresh = open("/dev/null", O_WRONLY);
    if (fresh >= 0 && fresh != fd) {
      dup2(fresh, fd);
      close(fresh);
    }
    return;
  }
  if (S_ISREG(file.st_mode))
    return; /* a file never blocks, and opening it anew would lose its place */
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  fresh = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_APPEND);
  if (fresh >= 0) {
    dup2(fresh, fd);
    close(fresh);
  } else if (S_ISSOCK(file.st_mode) || S_ISFIFO(file.st_mode)) {
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  }
}

/*
** core.own_output()
** From now on a reader of standard output or standard error that reads nothing, or has ended, and a
** limit of file sizes do not stop this process and the children that it starts. For programs that
** are in charge of their process alone; they must write with core.log_line.
*/
int cm_process_own_output(lua_State *L) {
  (void)L;
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN); /* a write fails instead, as on a full disk */
  own(1);
  own(2);
  return 0;
}

/*
** core.log_line(descriptor, text) -> boolean
** Writes a line at once, or not at all: false if the reader is too far behind. A text that is
** longer than what a pipe takes at once (PIPE_BUF) may lose its end.
*/
int cm_process_log_line(lua_State *L) {
  int fd = (int)luaL_checkinteger(L, 1);
  size_t n;
  const char *text;
  struct pollfd ready = {.fd = fd, .events = POLLOUT};
  ssize_t written;
  luaL_argcheck(L, fd >= 0, 1, "a descriptor expected");
  luaL_checkstring(L, 2);
  lua_settop(L, 2);
  lua_pushliteral(L, "\n");
  lua_concat(L, 2);
  text = lua_tolstring(L, 2, &n);
  if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT))
    written = -1;
  else
    written = write(fd, text, n);
  if (written > 0 && (size_t)written < n)
    written = write(fd, "\n", 1); /* the next line must not hang on this one */
  lua_pushboolean(L, written > 0);
  return 1;
}
