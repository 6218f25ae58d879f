/*
** programs: starts and ends other programs for the specs.
**
** A suite starts thousands of programs. io.popen starts a shell for each, and lets it inherit every
** file that is open. This module starts a program at once, with the files that are named, and does
** here what mktemp, mkfifo, kill and rm do in processes of their own. The library does not use it.
*/
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_WORDS 256

static int failed(lua_State *L, const char *what, int error) {
  return luaL_error(L, "%s: %s", what, strerror(error));
}

/* The texts of the list at an index; they live as long as the list. */
static void get_texts(lua_State *L, int index, char **texts, int most) {
  int count = 0;
  for (;; count++) {
    lua_rawgeti(L, index, count + 1);
    if (lua_isnil(L, -1))
      break;
    if (count + 1 >= most || !lua_isstring(L, -1))
      luaL_error(L, "a list of fewer than %d texts expected", most);
    texts[count] = (char *)(uintptr_t)lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  texts[count] = NULL;
}

static const char *text_field(lua_State *L, int index, const char *name) {
  lua_getfield(L, index, name);
  const char *text = lua_tostring(L, -1);
  lua_pop(L, 1); /* the table keeps it */
  return text;
}

/*
** programs.start(words, files) -> pid, descriptor
** Starts a program. words: its name and arguments. files: output and errors are the paths of files
** that are written anew; input is the path of one to read, "socket" for a socket whose other end is
** the second result, or /dev/null if it is left out. The program inherits no other file. Raises if
** it cannot be started.
*/
static int start(lua_State *L) {
  char *words[MAX_WORDS];
  extern char **environ;
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TTABLE);
  get_texts(L, 1, words, MAX_WORDS);
  const char *input = text_field(L, 2, "input");
  const char *output = text_field(L, 2, "output");
  const char *errors = text_field(L, 2, "errors");
  int sockets[2] = {-1, -1};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (input && strcmp(input, "socket") == 0) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
      return failed(L, "socketpair", errno);
    posix_spawn_file_actions_adddup2(&actions, sockets[1], 0);
  } else {
    posix_spawn_file_actions_addopen(&actions, 0, input ? input : "/dev/null", O_RDONLY, 0);
  }
  posix_spawn_file_actions_addopen(&actions, 1, output ? output : "/dev/null",
                                   O_WRONLY | O_CREAT | O_TRUNC, 0666);
  posix_spawn_file_actions_addopen(&actions, 2, errors ? errors : "/dev/null",
                                   O_WRONLY | O_CREAT | O_TRUNC, 0666);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  pid_t pid;
  int error = posix_spawnp(&pid, words[0], &actions, NULL, words, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (sockets[1] >= 0)
    close(sockets[1]);
  if (error) {
    if (sockets[0] >= 0)
      close(sockets[0]);
    return failed(L, words[0], error);
  }
  lua_pushinteger(L, pid);
  lua_pushinteger(L, sockets[0]);
  return 2;
}

/*
** programs.wait(pid [, now]) -> status or nil
** Waits until a program has ended: its exit status, or 128 and the number of the signal that ended
** it, as a shell has it. With now, nil while it still runs.
*/
static int wait_for(lua_State *L) {
  int status = 0;
  pid_t pid = (pid_t)luaL_checkinteger(L, 1), ended;
  do
    ended = waitpid(pid, &status, lua_toboolean(L, 2) ? WNOHANG : 0);
  while (ended < 0 && errno == EINTR);
  if (ended < 0)
    return failed(L, "waitpid", errno);
  if (ended == 0)
    return 0;
  lua_pushinteger(L, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
  return 1;
}

/*
** programs.signal(pid, name)
** Sends TERM, INT, KILL, STOP or CONT; no error if the program is gone.
*/
static int send_signal(lua_State *L) {
  static const char *const names[] = {"TERM", "INT", "KILL", "STOP", "CONT", NULL};
  static const int numbers[] = {SIGTERM, SIGINT, SIGKILL, SIGSTOP, SIGCONT};
  pid_t pid = (pid_t)luaL_checkinteger(L, 1);
  luaL_argcheck(L, pid > 1, 1, "the number of a process expected");
  kill(pid, numbers[luaL_checkoption(L, 2, NULL, names)]);
  return 0;
}

/*
** programs.send(descriptor, text)
** Sends a text, whole; raises if the other end is gone.
*/
static int send_text(lua_State *L) {
  size_t length;
  int descriptor = (int)luaL_checkinteger(L, 1);
  const char *text = luaL_checklstring(L, 2, &length);
  while (length > 0) {
    ssize_t sent = send(descriptor, text, length, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent < 0)
      return failed(L, "send", errno);
    text += sent;
    length -= (size_t)sent;
  }
  return 0;
}

/*
** programs.read_pipe(path) -> text
** Reads a named pipe until its writer closes it.
*/
static int read_pipe(lua_State *L) {
  luaL_Buffer buffer;
  int descriptor = open(luaL_checkstring(L, 1), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return failed(L, lua_tostring(L, 1), errno);
  luaL_buffinit(L, &buffer);
  for (;;) {
    char room[65536];
    ssize_t got = read(descriptor, room, sizeof room);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      break;
    luaL_addlstring(&buffer, room, (size_t)got);
  }
  close(descriptor);
  luaL_pushresult(&buffer);
  return 1;
}

/* programs.close(descriptor) */
static int close_descriptor(lua_State *L) {
  close((int)luaL_checkinteger(L, 1));
  return 0;
}

/*
** programs.environment(variables) -> before
** Replaces all variables of the environment, "NAME=value" each.
*/
static int environment(lua_State *L) {
  extern char **environ;
  char *variables[MAX_WORDS];
  luaL_checktype(L, 1, LUA_TTABLE);
  get_texts(L, 1, variables, MAX_WORDS);
  lua_newtable(L);
  for (int i = 0; environ && environ[i]; i++) {
    lua_pushstring(L, environ[i]);
    lua_rawseti(L, -2, i + 1);
  }
  clearenv();
  for (char **variable = variables; *variable; variable++) {
    char *value = strchr(*variable, '=');
    char name[256];
    if (!value || value - *variable >= (ptrdiff_t)sizeof name)
      return luaL_error(L, "NAME=value expected");
    snprintf(name, sizeof name, "%.*s", (int)(value - *variable), *variable);
    setenv(name, value + 1, 1);
  }
  return 1;
}

/* programs.id() -> the number of this process. */
static int own_id(lua_State *L) {
  lua_pushinteger(L, getpid());
  return 1;
}

/* programs.folder() -> path: the working directory. */
static int working_folder(lua_State *L) {
  char path[4096];
  if (!getcwd(path, sizeof path))
    return failed(L, "getcwd", errno);
  lua_pushstring(L, path);
  return 1;
}

/* programs.make_pipe(path): a named pipe. */
static int make_pipe(lua_State *L) {
  if (mkfifo(luaL_checkstring(L, 1), 0600) != 0)
    return failed(L, lua_tostring(L, 1), errno);
  return 0;
}

/* programs.make_folder() -> path: an empty folder of its own, where TMPDIR says or in /tmp. */
static int make_folder(lua_State *L) {
  char path[4096];
  const char *parent = getenv("TMPDIR");
  snprintf(path, sizeof path, "%s/tmp.XXXXXXXXXX", parent && *parent ? parent : "/tmp");
  if (!mkdtemp(path))
    return failed(L, path, errno);
  lua_pushstring(L, path);
  return 1;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where) {
  (void)status, (void)kind, (void)where;
  remove(path);
  return 0;
}

/* programs.remove_folder(path): with all that is in it. */
static int remove_folder(lua_State *L) {
  nftw(luaL_checkstring(L, 1), remove_one, 16, FTW_DEPTH | FTW_PHYS);
  return 0;
}

static const luaL_Reg functions[] = {
    {"start", start},
    {"wait", wait_for},
    {"signal", send_signal},
    {"send", send_text},
    {"read_pipe", read_pipe},
    {"close", close_descriptor},
    {"environment", environment},
    {"id", own_id},
    {"folder", working_folder},
    {"make_pipe", make_pipe},
    {"make_folder", make_folder},
    {"remove_folder", remove_folder},
    {NULL, NULL},
};

__attribute__((visibility("default"))) int luaopen_programs(lua_State *L);

int luaopen_programs(lua_State *L) {
  lua_newtable(L);
  for (const luaL_Reg *f = functions; f->name; f++) {
    lua_pushcfunction(L, f->func);
    lua_setfield(L, -2, f->name);
  }
  return 1;
}
