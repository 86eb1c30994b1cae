#include "internal.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static int checked(int result) { return result < 0 ? -errno : result; }

// MARK: Gathered sends

CLinux_gather *CLinux_gather_create(void) { return calloc(1, sizeof(CLinux_gather)); }

void CLinux_gather_destroy(CLinux_gather *gather) { free(gather); }

void CLinux_gather_reset(CLinux_gather *gather) {
    memset(&gather->header, 0, sizeof gather->header);
    gather->header.msg_iov = gather->segments;
}

void CLinux_gather_append(CLinux_gather *gather, const void *bytes, size_t count) {
    if (gather->header.msg_iovlen == CLinux_segment_limit) abort();
    struct iovec *segment = &gather->segments[gather->header.msg_iovlen++];
    segment->iov_base = (void *)bytes;
    segment->iov_len = count;
}

void CLinux_gather_advance(CLinux_gather *gather, size_t count) {
    while (gather->header.msg_iovlen > 0) {
        struct iovec *first = gather->header.msg_iov;
        if (count < first->iov_len) {
            first->iov_base = (char *)first->iov_base + count;
            first->iov_len -= count;
            return;
        }
        count -= first->iov_len;
        gather->header.msg_iov++;
        gather->header.msg_iovlen--;
    }
}

// MARK: Addresses

void CLinux_gather_set_ipv4(CLinux_gather *gather, uint32_t address, uint16_t port) {
    struct sockaddr_in *in = (struct sockaddr_in *)&gather->address;
    memset(in, 0, sizeof *in);
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    in->sin_addr.s_addr = htonl(address);
    gather->address_size = sizeof *in;
}

void CLinux_gather_set_ipv6(
    CLinux_gather *gather, uint64_t high, uint64_t low, uint16_t port
) {
    struct sockaddr_in6 *in = (struct sockaddr_in6 *)&gather->address;
    memset(in, 0, sizeof *in);
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(port);
    const uint64_t halves[2] = {htobe64(high), htobe64(low)};
    memcpy(&in->sin6_addr, halves, sizeof halves);
    gather->address_size = sizeof *in;
}

int CLinux_gather_set_unix(CLinux_gather *gather, const char *path, size_t count) {
    struct sockaddr_un *un = (struct sockaddr_un *)&gather->address;
    memset(un, 0, sizeof *un);
    if (count >= sizeof un->sun_path) return -ENAMETOOLONG;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, count);
    gather->address_size = sizeof *un;
    return 0;
}

static int take_apart(const struct sockaddr_storage *address, socklen_t size, CLinux_address *out) {
    memset(out, 0, sizeof *out);
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        out->family = 4;
        out->ipv4 = ntohl(in->sin_addr.s_addr);
        out->port = ntohs(in->sin_port);
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)address;
        uint64_t halves[2];
        memcpy(halves, &in->sin6_addr, sizeof halves);
        out->family = 6;
        out->high = be64toh(halves[0]);
        out->low = be64toh(halves[1]);
        out->port = ntohs(in->sin6_port);
    } else if (address->ss_family == AF_UNIX) {
        const struct sockaddr_un *un = (const struct sockaddr_un *)address;
        const size_t offset = offsetof(struct sockaddr_un, sun_path);
        out->family = 1;
        if (size > offset) {
            out->path_count = (uint16_t)strnlen(un->sun_path, size - offset);
            memcpy(out->path, un->sun_path, out->path_count);
        }
    }
    return 0;
}

int CLinux_local_address(int fd, CLinux_address *out) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0) return -errno;
    return take_apart(&address, size, out);
}

int CLinux_peer_address(int fd, CLinux_address *out) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getpeername(fd, (struct sockaddr *)&address, &size) < 0) return -errno;
    return take_apart(&address, size, out);
}

// MARK: Calls

int CLinux_socket(const CLinux_gather *gather) {
    const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    return checked(socket(gather->address.ss_family, type, 0));
}

int CLinux_bind(int fd, const CLinux_gather *gather) {
    return checked(bind(fd, (const struct sockaddr *)&gather->address, gather->address_size));
}

int CLinux_listen(int fd, int backlog) { return checked(listen(fd, backlog)); }

int CLinux_connect(int fd, const CLinux_gather *gather) {
    return checked(connect(fd, (const struct sockaddr *)&gather->address, gather->address_size));
}

int CLinux_accept(int fd) {
    for (;;) {
        const int result = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (result >= 0) return result;
        if (errno != EINTR && errno != ECONNABORTED) return -errno;
    }
}

int64_t CLinux_receive(int fd, void *bytes, size_t count) {
    for (;;) {
        const ssize_t result = recv(fd, bytes, count, 0);
        if (result >= 0) return result;
        if (errno != EINTR) return -errno;
    }
}

int64_t CLinux_send(int fd, const void *bytes, size_t count) {
    for (;;) {
        const ssize_t result = send(fd, bytes, count, MSG_NOSIGNAL);
        if (result >= 0) return result;
        if (errno != EINTR) return -errno;
    }
}

int64_t CLinux_send_gather(int fd, CLinux_gather *gather) {
    for (;;) {
        const ssize_t result = sendmsg(fd, &gather->header, MSG_NOSIGNAL);
        if (result >= 0) return result;
        if (errno != EINTR) return -errno;
    }
}

int CLinux_shutdown_write(int fd) { return checked(shutdown(fd, SHUT_WR)); }

int CLinux_close(int fd) { return checked(close(fd)); }

// MARK: Options

static int set_option(int fd, int level, int name, int value) {
    return checked(setsockopt(fd, level, name, &value, sizeof value));
}

int CLinux_socket_error(int fd) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return -errno;
    return -error;
}

int CLinux_set_reuse_address(int fd) { return set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1); }

int CLinux_set_reuse_port(int fd) { return set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1); }

int CLinux_set_no_delay(int fd, int on) { return set_option(fd, IPPROTO_TCP, TCP_NODELAY, on); }

int CLinux_set_ipv6_only(int fd, int on) { return set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, on); }

int CLinux_set_keep_alive(int fd, int idle_seconds, int interval_seconds, int count) {
    int result = set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_seconds);
    if (result == 0) result = set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval_seconds);
    if (result == 0) result = set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, count);
    if (result == 0) result = set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    return result;
}

int CLinux_set_defer_accept(int fd, int seconds) {
    return set_option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, seconds);
}

int CLinux_set_send_buffer(int fd, int bytes) {
    return set_option(fd, SOL_SOCKET, SO_SNDBUF, bytes);
}

int CLinux_set_receive_buffer(int fd, int bytes) {
    return set_option(fd, SOL_SOCKET, SO_RCVBUF, bytes);
}

int CLinux_set_reset_on_close(int fd) {
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};
    return checked(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
}

int CLinux_set_nonblocking(int fd) {
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    if ((flags & O_NONBLOCK) != 0) return 0;
    return checked(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}
