#include "CCurl.h"

#include <curl/curl.h>

static CURL *handle(CCURL_easy *easy) { return (CURL *)easy; }
static CURLM *handles(CCURL_multi *multi) { return (CURLM *)multi; }
static struct curl_slist *lines(CCURL_list *list) { return (struct curl_slist *)list; }

int CCURL_start(void) { return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -1; }

CCURL_multi *CCURL_multi_open(void) { return (CCURL_multi *)curl_multi_init(); }
void CCURL_multi_close(CCURL_multi *multi) { curl_multi_cleanup(handles(multi)); }

int CCURL_multi_add(CCURL_multi *multi, CCURL_easy *easy) {
    return curl_multi_add_handle(handles(multi), handle(easy)) == CURLM_OK ? 0 : -1;
}

void CCURL_multi_remove(CCURL_multi *multi, CCURL_easy *easy) {
    curl_multi_remove_handle(handles(multi), handle(easy));
}

int CCURL_multi_perform(CCURL_multi *multi) {
    int running = 0;
    return curl_multi_perform(handles(multi), &running) == CURLM_OK ? 0 : -1;
}

int CCURL_multi_wait(CCURL_multi *multi, int milliseconds) {
    return curl_multi_poll(handles(multi), NULL, 0, milliseconds, NULL) == CURLM_OK ? 0 : -1;
}

void CCURL_multi_wake(CCURL_multi *multi) { curl_multi_wakeup(handles(multi)); }

static CCURL_outcome outcome(CURLcode code) {
    switch (code) {
    case CURLE_OK: return CCURL_OK;
    case CURLE_COULDNT_RESOLVE_HOST: return CCURL_UNRESOLVED;
    case CURLE_COULDNT_CONNECT: return CCURL_UNREACHABLE;
    case CURLE_OPERATION_TIMEDOUT: return CCURL_TIMED_OUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE: return CCURL_UNTRUSTED;
    case CURLE_FILESIZE_EXCEEDED: return CCURL_TOO_LARGE;
    case CURLE_WRITE_ERROR: return CCURL_STOPPED;
    default: return CCURL_FAILED;
    }
}

CCURL_outcome CCURL_multi_outcome(CCURL_multi *multi, const char **text) {
    int left = 0;
    CURLMsg *message = curl_multi_info_read(handles(multi), &left);
    if (message == NULL || message->msg != CURLMSG_DONE) return CCURL_RUNNING;
    *text = curl_easy_strerror(message->data.result);
    return outcome(message->data.result);
}

CCURL_easy *CCURL_easy_open(void) { return (CCURL_easy *)curl_easy_init(); }
void CCURL_easy_close(CCURL_easy *easy) { curl_easy_cleanup(handle(easy)); }

long CCURL_easy_status(CCURL_easy *easy) {
    long status = 0;
    curl_easy_getinfo(handle(easy), CURLINFO_RESPONSE_CODE, &status);
    return status;
}

CCURL_list *CCURL_list_append(CCURL_list *list, const char *line) {
    return (CCURL_list *)curl_slist_append(lines(list), line);
}

void CCURL_list_free(CCURL_list *list) { curl_slist_free_all(lines(list)); }

// `curl_easy_setopt` takes any number of arguments of any type, so each option has its own call.
#define SET(option, value) (curl_easy_setopt(handle(easy), (option), (value)) != CURLE_OK)

int CCURL_set_url(CCURL_easy *easy, const char *url) { return SET(CURLOPT_URL, url); }

int CCURL_set_method(CCURL_easy *easy, const char *method) {
    return SET(CURLOPT_CUSTOMREQUEST, method);
}

int CCURL_set_fields(CCURL_easy *easy, CCURL_list *fields) {
    return SET(CURLOPT_HTTPHEADER, lines(fields));
}

int CCURL_set_body(CCURL_easy *easy, const void *bytes, size_t count) {
    return SET(CURLOPT_POST, 1L) | SET(CURLOPT_POSTFIELDS, bytes)
        | SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)count);
}

int CCURL_set_sinks(CCURL_easy *easy, CCURL_sink body, CCURL_sink head, void *context) {
    return SET(CURLOPT_WRITEFUNCTION, body) | SET(CURLOPT_WRITEDATA, context)
        | SET(CURLOPT_HEADERFUNCTION, head) | SET(CURLOPT_HEADERDATA, context);
}

_Static_assert(CCURL_errorBytes == CURL_ERROR_SIZE, "the size that the library writes");

int CCURL_set_errors(CCURL_easy *easy, char *buffer) { return SET(CURLOPT_ERRORBUFFER, buffer); }

int CCURL_set_limit(CCURL_easy *easy, size_t bytes) {
    return SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)bytes);
}

int CCURL_set_timeouts(CCURL_easy *easy, long connectMilliseconds, long milliseconds) {
    return SET(CURLOPT_CONNECTTIMEOUT_MS, connectMilliseconds)
        | SET(CURLOPT_TIMEOUT_MS, milliseconds);
}

int CCURL_set_authorities(CCURL_easy *easy, const char *path) {
    // The folder of the system's authorities would be trusted beside the file.
    return SET(CURLOPT_CAINFO, path) | SET(CURLOPT_CAPATH, (char *)NULL);
}

int CCURL_set_rules(CCURL_easy *easy) {
    return SET(CURLOPT_PROTOCOLS_STR, "http,https")
        | SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1)
        | SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2)
        | SET(CURLOPT_SSL_VERIFYPEER, 1L) | SET(CURLOPT_SSL_VERIFYHOST, 2L)
        | SET(CURLOPT_FOLLOWLOCATION, 0L) | SET(CURLOPT_PROXY, "") | SET(CURLOPT_NOPROXY, "*")
        | SET(CURLOPT_PATH_AS_IS, 1L) | SET(CURLOPT_NOSIGNAL, 1L)
        // Closing does not wait for a name server.
        | SET(CURLOPT_QUICK_EXIT, 1L)
        | SET(CURLOPT_USERAGENT, "postern");
}
