#include "internal.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

// Never IORING_SETUP_NO_SQARRAY: liburing 2.3 then writes past its ring.

enum { buffer_group = 0 };

struct CLinux_ring {
    struct io_uring io;
    struct io_uring_buf_ring *buffer_ring;
    uint8_t *buffers;
    unsigned buffer_count;
    unsigned buffer_size;
    uint64_t full_count;
    uint64_t system_calls;
    // Operations that found the queue full and the kernel unwilling, oldest first.
    struct io_uring_sqe *spilled;
    size_t spilled_count;
    size_t spilled_capacity;
};

int CLinux_ring_create(CLinux_ring **out, unsigned entries, unsigned completions, int mode) {
    CLinux_ring *ring = calloc(1, sizeof *ring);
    if (ring == NULL) return -ENOMEM;
    struct io_uring_params params;
    memset(&params, 0, sizeof params);
    params.flags = IORING_SETUP_CQSIZE;
    params.cq_entries = completions;
    if (mode == CLinux_ring_mode_defer) {
        params.flags |= IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER
            | IORING_SETUP_DEFER_TASKRUN;
    } else if (mode == CLinux_ring_mode_cooperative) {
        params.flags |= IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN
            | IORING_SETUP_TASKRUN_FLAG;
    }
    int result = io_uring_queue_init_params(entries, &ring->io, &params);
    if (result < 0) {
        free(ring);
        return result;
    }
    // Only saves a lookup per call; without it the ring works as well.
    (void)io_uring_register_ring_fd(&ring->io);
    *out = ring;
    return 0;
}

int CLinux_ring_check(CLinux_ring *ring) {
    const unsigned features = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_FAST_POLL;
    if ((ring->io.features & features) != features) return -ENOSYS;
    struct io_uring_probe *probe = io_uring_get_probe_ring(&ring->io);
    if (probe == NULL) return -ENOSYS;
    // SEND_ZC came with 6.0, as multishot receive did, which has no operation code of its own.
    static const int needed[] = {
        IORING_OP_ACCEPT, IORING_OP_CONNECT, IORING_OP_RECV, IORING_OP_SEND, IORING_OP_SENDMSG,
        IORING_OP_ASYNC_CANCEL, IORING_OP_READ, IORING_OP_CLOSE, IORING_OP_SEND_ZC,
    };
    int result = 0;
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (!io_uring_opcode_supported(probe, needed[i])) result = -ENOSYS;
    }
    io_uring_free_probe(probe);
    return result;
}

void CLinux_ring_destroy(CLinux_ring *ring) {
    io_uring_queue_exit(&ring->io);
    if (ring->buffer_ring != NULL) {
        munmap(ring->buffer_ring, ring->buffer_count * sizeof(struct io_uring_buf));
    }
    if (ring->buffers != NULL) {
        munmap(ring->buffers, (size_t)ring->buffer_count * ring->buffer_size);
    }
    free(ring->spilled);
    free(ring);
}

int CLinux_ring_provide_buffers(CLinux_ring *ring, unsigned count, unsigned size) {
    if (count == 0 || (count & (count - 1)) != 0 || count > 32768) return -EINVAL;
    const int protection = PROT_READ | PROT_WRITE;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    void *entries = mmap(NULL, count * sizeof(struct io_uring_buf), protection, flags, -1, 0);
    if (entries == MAP_FAILED) return -errno;
    void *buffers = mmap(NULL, (size_t)count * size, protection, flags, -1, 0);
    if (buffers == MAP_FAILED) {
        const int error = errno;
        munmap(entries, count * sizeof(struct io_uring_buf));
        return -error;
    }
    struct io_uring_buf_reg registration;
    memset(&registration, 0, sizeof registration);
    registration.ring_addr = (unsigned long)entries;
    registration.ring_entries = count;
    registration.bgid = buffer_group;
    const int result = io_uring_register_buf_ring(&ring->io, &registration, 0);
    if (result < 0) {
        munmap(entries, count * sizeof(struct io_uring_buf));
        munmap(buffers, (size_t)count * size);
        return result;
    }
    ring->buffer_ring = entries;
    ring->buffers = buffers;
    ring->buffer_count = count;
    ring->buffer_size = size;
    io_uring_buf_ring_init(ring->buffer_ring);
    for (unsigned i = 0; i < count; i++) {
        io_uring_buf_ring_add(
            ring->buffer_ring, ring->buffers + (size_t)i * size, size, (unsigned short)i,
            io_uring_buf_ring_mask(count), (int)i);
    }
    io_uring_buf_ring_advance(ring->buffer_ring, (int)count);
    return 0;
}

uint8_t *CLinux_ring_buffers(CLinux_ring *ring) { return ring->buffers; }

void CLinux_ring_recycle(CLinux_ring *ring, unsigned index) {
    io_uring_buf_ring_add(
        ring->buffer_ring, ring->buffers + (size_t)index * ring->buffer_size, ring->buffer_size,
        (unsigned short)index, io_uring_buf_ring_mask(ring->buffer_count), 0);
    io_uring_buf_ring_advance(ring->buffer_ring, 1);
}

// MARK: Operations

/// A place outside the ring for one operation, moved into it by `restore_spilled`.
static struct io_uring_sqe *spill(CLinux_ring *ring) {
    if (ring->spilled_count == ring->spilled_capacity) {
        const size_t capacity = ring->spilled_capacity == 0 ? 64 : ring->spilled_capacity * 2;
        void *larger = realloc(ring->spilled, capacity * sizeof(struct io_uring_sqe));
        if (larger == NULL) abort();
        ring->spilled = larger;
        ring->spilled_capacity = capacity;
    }
    struct io_uring_sqe *sqe = &ring->spilled[ring->spilled_count++];
    // Newer versions of liburing clear an entry when it is taken, not when it is prepared.
    memset(sqe, 0, sizeof *sqe);
    return sqe;
}

static void restore_spilled(CLinux_ring *ring) {
    size_t moved = 0;
    while (moved < ring->spilled_count) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->io);
        if (sqe == NULL) break;
        *sqe = ring->spilled[moved++];
    }
    ring->spilled_count -= moved;
    memmove(
        ring->spilled, ring->spilled + moved, ring->spilled_count * sizeof(struct io_uring_sqe));
}

static struct io_uring_sqe *next_sqe(CLinux_ring *ring) {
    if (ring->spilled_count > 0) return spill(ring);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->io);
    if (sqe != NULL) return sqe;
    ring->full_count++;
    ring->system_calls++;
    (void)io_uring_submit(&ring->io);
    sqe = io_uring_get_sqe(&ring->io);
    return sqe != NULL ? sqe : spill(ring);
}

void CLinux_ring_accept(CLinux_ring *ring, int fd, uint64_t user_data) {
    struct io_uring_sqe *sqe = next_sqe(ring);
    io_uring_prep_accept(sqe, fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    sqe->user_data = user_data;
}

void CLinux_ring_receive(CLinux_ring *ring, int fd, uint64_t user_data) {
    struct io_uring_sqe *sqe = next_sqe(ring);
    io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = buffer_group;
    sqe->user_data = user_data;
}

void CLinux_ring_send(
    CLinux_ring *ring, int fd, const void *bytes, size_t count, uint64_t user_data
) {
    struct io_uring_sqe *sqe = next_sqe(ring);
    io_uring_prep_send(sqe, fd, bytes, count, MSG_WAITALL | MSG_NOSIGNAL);
    sqe->user_data = user_data;
}

void CLinux_ring_send_gather(
    CLinux_ring *ring, int fd, CLinux_gather *gather, uint64_t user_data
) {
    struct io_uring_sqe *sqe = next_sqe(ring);
    io_uring_prep_sendmsg(sqe, fd, &gather->header, MSG_WAITALL | MSG_NOSIGNAL);
    sqe->user_data = user_data;
}

void CLinux_ring_connect(CLinux_ring *ring, int fd, CLinux_gather *gather, uint64_t user_data) {
    struct io_uring_sqe *sqe = next_sqe(ring);
    io_uring_prep_connect(
        sqe, fd, (const struct sockaddr *)&gather->address, gather->address_size);
    sqe->user_data = user_data;
}

void CLinux_ring_read(
    CLinux_ring *ring, int fd, void *bytes, unsigned count, uint64_t user_data
) {
    struct io_uring_sqe *sqe = next_sqe(ring);
    io_uring_prep_read(sqe, fd, bytes, count, 0);
    sqe->user_data = user_data;
}

void CLinux_ring_cancel(CLinux_ring *ring, uint64_t target, uint64_t user_data) {
    struct io_uring_sqe *sqe = next_sqe(ring);
    io_uring_prep_cancel64(sqe, target, 0);
    sqe->user_data = user_data;
}

void CLinux_ring_cancel_all(CLinux_ring *ring, int fd, uint64_t user_data) {
    struct io_uring_sqe *sqe = next_sqe(ring);
    io_uring_prep_cancel_fd(sqe, fd, IORING_ASYNC_CANCEL_ALL);
    sqe->user_data = user_data;
}

void CLinux_ring_close(CLinux_ring *ring, int fd, uint64_t user_data) {
    struct io_uring_sqe *sqe = next_sqe(ring);
    io_uring_prep_close(sqe, fd);
    sqe->user_data = user_data;
}

// MARK: Turns

int CLinux_ring_wait(CLinux_ring *ring, int64_t timeout) {
    if (ring->spilled_count > 0) {
        restore_spilled(ring);
        timeout = ring->spilled_count > 0 ? 0 : timeout;
    }
    ring->system_calls++;
    int result;
    if (timeout == 0) {
        result = io_uring_submit_and_get_events(&ring->io);
    } else if (timeout < 0) {
        result = io_uring_submit_and_wait(&ring->io, 1);
    } else {
        struct __kernel_timespec limit = {
            .tv_sec = timeout / 1000000000,
            .tv_nsec = timeout % 1000000000,
        };
        struct io_uring_cqe *cqe = NULL;
        result = io_uring_submit_and_wait_timeout(&ring->io, &cqe, 1, &limit, NULL);
    }
    return result < 0 ? result : 0;
}

void CLinux_ring_submit(CLinux_ring *ring) {
    if (io_uring_sq_ready(&ring->io) == 0) return;
    ring->system_calls++;
    // What the kernel does not take now it takes in the next wait.
    (void)io_uring_submit(&ring->io);
}

unsigned CLinux_ring_reap(CLinux_ring *ring, CLinux_completion *out, unsigned limit) {
    unsigned ready = io_uring_cq_ready(&ring->io);
    if (ready > limit) ready = limit;
    const unsigned head = *ring->io.cq.khead;
    const unsigned mask = ring->io.cq.ring_mask;
    for (unsigned i = 0; i < ready; i++) {
        const struct io_uring_cqe *cqe = &ring->io.cq.cqes[(head + i) & mask];
        out[i].user_data = cqe->user_data;
        out[i].result = cqe->res;
        out[i].flags = cqe->flags;
    }
    io_uring_cq_advance(&ring->io, ready);
    return ready;
}

int CLinux_ring_overflowed(const CLinux_ring *ring) {
    return (__atomic_load_n(ring->io.sq.kflags, __ATOMIC_RELAXED) & IORING_SQ_CQ_OVERFLOW) != 0;
}

uint64_t CLinux_ring_full_count(const CLinux_ring *ring) { return ring->full_count; }

uint64_t CLinux_ring_system_calls(const CLinux_ring *ring) { return ring->system_calls; }
