// Sessions that are kept outside libssl, with data of our own in each.
#include "COpenSSL.h"

void COpenSSL_SSL_CTX_use_external_sessions(SSL_CTX *ctx, long lifetime) {
    SSL_CTX_set_session_cache_mode(
        ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL | SSL_SESS_CACHE_NO_AUTO_CLEAR);
    SSL_CTX_set_timeout(ctx, lifetime);
}

typedef void (*Change)(void *data);

// Both set once, before any session exists.
static Change retainData = NULL;
static Change releaseData = NULL;

static int duplicate(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **data, int index,
    long number, void *argument) {
    (void)to, (void)from, (void)index, (void)number, (void)argument;
    if (*data != NULL) retainData(*data);
    return 1;
}

static void discard(void *parent, void *data, CRYPTO_EX_DATA *all, int index, long number,
    void *argument) {
    (void)parent, (void)all, (void)index, (void)number, (void)argument;
    if (data != NULL) releaseData(data);
}

int COpenSSL_SSL_SESSION_new_index(void (*retain)(void *data), void (*release)(void *data)) {
    retainData = retain;
    releaseData = release;
    return SSL_SESSION_get_ex_new_index(0, NULL, NULL, duplicate, discard);
}
