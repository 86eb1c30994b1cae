#include <features.h>
#pragma once
// OpenSSL as Swift sees it: the headers, one named function per macro, and the sans-I/O BIO.

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stddef.h>
#include <stdint.h>

// The bytes that one SSL call may read and write. Set around each call, zeroed after it, so that
// no connection stores a pointer. One per context, because a context belongs to one thread.
typedef struct {
    const uint8_t *input;
    size_t inputCount;
    size_t inputOffset;
    uint8_t *output;
    size_t outputCapacity;
    size_t outputCount;
    int64_t seconds;  // monotonic time of the loop's turn: the window of the KeyUpdate count
    int64_t wallSeconds;  // since 1970, of the same turn; 0 where nobody told the time
} COpenSSL_Transfer;

// What the message callback saw on one connection. An alert is its description, -1 for none.
typedef struct {
    const COpenSSL_Transfer *transfer;
    int64_t keyUpdateWindow;
    uint32_t keyUpdates;
    int16_t alertSent;
    int16_t alertReceived;
} COpenSSL_Observer;

// Transfers and messages.
int COpenSSL_attachTransfer(SSL *ssl, COpenSSL_Transfer *transfer);
void COpenSSL_observe(SSL *ssl, COpenSSL_Observer *observer);
void COpenSSL_SSL_set_app_data(SSL *ssl, void *data);
void *COpenSSL_SSL_get_app_data(const SSL *ssl);

// SSL_CTX.
uint64_t COpenSSL_serverOptions(void);
uint64_t COpenSSL_clientOptions(void);
void COpenSSL_SSL_CTX_set_default_modes(SSL_CTX *ctx);
void COpenSSL_SSL_CTX_disable_session_cache(SSL_CTX *ctx);
void COpenSSL_SSL_CTX_enable_client_sessions(SSL_CTX *ctx);
int COpenSSL_SSL_CTX_set_min_proto_version(SSL_CTX *ctx, int version);
int COpenSSL_SSL_CTX_set_max_proto_version(SSL_CTX *ctx, int version);
int COpenSSL_SSL_CTX_set1_groups_list(SSL_CTX *ctx, const char *groups);
int COpenSSL_SSL_CTX_set1_verify_cert_store(SSL_CTX *ctx, X509_STORE *store);
int COpenSSL_SSL_CTX_add1_chain_cert(SSL_CTX *ctx, X509 *certificate);
void COpenSSL_SSL_CTX_set_max_cert_list(SSL_CTX *ctx, long limit);
void COpenSSL_SSL_CTX_acknowledge_server_name(SSL_CTX *ctx);
void COpenSSL_SSL_CTX_select_http11(SSL_CTX *ctx);
void COpenSSL_SSL_CTX_set_client_CA_names(SSL_CTX *ctx, X509_STORE *store, int most);

// SSL.
int COpenSSL_SSL_set_min_proto_version(SSL *ssl, int version);
int COpenSSL_SSL_set_max_proto_version(SSL *ssl, int version);
void COpenSSL_SSL_set_max_cert_list(SSL *ssl, long limit);
int COpenSSL_SSL_set_tlsext_host_name(SSL *ssl, const char *name);

// Stacks of certificates.
int COpenSSL_sk_X509_num(const STACK_OF(X509) *stack);
X509 *COpenSSL_sk_X509_value(const STACK_OF(X509) *stack, int index);
STACK_OF(X509) *COpenSSL_sk_X509_new(void);
// Adds a reference of its own to `certificate`.
int COpenSSL_sk_X509_push(STACK_OF(X509) *stack, X509 *certificate);
// Frees the certificates as well.
void COpenSSL_sk_X509_free(STACK_OF(X509) *stack);

// XN_FLAG_RFC2253, a macro over other macros.
static const unsigned long COpenSSL_XN_FLAG_RFC2253 = XN_FLAG_RFC2253;

// Memory and PEM.
void COpenSSL_free(void *memory);
long COpenSSL_BIO_get_mem_data(BIO *bio, const uint8_t **data);
// A BIO to read `bytes` from. It has them copied, so they need not outlive the call.
BIO *COpenSSL_BIO_copying(const uint8_t *bytes, size_t count);
// Reads the next certificate; refuses an encrypted block instead of asking on the terminal.
X509 *COpenSSL_PEM_read_certificate(BIO *bio);
// `*asked` becomes 1 when the key is encrypted. `passphrase` may be NULL: then such a key fails.
EVP_PKEY *COpenSSL_PEM_read_private_key(BIO *bio, const uint8_t *passphrase, size_t count,
                                        int *asked);
int COpenSSL_ERR_GET_LIB(unsigned long code);
int COpenSSL_ERR_GET_REASON(unsigned long code);

// Keys and extensions (`Crypto/Certificates`).
EVP_PKEY *COpenSSL_generateEC(const char *curve);
EVP_PKEY *COpenSSL_generateRSA(size_t bits);
EVP_PKEY *COpenSSL_generateEd25519(void);
int COpenSSL_addExtension(X509 *certificate, X509 *issuer, int nid, const char *value);
int COpenSSL_addText(GENERAL_NAMES *stack, int type, const char *text);
int COpenSSL_addAddress(GENERAL_NAMES *stack, const char *literal);

// Library contexts (`provider.c`). They live as long as the process.
// One that knows the algorithms of TLS only, and decoders for public keys or none at all; NULL
// when it cannot be made.
OSSL_LIB_CTX *COpenSSL_newLibrary(int withPublicKeyDecoders);
// Whether OpenSSL's configuration activates a provider that is not OpenSSL's own, or FIPS.
int COpenSSL_hasForeignProvider(void);

// Verification (`verification.c`).
// Puts `certificate` in the place of the `index`th one that the peer presented; takes it over.
int COpenSSL_replacePresented(X509_STORE_CTX *context, int index, X509 *certificate);
// Forgets all presented certificates but the first.
void COpenSSL_keepFirstPresented(X509_STORE_CTX *context);

// Sessions (`sessions.c`).
// Turns on sessions that are kept outside libssl, for at most `lifetime` seconds.
void COpenSSL_SSL_CTX_use_external_sessions(SSL_CTX *ctx, long lifetime);
// An index for data of sessions; a copy of a session calls `retain`, its end `release`.
int COpenSSL_SSL_SESSION_new_index(void (*retain)(void *data), void (*release)(void *data));

// Revocation lists.
// Reads the next list; never asks on the terminal.
X509_CRL *COpenSSL_PEM_read_revocation_list(BIO *bio);
int COpenSSL_sk_X509_REVOKED_num(const STACK_OF(X509_REVOKED) *stack);
X509_REVOKED *COpenSSL_sk_X509_REVOKED_value(const STACK_OF(X509_REVOKED) *stack, int index);
int COpenSSL_sk_X509_EXTENSION_num(const STACK_OF(X509_EXTENSION) *stack);
X509_EXTENSION *COpenSSL_sk_X509_EXTENSION_value(
    const STACK_OF(X509_EXTENSION) *stack, int index);

// Memory (`allocator.c`).
// Lets OpenSSL use our allocator; 0 when it has allocated something already.
int COpenSSL_useOwnAllocator(void);
// From now on this thread keeps what OpenSSL frees, 1 MiB at most, for OpenSSL's next request;
// 0 without memory for that.
int COpenSSL_keepFreedMemory(void);
// Gives back what this thread keeps, and keeps no more.
void COpenSSL_releaseKeptMemory(void);
