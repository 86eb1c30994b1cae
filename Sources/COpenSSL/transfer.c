// The BIO under every SSL: reads from and writes to the spans of a COpenSSL_Transfer.
#include "COpenSSL.h"

#include <string.h>

static int transferRead(BIO *bio, char *data, size_t count, size_t *done) {
    COpenSSL_Transfer *transfer = BIO_get_data(bio);
    size_t rest = transfer->inputCount - transfer->inputOffset;
    BIO_clear_retry_flags(bio);
    if (rest == 0) {
        BIO_set_retry_read(bio);
        *done = 0;
        return 0;
    }
    if (count > rest) count = rest;
    memcpy(data, transfer->input + transfer->inputOffset, count);
    transfer->inputOffset += count;
    *done = count;
    return 1;
}

static int transferWrite(BIO *bio, const char *data, size_t count, size_t *done) {
    COpenSSL_Transfer *transfer = BIO_get_data(bio);
    size_t room = transfer->outputCapacity - transfer->outputCount;
    BIO_clear_retry_flags(bio);
    if (room == 0) {
        BIO_set_retry_write(bio);
        *done = 0;
        return 0;
    }
    if (count > room) count = room;
    memcpy(transfer->output + transfer->outputCount, data, count);
    transfer->outputCount += count;
    *done = count;
    return 1;
}

static long transferControl(BIO *bio, int command, long number, void *pointer) {
    COpenSSL_Transfer *transfer = BIO_get_data(bio);
    (void)number, (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_PENDING: return (long)(transfer->inputCount - transfer->inputOffset);
    default: return 0;
    }
}

static int transferCreate(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static BIO_METHOD *method = NULL;

static void makeMethod(void) {
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "postern transfer");
    if (method == NULL) return;
    BIO_meth_set_read_ex(method, transferRead);
    BIO_meth_set_write_ex(method, transferWrite);
    BIO_meth_set_ctrl(method, transferControl);
    BIO_meth_set_create(method, transferCreate);
}

int COpenSSL_attachTransfer(SSL *ssl, COpenSSL_Transfer *transfer) {
    if (!CRYPTO_THREAD_run_once(&once, makeMethod) || method == NULL) return 0;
    BIO *bio = BIO_new(method);
    if (bio == NULL) return 0;
    BIO_set_data(bio, transfer);
    SSL_set_bio(ssl, bio, bio);
    return 1;
}

enum { keyUpdateMessage = 24, keyUpdateWindowSeconds = 60 };

static void observe(int isWrite, int version, int type, const void *bytes, size_t count,
    SSL *ssl, void *argument) {
    COpenSSL_Observer *observer = argument;
    const uint8_t *message = bytes;
    (void)version, (void)ssl;
    if (type == SSL3_RT_ALERT && count == 2) {
        if (isWrite) observer->alertSent = message[1];
        else observer->alertReceived = message[1];
    } else if (type == SSL3_RT_HANDSHAKE && !isWrite && count > 0
        && message[0] == keyUpdateMessage) {
        int64_t now = observer->transfer->seconds;
        if (now - observer->keyUpdateWindow >= keyUpdateWindowSeconds) {
            observer->keyUpdateWindow = now;
            observer->keyUpdates = 0;
        }
        observer->keyUpdates++;
    }
}

void COpenSSL_observe(SSL *ssl, COpenSSL_Observer *observer) {
    SSL_set_msg_callback(ssl, observe);
    SSL_set_msg_callback_arg(ssl, observer);
}
