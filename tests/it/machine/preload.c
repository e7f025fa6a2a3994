/*
 * Makes a disk or the name server fail, moves the clock and lets the machine sleep, for one process: loaded before the C
 * library (LD_PRELOAD).
 *
 * FAULT_CALL     the calls that fail: `write`, `sync` (fsync, fdatasync) or `size` (ftruncate)
 * FAULT_AT       the first of them that fails, counted from 1
 * FAULT_LASTS    `1` where all later ones fail too
 * FAULT_ERRNO    the number of the error
 * FAULT_FIRED    a file that is made once one has failed
 * FAULT_WHILE    a file as long as which there is a fault, where it is not about the number of the call
 * NAMES_FAIL     a file as long as which no name is found
 * CLOCKS         a file with two numbers of eight bytes: the nanoseconds that the wall clock is ahead, and those that the
 *                monotonic clock has missed, as it does in suspend. The program reads the boot clock without this library.
 *
 * Only files whose name has `mapiq.db` in it fail: what the program prints does not. A write that fails has written the
 * first half of its bytes, as a disk may.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_long calls;
static const volatile int64_t *shifts;

__attribute__((constructor)) static void prepare(void) {
    const char *path = getenv("CLOCKS");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        void *shared = mmap(NULL, 2 * sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
        if (shared != MAP_FAILED) shifts = shared;
        close(file);
    }
}

static int is_of_database(int fd) {
    char link[32], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, "mapiq.db") != NULL;
}

static int fails(const char *call, int fd) {
    const char *wanted = getenv("FAULT_CALL"), *at = getenv("FAULT_AT"), *file = getenv("FAULT_WHILE");
    if (!wanted || strcmp(wanted, call) != 0 || !is_of_database(fd)) return 0;
    if (file && access(file, F_OK) != 0) return 0;
    long number = atomic_fetch_add(&calls, 1) + 1, first = at ? atol(at) : 1;
    int lasts = getenv("FAULT_LASTS") != NULL;
    if (number < first || (number > first && !lasts)) return 0;
    const char *fired = getenv("FAULT_FIRED");
    if (fired) {
        int file = open(fired, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        if (file >= 0) close(file);
    }
    const char *error = getenv("FAULT_ERRNO");
    errno = error ? atoi(error) : EIO;
    return 1;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    if (fails("write", fd)) {
        int error = errno;
        syscall(SYS_pwrite64, fd, bytes, length / 2, at);
        errno = error;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, bytes, length, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    return pwrite64(fd, bytes, length, at);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (fails("write", fd)) {
        int error = errno;
        syscall(SYS_write, fd, bytes, length / 2);
        errno = error;
        return -1;
    }
    return syscall(SYS_write, fd, bytes, length);
}

int fsync(int fd) { return fails("sync", fd) ? -1 : syscall(SYS_fsync, fd); }

int fdatasync(int fd) { return fails("sync", fd) ? -1 : syscall(SYS_fdatasync, fd); }

int ftruncate64(int fd, off64_t length) {
    return fails("size", fd) ? -1 : syscall(SYS_ftruncate, fd, length);
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*next)(clockid_t, struct timespec *);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "clock_gettime");
    int result = next(clock, time);
    if (result == 0 && shifts && (clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC)) {
        int64_t shift = clock == CLOCK_REALTIME ? shifts[0] : -shifts[1];
        int64_t shifted = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec + shift;
        time->tv_sec = shifted / 1000000000;
        time->tv_nsec = shifted % 1000000000;
    }
    return result;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    static int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    const char *file = getenv("NAMES_FAIL");
    if (file && access(file, F_OK) == 0) return EAI_AGAIN;
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "getaddrinfo");
    return next(name, service, hints, found);
}
