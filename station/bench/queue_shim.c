/* What a process writes below one folder, recorded, refused or cut short. Preloaded (LD_PRELOAD) into a campaign's
 * process.
 *
 * QSHIM_ROOT  only paths that begin with it are looked at (nothing is, without it)
 * QSHIM_LOG   append every change to this file: {u8 op, u32 path length, u64 offset, u64 data length}, path, data
 * QSHIM_NO_DIRSYNC  syncing a folder does nothing, as in a build that forgets it
 * qshim_arm(n, action): at the n-th change from now on, action > 0 fails it with that errno, -1 kills before it,
 * -2 kills after it. qshim_count(): changes since then. qshim_step(): counts as a change that is none of a file's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST 4096
enum { WRITE = 1, TRUNCATE, SYNC, DIRSYNC, CREATE, UNLINK, RENAME };

static char *paths[MOST];
static char is_folder[MOST];
static int log_fd = -1;
static const char *root;
static long left, action, seen;
static int ready, no_dirsync;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static ssize_t plain_write(int fd, const void *data, size_t n) {
    REAL(ssize_t, "write", int, const void *, size_t);
    return real(fd, data, n);
}

static int plain_open(const char *path, int flags, mode_t mode) {
    REAL(int, "open", const char *, int, ...);
    return real(path, flags, mode);
}

static void prepare(void) {
    if (ready) return;
    ready = 1;
    root = getenv("QSHIM_ROOT");
    no_dirsync = getenv("QSHIM_NO_DIRSYNC") != NULL;
    if (root && getenv("QSHIM_LOG"))
        log_fd = plain_open(getenv("QSHIM_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

void qshim_arm(long n, long what) { prepare(); left = n; action = what; seen = 0; }
long qshim_count(void) { return seen; }

/* 0: go on; 1: fail with errno set; 2: do it, then die. */
static int decide(void) {
    seen++;
    if (!left || --left) return 0;
    if (action == -1) raise(SIGKILL);
    if (action == -2) return 2;
    errno = (int)action;
    return 1;
}

void qshim_step(void) { if (decide() == 2) raise(SIGKILL); }

static int ours(const char *path) {
    prepare();
    return root && path && !strncmp(path, root, strlen(root));
}

/* The shared memory of a WAL is no file that must last; marks are what the officer was told. */
static int counts(const char *path) {
    size_t n = strlen(path);
    return !(n > 4 && !strcmp(path + n - 4, "-shm")) && !strstr(path, "/marks");
}

static void note(int op, const char *path, uint64_t offset, const void *data, uint64_t n) {
    if (log_fd < 0) return;
    unsigned char head[21];
    uint32_t length = strlen(path);
    head[0] = op;
    memcpy(head + 1, &length, 4);
    memcpy(head + 5, &offset, 8);
    memcpy(head + 13, &n, 8);
    struct iovec parts[3] = {{head, 21}, {(void *)path, length}, {(void *)data, n}};
    if (writev(log_fd, parts, n ? 3 : 2) < 0) abort();
}

static const char *of(int fd) { return fd >= 0 && fd < MOST ? paths[fd] : NULL; }

static int opened(const char *path, int flags, int fd, int was_there) {
    if (fd >= 0 && fd < MOST && ours(path)) {
        struct stat status;
        free(paths[fd]);
        paths[fd] = strdup(path);
        is_folder[fd] = !fstat(fd, &status) && S_ISDIR(status.st_mode);
        if (!was_there && (flags & O_CREAT)) note(CREATE, path, 0, NULL, 0);
        else if (flags & O_TRUNC) note(TRUNCATE, path, 0, NULL, 0);
    }
    return fd;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list more; va_start(more, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; va_end(more); \
        REAL(int, #name, const char *, int, ...); \
        int was = !ours(path) || !access(path, F_OK), what = 0; \
        if (ours(path) && counts(path) && !was && (flags & O_CREAT) && (what = decide()) == 1) return -1; \
        int fd = opened(path, flags, real(path, flags, mode), was); \
        if (what == 2) raise(SIGKILL); \
        return fd; \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int at, const char *path, int flags, ...) { \
        va_list more; va_start(more, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; va_end(more); \
        REAL(int, #name, int, const char *, int, ...); \
        int was = !ours(path) || !access(path, F_OK); \
        return opened(path, flags, real(at, path, flags, mode), was); \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
    REAL(int, "close", int);
    if (of(fd)) { free(paths[fd]); paths[fd] = NULL; }
    return real(fd);
}

#define CHANGE(op, path, offset, data, n, call) \
    int what = counts(path) ? decide() : 0; \
    if (what == 1) return -1; \
    pthread_mutex_lock(&mutex); \
    long done = call; \
    if (done >= 0) note(op, path, offset, data, n); \
    pthread_mutex_unlock(&mutex); \
    if (what == 2) raise(SIGKILL); \
    return done

ssize_t write(int fd, const void *data, size_t n) {
    const char *path = of(fd);
    if (!path) return plain_write(fd, data, n);
    off_t at = fcntl(fd, F_GETFL) & O_APPEND ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
    CHANGE(WRITE, path, at, data, n, plain_write(fd, data, n));
}

#define PWRITE(name, type) \
    ssize_t name(int fd, const void *data, size_t n, type at) { \
        REAL(ssize_t, #name, int, const void *, size_t, type); \
        const char *path = of(fd); \
        if (!path) return real(fd, data, n, at); \
        CHANGE(WRITE, path, at, data, n, real(fd, data, n, at)); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define TRUNC(name, type) \
    int name(int fd, type n) { \
        REAL(int, #name, int, type); \
        const char *path = of(fd); \
        if (!path) return real(fd, n); \
        CHANGE(TRUNCATE, path, n, NULL, 0, real(fd, n)); \
    }
TRUNC(ftruncate, off_t)
TRUNC(ftruncate64, off64_t)

#define FSYNC(name) \
    int name(int fd) { \
        REAL(int, #name, int); \
        const char *path = of(fd); \
        if (!path) return real(fd); \
        if (is_folder[fd] && no_dirsync) return 0; \
        CHANGE(is_folder[fd] ? DIRSYNC : SYNC, path, 0, NULL, 0, real(fd)); \
    }
FSYNC(fsync)
FSYNC(fdatasync)

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    if (!ours(path)) return real(path);
    CHANGE(UNLINK, path, 0, NULL, 0, real(path));
}

int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    if (!ours(from)) return real(from, to);
    CHANGE(RENAME, from, 0, to, strlen(to), real(from, to));
}
