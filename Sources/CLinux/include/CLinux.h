#pragma once

// The Linux calls that Swift cannot make itself: io_uring, epoll, eventfd, accept4 and friends.
//
// This header includes neither `liburing.h` nor a socket header, on purpose: both change types
// (`fd_set`) under the feet of other modules. Rings and messages are opaque here, their bodies are
// in the .c files. Every function returns a value >= 0, or -errno; none retries on EINTR unless
// its comment says so. Bytes and addresses are borrowed unless a comment says otherwise.

#include <stddef.h>
#include <stdint.h>

// MARK: io_uring

typedef struct CLinux_ring CLinux_ring;
typedef struct CLinux_gather CLinux_gather;

/// One completion, copied out of the ring.
typedef struct {
    uint64_t user_data;
    int32_t result;
    uint32_t flags;
} CLinux_completion;

/// How a ring runs its deferred work, best first.
enum {
    CLinux_ring_mode_defer = 0,
    CLinux_ring_mode_cooperative = 1,
    CLinux_ring_mode_plain = 2,
};

/// Makes a ring for the calling thread in `mode` and registers its descriptor.
int CLinux_ring_create(CLinux_ring **ring, unsigned entries, unsigned completions, int mode);
/// 0 when the kernel knows every operation and feature used here, else -ENOSYS.
int CLinux_ring_check(CLinux_ring *ring);
/// Unmaps and closes the ring and frees its buffers. Nothing may be in flight.
void CLinux_ring_destroy(CLinux_ring *ring);

/// Provides `count` (a power of two) receive buffers of `size` bytes to the kernel.
int CLinux_ring_provide_buffers(CLinux_ring *ring, unsigned count, unsigned size);
/// Address of the first provided buffer; buffer i is at i * size.
uint8_t *CLinux_ring_buffers(CLinux_ring *ring);
/// Gives buffer `index` back to the kernel.
void CLinux_ring_recycle(CLinux_ring *ring, unsigned index);

// Each queues one operation. A full queue is submitted and then continued; nothing is lost.
void CLinux_ring_accept(CLinux_ring *ring, int fd, uint64_t user_data);
void CLinux_ring_receive(CLinux_ring *ring, int fd, uint64_t user_data);
void CLinux_ring_send(
    CLinux_ring *ring, int fd, const void *bytes, size_t count, uint64_t user_data);
void CLinux_ring_send_gather(
    CLinux_ring *ring, int fd, CLinux_gather *gather, uint64_t user_data);
/// Connects to the address kept in `gather`.
void CLinux_ring_connect(CLinux_ring *ring, int fd, CLinux_gather *gather, uint64_t user_data);
void CLinux_ring_read(
    CLinux_ring *ring, int fd, void *bytes, unsigned count, uint64_t user_data);
/// Cancels the operation that was queued with `target`.
void CLinux_ring_cancel(CLinux_ring *ring, uint64_t target, uint64_t user_data);
/// Cancels every operation on `fd`.
void CLinux_ring_cancel_all(CLinux_ring *ring, int fd, uint64_t user_data);
void CLinux_ring_close(CLinux_ring *ring, int fd, uint64_t user_data);

/// Submits, then waits for one completion or `timeout` nanoseconds (negative: no limit, 0: only
/// look). Returns 0, -ETIME, -EINTR or another -errno.
int CLinux_ring_wait(CLinux_ring *ring, int64_t timeout);

/// Gives the kernel what is queued; waits for nothing.
void CLinux_ring_submit(CLinux_ring *ring);
/// Moves up to `limit` completions to `out`; returns how many.
unsigned CLinux_ring_reap(CLinux_ring *ring, CLinux_completion *out, unsigned limit);
/// 1 when the kernel holds completions back because the completion queue is full.
int CLinux_ring_overflowed(const CLinux_ring *ring);
/// How often a full submission queue had to be submitted early.
uint64_t CLinux_ring_full_count(const CLinux_ring *ring);
/// System calls the ring made.
uint64_t CLinux_ring_system_calls(const CLinux_ring *ring);

/// Whether more completions of the same multishot operation follow.
static inline int CLinux_completion_more(uint32_t flags) { return (flags & 2u) != 0; }
/// Index of the provided buffer, or -1.
static inline int32_t CLinux_completion_buffer(uint32_t flags) {
    return (flags & 1u) != 0 ? (int32_t)(flags >> 16) : -1;
}

// MARK: Gathered sends and addresses

/// Zeroed memory for one gathered send or one connect; NULL when there is no memory.
CLinux_gather *CLinux_gather_create(void);
void CLinux_gather_destroy(CLinux_gather *gather);
void CLinux_gather_reset(CLinux_gather *gather);
/// Adds a segment; at most 16.
void CLinux_gather_append(CLinux_gather *gather, const void *bytes, size_t count);
/// Drops the first `count` bytes, which were sent.
void CLinux_gather_advance(CLinux_gather *gather, size_t count);
void CLinux_gather_set_ipv4(CLinux_gather *gather, uint32_t address, uint16_t port);
void CLinux_gather_set_ipv6(
    CLinux_gather *gather, uint64_t high, uint64_t low, uint16_t port);
/// -ENAMETOOLONG when `path` does not fit in a socket address.
int CLinux_gather_set_unix(CLinux_gather *gather, const char *path, size_t count);

/// A socket address taken apart; `family` is 4, 6, 1 (Unix) or 0 (anything else).
typedef struct {
    uint64_t high;
    uint64_t low;
    uint32_t ipv4;
    uint16_t port;
    uint16_t path_count;
    int family;
    char path[108];
} CLinux_address;
int CLinux_local_address(int fd, CLinux_address *out);
int CLinux_peer_address(int fd, CLinux_address *out);

// MARK: Sockets

/// A non-blocking, close-on-exec stream socket for the address kept in `gather`.
int CLinux_socket(const CLinux_gather *gather);
int CLinux_bind(int fd, const CLinux_gather *gather);
int CLinux_listen(int fd, int backlog);
int CLinux_connect(int fd, const CLinux_gather *gather);
/// A non-blocking, close-on-exec descriptor. Retries ECONNABORTED and EINTR.
int CLinux_accept(int fd);
int64_t CLinux_receive(int fd, void *bytes, size_t count);
int64_t CLinux_send(int fd, const void *bytes, size_t count);
int64_t CLinux_send_gather(int fd, CLinux_gather *gather);
int CLinux_shutdown_write(int fd);
int CLinux_close(int fd);
/// The pending error of a socket as -errno, 0 when there is none.
int CLinux_socket_error(int fd);
int CLinux_set_reuse_address(int fd);
int CLinux_set_reuse_port(int fd);
int CLinux_set_no_delay(int fd, int on);
int CLinux_set_ipv6_only(int fd, int on);
int CLinux_set_keep_alive(int fd, int idle_seconds, int interval_seconds, int count);
int CLinux_set_defer_accept(int fd, int seconds);
int CLinux_set_send_buffer(int fd, int bytes);
int CLinux_set_receive_buffer(int fd, int bytes);
/// Makes the coming close send a reset and discard what is unsent.
int CLinux_set_reset_on_close(int fd);
int CLinux_set_nonblocking(int fd);

// MARK: epoll and eventfd

enum {
    CLinux_epoll_in = 0x001,
    CLinux_epoll_out = 0x004,
    CLinux_epoll_error = 0x008,
    CLinux_epoll_hang_up = 0x010,
    CLinux_epoll_read_hang_up = 0x2000,
};

/// One readiness event.
typedef struct {
    uint64_t user_data;
    uint32_t events;
} CLinux_event;

int CLinux_epoll_create(void);
/// Registers `fd`, edge-triggered.
int CLinux_epoll_add(int epoll, int fd, uint32_t events, uint64_t user_data);
/// Changes the events of `fd`, edge-triggered; what is ready now is reported again.
int CLinux_epoll_modify(int epoll, int fd, uint32_t events, uint64_t user_data);
int CLinux_epoll_remove(int epoll, int fd);
/// Waits as `CLinux_ring_wait` does; returns the number of events (at most 256).
int CLinux_epoll_wait(int epoll, CLinux_event *out, int limit, int64_t timeout);

/// A close-on-exec counter; blocking, so that a ring can wait on it.
int CLinux_eventfd(void);
int CLinux_eventfd_signal(int fd);

// MARK: Process and thread

uint64_t CLinux_monotonic_nanoseconds(void);
int64_t CLinux_wall_seconds(void);
/// CPU time that the calling thread has used.
uint64_t CLinux_thread_cpu_nanoseconds(void);
/// Raises the soft limit of open descriptors towards `wanted`; returns the limit in force.
int64_t CLinux_raise_descriptor_limit(uint64_t wanted);
/// Raises the soft limit of locked memory to the hard one; returns it (INT64_MAX: unlimited).
int64_t CLinux_raise_memlock_limit(void);
/// Pins the calling thread to `cpu`.
int CLinux_pin_thread(int cpu);
/// Makes io_uring calls of this process fail with `error` from now on, for ever.
int CLinux_deny_io_uring(int error);
