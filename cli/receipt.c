/* Checking the receipt of an enforcement action, wherever it was filed: with the gateway's
 * published keys and mbedTLS alone, so that no gateway has to be asked. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/desk.h"
#include "cli/print.h"
#include "gateway/config/keyfile.h"
#include "protocol/action_receipt.h"

#define JWKS_BYTES_MAX 65536

/* In this order; the first that fails is told. */
enum check { GENUINE, MALFORMED, UNKNOWN_KEY, KEY_REVOKED, BAD_SIGNATURE, NOT_CHECKED };
static const char *const told[] = {
    [GENUINE] = "genuine",
    [MALFORMED] = "malformed: this is no receipt of an action",
    [UNKNOWN_KEY] = "unknown_key: it was signed by none of these keys",
    [KEY_REVOKED] = "key_revoked: whoever has this key may have made it",
    [BAD_SIGNATURE] = "bad_signature: it was altered, or made by somebody else",
    [NOT_CHECKED] = "the signature could not be checked",
};

/* A receipt tells when the action was, and may be signed later, by a newer key; but no key signs
 * what happens after its end. */
static enum check check(struct bytes message, const struct keyring *ring,
                        struct action_receipt_claims *claims)
{
    uint8_t kid[KID_BYTES];
    if (!action_receipt_read(message, claims, kid))
        return MALFORMED;
    const struct keyring_key *key = keyring_find(ring, kid);
    if (!key || key->use != KEY_USE_RECEIPT || claims->at >= key->retire_at)
        return UNKNOWN_KEY;
    if (key->revoked)
        return KEY_REVOKED;
    struct crypto_verifier *verifier = crypto_mbedtls.verifier_create(key->alg, key->public_key);
    enum crypto_result result =
        verifier ? action_receipt_check(message, key->alg, &crypto_mbedtls, verifier)
                 : CRYPTO_FAILED;
    crypto_mbedtls.verifier_destroy(&verifier);
    return result == CRYPTO_OK ? GENUINE : result == CRYPTO_MISMATCH ? BAD_SIGNATURE : NOT_CHECKED;
}

/* ---- telling ---- */

static void print_line(const char *label, struct bytes text)
{
    printf("%-13s", label);
    print_text(text);
    putchar('\n');
}

static void print_octets(const char *label, const uint8_t *octets, size_t len)
{
    char storage[2 * CRYPTO_HASH_BYTES];
    struct buf hex = BUF_OVER(storage);
    buf_put_hex(&hex, bytes_of(octets, len));
    print_line(label, buf_bytes(&hex));
}

static void print_when(const char *label, int64_t unix_s)
{
    char storage[32];
    struct buf time = BUF_OVER(storage);
    buf_put_timestamp(&time, unix_s);
    print_line(label, buf_bytes(&time));
}

static void print_claims(const struct action_receipt_claims *claims)
{
    print_octets("id", claims->id, sizeof claims->id);
    print_line("action", claims->action);
    print_when("at", claims->at);
    print_line("agency", claims->agency);
    print_line("case", claims->case_number);
    print_line("officer", claims->officer);
    print_line("terminal", claims->terminal);
    print_line("issued by", claims->issuer);
    if (claims->due_at)
        print_when("due", claims->due_at);
    print_line("type", claims->type);
    print_line("holder", claims->holder_name);
    print_line("number tail", claims->number_tail);
    print_line("status then", bytes_str(licence_status_text(claims->status)));
    print_octets("licence", claims->licence, sizeof claims->licence);
    if (claims->has_evidence)
        print_octets("evidence", claims->evidence_hash, sizeof claims->evidence_hash);
}

/* ---- the command ---- */

/* The gateway's own keys, where it runs; elsewhere those that it publishes. */
static bool read_own_keys(const char *config, struct keyring *ring)
{
    static struct keyfile keys;
    char text[1024];
    struct buf why = BUF_OVER(text);
    struct desk desk;
    if (!desk_open(&desk, config, DESK_CONFIG_ONLY))
        return false;
    bool read = keyfile_read(desk.config->keys_codes, &crypto_openssl, &keys, &why);
    desk_close(&desk);
    if (!read)
        command_failed_why(&why);
    *ring = keys.ring;
    keyfile_wipe(&keys);
    return read;
}

static bool read_published_keys(const char *path, struct keyring *ring)
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

/* What was given: the text of a QR code, or a file with that or with the COSE message. False after
 * a complaint; what is no receipt at all leaves the message empty. */
static bool read_message(const char *argument, struct buf *message)
{
    static uint8_t storage[2 * ACTION_RECEIPT_TEXT_MAX]; /* room for white space around it */
    struct buf given = BUF_OVER(storage);
    const struct bytes prefix = BYTES(ACTION_RECEIPT_PREFIX);
    bool is_text = bytes_start_with(bytes_str(argument), prefix) || !strcmp(argument, "-");
    if (is_text ? !command_text(argument, "the receipt", &given) : !command_file(argument, &given))
        return false;
    if (bytes_start_with(bytes_trim(buf_bytes(&given)), prefix)) {
        if (!action_receipt_read_text(buf_bytes(&given), message))
            message->len = 0;
    } else {
        buf_put(message, buf_bytes(&given));
    }
    return true;
}

int command_receipt_check(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *keys = NULL, *argument = "-";
    const struct command_option options[] = {
        {"config", &config, NULL}, {"keys", &keys, NULL}, {NULL, NULL, NULL}};
    static struct keyring ring;
    static uint8_t storage[2 * ACTION_RECEIPT_TEXT_MAX];
    struct buf message = BUF_OVER(storage);
    struct action_receipt_claims claims;
    if (!command_read(command, argc, argv, options, &argument, 0, 1))
        return EXIT_USAGE;
    if (!(keys ? read_published_keys(keys, &ring) : read_own_keys(config, &ring)) ||
        !read_message(argument, &message))
        return EXIT_FAILURE;
    enum check result = check(buf_bytes(&message), &ring, &claims);
    puts(told[result]);
    if (result == GENUINE)
        print_claims(&claims);
    return result == GENUINE ? EXIT_SUCCESS : EXIT_FAILURE;
}
