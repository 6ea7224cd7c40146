/* Verifying anybody's COSE_Sign1 with anybody's key. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "cli/command.h"
#include "cli/diagnostic.h"
#include "cli/encoded.h"
#include "cli/print.h"
#include "crypto/crypto_pem.h"
#include "protocol/cose_any.h"

#define MESSAGE_BYTES_MAX (1024 * 1024)
#define KEYS_BYTES_MAX    65536
#define KEYS_MAX          KEYRING_KEYS_MAX
#define COORD_BYTES       32

struct key {
    enum crypto_alg alg;
    uint8_t public_key[CRYPTO_PUBLIC_BYTES];
    char kid[129]; /* a JWK's, as text; "": it has none */
};

/* ---- keys ---- */

static const char *text_of(const json_t *jwk, const char *name)
{
    const char *text = json_string_value(json_object_get(jwk, name));
    return text ? text : "";
}

static bool read_coordinate(const json_t *jwk, const char *name, uint8_t *out)
{
    struct buf octets;
    buf_init(&octets, out, COORD_BYTES);
    return buf_put_from_base64url(&octets, bytes_str(text_of(jwk, name))) &&
           octets.len == COORD_BYTES;
}

static bool read_jwk(const json_t *jwk, struct key *key)
{
    key->alg = strcmp(text_of(jwk, "crv"), "SM2") == 0 ? CRYPTO_SM2 : CRYPTO_ES256;
    key->public_key[0] = 4; /* uncompressed, SEC 1 section 2.3.3 */
    snprintf(key->kid, sizeof key->kid, "%s", text_of(jwk, "kid"));
    return strcmp(text_of(jwk, "kty"), "EC") == 0 &&
           strcmp(text_of(jwk, "crv"), key_curve_text(key->alg)) == 0 &&
           read_coordinate(jwk, "x", key->public_key + 1) &&
           read_coordinate(jwk, "y", key->public_key + 1 + COORD_BYTES);
}

/* Of a set those that can be used here; at most KEYS_MAX. */
static size_t read_json(struct bytes text, struct key *keys)
{
    json_t *root = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    json_t *set = json_object_get(root, "keys"), *jwk;
    size_t count = 0, i;
    if (!set)
        count = read_jwk(root, keys);
    json_array_foreach(set, i, jwk)
    {
        if (count < KEYS_MAX && read_jwk(jwk, &keys[count]))
            count++;
    }
    json_decref(root);
    return count;
}

static size_t read_keys(const char *path, struct key *keys)
{
    uint8_t storage[KEYS_BYTES_MAX], decoded[KEYS_BYTES_MAX];
    struct buf content = BUF_OVER(storage), octets = BUF_OVER(decoded);
    if (!command_file(path, &content))
        return 0;
    struct bytes text = bytes_trim(buf_bytes(&content));
    size_t count = 0;
    if (bytes_start_with(text, BYTES("{")))
        count = read_json(text, keys);
    else if (bytes_start_with(text, BYTES("-----BEGIN ")))
        count = crypto_public_key_from_pem(text, &keys->alg, keys->public_key) == CRYPTO_OK;
    else
        count = encoded_read(buf_bytes(&content), &octets) &&
                cose_key_read(buf_bytes(&octets), &keys->alg, keys->public_key);
    if (count == 0)
        command_failed("%s has no public key on P-256 or SM2's curve: a JSON Web Key or a set of "
                       "them, PEM, or a COSE_Key",
                       path);
    return count;
}

/* A message's kid is octets, a JWK's is text: the very octets, or hexadecimal of them. */
static bool is_meant(const struct key *key, struct bytes kid)
{
    char text[2 * 64 + 1];
    struct buf hex = BUF_OVER(text);
    buf_put_hex(&hex, kid);
    return !*key->kid || !kid.data || bytes_equal(bytes_str(key->kid), kid) ||
           strcmp(buf_cstr(&hex), key->kid) == 0;
}

/* ---- verifying ---- */

/* Nothing else than a signature by one of the keys that are meant is CRYPTO_OK; a key that is no
 * point of its curve, or that could not be computed with, is told if no other verifies. */
static enum crypto_result verify(const struct cose_any *message, struct bytes payload,
                                 const struct key *keys, size_t count)
{
    enum crypto_result told = CRYPTO_MISMATCH;
    for (size_t i = 0; i < count; i++) {
        if (!is_meant(&keys[i], message->kid) || message->alg != keys[i].alg)
            continue;
        struct crypto_verifier *verifier =
            crypto_openssl.verifier_create(keys[i].alg, keys[i].public_key);
        enum crypto_result result = verifier ? cose_any_verify(message, payload, keys[i].alg, false,
                                                               &crypto_openssl, verifier)
                                             : CRYPTO_BAD_KEY;
        crypto_openssl.verifier_destroy(&verifier);
        if (result == CRYPTO_OK)
            return CRYPTO_OK;
        if (result != CRYPTO_MISMATCH)
            told = result;
    }
    return told;
}

static void print_cbor(const char *label, struct bytes cbor)
{
    size_t cap = DIAGNOSTIC_GROWTH * (cbor.len + 1);
    uint8_t *storage = check_alloc(cap);
    struct buf text;
    buf_init(&text, storage, cap);
    diagnostic_put(&text, cbor);
    printf("%-13s", label);
    print_text(buf_bytes(&text));
    putchar('\n');
    free(storage);
}

static void print_message(const struct cose_any *message, struct bytes payload)
{
    printf("tags         %s\n", message->cwt ? "61, 18" : message->tagged ? "18" : "none");
    print_cbor("protected", message->protected_.len ? message->protected_ : BYTES("\xA0"));
    if (message->alg == CRYPTO_ES256 || message->alg == CRYPTO_SM2)
        printf("alg          %s\n", key_alg_text((enum crypto_alg)message->alg));
    else
        printf("alg          %lld\n", (long long)message->alg);
    if (message->kid.data) {
        char text[2 * 64 + 1];
        struct buf hex = BUF_OVER(text);
        buf_put_hex(&hex, message->kid);
        printf("kid          %s\n", buf_cstr(&hex));
    }
    printf("payload      %zu octets%s\n", payload.len, message->payload.data ? "" : ", detached");
    if (payload.len > 0 && payload.data[0] >> 5 == 5) /* a map, as claims are */
        print_cbor("", payload);
}

/* ---- the command ---- */

/* Without a verdict: the call, a file or a key is no good. */
static int cant_verify(const char *sentence)
{
    command_failed("%s", sentence);
    return EXIT_USAGE;
}

static int tell(const struct cose_any *message, struct bytes payload, const struct key *keys,
                size_t count)
{
    if (message->alg != CRYPTO_ES256 && message->alg != CRYPTO_SM2)
        return cant_verify("its algorithm is neither ES256 nor SM2");
    enum crypto_result result = verify(message, payload, keys, count);
    if (result == CRYPTO_BAD_KEY)
        return cant_verify("the key is no point of its curve");
    if (result == CRYPTO_FAILED)
        return cant_verify("the signature could not be computed");
    puts(result == CRYPTO_OK ? "genuine" : "bad_signature: not by this key, or altered");
    print_message(message, payload);
    return result == CRYPTO_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_cose_verify(const struct command *command, int argc, char **argv)
{
    const char *key_path = NULL, *payload_path = NULL, *path;
    const struct command_option options[] = {
        {"key", &key_path, NULL}, {"detached", &payload_path, NULL}, {NULL, NULL, NULL}};
    static uint8_t storage[MESSAGE_BYTES_MAX], payload_storage[MESSAGE_BYTES_MAX];
    static struct key keys[KEYS_MAX];
    struct buf octets = BUF_OVER(storage), payload = BUF_OVER(payload_storage);
    struct cose_any message;
    if (!command_read(command, argc, argv, options, &path, 1, 1))
        return EXIT_USAGE;
    if (!key_path)
        return command_misused(command, "--key is missing");
    size_t count = read_keys(key_path, keys);
    if (count == 0 || !encoded_file(path, &octets) ||
        (payload_path && !command_file(payload_path, &payload)))
        return EXIT_USAGE;
    if (!cose_any_read(buf_bytes(&octets), &message))
        return cant_verify("this is no COSE_Sign1, or one that could be read in two ways");
    if (!message.payload.data != !!payload_path)
        return cant_verify(payload_path ? "it has a payload of its own"
                                        : "its payload is detached: --detached says where it is");
    return tell(&message, payload_path ? buf_bytes(&payload) : message.payload, keys, count);
}
