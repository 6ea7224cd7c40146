/* Status lists: what the draft's examples say is read at every index, what is written comes back,
 * and no token costs or says more than it should. */
#include "protocol/status_list.h"

#include <jansson.h>
#include <stdlib.h>

#include "protocol/cbor.h"
#include "tests/support.h"

#define NOW 1750000000
#define URI "https://jwb.example/v1/status-lists/0"

static const struct crypto_provider *const providers[] = {&crypto_openssl, &crypto_mbedtls};
static const enum crypto_alg algs[] = {CRYPTO_ES256, CRYPTO_SM2};
static struct status_list_inflater inflater;
static uint8_t array[STATUS_LIST_BYTES], inflated[STATUS_LIST_PLACES + 1],
    token_storage[STATUS_LIST_JWT_BYTES_MAX];

static json_t *vectors(void)
{
    json_t *root = json_load_file("tests/vectors/status_lists.json", JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    return root;
}

static struct bytes octets(int slot, const char *hex)
{
    static uint8_t storage[8192];
    struct buf out = BUF_OVER(storage);
    assert_true(buf_put_from_hex(&out, bytes_str(hex)));
    return guarded(slot, buf_bytes(&out));
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static unsigned number_of(const json_t *object, const char *name)
{
    return (unsigned)json_integer_value(json_object_get(object, name));
}

/* ---- the draft's ---- */

/* Places that `places` does not name are 0; those that it names ascend or not. */
static void check_places(const json_t *vector, struct bytes list)
{
    static uint8_t expected[STATUS_LIST_PLACES];
    const json_t *place;
    size_t i;
    const unsigned bits = number_of(vector, "bits");
    memset(expected, 0, sizeof expected);
    json_array_foreach(json_object_get(vector, "places"), i, place)
        expected[json_integer_value(json_array_get(place, 0))] =
            (uint8_t)json_integer_value(json_array_get(place, 1));
    for (size_t p = 0; p < list.len * 8 / bits; p++)
        if (status_list_value(list, bits, p) != expected[p])
            fail_msg("%s: place %zu", text_of(vector, "name"), p);
}

/* Without this others' lists, or ours read by others, would say of a licence what is said of
 * another. */
static void the_lists_of_the_draft_say_what_it_says(void **state)
{
    (void)state;
    json_t *root = vectors(), *vector;
    size_t i;
    json_array_foreach(json_object_get(root, "lists"), i, vector)
    {
        static uint8_t storage[4096];
        struct buf lst = BUF_OVER(storage), list;
        assert_true(buf_put_from_base64url(&lst, bytes_str(text_of(vector, "lst"))));
        const size_t len = (size_t)number_of(vector, "count") * number_of(vector, "bits") / 8;
        /* its last octet lies at the end of the memory that may be written */
        buf_init(&list, inflated + sizeof inflated - len, len);
        assert_true(status_list_inflate(&inflater, guarded(0, buf_bytes(&lst)), &list));
        assert_int_equal(list.len, len);
        check_places(vector, buf_bytes(&list));
    }
    assert_int_equal(i, 6);
    json_decref(root);
}

/* Without this tokens of others could not be read: with a tag and without, kid unprotected, keys in
 * another order than ours. */
static void the_tokens_of_the_draft_are_read(void **state)
{
    (void)state;
    json_t *root = vectors(), *vector, *claims = json_object_get(root, "claims");
    size_t i;
    json_array_foreach(json_object_get(root, "tokens"), i, vector)
    {
        struct status_list_token token;
        assert_true(status_list_read(octets(0, text_of(vector, "cose")), &token));
        assert_int_equal(token.message.tagged, json_is_true(json_object_get(vector, "tagged")));
        assert_true(bytes_equal(token.subject, bytes_str(text_of(claims, "sub"))));
        assert_int_equal(token.issued_at, number_of(claims, "iat"));
        assert_int_equal(token.expires_at, number_of(claims, "exp"));
        assert_int_equal(token.ttl_s, number_of(claims, "ttl"));
        assert_int_equal(token.bits, number_of(claims, "bits"));
        assert_int_equal(token.message.alg, CRYPTO_ES256);
        assert_true(bytes_equal(token.message.kid, octets(1, text_of(claims, "kid"))));
        assert_true(bytes_equal(token.lst, octets(1, text_of(claims, "lst"))));
        assert_int_equal(token.revoked_count, 0);
    }
    assert_int_equal(i, 2);
    json_decref(root);
}

/* Without this other readers of docs/PROTOCOL.md would see another list than C does. */
static void every_reader_agrees_about_ours(void **state)
{
    (void)state;
    json_t *root = json_load_file("tests/vectors/trust.json", JSON_REJECT_DUPLICATES, NULL),
           *vector, *place;
    size_t i, k;
    json_array_foreach(json_object_get(root, "lists"), i, vector)
    {
        struct status_list_token token;
        struct buf list = BUF_OVER(array);
        assert_true(status_list_read(octets(0, text_of(vector, "cwt")), &token));
        assert_true(status_list_inflate(&inflater, token.lst, &list));
        assert_int_equal(token.revoked_count, json_array_size(json_object_get(vector, "revoked")));
        json_array_foreach(json_object_get(vector, "places"), k, place)
        {
            const uint32_t index = (uint32_t)json_integer_value(json_array_get(place, 0));
            assert_int_equal(status_list_get(array, index),
                             json_integer_value(json_array_get(place, 1)));
            status_list_set(array, index, 0);
        }
        for (k = 0; k < sizeof array; k++)
            assert_int_equal(array[k], 0);
    }
    assert_int_equal(i, 2);
    json_decref(root);
}

/* ---- ours ---- */

static void fill(uint64_t seed, unsigned per_mille)
{
    struct seeded s = {seed};
    memset(array, 0, sizeof array);
    for (uint32_t i = 0; i < STATUS_LIST_PLACES; i++)
        if (seeded_next(&s) % 1000 < per_mille)
            status_list_set(array, i, (uint8_t)(seeded_next(&s) % 3 + 1));
}

static struct bytes deflated(void)
{
    static uint8_t storage[STATUS_LIST_TOKEN_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    assert_true(status_list_deflate(array, &out));
    return buf_bytes(&out);
}

static struct status_list_token typical(void)
{
    return (struct status_list_token){
        .subject = BYTES(URI),
        .issued_at = NOW,
        .expires_at = NOW + 86400,
        .ttl_s = 300,
        .bits = 2,
        .lst = deflated(),
        .revoked = {{0, 1, 2, 3}, {0xFF, 1, 2, 3}},
        .revoked_count = 2,
    };
}

struct key {
    struct crypto_key_pair pair;
    struct crypto_signer *signer;
    uint8_t kid[KID_BYTES];
};

static void make_key(struct key *key, enum crypto_alg alg)
{
    assert_int_equal(crypto_openssl.key_generate(alg, &key->pair), CRYPTO_OK);
    assert_int_equal(key_id(&crypto_openssl, alg, key->pair.public_key, key->kid), CRYPTO_OK);
    key->signer = crypto_openssl.signer_create(alg, &key->pair);
    assert_non_null(key->signer);
}

static struct bytes written(const struct status_list_token *token, enum crypto_alg alg,
                            const struct key *key)
{
    struct buf out = BUF_OVER(token_storage);
    buf_put_u8(&out, 0xEE); /* what stood there before stays */
    assert_int_equal(
        status_list_write_cwt(token, alg, key->kid, &crypto_openssl, key->signer, &out), CRYPTO_OK);
    assert_true(buf_ok(&out));
    assert_int_equal(token_storage[0], 0xEE);
    return bytes_from(buf_bytes(&out), 1);
}

/* Without this a terminal would hold something else than the gateway published, and not know it. */
static void what_is_written_comes_back(void **state)
{
    (void)state;
    static const unsigned densities[] = {0, 1, 20, 1000};
    for (size_t a = 0; a < 2; a++)
        for (size_t d = 0; d < 4; d++) {
            struct key key;
            struct status_list_token token, read;
            fill(d, densities[d]);
            make_key(&key, algs[a]);
            token = typical();
            struct bytes message = guarded(0, written(&token, algs[a], &key));
            assert_true(message.len <= STATUS_LIST_TOKEN_BYTES_MAX);
            assert_true(status_list_read(message, &read));
            assert_true(read.message.tagged && !read.message.cwt);
            assert_bytes(read.subject, URI);
            assert_int_equal(read.issued_at, NOW);
            assert_int_equal(read.expires_at, NOW + 86400);
            assert_int_equal(read.ttl_s, 300);
            assert_int_equal(read.bits, 2);
            assert_int_equal(read.revoked_count, 2);
            assert_memory_equal(read.revoked, token.revoked, 2 * KID_BYTES);
            assert_int_equal(read.message.alg, algs[a]);
            assert_true(bytes_equal(read.message.kid, bytes_of(key.kid, KID_BYTES)));
            struct buf list;
            buf_init(&list, inflated + sizeof inflated - STATUS_LIST_BYTES, STATUS_LIST_BYTES);
            assert_true(status_list_inflate(&inflater, guarded(1, read.lst), &list));
            assert_memory_equal(list.data, array, sizeof array);
            for (size_t p = 0; p < 2; p++) {
                struct crypto_verifier *verifier =
                    providers[p]->verifier_create(algs[a], key.pair.public_key);
                assert_int_equal(status_list_check(&read, algs[a], providers[p], verifier),
                                 CRYPTO_OK);
                assert_int_equal(status_list_check(&read, algs[!a], providers[p], verifier),
                                 CRYPTO_MISMATCH);
                providers[p]->verifier_destroy(&verifier);
            }
            crypto_openssl.signer_destroy(&key.signer);
        }
}

/* Without this a token that did not fit would be sent cut off, or end the process. */
static void what_does_not_fit_is_an_overflow(void **state)
{
    (void)state;
    struct key key;
    fill(1, 1);
    make_key(&key, CRYPTO_ES256);
    struct status_list_token token = typical();
    size_t len = written(&token, CRYPTO_ES256, &key).len;
    for (size_t cap = 0; cap <= len; cap += cap + 200 < len ? 61 : 1) {
        struct buf out;
        buf_init(&out, token_storage, cap);
        assert_int_equal(
            status_list_write_cwt(&token, CRYPTO_ES256, key.kid, &crypto_openssl, key.signer, &out),
            CRYPTO_OK);
        assert_int_equal(buf_ok(&out), cap == len);
        buf_init(&out, token_storage, cap);
        assert_int_equal(
            status_list_write_jwt(&token, CRYPTO_ES256, key.kid, &crypto_openssl, key.signer, &out),
            CRYPTO_OK);
        assert_false(buf_ok(&out));
        buf_init(&out, token_storage, cap);
        assert_int_equal(status_list_deflate(array, &out), cap >= token.lst.len);
    }
    crypto_openssl.signer_destroy(&key.signer);
}

/* ---- refusals ---- */

/* Without this a list that is cut off, too long, or a bomb could be held as one, or cost more than
 * its array. */
static void inflation_ends_at_exactly_the_size(void **state)
{
    (void)state;
    static uint8_t room[4096];
    fill(3, 1);
    struct buf lst = BUF_OVER(room), list;
    assert_true(status_list_deflate(array, &lst));
    memset(inflated, 0xEE, sizeof inflated);

    buf_init(&list, inflated, STATUS_LIST_BYTES - 1); /* as a bomb would: more than asked for */
    assert_false(status_list_inflate(&inflater, buf_bytes(&lst), &list));
    assert_int_equal(list.len, 0);
    assert_int_equal(inflated[STATUS_LIST_BYTES - 1], 0xEE);
    buf_init(&list, inflated, STATUS_LIST_BYTES + 1); /* less */
    assert_false(status_list_inflate(&inflater, buf_bytes(&lst), &list));
    assert_int_equal(inflated[STATUS_LIST_BYTES], 0xEE);

    buf_init(&list, inflated, STATUS_LIST_BYTES);
    for (size_t len = 0; len < lst.len; len += 1 + lst.len / 100)
        assert_false(status_list_inflate(&inflater, guarded(0, bytes_of(room, len)), &list));
    assert_false(status_list_inflate(&inflater, guarded(0, bytes_of(room, lst.len - 1)), &list));
    room[lst.len] = 0;
    assert_false(status_list_inflate(&inflater, guarded(0, bytes_of(room, lst.len + 1)), &list));
    room[lst.len / 2] ^= 1; /* the checksum, if nothing else, finds it */
    assert_false(status_list_inflate(&inflater, guarded(0, buf_bytes(&lst)), &list));
    room[lst.len / 2] ^= 1;
    assert_true(status_list_inflate(&inflater, guarded(0, buf_bytes(&lst)), &list));
    assert_memory_equal(list.data, array, sizeof array);
}

#define HEADER                                                                                     \
    "d284581ea1"                                                                                   \
    "10781a6170706c69636174696f6e2f7374617475736c6973742b637774"                                   \
    "a0"
#define END                                                                                        \
    "58400000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" \
    "00"                                                                                           \
    "00000000000000000000000000000000000000"
#define LIST "a2646269747302636c737441aa"
static const struct {
    const char *claims, *what;
    bool read;
} payloads[] = {
    {"a302616106"
     "01"
     "19fffd" LIST,
     "the least there may be", true},
    {"a319fffd" LIST "06010261"
     "61",
     "another order", true},
    {"a4026161060119fffd" LIST "6161f5", "a claim with a name", true},
    {"a4026161060119fffd" LIST "01a10102", "a claim that is not known", true},
    {"a4026161060119fffd" LIST "01bf0102ff", "one of indefinite length", false},
    {"a40261610601060119fffd" LIST, "iat twice", false},
    {"a402616106011806"
     "0119fffd" LIST,
     "iat twice, once in a longer form", false},
    {"a4026161060119fffd" LIST "19fffd" LIST, "two lists", false},
    {"a4026161060119fffd" LIST "19fffea0", "ttl is no number", false},
    {"a202616106"
     "01",
     "no list", false},
    {"a2060119fffd" LIST, "no sub", false},
    {"a302600601"
     "19fffd" LIST,
     "an empty sub", false},
    {"a302610a0601"
     "19fffd" LIST,
     "a line's end in sub", false},
    {"a30261ff0601"
     "19fffd" LIST,
     "a sub that is not UTF-8", false},
    {"a202616119fffd" LIST, "no iat", false},
    {"a3026161061a6"
     "84ee18019fffd" LIST,
     "iat of today", true},
    {"a302616106fb41d9"
     "8000000000"
     "0019fffd" LIST,
     "iat with a fraction", false},
    {"a302616106"
     "0119fffda2646269747303636c737441aa",
     "3 bits", false},
    {"a302616106"
     "0119fffda2646269747310636c737441aa",
     "16 bits", false},
    {"a302616106"
     "0119fffda2646269747308636c737441aa",
     "8 bits", true},
    {"a302616106"
     "0119fffda1636c737441aa",
     "no bits", false},
    {"a302616106"
     "0119fffda16462697473"
     "01",
     "no lst", false},
    {"a302616106"
     "0119fffda2646269747301636c737440",
     "an empty lst", false},
    {"a302616106"
     "0119fffda2646269747301636c73746161",
     "lst of text", false},
    {"a302616106"
     "0119fffda3646269747302646269747302636c737441aa",
     "bits twice", false},
    {"a302616106"
     "0119fffda3646269747302636c737441aa6b"
     "6167677265676174696f6e60",
     "more", true},
    {"a4026161060119fffd" LIST "3a00010001"
     "80",
     "nothing revoked", true},
    {"a4026161060119fffd" LIST "3a00010001"
     "8144"
     "01020304",
     "a kid revoked", true},
    {"a4026161060119fffd" LIST "3a00010001"
     "8143"
     "010203",
     "a short kid revoked", false},
    {"a3026161060119fffd" LIST "00", "an octet behind the end", false},
};

static struct bytes message_of(const char *claims)
{
    static uint8_t storage[512];
    uint8_t payload[256];
    struct buf out = BUF_OVER(storage), inner = BUF_OVER(payload);
    assert_true(buf_put_from_hex(&out, BYTES(HEADER)));
    assert_true(buf_put_from_hex(&inner, bytes_str(claims)));
    cbor_put_bytes(&out, buf_bytes(&inner));
    assert_true(buf_put_from_hex(&out, BYTES(END)));
    return guarded(0, buf_bytes(&out));
}

/* Without this a token could say two things at once, or an honest one of another hand be refused.
 */
static void the_forms_of_a_token(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        struct status_list_token token;
        const struct bytes whole = message_of(payloads[i].claims);
        if (status_list_read(whole, &token) != payloads[i].read)
            fail_msg("%s", payloads[i].what);
        for (size_t len = 0; payloads[i].read && len < whole.len; len++)
            assert_false(status_list_read(guarded(1, bytes_of(whole.data, len)), &token));
    }
}

/* Without this a message of another kind under the same key could be taken for a list. */
static void a_token_says_that_it_is_one(void **state)
{
    (void)state;
    struct status_list_token token;
    uint8_t storage[512];
    struct bytes good = message_of(payloads[0].claims);
    struct buf other = BUF_OVER(storage);
    buf_put(&other, good);
    assert_true(status_list_read(guarded(1, buf_bytes(&other)), &token));
    storage[8] ^= 1; /* "application/statuslist+cwt" */
    assert_false(status_list_read(guarded(1, buf_bytes(&other)), &token));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lists_of_the_draft_say_what_it_says),
        cmocka_unit_test(the_tokens_of_the_draft_are_read),
        cmocka_unit_test(every_reader_agrees_about_ours),
        cmocka_unit_test(what_is_written_comes_back),
        cmocka_unit_test(what_does_not_fit_is_an_overflow),
        cmocka_unit_test(inflation_ends_at_exactly_the_size),
        cmocka_unit_test(the_forms_of_a_token),
        cmocka_unit_test(a_token_says_that_it_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
