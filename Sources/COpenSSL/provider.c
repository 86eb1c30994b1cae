// Library contexts of our own, with a provider that passes on only what TLS needs of OpenSSL's
// "default" one, and derives TLS 1.3's keys itself. In OpenSSL 3.0 each parsed certificate rebuilds
// a graph of every decoder its library knows: with none of them the parse costs 12 us instead of
// 88, with the five that read a public key 33 us.
#include "COpenSSL.h"
#include "key_schedule.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/provider.h>
#include <string.h>
#include <strings.h>

enum { mostAlgorithms = 24, operationCount = OSSL_OP__HIGHEST + 1 };

typedef struct {
    int operation;
    const char *names[12];
} Selection;

// Everything that a TLS 1.2 or 1.3 handshake and a chain's verification fetch, by operation.
static const Selection selections[] = {
    { OSSL_OP_DIGEST, { "SHA1", "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512" } },
    { OSSL_OP_CIPHER,
        { "AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305" } },
    { OSSL_OP_MAC, { "HMAC" } },
    { OSSL_OP_KDF, { "TLS13-KDF", "TLS1-PRF" } },
    { OSSL_OP_KEYEXCH, { "ECDH", "X25519" } },
    // HMAC is a kind of key and of signature too: the binders of TLS 1.3's sessions are made so.
    { OSSL_OP_SIGNATURE, { "RSA", "ECDSA", "ED25519", "ED448", "HMAC" } },
    { OSSL_OP_KEYMGMT,
        { "RSA", "RSA-PSS", "EC", "X25519", "ED25519", "ED448", "HMAC" } },
    // A random generator's seed source and the generator that TLS uses.
    { OSSL_OP_RAND, { "CTR-DRBG", "SEED-SRC" } },
};

static const Selection publicKeyDecoders
    = { OSSL_OP_DECODER, { "RSA", "RSA-PSS", "EC", "ED25519", "ED448" } };

// Made once, then only read: the whole default provider in a library of its own, and the tables
// that our two providers answer from. They live as long as the process, as the contexts do.
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static OSSL_PROVIDER *source = NULL;
static OSSL_ALGORITHM tables[operationCount][mostAlgorithms];

static int isNamed(const char *names, const char *name) {
    size_t count = strlen(name);
    for (const char *start = names; start != NULL;) {
        if (strncasecmp(start, name, count) == 0 && (start[count] == '\0' || start[count] == ':'))
            return 1;
        start = strchr(start, ':');
        if (start != NULL) start++;
    }
    return 0;
}

static int isWanted(const OSSL_ALGORITHM *algorithm, const Selection *selection) {
    const char *property = algorithm->property_definition;
    if (selection->operation == OSSL_OP_DECODER
        && (strstr(property, "input=der") == NULL
            || strstr(property, "structure=SubjectPublicKeyInfo") == NULL))
        return 0;
    for (int index = 0; selection->names[index] != NULL; index++)
        if (isNamed(algorithm->algorithm_names, selection->names[index])) return 1;
    return 0;
}

// Returns 0 when the table has no room or the provider may not be asked once for all.
static int fill(const Selection *selection) {
    int noCache = 0;
    int count = 0;
    const OSSL_ALGORITHM *algorithm
        = OSSL_PROVIDER_query_operation(source, selection->operation, &noCache);
    if (algorithm == NULL || noCache) return 0;
    for (; algorithm->algorithm_names != NULL; algorithm++) {
        if (!isWanted(algorithm, selection)) continue;
        if (count == mostAlgorithms - 1) return 0;
        tables[selection->operation][count] = *algorithm;
        if (isNamed(algorithm->algorithm_names, "TLS13-KDF"))
            tables[selection->operation][count].implementation = COpenSSL_tls13KDF;
        count++;
    }
    return count > 0;
}

static void prepare(void) {
    OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();
    if (library == NULL) return;
    source = OSSL_PROVIDER_load(library, "default");
    int filled = source != NULL && fill(&publicKeyDecoders);
    for (size_t index = 0; filled && index < sizeof selections / sizeof selections[0]; index++)
        filled = fill(&selections[index]);
    if (filled) return;
    OSSL_PROVIDER_unload(source);
    OSSL_LIB_CTX_free(library);
    source = NULL;
}

static const OSSL_ALGORITHM *query(int operation, int *noCache) {
    *noCache = 0;
    if (operation < 0 || operation >= operationCount
        || tables[operation][0].algorithm_names == NULL)
        return NULL;
    return tables[operation];
}

static const OSSL_ALGORITHM *queryAll(void *context, int operation, int *noCache) {
    (void)context;
    return query(operation, noCache);
}

static const OSSL_ALGORITHM *queryWithoutDecoders(void *context, int operation, int *noCache) {
    (void)context;
    return operation == OSSL_OP_DECODER ? NULL : query(operation, noCache);
}

// The groups of TLS are a capability, not an algorithm.
static int capabilities(void *context, const char *name, OSSL_CALLBACK *callback, void *argument) {
    (void)context;
    return OSSL_PROVIDER_get_capabilities(source, name, callback, argument);
}

// The provider's context belongs to `source`.
static void tearDown(void *context) { (void)context; }

static const OSSL_DISPATCH dispatch[] = {
    { OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))tearDown },
    { OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))queryAll },
    { OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))capabilities },
    { 0, NULL },
};

static const OSSL_DISPATCH dispatchWithoutDecoders[] = {
    { OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))tearDown },
    { OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))queryWithoutDecoders },
    { OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))capabilities },
    { 0, NULL },
};

static int start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *offered,
    const OSSL_DISPATCH **answer, void **context) {
    (void)handle, (void)offered;
    *context = OSSL_PROVIDER_get0_provider_ctx(source);
    *answer = dispatch;
    return 1;
}

static int startWithoutDecoders(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *offered,
    const OSSL_DISPATCH **answer, void **context) {
    start(handle, offered, answer, context);
    *answer = dispatchWithoutDecoders;
    return 1;
}

OSSL_LIB_CTX *COpenSSL_newLibrary(int withPublicKeyDecoders) {
    if (!CRYPTO_THREAD_run_once(&once, prepare) || source == NULL) return NULL;
    OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();
    if (library == NULL) return NULL;
    if (OSSL_PROVIDER_add_builtin(
            library, "postern", withPublicKeyDecoders ? start : startWithoutDecoders)
        && OSSL_PROVIDER_load(library, "postern") != NULL)
        return library;
    OSSL_LIB_CTX_free(library);
    return NULL;
}

static int countForeign(OSSL_PROVIDER *provider, void *argument) {
    static const char *const known[] = { "default", "base", "legacy", "null" };
    const char *name = OSSL_PROVIDER_get0_name(provider);
    for (size_t index = 0; index < sizeof known / sizeof known[0]; index++)
        if (strcmp(name, known[index]) == 0) return 1;
    ++*(int *)argument;
    return 1;
}

int COpenSSL_hasForeignProvider(void) {
    int foreign = 0;
    OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
    // Fetching something activates what the configuration file names.
    EVP_MD_free(EVP_MD_fetch(NULL, "SHA2-256", NULL));
    OSSL_PROVIDER_do_all(NULL, countForeign, &foreign);
    return foreign > 0 || EVP_default_properties_is_fips_enabled(NULL);
}
