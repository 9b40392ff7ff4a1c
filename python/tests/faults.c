/* Makes reads and writes of some files fail or do less than they were asked for, as disks and kernels may.
 *
 * Loaded by LD_PRELOAD. Only files count whose path begins with $FAULT_PATH, named or not. $FAULT_CALL is `read` or
 * `write`; $FAULT_AFTER bytes are let through, then each call fails with $FAULT_ERRNO. $FAULT_SHORT is the most that a
 * call does, and with $FAULT_EINTR every other call is interrupted before it does anything.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static unsigned long long done;
static unsigned calls;

static unsigned long long number(const char *name, unsigned long long otherwise) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static int concerns(int fd, const char *call) {
    const char *path = getenv("FAULT_PATH"), *wanted = getenv("FAULT_CALL");
    char link[64], target[4096];
    if (!path || !wanted || strcmp(wanted, call) != 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, target, sizeof target - 1);
    if (len < 0)
        return 0;
    target[len] = 0;
    return strncmp(target, path, strlen(path)) == 0;
}

/* Returns how much may be done; -1 with errno set if nothing. */
static ssize_t allowed(size_t len) {
    if (getenv("FAULT_EINTR") && __atomic_fetch_add(&calls, 1, __ATOMIC_SEQ_CST) % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    unsigned long long most = number("FAULT_SHORT", ~0ull), after = number("FAULT_AFTER", ~0ull);
    if (len > most)
        len = most;
    unsigned long long before = __atomic_fetch_add(&done, len, __ATOMIC_SEQ_CST);
    if (before >= after) {
        errno = (int)number("FAULT_ERRNO", EIO);
        return -1;
    }
    return len < after - before ? len : after - before;
}

#define REAL(type, name, ...)                                  \
    static type (*real)(__VA_ARGS__);                          \
    if (!real)                                                 \
        real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name);

#define POSITIONAL(name, call, pointer, offset_type)                                  \
    ssize_t name(int fd, pointer buffer, size_t len, offset_type offset) {            \
        REAL(ssize_t, #name, int, pointer, size_t, offset_type)                       \
        if (concerns(fd, call)) {                                                     \
            ssize_t may = allowed(len);                                               \
            if (may < 0)                                                              \
                return -1;                                                            \
            len = may;                                                                \
        }                                                                             \
        return real(fd, buffer, len, offset);                                         \
    }

POSITIONAL(pread, "read", void *, off_t)
POSITIONAL(pread64, "read", void *, off64_t)
POSITIONAL(pwrite, "write", const void *, off_t)
POSITIONAL(pwrite64, "write", const void *, off64_t)

ssize_t read(int fd, void *buffer, size_t len) {
    REAL(ssize_t, "read", int, void *, size_t)
    if (concerns(fd, "read")) {
        ssize_t may = allowed(len);
        if (may < 0)
            return -1;
        len = may;
    }
    return real(fd, buffer, len);
}

ssize_t write(int fd, const void *buffer, size_t len) {
    REAL(ssize_t, "write", int, const void *, size_t)
    if (concerns(fd, "write")) {
        ssize_t may = allowed(len);
        if (may < 0)
            return -1;
        len = may;
    }
    return real(fd, buffer, len);
}
