/* Preloaded into a process, makes its disk fail by plan, or kills it there; tests/kit/faulty.py writes the plan.

   FAULT_PLAN names a file of one line, read at each call that could fail, so that it can change while the process
   runs: "<id> <errno, or 0: SIGKILL, or -1: only write down> <first> <last> <calls, comma before and after> <part of the
   path>". The calls that match are counted in the process, all threads together; those from the first to the last fail.
   Each is written down in the file of that name with ".log" behind it: "<pid> <call> <path>". */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char current[64];
static long passed;

static int look(const char *call, const char *path) {
    const char *file = getenv("FAULT_PLAN");
    if (!file) return 0;
    char plan[2048], id[64], calls[512], part[1024], mark[64], name[1100], line[5000];
    int error = 0, descriptor = syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC), result = 0;
    long first, last;
    if (descriptor < 0) return 0;
    ssize_t size = syscall(SYS_read, descriptor, plan, sizeof plan - 1);
    syscall(SYS_close, descriptor);
    if (size <= 0) return 0;
    plan[size] = 0;
    if (sscanf(plan, "%63s %d %ld %ld %511s %1023s", id, &error, &first, &last, calls, part) != 6) return 0;
    snprintf(mark, sizeof mark, ",%s,", call);
    if (!strstr(calls, mark) || !strstr(path, part)) return 0;
    pthread_mutex_lock(&turn);
    if (strcmp(current, id)) {
        strcpy(current, id);
        passed = 0;
    }
    passed++;
    snprintf(name, sizeof name, "%s.log", file);
    descriptor = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (descriptor >= 0) {
        int length = snprintf(line, sizeof line, "%d %s %s\n", getpid(), call, path);
        syscall(SYS_write, descriptor, line, length);
        syscall(SYS_close, descriptor);
    }
    if (error >= 0 && passed >= first && passed <= last) {
        if (!error) syscall(SYS_kill, getpid(), SIGKILL);
        result = error;
    }
    pthread_mutex_unlock(&turn);
    return result;
}

static int look_at(const char *call, int descriptor) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size <= 0) return 0;
    path[size] = 0;
    return path[0] == '/' ? look(call, path) : 0;
}

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

#define FAIL_IF(expression)        \
    do {                           \
        int code = (expression);   \
        if (code) {                \
            errno = code;          \
            return -1;             \
        }                          \
    } while (0)

#define ON_FILE(type, name, call, parameters, arguments) \
    type name parameters {                               \
        FAIL_IF(look_at(call, fd));                      \
        return REAL(name) arguments;                     \
    }

ON_FILE(ssize_t, write, "write", (int fd, const void *from, size_t size), (fd, from, size))
ON_FILE(ssize_t, writev, "write", (int fd, const struct iovec *parts, int count), (fd, parts, count))
ON_FILE(ssize_t, pwrite, "write", (int fd, const void *from, size_t size, off_t at), (fd, from, size, at))
ON_FILE(ssize_t, pwrite64, "write", (int fd, const void *from, size_t size, off64_t at), (fd, from, size, at))
ON_FILE(ssize_t, pwritev, "write", (int fd, const struct iovec *parts, int count, off_t at), (fd, parts, count, at))
ON_FILE(ssize_t, pwritev64, "write", (int fd, const struct iovec *parts, int count, off64_t at), (fd, parts, count, at))
ON_FILE(ssize_t, pwritev2, "write", (int fd, const struct iovec *parts, int count, off_t at, int flags),
        (fd, parts, count, at, flags))
ON_FILE(ssize_t, pwritev64v2, "write", (int fd, const struct iovec *parts, int count, off64_t at, int flags),
        (fd, parts, count, at, flags))
ON_FILE(int, fsync, "sync", (int fd), (fd))
ON_FILE(int, fdatasync, "sync", (int fd), (fd))
ON_FILE(int, ftruncate, "truncate", (int fd, off_t size), (fd, size))
ON_FILE(int, ftruncate64, "truncate", (int fd, off64_t size), (fd, size))
ON_FILE(int, fallocate, "allocate", (int fd, int mode, off_t at, off_t size), (fd, mode, at, size))
ON_FILE(int, fallocate64, "allocate", (int fd, int mode, off64_t at, off64_t size), (fd, mode, at, size))

#define ON_NAME(name, call, path, parameters, arguments) \
    int name parameters {                                \
        FAIL_IF(look(call, path));                       \
        return REAL(name) arguments;                     \
    }

ON_NAME(rename, "rename", to, (const char *from, const char *to), (from, to))
ON_NAME(renameat, "rename", to, (int at, const char *from, int there, const char *to), (at, from, there, to))
ON_NAME(link, "link", to, (const char *from, const char *to), (from, to))
ON_NAME(linkat, "link", to, (int at, const char *from, int there, const char *to, int flags),
        (at, from, there, to, flags))
ON_NAME(mkdir, "mkdir", path, (const char *path, mode_t mode), (path, mode))
ON_NAME(unlink, "unlink", path, (const char *path), (path))
