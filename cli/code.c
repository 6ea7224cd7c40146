/* Reading a licence code as a device would: offline, with mbedTLS alone. */
#include "protocol/code.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/command.h"
#include "protocol/status.h"

#define TEXT_BYTES_MAX 4096 /* room for white space around a code */
#define JWKS_BYTES_MAX 65536
/* What a terminal tolerates (docs/PROTOCOL.md section 8). */
#define FUTURE_S 60
#define PAST_S   30

struct reading {
    uint8_t cose[CODE_COSE_BYTES_MAX];
    struct code code; /* views into cose */
};

static enum code_error read_code(struct bytes text, struct reading *reading)
{
    struct buf cose = BUF_OVER(reading->cose);
    enum code_error error = code_read_text(text, &cose);
    return error ? error : code_parse(buf_bytes(&cose), &reading->code);
}

static enum code_error check_signature(const struct code *code, const struct keyring_key *key)
{
    struct crypto_verifier *verifier = crypto_mbedtls.verifier_create(key->alg, key->public_key);
    enum code_error error =
        verifier ? code_check_signature(code, &crypto_mbedtls, verifier) : CODE_ERR_CRYPTO;
    crypto_mbedtls.verifier_destroy(&verifier);
    return error;
}

/* The first of the checks that fails, in the order of docs/PROTOCOL.md. */
static enum code_error verify(struct bytes text, const struct keyring *ring, int64_t now,
                              struct reading *reading)
{
    const struct keyring_key *key;
    enum code_error error = read_code(text, reading);
    if (!error)
        error = code_find_key(&reading->code, ring, &key);
    if (!error)
        error = code_check_lifetime(&reading->code.claims, now, FUTURE_S, PAST_S);
    return error ? error : check_signature(&reading->code, key);
}

/* ---- telling ---- */

static const char *date_text(char text[16], int32_t day)
{
    struct buf date;
    buf_init(&date, text, 16);
    if (day == CODE_LONG_TERM)
        buf_put_str(&date, "long-term");
    else
        buf_put_date(&date, day);
    return buf_cstr(&date);
}

static const char *time_text(char text[32], int64_t unix_s)
{
    struct buf time;
    buf_init(&time, text, 32);
    buf_put_timestamp(&time, unix_s);
    return buf_cstr(&time);
}

static const char *hex_text(char text[2 * CODE_CTI_BYTES + 1], struct bytes bytes)
{
    struct buf hex;
    buf_init(&hex, text, 2 * CODE_CTI_BYTES + 1);
    buf_put_hex(&hex, bytes);
    return buf_cstr(&hex);
}

static void print_claims(const struct code *code)
{
    const struct code_claims *c = &code->claims;
    char date[16], issued[32], expires[32], cti[2 * CODE_CTI_BYTES + 1],
        kid[2 * CODE_CTI_BYTES + 1];
    printf("holder       %.*s\n", (int)c->holder_name.len, c->holder_name.data);
    printf("number tail  %.*s\n", (int)c->number_tail.len, c->number_tail.data);
    printf("valid until  %s\n", date_text(date, c->valid_until));
    printf("licence      kind %d, type %u, issuer %u, version %u\n", c->kind, c->type, c->issuer,
           c->version);
    printf("place        [%u, %u]\n", c->list, c->index);
    printf("issued       %s\n", time_text(issued, c->issued_at));
    printf("expires      %s\n", time_text(expires, c->expires_at));
    printf("cti          %s\n", hex_text(cti, bytes_of(c->cti, sizeof c->cti)));
    printf("key          %s\n", hex_text(kid, bytes_of(code->kid, sizeof code->kid)));
}

static json_t *claims_json(const struct code *code)
{
    const struct code_claims *c = &code->claims;
    char cti[2 * CODE_CTI_BYTES + 1], kid[2 * CODE_CTI_BYTES + 1], date[16];
    bool long_term = c->valid_until == CODE_LONG_TERM;
    return json_pack("{s:i, s:i, s:i, s:i, s:s%, s:s%, s:s?, s:i, s:I, s:I, s:I, s:s, s:s}", "kind",
                     c->kind, "type", c->type, "issuer", c->issuer, "version", c->version,
                     "holder_name", c->holder_name.data, c->holder_name.len, "number_tail",
                     c->number_tail.data, c->number_tail.len, "valid_until",
                     long_term ? NULL : date_text(date, c->valid_until), "list", c->list, "index",
                     (json_int_t)c->index, "issued_at", (json_int_t)c->issued_at, "expires_at",
                     (json_int_t)c->expires_at, "cti",
                     hex_text(cti, bytes_of(c->cti, sizeof c->cti)), "kid",
                     hex_text(kid, bytes_of(code->kid, sizeof code->kid)));
}

/* A device can't know whether an unknown key is a newer one, or its own clock behind. */
static const char *result_of(enum code_error error, bool licence_expired)
{
    switch (error) {
    case CODE_OK:
        return licence_expired ? "invalid" : "authentic";
    case CODE_ERR_UNKNOWN_KEY:
    case CODE_ERR_NOT_YET_VALID:
    case CODE_ERR_CRYPTO:
        return "indeterminate";
    default:
        return "invalid";
    }
}

/* What stands in a code is shown only when it is authentic and within its lifetime. */
static void tell(const struct code *code, enum code_error error, bool licence_expired, bool json)
{
    const char *result = result_of(error, licence_expired);
    const char *reason = licence_expired ? verdict_reason_text(REASON_LICENCE_EXPIRED)
                         : error         ? code_error_text(error)
                                         : NULL;
    if (json) {
        json_t *answer =
            json_pack("{s:s, s:s?, s:s, s:o}", "result", result, "reason", reason, "status",
                      "not known offline", "claims", error ? json_null() : claims_json(code));
        json_dumpf(answer, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(answer);
        return;
    }
    printf("%s%s%s\n", result, reason ? ": " : "", reason ? reason : "");
    if (!error) {
        print_claims(code);
        puts("status       not known offline: seized or revoked licences have authentic codes too");
    }
}

/* ---- the commands ---- */

static bool read_keys(const char *path, struct keyring *ring)
{
    static uint8_t storage[JWKS_BYTES_MAX];
    struct buf jwks = BUF_OVER(storage);
    if (!command_file(path, &jwks))
        return false;
    if (keyring_read_jwks(ring, &crypto_mbedtls, buf_bytes(&jwks)))
        return true;
    command_failed("%s is no JSON Web Key Set with right kids", path);
    return false;
}

int command_code_verify(const struct command *command, int argc, char **argv)
{
    const char *jwks = NULL, *now_text = NULL, *argument = "-";
    bool json = false;
    const struct command_option options[] = {
        {"jwks", &jwks, NULL}, {"now", &now_text, NULL}, {"json", NULL, &json}, {NULL, NULL, NULL}};
    int64_t now = clock_wall_s();
    static struct keyring ring;
    char storage[TEXT_BYTES_MAX];
    struct buf text = BUF_OVER(storage);
    struct reading reading;
    if (!command_read(command, argc, argv, options, &argument, 0, 1) ||
        !command_time(command, "--now", now_text, &now))
        return EXIT_USAGE;
    if (!jwks)
        return command_misused(command, "--jwks is missing");
    if (!read_keys(jwks, &ring) || !command_text(argument, "the code", &text))
        return EXIT_FAILURE;
    enum code_error error = verify(buf_bytes(&text), &ring, now, &reading);
    bool licence_expired = !error && code_licence_expired(&reading.code.claims, now);
    tell(&reading.code, error, licence_expired, json);
    return error || licence_expired ? EXIT_FAILURE : EXIT_SUCCESS;
}
