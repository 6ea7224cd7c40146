/* Showing a trust bundle, and checking its signature. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/bundle.h"
#include "cli/command.h"
#include "cli/print.h"

#define ROOTS_BYTES_MAX 65536

static const struct {
    const char *word, *sentence;
} signatures[] = {
    [BUNDLE_UNSIGNED] = {"none", "none: this is a draft"},
    [BUNDLE_UNCHECKED] = {"not_checked", "not checked: --roots says whose it must be"},
    [BUNDLE_GENUINE] = {"genuine", "genuine"},
    [BUNDLE_OF_NO_ROOT] = {"unknown_key", "unknown_key: by none of these root keys"},
    [BUNDLE_FORGED] = {"bad_signature", "bad_signature: altered, or made by somebody else"},
    [BUNDLE_NOT_CHECKED] = {"crypto_failed", "could not be checked"},
};

/* ---- as text ---- */

static void print_kid(const char *label, const uint8_t kid[KID_BYTES])
{
    char text[2 * KID_BYTES + 1];
    struct buf hex = BUF_OVER(text);
    buf_put_hex(&hex, bytes_of(kid, KID_BYTES));
    printf("%s%s", label, buf_cstr(&hex));
}

static void print_keys(const struct trust_bundle *bundle)
{
    printf("keys         %zu\n", bundle->ring.count);
    for (size_t i = 0; i < bundle->ring.count; i++) {
        const struct keyring_key *key = &bundle->ring.keys[i];
        print_kid("  ", key->kid);
        printf("  %-7s  %-5s", key_use_text(key->use), key_alg_text(key->alg));
        print_time("  from ", key->use_from);
        if (key->retire_at < INT64_MAX)
            print_time("  until ", key->retire_at);
        putchar('\n');
    }
    printf("revoked      %zu\n", bundle->revoked_count);
    for (size_t i = 0; i < bundle->revoked_count; i++) {
        print_kid("  ", bundle->revoked[i]);
        putchar('\n');
    }
}

static void print_entries(const char *label, struct bytes rows, size_t count)
{
    struct trust_entry entry;
    printf("%-11s  %zu\n", label, count);
    while (trust_bundle_next(&rows, &entry)) {
        printf("  %-5u  ", entry.index);
        print_text(entry.code);
        printf("  ");
        print_text(entry.name);
        printf(entry.english.len ? "  " : "");
        print_text(entry.english);
        putchar('\n');
    }
}

void bundle_print(const struct trust_bundle *bundle, enum bundle_signature signature)
{
    printf("signature    %s\n", signatures[signature].sentence);
    if (signature != BUNDLE_UNSIGNED) {
        print_kid("by           ", bundle->message.kid);
        printf(" (%s)\n", key_alg_text(bundle->message.alg));
    }
    printf("version      %llu\n", (unsigned long long)bundle->version);
    print_time("not before   ", bundle->not_before);
    print_time("\nexpires      ", bundle->expires);
    putchar('\n');
    print_keys(bundle);
    print_entries("types", bundle->type_rows, bundle->type_count);
    print_entries("issuers", bundle->issuer_rows, bundle->issuer_count);
    printf("lists        %zu\n", bundle->list_count);
    for (size_t i = 0; i < bundle->list_count; i++) {
        printf("  %-5u  ", bundle->lists[i].list);
        print_text(bundle->lists[i].uri);
        putchar('\n');
    }
    printf("codes        live %u s at most; tolerance %u s for the future, %u s for the past\n",
           bundle->life_max_s, bundle->future_s, bundle->past_s);
}

/* ---- as JSON ---- */

static json_t *kid_json(const uint8_t kid[KID_BYTES])
{
    char text[2 * KID_BYTES + 1];
    struct buf hex = BUF_OVER(text);
    buf_put_hex(&hex, bytes_of(kid, KID_BYTES));
    return json_string(buf_cstr(&hex));
}

static json_t *keys_json(const struct keyring *ring)
{
    json_t *keys = json_array();
    for (size_t i = 0; i < ring->count; i++) {
        const struct keyring_key *key = &ring->keys[i];
        json_array_append_new(
            keys,
            json_pack("{s:o, s:s, s:s, s:I, s:I, s:o}", "kid", kid_json(key->kid), "use",
                      key_use_text(key->use), "alg", key_alg_text(key->alg), "publish_at",
                      (json_int_t)key->publish_at, "use_from", (json_int_t)key->use_from,
                      "retire_at",
                      key->retire_at < INT64_MAX ? json_integer(key->retire_at) : json_null()));
    }
    return keys;
}

static json_t *entries_json(struct bytes rows)
{
    json_t *entries = json_array();
    struct trust_entry entry;
    while (trust_bundle_next(&rows, &entry))
        json_array_append_new(entries, json_pack("{s:i, s:s%, s:s%, s:s%}", "index", entry.index,
                                                 "code", entry.code.data, entry.code.len, "name",
                                                 entry.name.data, entry.name.len, "english",
                                                 entry.english.data, entry.english.len));
    return entries;
}

static void print_json(const struct trust_bundle *bundle, enum bundle_signature signature)
{
    json_t *revoked = json_array(), *lists = json_array();
    for (size_t i = 0; i < bundle->revoked_count; i++)
        json_array_append_new(revoked, kid_json(bundle->revoked[i]));
    for (size_t i = 0; i < bundle->list_count; i++)
        json_array_append_new(lists,
                              json_pack("{s:i, s:s%}", "list", bundle->lists[i].list, "uri",
                                        bundle->lists[i].uri.data, bundle->lists[i].uri.len));
    json_t *whole = json_pack(
        "{s:s, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:i, s:i, s:i}", "signature",
        signatures[signature].word, "signed_by",
        signature == BUNDLE_UNSIGNED ? json_null() : kid_json(bundle->message.kid), "version",
        (json_int_t)bundle->version, "not_before", (json_int_t)bundle->not_before, "expires",
        (json_int_t)bundle->expires, "keys", keys_json(&bundle->ring), "revoked", revoked, "types",
        entries_json(bundle->type_rows), "issuers", entries_json(bundle->issuer_rows), "lists",
        lists, "life_max_s", bundle->life_max_s, "future_s", bundle->future_s, "past_s",
        bundle->past_s);
    json_dumpf(whole, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(whole);
}

/* ---- the command ---- */

static bool check(const char *path, const struct trust_bundle *bundle,
                  enum bundle_signature *signature)
{
    uint8_t storage[ROOTS_BYTES_MAX];
    struct buf text = BUF_OVER(storage);
    struct keyring roots = {.count = 0};
    if (!command_file(path, &text))
        return false;
    if (!keyring_read_jwks(&roots, &crypto_mbedtls, buf_bytes(&text))) {
        command_failed("%s is no JSON Web Key Set with right kids", path);
        return false;
    }
    const struct keyring_key *root = keyring_find(&roots, bundle->message.kid);
    *signature = BUNDLE_OF_NO_ROOT;
    if (!root || root->use != KEY_USE_ROOT || root->alg != bundle->message.alg)
        return true;
    struct crypto_verifier *verifier = crypto_mbedtls.verifier_create(root->alg, root->public_key);
    enum crypto_result result =
        verifier ? trust_bundle_check(bundle, &crypto_mbedtls, verifier) : CRYPTO_FAILED;
    crypto_mbedtls.verifier_destroy(&verifier);
    *signature = result == CRYPTO_OK         ? BUNDLE_GENUINE
                 : result == CRYPTO_MISMATCH ? BUNDLE_FORGED
                                             : BUNDLE_NOT_CHECKED;
    return true;
}

static int show(const char *path, const char *roots, bool json)
{
    static uint8_t storage[TRUST_BUNDLE_BYTES_MAX];
    static struct trust_bundle bundle;
    struct buf content = BUF_OVER(storage);
    enum bundle_signature signature = BUNDLE_UNCHECKED;
    if (!command_file(path, &content))
        return EXIT_FAILURE;
    if (!trust_bundle_read(buf_bytes(&content), &crypto_mbedtls, &bundle)) {
        signature = BUNDLE_UNSIGNED;
        if (!trust_bundle_read_payload(buf_bytes(&content), &crypto_mbedtls, &bundle))
            return command_failed("%s is no trust bundle, and no draft of one", path);
    }
    if (roots && signature == BUNDLE_UNCHECKED && !check(roots, &bundle, &signature))
        return EXIT_FAILURE;
    if (json)
        print_json(&bundle, signature);
    else
        bundle_print(&bundle, signature);
    return !roots || signature == BUNDLE_GENUINE ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_bundle_show(const struct command *command, int argc, char **argv)
{
    const char *roots = NULL, *path;
    bool json = false;
    const struct command_option options[] = {
        {"roots", &roots, NULL}, {"json", NULL, &json}, {NULL, NULL, NULL}};
    if (!command_read(command, argc, argv, options, &path, 1, 1))
        return EXIT_USAGE;
    return show(path, roots, json);
}
