/* The file of vectors, and the command that writes it. */
#include "cli/vectors.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "cli/command.h"

static json_t *hex_of(struct bytes octets)
{
    char *storage = check_alloc(2 * octets.len);
    struct buf hex;
    buf_init(&hex, storage, 2 * octets.len);
    buf_put_hex(&hex, octets);
    json_t *text = json_stringn(storage, hex.len);
    free(storage);
    return text;
}

static json_t *describe_keys(const struct vectors_city *city)
{
    static const char *const names[VECTORS_KEYS] = {
        [ROOT] = "root",        [NEXT_ROOT] = "next_root",         [CODE] = "code",
        [STATUS] = "status",    [SECOND_STATUS] = "second_status", [SECOND_CODE] = "second_code",
        [STRANGER] = "stranger"};
    json_t *keys = json_object();
    for (int i = ROOT; i < VECTORS_KEYS; i++)
        json_object_set_new(
            keys, names[i],
            json_pack("{s:o, s:o, s:o}", "kid", hex_of(bytes_of(city->keys[i].kid, KID_BYTES)),
                      "private", hex_of(bytes_of(city->pairs[i].private_key, CRYPTO_PRIVATE_BYTES)),
                      "public", hex_of(bytes_of(city->keys[i].public_key, CRYPTO_PUBLIC_BYTES))));
    return keys;
}

static json_t *describe_root(const struct vectors_city *city)
{
    static uint8_t storage[1024];
    struct keyring ring = {.keys = {city->keys[ROOT]}, .count = 1};
    struct buf jwks = BUF_OVER(storage);
    keyring_write_jwks(&ring, VECTORS_NOW, &jwks);
    CHECK(buf_ok(&jwks));
    return json_loadb((const char *)jwks.data, jwks.len, 0, NULL);
}

static json_t *describe_step(const struct vectors_step *step)
{
    const long long now = VECTORS_NOW + step->after;
    if (step->act == TAKE_BUNDLE)
        return json_pack("{s:I, s:s, s:s}", "now", now, "bundle", step->what, "expect",
                         step->expect);
    if (step->act == TAKE_LIST)
        return json_pack("{s:I, s:s, s:i, s:s}", "now", now, "list", step->what, "as",
                         (int)step->list, "expect", step->expect);
    return json_pack("{s:I, s:s, s:{s:s, s:s}}", "now", now, "scan", step->what, "expect", "result",
                     step->expect, "reason", step->reason);
}

static json_t *describe_case(const struct vectors_case *row)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < VECTORS_STEPS_MAX && row->steps[i].act; i++)
        json_array_append_new(steps, describe_step(&row->steps[i]));
    return json_pack("{s:s, s:s, s:b, s:o}", "name", row->name, "description", row->description,
                     "single_use", row->single_use, "steps", steps);
}

static json_t *describe_bundles(const struct vectors_city *city)
{
    static uint8_t storage[VECTORS_OCTETS_MAX];
    json_t *bundles = json_object();
    for (size_t i = 0; i < vectors_bundle_count; i++) {
        struct buf octets = BUF_OVER(storage);
        vectors_make_bundle(city, &vectors_bundles[i], &octets);
        json_object_set_new(bundles, vectors_bundles[i].name, hex_of(buf_bytes(&octets)));
    }
    return bundles;
}

static json_t *describe_lists(const struct vectors_city *city)
{
    static uint8_t storage[VECTORS_OCTETS_MAX];
    json_t *lists = json_object();
    for (size_t i = 0; i < vectors_list_count; i++) {
        struct buf octets = BUF_OVER(storage);
        vectors_make_list(city, &vectors_lists[i], &octets);
        json_object_set_new(lists, vectors_lists[i].name, hex_of(buf_bytes(&octets)));
    }
    return lists;
}

static json_t *describe_codes(const struct vectors_city *city)
{
    json_t *codes = json_object();
    for (size_t i = 0; i < vectors_code_count; i++) {
        char storage[CODE_TEXT_BYTES_MAX + 8];
        struct buf text = BUF_OVER(storage);
        vectors_make_code(city, &vectors_codes[i], &text);
        CHECK(buf_ok(&text));
        json_object_set_new(codes, vectors_codes[i].name, json_stringn(storage, text.len));
    }
    return codes;
}

static json_t *describe_city(const struct vectors_city *city)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "alg", key_alg_text(city->alg), "keys",
                     describe_keys(city), "roots", describe_root(city), "bundles",
                     describe_bundles(city), "lists", describe_lists(city), "codes",
                     describe_codes(city));
}

static json_t *describe_all(uint64_t seed)
{
    static struct vectors_city es256, sm2;
    vectors_city_init(&es256, CRYPTO_ES256, seed);
    vectors_city_init(&sm2, CRYPTO_SM2, seed);
    es256.other = &sm2;
    sm2.other = &es256;
    json_t *cases = json_array();
    for (size_t i = 0; i < vectors_case_count; i++)
        json_array_append_new(cases, describe_case(&vectors_cases[i]));
    json_t *all = json_pack("{s:s, s:I, s:[o, o], s:o}", "about",
                            "What every verifier without a network must answer; docs/PROTOCOL.md, "
                            "Vectors. The keys are "
                            "nobody's.",
                            "seed", (long long)seed, "cities", describe_city(&es256),
                            describe_city(&sm2), "cases", cases);
    vectors_city_fini(&es256);
    vectors_city_fini(&sm2);
    return all;
}

int command_vectors(const struct command *command, int argc, char **argv)
{
    const char *path = NULL, *seed_text = NULL;
    uint64_t seed = 1;
    const struct command_option options[] = {
        {"out", &path, NULL}, {"seed", &seed_text, NULL}, {NULL, NULL, NULL}};
    if (!command_read(command, argc, argv, options, NULL, 0, 0))
        return EXIT_USAGE;
    if (!path)
        return command_misused(command, "where to? --out FILE");
    if (!command_number(command, "--seed", seed_text, 0, INT64_MAX, &seed))
        return EXIT_USAGE;
    json_t *all = describe_all(seed);
    CHECK(all);
    FILE *file = fopen(path, "w");
    bool written = file && json_dumpf(all, file, JSON_INDENT(1)) == 0 && fputc('\n', file) != EOF;
    if (file && fclose(file) != 0)
        written = false;
    json_decref(all);
    return written ? EXIT_SUCCESS : command_failed("%s: %s", path, strerror(errno));
}
