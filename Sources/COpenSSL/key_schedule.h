#pragma once
// Algorithms of our provider that are not OpenSSL's.

#include <openssl/core_dispatch.h>

// TLS 1.3's key derivation. It takes all of its inputs with the derivation itself.
extern const OSSL_DISPATCH COpenSSL_tls13KDF[];
