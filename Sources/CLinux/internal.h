#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <features.h>

#include <sys/socket.h>
#include <sys/uio.h>

#include "CLinux.h"

enum { CLinux_segment_limit = 16 };

/// A message being sent, or an address being connected to: never both at once.
struct CLinux_gather {
    struct msghdr header;
    struct iovec segments[CLinux_segment_limit];
    struct sockaddr_storage address;
    socklen_t address_size;
};
