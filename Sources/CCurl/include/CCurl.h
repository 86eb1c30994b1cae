#pragma once

#include <stddef.h>

/// Connections, and the transfers that run over them; for one thread at a time.
typedef struct CCURL_multi CCURL_multi;
/// One transfer.
typedef struct CCURL_easy CCURL_easy;
/// Field lines of a request.
typedef struct CCURL_list CCURL_list;

/// Takes bytes that came in; takes them all, or ends the transfer by returning less.
typedef size_t (*CCURL_sink)(
    char *_Nonnull bytes, size_t size, size_t count, void *_Nullable context);

/// Bytes of what `CCURL_set_errors` wants.
enum { CCURL_errorBytes = 256 };

/// How a transfer ended.
typedef enum {
    CCURL_OK,
    CCURL_RUNNING,
    CCURL_UNRESOLVED,
    CCURL_UNREACHABLE,
    CCURL_TIMED_OUT,
    CCURL_UNTRUSTED,
    CCURL_TOO_LARGE,
    CCURL_STOPPED,
    CCURL_FAILED,
} CCURL_outcome;

/// Readies the library; 0 when it is. After OpenSSL, before there are other threads.
int CCURL_start(void);

CCURL_multi *_Nullable CCURL_multi_open(void);
void CCURL_multi_close(CCURL_multi *_Nonnull multi);
/// 0 when it was added.
int CCURL_multi_add(CCURL_multi *_Nonnull multi, CCURL_easy *_Nonnull easy);
void CCURL_multi_remove(CCURL_multi *_Nonnull multi, CCURL_easy *_Nonnull easy);
/// Does what can be done without waiting; 0 when nothing is wrong with the library.
int CCURL_multi_perform(CCURL_multi *_Nonnull multi);
/// Waits for something to do; 0 when nothing is wrong with the library.
int CCURL_multi_wait(CCURL_multi *_Nonnull multi, int milliseconds);
/// Ends a wait, from any thread.
void CCURL_multi_wake(CCURL_multi *_Nonnull multi);
/// How the one transfer has ended. `text` is the library's word for it.
CCURL_outcome CCURL_multi_outcome(
    CCURL_multi *_Nonnull multi, const char *_Nullable *_Nonnull text);

CCURL_easy *_Nullable CCURL_easy_open(void);
void CCURL_easy_close(CCURL_easy *_Nonnull easy);
/// The status of the answer.
long CCURL_easy_status(CCURL_easy *_Nonnull easy);

/// The list with a copy of `line` at its end; NULL when out of memory.
CCURL_list *_Nullable CCURL_list_append(CCURL_list *_Nullable list, const char *_Nonnull line);
void CCURL_list_free(CCURL_list *_Nullable list);

// What follows sets an option of a transfer, and is 0 when that worked. Texts are copied; lists,
// bodies and buffers have to outlive the transfer.

int CCURL_set_url(CCURL_easy *_Nonnull easy, const char *_Nonnull url);
int CCURL_set_method(CCURL_easy *_Nonnull easy, const char *_Nonnull method);
int CCURL_set_fields(CCURL_easy *_Nonnull easy, CCURL_list *_Nullable fields);
int CCURL_set_body(CCURL_easy *_Nonnull easy, const void *_Nonnull bytes, size_t count);
int CCURL_set_sinks(
    CCURL_easy *_Nonnull easy, CCURL_sink _Nonnull body, CCURL_sink _Nonnull head,
    void *_Nullable context);
int CCURL_set_errors(CCURL_easy *_Nonnull easy, char *_Nonnull buffer);
int CCURL_set_limit(CCURL_easy *_Nonnull easy, size_t bytes);
int CCURL_set_timeouts(CCURL_easy *_Nonnull easy, long connectMilliseconds, long milliseconds);
/// The PEM file of the only authorities that are trusted.
int CCURL_set_authorities(CCURL_easy *_Nonnull easy, const char *_Nonnull path);
/// Plain HTTP/1.1, over TLS 1.2 or later where it is https: no other scheme, no redirects, no
/// proxies, no signals, servers verified, the path as it is given.
int CCURL_set_rules(CCURL_easy *_Nonnull easy);
