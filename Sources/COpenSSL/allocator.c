// Memory for OpenSSL: a handshake makes over a thousand short-lived blocks, more of a size than
// malloc's own thread cache keeps. A thread that asks for it keeps what it frees, by size, and
// takes from there first.
#include "COpenSSL.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

// glibc's blocks have a usable size of 16 n + 8 bytes: `n` is the class of a block, and a block of
// class `n` serves every request up to that size.
enum {
    classCount = (32 * 1024) / 16 + 2,
    mostBlocks = 512,  // of one class
    mostBytes = 1 << 20  // of all classes
};

typedef struct Block {
    struct Block *next;
} Block;

typedef struct {
    Block *first[classCount];
    uint16_t blocks[classCount];
    size_t bytes;
} Cache;

// NULL on threads that keep nothing: then every call is malloc's.
static _Thread_local Cache *cache = NULL;

static size_t classForRequest(size_t size) { return size <= 24 ? 1 : (size + 7) / 16; }

static void *allocate(size_t size, const char *file, int line) {
    (void)file, (void)line;
    size_t class = classForRequest(size);
    Cache *own = cache;
    if (own != NULL && class < classCount && own->first[class] != NULL) {
        Block *block = own->first[class];
        own->first[class] = block->next;
        own->blocks[class]--;
        own->bytes -= 16 * class + 8;
        return block;
    }
    return malloc(size);
}

static void release(void *memory, const char *file, int line) {
    (void)file, (void)line;
    Cache *own = cache;
    if (own != NULL && memory != NULL) {
        // Never larger than the block, so a block serves what its class promises.
        size_t class = (malloc_usable_size(memory) - 8) / 16;
        if (class > 0 && class < classCount && own->blocks[class] < mostBlocks
            && own->bytes < mostBytes) {
            Block *block = memory;
            block->next = own->first[class];
            own->first[class] = block;
            own->blocks[class]++;
            own->bytes += 16 * class + 8;
            return;
        }
    }
    free(memory);
}

static void *resize(void *memory, size_t size, const char *file, int line) {
    if (size == 0) {
        release(memory, file, line);
        return NULL;
    }
    if (memory == NULL) return allocate(size, file, line);
    return realloc(memory, size);
}

int COpenSSL_useOwnAllocator(void) { return CRYPTO_set_mem_functions(allocate, resize, release); }

int COpenSSL_keepFreedMemory(void) {
    if (cache == NULL) cache = calloc(1, sizeof *cache);
    return cache != NULL;
}

void COpenSSL_releaseKeptMemory(void) {
    Cache *own = cache;
    if (own == NULL) return;
    cache = NULL;
    for (size_t class = 0; class < classCount; class++)
        for (Block *block = own->first[class]; block != NULL;) {
            Block *next = block->next;
            free(block);
            block = next;
        }
    free(own);
}
