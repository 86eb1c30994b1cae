#include "internal.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { event_limit = 256 };

_Static_assert(CLinux_epoll_in == EPOLLIN, "epoll constants");
_Static_assert(CLinux_epoll_out == EPOLLOUT, "epoll constants");
_Static_assert(CLinux_epoll_error == EPOLLERR, "epoll constants");
_Static_assert(CLinux_epoll_hang_up == EPOLLHUP, "epoll constants");
_Static_assert(CLinux_epoll_read_hang_up == EPOLLRDHUP, "epoll constants");

static int checked(int result) { return result < 0 ? -errno : result; }

// MARK: epoll and eventfd

int CLinux_epoll_create(void) { return checked(epoll_create1(EPOLL_CLOEXEC)); }

static int control(int epoll, int operation, int fd, uint32_t events, uint64_t user_data) {
    struct epoll_event event = {.events = events | EPOLLET, .data = {.u64 = user_data}};
    return checked(epoll_ctl(epoll, operation, fd, &event));
}

int CLinux_epoll_add(int epoll, int fd, uint32_t events, uint64_t user_data) {
    return control(epoll, EPOLL_CTL_ADD, fd, events, user_data);
}

int CLinux_epoll_modify(int epoll, int fd, uint32_t events, uint64_t user_data) {
    return control(epoll, EPOLL_CTL_MOD, fd, events, user_data);
}

int CLinux_epoll_remove(int epoll, int fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0, 0); }

/// epoll_wait counts in milliseconds; rounding up keeps it from waking before the deadline.
static int wait_in_milliseconds(int epoll, struct epoll_event *events, int limit, int64_t timeout) {
    int64_t milliseconds = timeout < 0 ? -1 : timeout / 1000000 + (timeout % 1000000 != 0);
    if (milliseconds > INT32_MAX) milliseconds = INT32_MAX;
    return checked(epoll_wait(epoll, events, limit, (int)milliseconds));
}

int CLinux_epoll_wait(int epoll, CLinux_event *out, int limit, int64_t timeout) {
    struct epoll_event events[event_limit];
    if (limit > event_limit) limit = event_limit;
    int count;
    if (timeout <= 0) {
        count = checked(epoll_wait(epoll, events, limit, timeout < 0 ? -1 : 0));
    } else {
        const struct timespec span = {
            .tv_sec = timeout / 1000000000,
            .tv_nsec = timeout % 1000000000,
        };
        count = checked(epoll_pwait2(epoll, events, limit, &span, NULL));
        if (count == -ENOSYS || count == -EPERM) {
            count = wait_in_milliseconds(epoll, events, limit, timeout);
        }
    }
    for (int i = 0; i < count; i++) {
        out[i].user_data = events[i].data.u64;
        out[i].events = events[i].events;
    }
    return count;
}

int CLinux_eventfd(void) { return checked(eventfd(0, EFD_CLOEXEC)); }

int CLinux_eventfd_signal(int fd) {
    const uint64_t one = 1;
    for (;;) {
        if (write(fd, &one, sizeof one) == sizeof one) return 0;
        if (errno != EINTR) return -errno;
    }
}

// MARK: Process and thread

uint64_t CLinux_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t CLinux_thread_cpu_nanoseconds(void) {
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

int64_t CLinux_wall_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec;
}

int64_t CLinux_raise_descriptor_limit(uint64_t wanted) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    if (limit.rlim_cur >= wanted) return (int64_t)limit.rlim_cur;
    const struct rlimit before = limit;
    limit.rlim_cur = wanted;
    if (limit.rlim_max < wanted) {
        limit.rlim_max = wanted;
        if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return (int64_t)wanted;
        limit.rlim_cur = limit.rlim_max = before.rlim_max;
    }
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    return (int64_t)limit.rlim_cur;
}

int64_t CLinux_raise_memlock_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0) return -errno;
    if (limit.rlim_cur != limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_MEMLOCK, &limit) < 0) return -errno;
    }
    return limit.rlim_cur == RLIM_INFINITY ? INT64_MAX : (int64_t)limit.rlim_cur;
}

int CLinux_pin_thread(int cpu) {
    if (cpu < 0 || cpu >= CPU_SETSIZE) return -EINVAL;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return checked(sched_setaffinity(0, sizeof set, &set));
}

int CLinux_deny_io_uring(int error) {
    const uint32_t verdict = SECCOMP_RET_ERRNO | ((uint32_t)error & SECCOMP_RET_DATA);
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_register, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, verdict),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {
        .len = sizeof filter / sizeof filter[0],
        .filter = filter,
    };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
    return checked(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}
