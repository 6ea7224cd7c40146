/* The page behind a code's URL, which any phone's camera opens, and the files it is made of. They
 * are taken in by the assembler, as the built-in policy is (gateway/config/policy_default.c). */
#include "base/check.h"
#include "gateway/home.h"
#include "protocol/code.h"

/* clang-format off */
#define WEB_FILES(F)                                            \
    F(index,   "index.html",   "text/html; charset=utf-8")      \
    F(style,   "style.css",    "text/css; charset=utf-8")       \
    F(icon,    "icon.svg",     "image/svg+xml")                 \
    F(old,     "old.js",       "text/javascript; charset=utf-8") \
    F(page,    "page.mjs",     "text/javascript; charset=utf-8") \
    F(view,    "view.mjs",     "text/javascript; charset=utf-8") \
    F(words,   "words.mjs",    "text/javascript; charset=utf-8") \
    F(gateway, "gateway.mjs",  "text/javascript; charset=utf-8") \
    F(clock,   "clock.mjs",    "text/javascript; charset=utf-8") \
    F(verdict, "verdict.mjs",  "text/javascript; charset=utf-8") \
    F(code,    "code.mjs",     "text/javascript; charset=utf-8") \
    F(bundle,  "bundle.mjs",   "text/javascript; charset=utf-8") \
    F(cose,    "cose.mjs",     "text/javascript; charset=utf-8") \
    F(cbor,    "cbor.mjs",     "text/javascript; charset=utf-8")
/* clang-format on */

#define F(id, name, type)                                                                          \
    __asm__(".pushsection .rodata\n"                                                               \
            "web_" #id ":\n"                                                                       \
            ".incbin \"web/" name "\"\n"                                                           \
            "web_" #id "_end:\n"                                                                   \
            ".popsection\n");                                                                      \
    extern const char web_##id[] __attribute__((visibility("hidden")));                            \
    extern const char web_##id##_end[] __attribute__((visibility("hidden")));
WEB_FILES(F)
#undef F

enum file {
#define F(id, name, type) WEB_##id,
    WEB_FILES(F)
#undef F
        FILE_COUNT,
};

static const struct {
    const char *name, *type, *begin, *end;
} files[FILE_COUNT] = {
#define F(id, name, type) {name, type, web_##id, web_##id##_end},
    WEB_FILES(F)
#undef F
};

static struct bytes content(enum file file)
{
    return bytes_of(files[file].begin, (size_t)(files[file].end - files[file].begin));
}

/* ---- GET /v ---- */

#define LANDING_STEPS(S) S(answer_landing)

struct landing {
    struct operation op;
};

/* Nothing but what this host serves runs or is fetched, and nothing frames the page. */
static enum step_result answer_landing(struct landing *l)
{
    const struct http_answer_header headers[] = {
        {"content-security-policy",
         BYTES("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
               "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")},
        {"referrer-policy", BYTES("no-referrer")},
        {"x-content-type-options", BYTES("nosniff")},
        {"cross-origin-opener-policy", BYTES("same-origin")},
        {"permissions-policy", BYTES("camera=(), geolocation=(), microphone=()")},
    };
    return operation_answer(&l->op, 200, files[WEB_index].type, content(WEB_index), headers,
                            sizeof headers / sizeof *headers);
}

FLOW_DEFINE(landing, LANDING_STEPS);

/* ---- GET /v/<digits>: from a scanner that drops fragments ---- */

/* Where the digits are kept by an address bar and a history, they don't stay: the page takes them
 * out of the fragment. What is no digits is dropped. */
#define LANDING_CODE_STEPS(S) S(replace_address)

struct landing_code {
    struct operation op;
};

static bool is_digits(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len <= CODE_DIGITS_MAX;
}

static enum step_result replace_address(struct landing_code *l)
{
    uint8_t *room = http_room(l->op.http, sizeof "../v#" + CODE_DIGITS_MAX);
    struct buf location;
    buf_init(&location, room, sizeof "../v#" + CODE_DIGITS_MAX);
    buf_put_str(&location, "../v");
    if (is_digits(l->op.rest)) {
        buf_put_u8(&location, '#');
        buf_put(&location, l->op.rest);
    }
    CHECK(buf_ok(&location));
    const struct http_answer_header headers[] = {
        {"location", buf_bytes(&location)},
        {"referrer-policy", BYTES("no-referrer")},
    };
    return operation_answer(&l->op, 303, NULL, bytes_of(NULL, 0), headers, 2);
}

FLOW_DEFINE(landing_code, LANDING_CODE_STEPS);

/* ---- GET /web/<name> ---- */

#define WEB_FILE_STEPS(S) S(answer_file)
#define ETAG_OCTETS       16 /* of the content's SHA-256 */

struct web_file {
    struct operation op;
};

/* Asked for each time, and sent when it changed: modules of two versions never meet. */
static enum step_result answer_content(struct web_file *w, enum file file)
{
    const struct bytes body = content(file), asked = http_header_list(w->op.http, "if-none-match");
    uint8_t hash[CRYPTO_HASH_BYTES];
    struct buf etag;
    if (crypto_openssl.sha256(&body, 1, hash) != CRYPTO_OK)
        return operation_fail(&w->op, PROBLEM_OURS, NULL, NULL);
    buf_init(&etag, http_room(w->op.http, 2 * ETAG_OCTETS + 2), 2 * ETAG_OCTETS + 2);
    buf_put_u8(&etag, '"');
    buf_put_hex(&etag, bytes_of(hash, ETAG_OCTETS));
    buf_put_u8(&etag, '"');
    const struct http_answer_header headers[] = {
        {"cache-control", BYTES("no-cache")},
        {"etag", buf_bytes(&etag)},
        {"x-content-type-options", BYTES("nosniff")},
    };
    if (asked.len && memmem(asked.data, asked.len, etag.data, etag.len))
        return operation_answer(&w->op, 304, NULL, bytes_of(NULL, 0), headers, 3);
    return operation_answer(&w->op, 200, files[file].type, body, headers, 3);
}

static enum step_result answer_file(struct web_file *w)
{
    for (unsigned file = 0; file < FILE_COUNT; file++)
        if (bytes_equal(bytes_str(files[file].name), w->op.rest))
            return answer_content(w, (enum file)file);
    return operation_fail(&w->op, PROBLEM_NOT_FOUND, NULL, NULL);
}

FLOW_DEFINE(web_file, WEB_FILE_STEPS);
