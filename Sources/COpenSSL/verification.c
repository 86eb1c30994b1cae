// The certificates that a peer presented, while libssl verifies them: its own stack, in which a
// certificate may be replaced by an equal one that is decoded already.
#include "COpenSSL.h"

int COpenSSL_replacePresented(X509_STORE_CTX *context, int index, X509 *certificate) {
    STACK_OF(X509) *presented = X509_STORE_CTX_get0_untrusted(context);
    if (presented == NULL || index < 0 || index >= sk_X509_num(presented)) {
        X509_free(certificate);
        return 0;
    }
    X509 *old = sk_X509_value(presented, index);
    sk_X509_set(presented, index, certificate);
    if (index == 0) X509_STORE_CTX_set_cert(context, certificate);
    X509_free(old);
    return 1;
}

void COpenSSL_keepFirstPresented(X509_STORE_CTX *context) {
    STACK_OF(X509) *presented = X509_STORE_CTX_get0_untrusted(context);
    while (presented != NULL && sk_X509_num(presented) > 1) X509_free(sk_X509_pop(presented));
}

STACK_OF(X509) *COpenSSL_sk_X509_new(void) { return sk_X509_new_null(); }

int COpenSSL_sk_X509_push(STACK_OF(X509) *stack, X509 *certificate) {
    return X509_up_ref(certificate) == 1 && sk_X509_push(stack, certificate) > 0;
}

void COpenSSL_sk_X509_free(STACK_OF(X509) *stack) { sk_X509_pop_free(stack, X509_free); }
