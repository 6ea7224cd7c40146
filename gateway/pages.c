/* What anybody may fetch: the keys that codes are signed with, and the page behind a code's URL. */
#include "base/check.h"
#include "base/clock.h"
#include "gateway/home.h"

/* ---- GET /.well-known/jwks.json ---- */

#define JWKS_STEPS(S)  S(answer_jwks)
#define JWKS_BYTES_MAX (KEYRING_KEYS_MAX * 320)

struct jwks {
    struct operation op;
};

static enum step_result answer_jwks(struct jwks *j)
{
    const struct http_answer_header cached = {"cache-control", BYTES("public, max-age=300")};
    struct buf body;
    buf_init(&body, http_alloc(j->op.http, JWKS_BYTES_MAX), JWKS_BYTES_MAX);
    keyring_write_jwks(&j->op.home->settings->keys.ring, clock_wall_s(), &body);
    CHECK(buf_ok(&body));
    return operation_answer(&j->op, 200, "application/jwk-set+json", buf_bytes(&body), &cached, 1);
}

FLOW_DEFINE(jwks, JWKS_STEPS);

/* ---- GET /v, GET /v/<digits>: a phone's camera opened the URL of a code ---- */

#define LANDING_STEPS(S) S(answer_landing)

struct landing {
    struct operation op;
};

static const char landing_page[] =
    "<!doctype html>\n"
    "<html lang=\"zh-CN\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>电子亮证 · 扫码核验</title>\n"
    "<style>body{font:18px/1.6 system-ui,sans-serif;max-width:34em;margin:3em auto;padding:0 1em;"
    "color:#1a1a1a;background:#fff}h1{font-size:1.5em}p[lang=en]{color:#444}</style>\n"
    "</head>\n"
    "<body>\n"
    "<h1>电子亮证 · 扫码核验</h1>\n"
    "<p>您扫描的是一个亮证码：持证人在“焦我办”中出示的、一分钟内有效的电子证照二维码。"
    "它本身不证明任何事，请用执法终端或合作单位的核验程序扫描，以核验结果为准。</p>\n"
    "<p lang=\"en\">You have scanned a licence code: a short-lived, signed QR code by which "
    "somebody "
    "displays an electronic licence. By itself it proves nothing. Scan it with an inspector's "
    "terminal or a partner's verifier, and go by their result.</p>\n"
    "</body>\n"
    "</html>\n";

static enum step_result answer_landing(struct landing *l)
{
    const struct http_answer_header headers[] = {
        {"referrer-policy", BYTES("no-referrer")},
        {"content-security-policy", BYTES("default-src 'none'; style-src 'unsafe-inline'")},
        {"x-content-type-options", BYTES("nosniff")},
    };
    return operation_answer(&l->op, 200, "text/html; charset=utf-8",
                            bytes_of(landing_page, sizeof landing_page - 1), headers, 3);
}

FLOW_DEFINE(landing, LANDING_STEPS);

/* The digits stood in the path, where an address bar and a history keep them: send them away. */
#define LANDING_CODE_STEPS(S) S(replace_address)

struct landing_code {
    struct operation op;
};

static enum step_result replace_address(struct landing_code *l)
{
    const struct http_answer_header headers[] = {
        {"location", BYTES("../v")},
        {"referrer-policy", BYTES("no-referrer")},
    };
    return operation_answer(&l->op, 303, NULL, bytes_of(NULL, 0), headers, 2);
}

FLOW_DEFINE(landing_code, LANDING_CODE_STEPS);
