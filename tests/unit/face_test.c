#include "gateway/face.h"

#include <stdlib.h>

#include "base/clock.h"
#include "tests/support.h"

static struct registry_licence person(void)
{
    struct registry_licence licence = {
        .holder_kind = HOLDER_PERSON,
        .type_code = BYTES("11100000000000001M001"),
        .type_name = BYTES("机动车驾驶证"),
        .issuer_code = BYTES("114108990000000000"),
        .issuer_name = BYTES("焦作市公安局\"交警\"支队"),
        .name = BYTES("机动车驾驶证（正本）"),
        .number = BYTES("410899195303315929"),
        .identifier = BYTES("1.2.156.3005.2.1"),
        .holder_name = BYTES("张三丰"),
        .holder_number = BYTES("410899195303315929"),
        .valid_until = -1,
    };
    (void)civil_to_days(2021, 3, 4, &licence.issued_on);
    (void)civil_to_days(2021, 3, 5, &licence.valid_from);
    return licence;
}

static struct code_claims claims(void)
{
    struct code_claims c = {.holder_name = BYTES("张**"), .number_tail = BYTES("5929")};
    (void)civil_to_days(2027, 3, 4, &c.valid_until);
    return c;
}

static struct policy_rule rule_of(const char *masks)
{
    struct policy_rule rule = {0};
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        for (unsigned m = 0; m < MASK_COUNT; m++)
            if (field_mask_text((enum field_mask)m)[0] == masks[i]) {
                rule.masks[i] = (uint8_t)m;
                rule.fields |= m == MASK_HIDDEN ? 0 : FIELD_BIT(i);
            }
    return rule;
}

/* What is written by a rule with these masks (h p n t y, in the fields' order). */
static const char *written(const struct face *face, const char *masks, uint32_t allowed,
                           uint32_t *shown)
{
    static uint8_t storage[FACE_JSON_BYTES_MAX + 1];
    struct buf out = BUF_OVER(storage);
    const struct policy_rule rule = rule_of(masks);
    *shown = face_write(&out, face, &rule, allowed);
    assert_true(buf_ok(&out));
    return buf_cstr(&out);
}

/* Broken: an inspector would not see the licence as it was issued. */
static void plain_is_everything(void **state)
{
    (void)state;
    const struct registry_licence licence = person();
    const struct face face = face_of_licence(&licence);
    uint32_t shown;
    assert_string_equal(
        written(&face, "pppppppppp", FIELDS_ALL, &shown),
        "\"type\":{\"code\":\"11100000000000001M001\",\"name\":\"机动车驾驶证\"},"
        "\"name\":\"机动车驾驶证（正本）\",\"holder_name\":\"张三丰\","
        "\"holder_number\":\"410899195303315929\",\"number\":\"410899195303315929\","
        "\"identifier\":\"1.2.156.3005.2.1\",\"issuer\":{\"code\":\"114108990000000000\","
        "\"name\":\"焦作市公安局\\\"交警\\\"支队\"},\"issued_on\":\"2021-03-04\","
        "\"valid_from\":\"2021-03-05\",\"valid_until\":null");
    assert_int_equal(shown, FIELDS_ALL);
}

/* Broken: a mask would leave what it is to hide. */
static void masks_hide(void **state)
{
    (void)state;
    const struct registry_licence licence = person();
    struct face face = face_of_licence(&licence);
    uint32_t shown;
    assert_string_equal(written(&face, "hhnththhyy", FIELDS_ALL, &shown),
                        "\"holder_name\":\"张**\",\"holder_number\":\"****5929\","
                        "\"identifier\":\"****.2.1\",\"valid_from\":\"2021\","
                        "\"valid_until\":null");
    assert_int_equal(shown, FIELD_BIT(FIELD_HOLDER_NAME) | FIELD_BIT(FIELD_HOLDER_NUMBER) |
                                FIELD_BIT(FIELD_IDENTIFIER) | FIELD_BIT(FIELD_VALID_FROM) |
                                FIELD_BIT(FIELD_VALID_UNTIL));
    face.number = BYTES("豫（2021）第7号");
    assert_string_equal(written(&face, "hhhhthhhhh", FIELDS_ALL, &shown), "\"number\":\"****\"");
    face.number = BYTES("A12"); /* at most half of it */
    assert_string_equal(written(&face, "hhhhthhhhh", FIELDS_ALL, &shown), "\"number\":\"****2\"");
    face.number = BYTES("7");
    assert_string_equal(written(&face, "hhhhthhhhh", FIELDS_ALL, &shown), "\"number\":\"****\"");
    face.holder_kind = HOLDER_ENTERPRISE; /* whose name is public */
    assert_string_equal(written(&face, "hhnhhhhhhh", FIELDS_ALL, &shown),
                        "\"holder_name\":\"张三丰\"");
}

/* Broken: a field would be shown that the rule or the consent does not name. */
static void nothing_else_is_shown(void **state)
{
    (void)state;
    const struct registry_licence licence = person();
    const struct face face = face_of_licence(&licence);
    uint32_t shown;
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        char masks[] = "hhhhhhhhhh", member[32];
        struct buf named = BUF_OVER(member);
        buf_printf(&named, "\"%s\":", field_member((enum field)i));
        masks[i] = 'p';
        const char *by_rule = written(&face, masks, FIELDS_ALL, &shown);
        assert_int_equal(shown, FIELD_BIT(i));
        assert_memory_equal(by_rule, member, named.len);
        char *copy = strdup(by_rule);
        assert_string_equal(written(&face, "pppppppppp", FIELD_BIT(i), &shown), copy);
        assert_int_equal(shown, FIELD_BIT(i));
        free(copy);
        assert_string_equal(written(&face, masks, FIELDS_ALL & ~FIELD_BIT(i), &shown), "");
        assert_int_equal(shown, 0);
    }
    assert_string_equal(written(&face, "pppppppppp", 0, &shown), "");
    assert_int_equal(shown, 0);
}

/* Broken: what a code says of itself would be shown as if it were the licence's own. */
static void claims_stay_masked(void **state)
{
    (void)state;
    struct code_claims c = claims();
    const struct registry_catalogue_entry type = {.code = "T1", .name = "证"};
    struct face face = face_of_claims(&c, &type);
    uint32_t shown, said = FIELD_BIT(FIELD_TYPE) | FIELD_BIT(FIELD_HOLDER_NAME) |
                           FIELD_BIT(FIELD_NUMBER) | FIELD_BIT(FIELD_VALID_UNTIL);
    static const char *const all = "\"type\":{\"code\":\"T1\",\"name\":\"证\"},"
                                   "\"holder_name\":\"张**\",\"number\":\"****5929\","
                                   "\"valid_until\":\"2027-03-04\"";
    assert_string_equal(written(&face, "pppppppppp", FIELDS_ALL, &shown), all);
    assert_int_equal(shown, said);
    assert_string_equal(written(&face, "phnhthhhhp", FIELDS_ALL, &shown), all);
    assert_int_equal(shown, said);
    assert_string_equal(written(&face, "hhhhhhhhhy", FIELDS_ALL, &shown),
                        "\"valid_until\":\"2027\"");
    c.number_tail = BYTES("");
    c.valid_until = CODE_LONG_TERM;
    face = face_of_claims(&c, NULL);
    assert_string_equal(written(&face, "pphhphpppp", FIELDS_ALL, &shown),
                        "\"number\":\"****\",\"valid_until\":null");
    assert_int_equal(shown, FIELD_BIT(FIELD_NUMBER) | FIELD_BIT(FIELD_VALID_UNTIL));
}

/* Broken: the registry would be spared where only it has what the rule shows. */
static void claims_suffice_for_what_they_say(void **state)
{
    (void)state;
    static const char *const enough[] = {"hhhhhhhhhh", "phnhthhhhp", "phhhhhhhhy", "hhnhhhhhhh"};
    static const char *const more[] = {"ppnhthhhhp", "phphthhhhp", "phnhphhhhp", "phnhthphhp",
                                       "phnhthhhpp", "phnhthhphp", "phnhtthhhp", "phntthhhhp"};
    for (size_t i = 0; i < sizeof enough / sizeof *enough; i++) {
        const struct policy_rule rule = rule_of(enough[i]);
        assert_true(face_claims_suffice(&rule));
    }
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        const struct policy_rule rule = rule_of(more[i]);
        assert_false(face_claims_suffice(&rule));
    }
}

static void assert_same(const struct face *a, const struct face *b)
{
    uint32_t shown;
    char *first = strdup(written(a, "pppppppppp", FIELDS_ALL, &shown));
    assert_int_equal(shown, FIELDS_ALL);
    assert_string_equal(written(b, "pppppppppp", FIELDS_ALL, &shown), first);
    assert_int_equal(shown, FIELDS_ALL);
    assert_int_equal(a->holder_kind, b->holder_kind);
    free(first);
}

/* Broken: who asks Redis would see another licence than who asks the registry. */
static void packed_is_what_is_unpacked(void **state)
{
    (void)state;
    uint8_t storage[FACE_BYTES_MAX];
    struct buf packed = BUF_OVER(storage);
    struct registry_licence licence = person();
    const struct face face = face_of_licence(&licence);
    struct face again;
    assert_true(face_pack(&face, &packed));
    assert_true(face_unpack(guarded(0, buf_bytes(&packed)), &again));
    assert_same(&face, &again);

    licence.identifier = bytes_of(NULL, 0); /* as the registry gives an empty one */
    licence.issued_on = -1;
    licence.holder_kind = HOLDER_ENTERPRISE;
    const struct face sparse = face_of_licence(&licence);
    packed = BUF_OVER(storage);
    assert_true(face_pack(&sparse, &packed));
    assert_true(face_unpack(guarded(0, buf_bytes(&packed)), &again));
    assert_same(&sparse, &again);
}

/* Broken: a long face would be cut, or something that is no face be shown as one. */
static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    uint8_t storage[2 * FACE_BYTES_MAX];
    char text[FACE_BYTES_MAX];
    struct buf packed = BUF_OVER(storage);
    struct registry_licence licence = person();
    struct face again;
    memset(text, 'x', sizeof text);
    size_t longest = 0;
    licence.name = bytes_of(text, 0);
    struct face face = face_of_licence(&licence);
    assert_true(face_pack(&face, &packed));
    for (size_t len = 1; len < sizeof text; len++) {
        packed = BUF_OVER(storage);
        face.name = bytes_of(text, len);
        if (!face_pack(&face, &packed))
            break;
        longest = packed.len;
    }
    assert_int_equal(longest, FACE_BYTES_MAX);

    face = face_of_licence(&licence);
    packed = BUF_OVER(storage);
    assert_true(face_pack(&face, &packed));
    for (size_t len = 0; len < packed.len; len++)
        assert_false(face_unpack(guarded(0, bytes_of(storage, len)), &again));
    buf_put_u8(&packed, 0);
    assert_false(face_unpack(guarded(0, buf_bytes(&packed)), &again));
    packed.len--;
    struct buf small;
    buf_init(&small, storage, packed.len - 1);
    assert_false(face_pack(&face, &small));
}

/* Broken: a face of another place or version would pass for this one's. */
static void sealed_for_its_place(void **state)
{
    (void)state;
    const uint8_t key[CRYPTO_SECRET_BYTES] = {7};
    struct crypto_aead *aead = crypto_openssl.aead_create(CRYPTO_AES_256_GCM, key);
    uint8_t sealed_storage[64], open_storage[64];
    struct buf sealed = BUF_OVER(sealed_storage), face = BUF_OVER(open_storage);
    assert_int_equal(face_seal(aead, 3, 70000, 2, BYTES("face"), &sealed), CRYPTO_OK);
    assert_int_equal(face_open(aead, 3, 70000, 2, buf_bytes(&sealed), &face), CRYPTO_OK);
    assert_bytes(buf_bytes(&face), "face");
    face.len = 0;
    assert_int_not_equal(face_open(aead, 2, 70000, 2, buf_bytes(&sealed), &face), CRYPTO_OK);
    assert_int_not_equal(face_open(aead, 3, 70001, 2, buf_bytes(&sealed), &face), CRYPTO_OK);
    assert_int_not_equal(face_open(aead, 3, 70000, 3, buf_bytes(&sealed), &face), CRYPTO_OK);
    sealed_storage[sealed.len - 1] ^= 1;
    assert_int_not_equal(face_open(aead, 3, 70000, 2, buf_bytes(&sealed), &face), CRYPTO_OK);
    crypto_openssl.aead_destroy(&aead);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_is_everything),
        cmocka_unit_test(masks_hide),
        cmocka_unit_test(nothing_else_is_shown),
        cmocka_unit_test(claims_stay_masked),
        cmocka_unit_test(claims_suffice_for_what_they_say),
        cmocka_unit_test(packed_is_what_is_unpacked),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(sealed_for_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
