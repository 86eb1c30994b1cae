// TLS 1.3's key derivation and HMAC (RFC 8446 section 7.1, RFC 5869, RFC 2104) for our provider,
// on OpenSSL's SHA-256 and SHA-384. A handshake derives some twenty secrets; OpenSSL 3.0 fetches a
// digest, copies every input and makes two contexts for each, which costs many times the hashing.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "key_schedule.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <string.h>
#include <strings.h>

enum { longestBlock = SHA512_CBLOCK, longestDigest = SHA384_DIGEST_LENGTH, longestLabel = 255 };

// MARK: HMAC

typedef enum { none, sha256, sha384 } Digest;

static size_t digestSize(Digest digest) {
    return digest == sha256 ? SHA256_DIGEST_LENGTH : SHA384_DIGEST_LENGTH;
}

static size_t blockSize(Digest digest) {
    return digest == sha256 ? SHA256_CBLOCK : SHA512_CBLOCK;
}

static Digest digestNamed(const OSSL_PARAM *name) {
    static const struct {
        const char *name;
        Digest digest;
    } known[] = { { "SHA2-256", sha256 }, { "SHA256", sha256 }, { "SHA-256", sha256 },
        { "SHA2-384", sha384 }, { "SHA384", sha384 }, { "SHA-384", sha384 } };
    if (name->data_type != OSSL_PARAM_UTF8_STRING || name->data == NULL) return none;
    for (size_t index = 0; index < sizeof known / sizeof known[0]; index++)
        if (strcasecmp(name->data, known[index].name) == 0) return known[index].digest;
    return none;
}

typedef struct {
    Digest digest;
    union {
        SHA256_CTX sha256;
        SHA512_CTX sha384;
    } state;
} Hash;

static void hashStart(Hash *hash, Digest digest) {
    hash->digest = digest;
    if (digest == sha256)
        SHA256_Init(&hash->state.sha256);
    else
        SHA384_Init(&hash->state.sha384);
}

static void hashUpdate(Hash *hash, const void *bytes, size_t count) {
    if (count == 0) return;
    if (hash->digest == sha256)
        SHA256_Update(&hash->state.sha256, bytes, count);
    else
        SHA384_Update(&hash->state.sha384, bytes, count);
}

static void hashFinish(Hash *hash, unsigned char *out) {
    if (hash->digest == sha256)
        SHA256_Final(out, &hash->state.sha256);
    else
        SHA384_Final(out, &hash->state.sha384);
}

typedef struct {
    Hash inner;
    Hash outer;  // with the key, and nothing else
} HMAC;

static void hmacStart(HMAC *hmac, Digest digest, const unsigned char *key, size_t count) {
    unsigned char block[longestBlock] = { 0 };
    size_t size = blockSize(digest);
    if (count > size) {
        hashStart(&hmac->inner, digest);
        hashUpdate(&hmac->inner, key, count);
        hashFinish(&hmac->inner, block);
    } else if (count > 0) {
        memcpy(block, key, count);
    }
    for (size_t index = 0; index < size; index++) block[index] ^= 0x36;
    hashStart(&hmac->inner, digest);
    hashUpdate(&hmac->inner, block, size);
    for (size_t index = 0; index < size; index++) block[index] ^= 0x36 ^ 0x5c;
    hashStart(&hmac->outer, digest);
    hashUpdate(&hmac->outer, block, size);
    OPENSSL_cleanse(block, size);
}

static void hmacFinish(HMAC *hmac, unsigned char *out) {
    Digest digest = hmac->inner.digest;
    unsigned char inner[longestDigest];
    hashFinish(&hmac->inner, inner);
    hashUpdate(&hmac->outer, inner, digestSize(digest));
    hashFinish(&hmac->outer, out);
    OPENSSL_cleanse(inner, sizeof inner);
}

// MARK: TLS13-KDF

typedef struct {
    const unsigned char *bytes;  // NULL when it was not given
    size_t count;
} Octets;

typedef struct {
    int mode;
    Digest digest;
    Octets key, salt, prefix, label, data;
} Inputs;

// HKDF-Expand-Label, with its prefix as an input of its own. Returns 0 when something is too long.
static int expand(Digest digest, Octets secret, Octets prefix, Octets label, Octets data,
    unsigned char *out, size_t count) {
    size_t size = digestSize(digest), done = 0;
    unsigned char info[2 + 1 + longestLabel + 1 + longestLabel], *end = info;
    unsigned char block[longestDigest];
    if (count == 0 || count > 255 * size || data.count > longestLabel
        || prefix.count > longestLabel || label.count > longestLabel - prefix.count)
        return 0;
    *end++ = (unsigned char)(count >> 8);
    *end++ = (unsigned char)count;
    *end++ = (unsigned char)(prefix.count + label.count);
    if (prefix.count > 0) memcpy(end, prefix.bytes, prefix.count);
    end += prefix.count;
    if (label.count > 0) memcpy(end, label.bytes, label.count);
    end += label.count;
    *end++ = (unsigned char)data.count;
    if (data.count > 0) memcpy(end, data.bytes, data.count);
    end += data.count;

    HMAC keyed, hmac;
    hmacStart(&keyed, digest, secret.bytes, secret.count);
    for (unsigned char round = 1; done < count; round++) {
        size_t part = count - done < size ? count - done : size;
        hmac = keyed;
        if (done > 0) hashUpdate(&hmac.inner, block, size);
        hashUpdate(&hmac.inner, info, (size_t)(end - info));
        hashUpdate(&hmac.inner, &round, 1);
        hmacFinish(&hmac, block);
        memcpy(out + done, block, part);
        done += part;
    }
    OPENSSL_cleanse(&keyed, sizeof keyed);
    OPENSSL_cleanse(&hmac, sizeof hmac);
    OPENSSL_cleanse(block, sizeof block);
    return 1;
}

// HKDF-Extract with the salt that TLS 1.3 derives from the secret before; without such a secret,
// or a new one, there are zeros in its place.
static int extract(const Inputs *inputs, unsigned char *out, size_t count) {
    static const unsigned char zeros[longestDigest] = { 0 };
    size_t size = digestSize(inputs->digest);
    unsigned char salt[longestDigest] = { 0 };
    if (count != size) return 0;
    if (inputs->salt.bytes != NULL) {
        unsigned char nothing[longestDigest];
        Hash hash;
        hashStart(&hash, inputs->digest);
        hashFinish(&hash, nothing);
        Octets transcript = { nothing, size };
        if (!expand(inputs->digest, inputs->salt, inputs->prefix, inputs->label, transcript, salt,
                size))
            return 0;
    }
    HMAC hmac;
    hmacStart(&hmac, inputs->digest, salt, size);
    if (inputs->key.bytes != NULL)
        hashUpdate(&hmac.inner, inputs->key.bytes, inputs->key.count);
    else
        hashUpdate(&hmac.inner, zeros, size);
    hmacFinish(&hmac, out);
    OPENSSL_cleanse(salt, sizeof salt);
    OPENSSL_cleanse(&hmac, sizeof hmac);
    return 1;
}

static int read(const OSSL_PARAM *parameter, Octets *octets) {
    if (parameter->data_type != OSSL_PARAM_OCTET_STRING) return 0;
    // Given but empty is not the same as not given.
    octets->bytes = parameter->data != NULL ? parameter->data : (const unsigned char *)"";
    octets->count = parameter->data != NULL ? parameter->data_size : 0;
    return 1;
}

static int readInputs(const OSSL_PARAM *parameters, Inputs *inputs) {
    for (; parameters != NULL && parameters->key != NULL; parameters++) {
        const char *key = parameters->key;
        int isRead = 1;
        if (strcmp(key, OSSL_KDF_PARAM_MODE) == 0)
            isRead = OSSL_PARAM_get_int(parameters, &inputs->mode);
        else if (strcmp(key, OSSL_KDF_PARAM_DIGEST) == 0)
            inputs->digest = digestNamed(parameters);
        else if (strcmp(key, OSSL_KDF_PARAM_KEY) == 0)
            isRead = read(parameters, &inputs->key);
        else if (strcmp(key, OSSL_KDF_PARAM_SALT) == 0)
            isRead = read(parameters, &inputs->salt);
        else if (strcmp(key, OSSL_KDF_PARAM_PREFIX) == 0)
            isRead = read(parameters, &inputs->prefix);
        else if (strcmp(key, OSSL_KDF_PARAM_LABEL) == 0)
            isRead = read(parameters, &inputs->label);
        else if (strcmp(key, OSSL_KDF_PARAM_DATA) == 0)
            isRead = read(parameters, &inputs->data);
        if (!isRead) return 0;
    }
    return inputs->digest != none && inputs->prefix.count > 0 && inputs->label.count > 0;
}

// libssl gives all inputs with each derivation, so there is nothing to keep between two.
static char noState;

static void *newDerivation(void *provider) {
    (void)provider;
    return &noState;
}

static void freeDerivation(void *context) { (void)context; }

static int derive(
    void *context, unsigned char *out, size_t count, const OSSL_PARAM parameters[]) {
    (void)context;
    Inputs inputs = { .mode = -1 };
    if (!readInputs(parameters, &inputs)) return 0;
    switch (inputs.mode) {
    case EVP_KDF_HKDF_MODE_EXPAND_ONLY:
        return inputs.key.bytes != NULL
            && expand(inputs.digest, inputs.key, inputs.prefix, inputs.label, inputs.data, out,
                count);
    case EVP_KDF_HKDF_MODE_EXTRACT_ONLY: return extract(&inputs, out, count);
    default: return 0;
    }
}

const OSSL_DISPATCH COpenSSL_tls13KDF[] = {
    { OSSL_FUNC_KDF_NEWCTX, (void (*)(void))newDerivation },
    { OSSL_FUNC_KDF_FREECTX, (void (*)(void))freeDerivation },
    { OSSL_FUNC_KDF_DERIVE, (void (*)(void))derive },
    { 0, NULL },
};
