#include "COpenSSL.h"

#include <openssl/crypto.h>
#include <string.h>

void COpenSSL_SSL_set_app_data(SSL *ssl, void *data) { (void)SSL_set_app_data(ssl, data); }

void *COpenSSL_SSL_get_app_data(const SSL *ssl) { return SSL_get_app_data(ssl); }

uint64_t COpenSSL_serverOptions(void) {
    return SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET
        | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;
}

uint64_t COpenSSL_clientOptions(void) {
    return SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET;
}

void COpenSSL_SSL_CTX_set_default_modes(SSL_CTX *ctx) {
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE
        | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(ctx, 0);
}

void COpenSSL_SSL_CTX_disable_session_cache(SSL_CTX *ctx) {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
}

// Sessions go to the callback alone; tickets are TLS 1.2's as well.
void COpenSSL_SSL_CTX_enable_client_sessions(SSL_CTX *ctx) {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_clear_options(ctx, SSL_OP_NO_TICKET);
}

int COpenSSL_SSL_CTX_set_min_proto_version(SSL_CTX *ctx, int version) {
    return (int)SSL_CTX_set_min_proto_version(ctx, version);
}

int COpenSSL_SSL_CTX_set_max_proto_version(SSL_CTX *ctx, int version) {
    return (int)SSL_CTX_set_max_proto_version(ctx, version);
}

int COpenSSL_SSL_CTX_set1_groups_list(SSL_CTX *ctx, const char *groups) {
    return (int)SSL_CTX_set1_groups_list(ctx, groups);
}

int COpenSSL_SSL_CTX_set1_verify_cert_store(SSL_CTX *ctx, X509_STORE *store) {
    return (int)SSL_CTX_set1_verify_cert_store(ctx, store);
}

int COpenSSL_SSL_CTX_add1_chain_cert(SSL_CTX *ctx, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(ctx, certificate);
}

void COpenSSL_SSL_CTX_set_max_cert_list(SSL_CTX *ctx, long limit) {
    SSL_CTX_set_max_cert_list(ctx, limit);
}

static int acknowledgeServerName(SSL *ssl, int *alert, void *argument) {
    (void)ssl, (void)alert, (void)argument;
    return SSL_TLSEXT_ERR_OK;
}

// The virtual host is chosen in the ClientHello callback; this only lets libssl confirm the name.
void COpenSSL_SSL_CTX_acknowledge_server_name(SSL_CTX *ctx) {
    SSL_CTX_set_tlsext_servername_callback(ctx, acknowledgeServerName);
}

// HTTP/1.0 clients such as `curl --http1.0` offer its name; the two speak one language here.
static int selectHTTP11(SSL *ssl, const unsigned char **out, unsigned char *outCount,
    const unsigned char *in, unsigned int inCount, void *argument) {
    static const unsigned char ours[] = "\x08http/1.1\x08http/1.0";
    unsigned char *chosen = NULL;
    (void)ssl, (void)argument;
    if (SSL_select_next_proto(&chosen, outCount, ours, sizeof ours - 1, in, inCount)
        != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

// No overlap is fatal (RFC 7301 §3.2, against ALPACA); no ALPN at all is HTTP/1.1.
void COpenSSL_SSL_CTX_select_http11(SSL_CTX *ctx) {
    SSL_CTX_set_alpn_select_cb(ctx, selectHTTP11, NULL);
}

// Names the anchors in CertificateRequest, or nothing when there are more than `most`.
void COpenSSL_SSL_CTX_set_client_CA_names(SSL_CTX *ctx, X509_STORE *store, int most) {
    STACK_OF(X509) *anchors = X509_STORE_get1_all_certs(store);
    int count = sk_X509_num(anchors);
    if (count > 0 && count <= most)
        for (int index = 0; index < count; index++)
            SSL_CTX_add_client_CA(ctx, sk_X509_value(anchors, index));
    sk_X509_pop_free(anchors, X509_free);
}

int COpenSSL_SSL_set_min_proto_version(SSL *ssl, int version) {
    return (int)SSL_set_min_proto_version(ssl, version);
}

int COpenSSL_SSL_set_max_proto_version(SSL *ssl, int version) {
    return (int)SSL_set_max_proto_version(ssl, version);
}

void COpenSSL_SSL_set_max_cert_list(SSL *ssl, long limit) { SSL_set_max_cert_list(ssl, limit); }

int COpenSSL_SSL_set_tlsext_host_name(SSL *ssl, const char *name) {
    return (int)SSL_set_tlsext_host_name(ssl, name);
}

int COpenSSL_sk_X509_num(const STACK_OF(X509) *stack) { return sk_X509_num(stack); }

X509 *COpenSSL_sk_X509_value(const STACK_OF(X509) *stack, int index) {
    return sk_X509_value(stack, index);
}

void COpenSSL_free(void *memory) { OPENSSL_free(memory); }

long COpenSSL_BIO_get_mem_data(BIO *bio, const uint8_t **data) {
    char *start = NULL;
    long count = BIO_get_mem_data(bio, &start);
    *data = (const uint8_t *)start;
    return count;
}

BIO *COpenSSL_BIO_copying(const uint8_t *bytes, size_t count) {
    size_t written = 0;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL) return NULL;
    BIO_set_mem_eof_return(bio, 0);
    if (count == 0 || (BIO_write_ex(bio, bytes, count, &written) && written == count)) return bio;
    BIO_free(bio);
    return NULL;
}

static int refusePassword(char *buffer, int size, int forWriting, void *argument) {
    (void)buffer, (void)size, (void)forWriting, (void)argument;
    return -1;
}

X509 *COpenSSL_PEM_read_certificate(BIO *bio) {
    return PEM_read_bio_X509(bio, NULL, refusePassword, NULL);
}

struct passphrase {
    const uint8_t *bytes;
    size_t count;
    int *asked;
};

static int givePassphrase(char *buffer, int size, int forWriting, void *argument) {
    (void)forWriting;
    const struct passphrase *passphrase = argument;
    *passphrase->asked = 1;
    if (passphrase->bytes == NULL || passphrase->count > (size_t)size) return -1;
    memcpy(buffer, passphrase->bytes, passphrase->count);
    return (int)passphrase->count;
}

EVP_PKEY *COpenSSL_PEM_read_private_key(BIO *bio, const uint8_t *bytes, size_t count,
                                        int *asked) {
    struct passphrase passphrase = {bytes, count, asked};
    *asked = 0;
    return PEM_read_bio_PrivateKey(bio, NULL, givePassphrase, &passphrase);
}

int COpenSSL_ERR_GET_LIB(unsigned long code) { return ERR_GET_LIB(code); }

int COpenSSL_ERR_GET_REASON(unsigned long code) { return ERR_GET_REASON(code); }

EVP_PKEY *COpenSSL_generateEC(const char *curve) { return EVP_EC_gen(curve); }

EVP_PKEY *COpenSSL_generateRSA(size_t bits) {
    return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);
}

EVP_PKEY *COpenSSL_generateEd25519(void) { return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"); }

int COpenSSL_addExtension(X509 *certificate, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (extension == NULL) return 0;
    int added = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

static int addName(GENERAL_NAMES *stack, int type, ASN1_STRING *value) {
    GENERAL_NAME *name = GENERAL_NAME_new();
    if (name == NULL || value == NULL) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(value);
        return 0;
    }
    GENERAL_NAME_set0_value(name, type, value);
    if (sk_GENERAL_NAME_push(stack, name) > 0) return 1;
    GENERAL_NAME_free(name);
    return 0;
}

int COpenSSL_addText(GENERAL_NAMES *stack, int type, const char *text) {
    ASN1_IA5STRING *value = ASN1_IA5STRING_new();
    if (value != NULL && !ASN1_STRING_set(value, text, -1)) {
        ASN1_IA5STRING_free(value);
        return 0;
    }
    return addName(stack, type, value);
}

int COpenSSL_addAddress(GENERAL_NAMES *stack, const char *literal) {
    return addName(stack, GEN_IPADD, a2i_IPADDRESS(literal));
}

X509_CRL *COpenSSL_PEM_read_revocation_list(BIO *bio) {
    return PEM_read_bio_X509_CRL(bio, NULL, refusePassword, NULL);
}

int COpenSSL_sk_X509_REVOKED_num(const STACK_OF(X509_REVOKED) *stack) {
    return sk_X509_REVOKED_num(stack);
}

X509_REVOKED *COpenSSL_sk_X509_REVOKED_value(const STACK_OF(X509_REVOKED) *stack, int index) {
    return sk_X509_REVOKED_value(stack, index);
}

int COpenSSL_sk_X509_EXTENSION_num(const STACK_OF(X509_EXTENSION) *stack) {
    return sk_X509_EXTENSION_num(stack);
}

X509_EXTENSION *COpenSSL_sk_X509_EXTENSION_value(
    const STACK_OF(X509_EXTENSION) *stack, int index) {
    return sk_X509_EXTENSION_value(stack, index);
}
