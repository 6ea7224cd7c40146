/* The library by its door: what it takes and refuses, what it shows, what it keeps. */
#include "terminal/jwbterminal.h"

#include "tests/unit/terminal_fixture.h"
#include "tests/unit/terminal_medium.h"

static struct medium medium;
static struct jwbt *terminal;
static const struct city *city;
static struct city_bundle b;
static struct jwbt_answer answer;

enum { SCANS_KEPT = 6 };

static void start(bool single_use)
{
    const struct jwbt_options options = {.storage = medium_storage(&medium),
                                         .lists_max = 2,
                                         .scans_max = SCANS_KEPT,
                                         .single_use = single_use};
    jwbt_close(&terminal);
    assert_int_equal(jwbt_open(&options, &terminal), JWBT_OK);
}

static enum jwbt_error enroll(enum city_key root, bool again)
{
    struct bytes set = root_set(city, root);
    return jwbt_enroll(terminal, set.data, set.len, again);
}

static enum jwbt_error take_bundle(int64_t now)
{
    struct bytes octets = guarded(0, bundle_sign(&b, city));
    return jwbt_take_bundle(terminal, octets.data, octets.len, now);
}

static enum jwbt_error take_list(uint16_t number, const struct city_list *list, int64_t now)
{
    struct bytes octets = guarded(0, list_sign(list, city));
    return jwbt_take_list(terminal, number, octets.data, octets.len, now);
}

static const char *verify_text(struct bytes text, int64_t now)
{
    text = guarded(1, text);
    jwbt_verify(terminal, (const char *)text.data, text.len, now, &answer);
    return answer.reason;
}

/* A code displayed at `now`, the number-th of this test. */
static const char *verify(uint8_t number, int64_t now)
{
    struct code_claims claims = claims_of(number);
    claims.issued_at = now;
    claims.expires_at = now + 60;
    return verify_text(code_text(&claims, city, CODE_A), now);
}

static struct jwbt_knowledge knows(int64_t now)
{
    struct jwbt_knowledge knowledge;
    jwbt_knows(terminal, now, &knowledge);
    return knowledge;
}

/* Enrolled, with bundle 10 and list 0. */
static int fresh(void **state)
{
    (void)state;
    const struct city_list list = list_of(LIST_URI);
    memset(&medium, 0, sizeof medium);
    city = city_of(CRYPTO_ES256);
    bundle_init(&b, city);
    start(false);
    assert_int_equal(enroll(ROOT_A, false), JWBT_OK);
    assert_int_equal(take_bundle(NOW), JWBT_OK);
    assert_int_equal(take_list(0, &list, NOW), JWBT_OK);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    jwbt_close(&terminal);
    return 0;
}

/* Without this an inspector would see nothing to compare with the person, or see a forgery's. */
static void shows_what_is_authentic(void **state)
{
    (void)state;
    static const struct jwbt_answer nothing;
    struct jwbt_answer seen;
    assert_string_equal(verify(1, NOW), "none");
    assert_int_equal(answer.result, JWBT_VALID);
    assert_true(answer.authentic && answer.kept);
    assert_string_equal(answer.holder_name, "张*");
    assert_string_equal(answer.number_tail, "0417");
    assert_string_equal(answer.type_code, "11100000000013127D032");
    assert_string_equal(answer.type_name, "网络预约出租汽车驾驶员证");
    assert_string_equal(answer.type_english, "Ride-hailing driver");
    assert_string_equal(answer.issuer_code, "11410800005709876X");
    assert_string_equal(answer.issuer_name, "虚构市交通运输局");
    assert_string_equal(answer.issuer_english, "");
    assert_string_equal(answer.valid_until, "2027-07-01");
    assert_int_equal(answer.index, PLACE);
    assert_true(answer.issued_at == NOW && answer.expires_at == NOW + 60);
    assert_true(answer.status_as_of == NOW - 3600 && answer.status_good_until == NOW + 82800);
    assert_true(answer.seen_at == 0);

    struct code_claims claims = claims_of(1);
    claims.issued_at = NOW;
    claims.valid_until = CODE_LONG_TERM;
    verify_text(code_text(&claims, city, CODE_A), NOW + 1);
    assert_string_equal(answer.valid_until, "");
    assert_true(answer.seen_at == NOW);

    verify_text(code_text(&claims, city, STRANGER), NOW + 1);
    seen = answer;
    assert_true(seen.kept);
    seen.kept = false;
    seen.reason = NULL;
    seen.result = JWBT_VALID;
    assert_memory_equal(&seen, &nothing, sizeof seen);
    verify_text(BYTES("nothing"), NOW);
    assert_false(answer.kept);
}

/* Without this a restart would forget the city, or give another answer than before. */
static void knows_after_a_restart(void **state)
{
    (void)state;
    struct jwbt_list list;
    start(false);
    struct jwbt_knowledge k = knows(NOW);
    assert_true(k.enrolled && k.clock_trusted && !k.damaged && !k.storage_failed);
    assert_int_equal(k.bundle_version, 10);
    assert_true(k.bundle_not_before == NOW - 86400 && k.bundle_expires == NOW + 6 * 86400);
    assert_true(k.keys == 2 && k.revoked == 0 && k.lists == 2 && k.scans == 0);
    assert_true(k.clock_mark == NOW - 3600);
    assert_true(jwbt_list_at(terminal, 0, &list) && list.as_of == NOW - 3600);
    assert_string_equal(list.uri, LIST_URI);
    assert_int_equal(list.ttl_s, 300);
    assert_true(jwbt_list_at(terminal, 1, &list) && list.list == 1 && list.as_of == 0);
    assert_false(jwbt_list_at(terminal, 2, &list));
    assert_string_equal(verify(1, NOW), "none");
    assert_int_equal(enroll(ROOT_A, false), JWBT_OK); /* once more, the same */
    assert_int_equal(knows(NOW).bundle_version, 10);
}

/* Without this a stranger's word, or yesterday's, would become the terminal's knowledge. */
static void refuses(void **state)
{
    (void)state;
    struct city_list list = list_of(LIST_URI), other = list_of(LIST1_URI);
    struct bytes octets;
    assert_int_equal(enroll(ROOT_B, false), JWBT_ERR_ENROLLED);
    assert_int_equal(jwbt_enroll(terminal, "{}", 2, false), JWBT_ERR_MALFORMED);
    assert_int_equal(take_bundle(NOW), JWBT_ERR_OLDER); /* the very same */
    b.bundle.version = 9;
    assert_int_equal(take_bundle(NOW), JWBT_ERR_OLDER);
    b.bundle.version = 11;
    assert_int_equal(take_bundle(NOW - 86400 - 61), JWBT_ERR_NOT_YET);
    assert_int_equal(take_bundle(b.bundle.expires), JWBT_ERR_EXPIRED);
    b.signer = STATUS_A;
    assert_int_equal(take_bundle(NOW), JWBT_ERR_UNTRUSTED);
    b.signer = ROOT_A;
    octets = bundle_sign(&b, city);
    ((uint8_t *)octets.data)[octets.len - 1] ^= 1;
    assert_int_equal(jwbt_take_bundle(terminal, octets.data, octets.len, NOW), JWBT_ERR_UNTRUSTED);
    assert_int_equal(jwbt_take_bundle(terminal, octets.data, octets.len - 1, NOW),
                     JWBT_ERR_MALFORMED);
    bundle_revoke(&b.bundle,
                  &city->keys[ROOT_A].key); /* says itself that it is not to be believed */
    assert_int_equal(take_bundle(NOW), JWBT_ERR_UNTRUSTED);
    bundle_init(&b, city);
    b.bundle.version = 11;
    ((struct keyring_key *)keyring_find(&b.bundle.ring, city->keys[ROOT_A].key.kid))->retire_at =
        b.bundle.not_before;
    assert_int_equal(take_bundle(NOW), JWBT_ERR_UNTRUSTED);

    assert_int_equal(take_list(0, &list, NOW), JWBT_ERR_OLDER); /* the very same */
    list.issued_at = NOW;
    assert_int_equal(take_list(0, &list, NOW - 61), JWBT_ERR_NOT_YET);
    assert_int_equal(take_list(1, &list, NOW), JWBT_ERR_UNKNOWN_LIST);
    assert_int_equal(take_list(2, &list, NOW), JWBT_ERR_UNKNOWN_LIST);
    list.signer = CODE_A;
    assert_int_equal(take_list(0, &list, NOW), JWBT_ERR_UNTRUSTED);
    list.signer = STATUS_A;
    octets = list_sign(&list, city);
    ((uint8_t *)octets.data)[octets.len - 1] ^= 1;
    assert_int_equal(jwbt_take_list(terminal, 0, octets.data, octets.len, NOW), JWBT_ERR_UNTRUSTED);
    assert_int_equal(jwbt_take_list(terminal, 0, octets.data, 40, NOW), JWBT_ERR_MALFORMED);
    assert_string_equal(verify(1, NOW), "none");
    assert_int_equal(knows(NOW).bundle_version, 10);
    assert_true(knows(NOW).clock_mark == NOW); /* the scan's: nothing that was refused moved it */

    bundle_init(&b, city);
    b.bundle.version = 11;
    b.bundle.lists[2] = (struct trust_list){2, BYTES("https://city.example/v1/status-lists/2")};
    b.bundle.list_count = 3;
    assert_int_equal(take_bundle(NOW), JWBT_OK);
    assert_int_equal(take_list(1, &other, NOW), JWBT_OK);
    list = list_of("https://city.example/v1/status-lists/2");
    assert_int_equal(take_list(2, &list, NOW), JWBT_ERR_FULL); /* of two */

    memset(&medium, 0, sizeof medium);
    start(false);
    assert_int_equal(take_bundle(NOW), JWBT_ERR_NOT_ENROLLED);
    assert_int_equal(take_list(0, &list, NOW), JWBT_ERR_NOT_ENROLLED);
    assert_string_equal(verify(1, NOW), "trust_stale");
}

/* Without this every terminal would have to be visited before its root key can be given up. */
static void root_keys_turn(void **state)
{
    (void)state;
    b.bundle.version = 11;
    b.signer = ROOT_B;
    assert_int_equal(take_bundle(NOW), JWBT_ERR_UNTRUSTED);
    b.signer = ROOT_A;
    bundle_name(&b.bundle, &city->keys[ROOT_B].key); /* the first names the second */
    assert_int_equal(take_bundle(NOW), JWBT_OK);
    start(false);
    b.bundle.version = 12;
    b.signer = ROOT_B; /* the second revokes the first */
    bundle_revoke(&b.bundle, &city->keys[ROOT_A].key);
    assert_int_equal(take_bundle(NOW), JWBT_OK);
    assert_string_equal(verify(1, NOW), "none");
    start(false);
    assert_int_equal(knows(NOW).bundle_version, 12);
    bundle_init(&b, city); /* and what the first signs now is nobody's */
    b.bundle.version = 13;
    assert_int_equal(take_bundle(NOW), JWBT_ERR_UNTRUSTED);
    bundle_name(&b.bundle, &city->keys[ROOT_B].key);
    b.signer = ROOT_B; /* also when the second names it again, */
    assert_int_equal(take_bundle(NOW), JWBT_OK);
    b.bundle.version = 14;
    b.signer = ROOT_A; /* because revoked is for ever */
    assert_int_equal(take_bundle(NOW), JWBT_ERR_UNTRUSTED);
}

/* Without this a stolen key would be good again after the next restart. */
static void revoked_is_for_ever(void **state)
{
    (void)state;
    struct city_list list = list_of(LIST_URI);
    list.issued_at = NOW - 120;
    list.revokes = &city->keys[CODE_A].key;
    assert_int_equal(take_list(0, &list, NOW), JWBT_OK);
    list.issued_at = NOW - 60;
    list.revokes = NULL; /* and nobody names it any more */
    assert_int_equal(take_list(0, &list, NOW), JWBT_OK);
    assert_string_equal(verify(1, NOW), "key_revoked");
    start(false);
    assert_string_equal(verify(1, NOW), "key_revoked");
    assert_int_equal(knows(NOW).revoked, 1);
    b.bundle.version = 11;
    bundle_revoke(&b.bundle, &city->keys[CODE_B].key);
    assert_int_equal(take_bundle(NOW), JWBT_OK);
    bundle_init(&b, city);
    b.bundle.version = 12;
    assert_int_equal(take_bundle(NOW), JWBT_OK);
    start(false);
    assert_int_equal(knows(NOW).revoked, 2);
    struct code_claims claims = claims_of(2);
    assert_string_equal(verify_text(code_text(&claims, city, CODE_B), NOW), "key_revoked");
}

/* Without this who stole a key for lists could fill what is remembered, and a key that is revoked
 * afterwards would be believed. */
static void strangers_push_out_nobody(void **state)
{
    (void)state;
    struct city_list list = list_of(LIST_URI);
    list.revokes = &city->keys[CODE_B].key;
    list.issued_at = NOW - 600;
    assert_int_equal(take_list(0, &list, NOW), JWBT_OK);
    list.revokes = NULL;
    for (unsigned i = 0; i < 5; i++) {
        list.strangers = 1 + i * STATUS_LIST_REVOKED_MAX;
        list.issued_at = NOW - 500 + i;
        assert_int_equal(take_list(0, &list, NOW), JWBT_OK);
    }
    list.strangers = 0;
    list.revokes = &city->keys[CODE_A].key;
    list.issued_at = NOW - 60;
    assert_int_equal(take_list(0, &list, NOW), JWBT_OK);
    for (int i = 0; i < 2; i++) {
        struct code_claims claims = claims_of(2);
        assert_string_equal(verify(1, NOW), "key_revoked");
        assert_string_equal(verify_text(code_text(&claims, city, CODE_B), NOW), "key_revoked");
        start(false);
    }
}

/* Without this a device whose clock once was wrong could never be used again. */
static void enrolled_again_it_forgets_the_time(void **state)
{
    (void)state;
    const struct city_list list = list_of(LIST_URI);
    assert_string_equal(verify(1, NOW + 30 * 86400), "trust_stale");
    assert_string_equal(verify(2, NOW), "clock_untrusted");
    start(false);
    assert_string_equal(verify(2, NOW), "clock_untrusted");
    assert_false(knows(NOW).clock_trusted);
    assert_int_equal(enroll(ROOT_A, true), JWBT_OK);
    for (int i = 0; i < 2; i++) {
        struct jwbt_knowledge k = knows(NOW);
        assert_true(k.enrolled && k.bundle_version == 0 && k.clock_mark == 0 && k.scans == 3);
        start(false);
    }
    b.bundle.version =
        9; /* a city's that counts otherwise: kept scans don't hold on to the first */
    assert_int_equal(take_bundle(NOW), JWBT_OK);
    assert_int_equal(take_list(0, &list, NOW), JWBT_OK);
    assert_string_equal(verify(3, NOW), "none");
}

/* Without this a scan would be lost, told twice, or be read by who finds the device. */
static void scans_are_delivered_once(void **state)
{
    (void)state;
    struct jwbt_scan first, scan;
    verify(1, NOW);
    verify(2, NOW + 1);
    verify(3, NOW + 2);
    start(false);
    assert_int_equal(knows(NOW).scans, 3);
    assert_true(jwbt_scan_at(terminal, 0, &first));
    assert_true(first.at == NOW && first.result == JWBT_VALID && first.bundle_version == 10);
    assert_string_equal(first.reason, "none");
    assert_true(first.status_as_of == NOW - 3600);
    assert_true(jwbt_scan_at(terminal, 2, &scan) && scan.at == NOW + 2);
    assert_memory_not_equal(first.id, scan.id, sizeof scan.id);
    assert_false(jwbt_scan_at(terminal, 3, &scan));

    struct code code; /* what was scanned, to the octet */
    assert_int_equal(code_parse(bytes_of(first.cose, first.cose_len), &code), CODE_OK);
    assert_int_equal(code.claims.cti[7], 1);
    const struct medium_file *file = medium_find(&medium, "scans");
    assert_null(memmem(file->data, file->len, "display", 7));
    assert_null(memmem(file->data, file->len, "张", 3));

    assert_int_equal(jwbt_scans_delivered(terminal, 4), JWBT_ERR_OPTION);
    assert_int_equal(jwbt_scans_delivered(terminal, 2), JWBT_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(knows(NOW).scans, 1);
        assert_true(jwbt_scan_at(terminal, 0, &scan) && scan.at == NOW + 2);
        assert_false(jwbt_scan_at(terminal, 1, &scan));
        start(false);
    }
    struct code_claims claims = claims_of(1); /* delivered, and still known to have been here */
    verify_text(code_text(&claims, city, CODE_A), NOW + 3);
    assert_true(answer.seen_at == NOW);
}

/* Without this a flood of scans would end the terminal, or push out those that wait. */
static void full_of_scans(void **state)
{
    (void)state;
    for (uint8_t i = 1; i <= SCANS_KEPT; i++)
        assert_true((verify(i, NOW + i), answer.kept));
    assert_string_equal(verify(7, NOW + 7), "none");
    assert_false(answer.kept);
    assert_int_equal(knows(NOW).scans, SCANS_KEPT);
    assert_string_equal(verify(8, NOW + 7200), "none"); /* what time it is counts all the same */
    start(false);
    assert_string_equal(verify(9, NOW + 10), "clock_untrusted");
    assert_int_equal(jwbt_scans_delivered(terminal, SCANS_KEPT), JWBT_OK);
    for (int round = 0; round < 200; round++) { /* what is dead makes room */
        verify(6, NOW + 8000 + round * 200);
        assert_true(answer.kept);
        assert_int_equal(jwbt_scans_delivered(terminal, 1), JWBT_OK);
    }
    assert_true(medium_find(&medium, "scans")->len < 12 * 400);
    start(false);
    assert_false(knows(NOW).damaged);
}

/* Without this a stranger's codes would leave no room for the scans that are evidence, or stop a
 * partner's terminal. */
static void forgeries_leave_room(void **state)
{
    (void)state;
    struct code_claims claims = claims_of(1);
    claims.issued_at = NOW;
    start(true);
    for (uint8_t i = 0; i < 2 * SCANS_KEPT; i++) {
        claims.cti[7] = i;
        verify_text(code_text(&claims, city, STRANGER), NOW);
        assert_true(answer.kept == (i < SCANS_KEPT / 2));
    }
    assert_string_equal(verify(1, NOW), "none");
    assert_true(answer.kept);
}

/* Without this a terminal whose disk was full for a moment calls valid, after its battery came
 * loose, what it knew to be seized or revoked. */
static void what_was_not_stored_is_not_forgotten(void **state)
{
    (void)state;
    struct city_list list = list_of(LIST_URI);
    list.issued_at = NOW - 60;
    list.bits = 2;
    medium.fault = MEDIUM_FULL;
    medium.at = medium.writes + 1;
    assert_int_equal(take_list(0, &list, NOW), JWBT_ERR_STORAGE);
    assert_string_equal(verify(1, NOW), "licence_seized");
    start(false);
    assert_string_equal(verify(1, NOW), "status_unavailable");
    assert_int_equal(take_list(0, &list, NOW), JWBT_OK);
    assert_string_equal(verify(1, NOW), "licence_seized");

    b.bundle.version++;
    bundle_revoke(&b.bundle, &city->keys[CODE_A].key);
    medium.at = medium.writes + 1;
    assert_int_equal(take_bundle(NOW), JWBT_ERR_STORAGE);
    assert_string_equal(verify(1, NOW), "key_revoked");
    start(false);
    assert_string_equal(verify(1, NOW), "key_revoked");
}

/* Without this a partner could let two people in with one display. */
static void a_display_counts_once(void **state)
{
    (void)state;
    struct code_claims claims = claims_of(1);
    start(true);
    assert_string_equal(verify(1, NOW), "none");
    assert_string_equal(verify_text(code_text(&claims, city, CODE_A), NOW), "code_already_used");
    assert_int_equal(jwbt_scans_delivered(terminal, 2), JWBT_OK);
    start(true);
    assert_string_equal(verify_text(code_text(&claims, city, CODE_A), NOW + 89),
                        "code_already_used");
    assert_true(answer.seen_at == NOW);

    medium.fault = MEDIUM_FULL_STAYS; /* what can't be remembered can't be let in */
    medium.at = medium.writes + 1;
    assert_string_equal(verify(2, NOW + 90), "status_unavailable");
    assert_int_equal(answer.result, JWBT_INDETERMINATE);
    assert_false(answer.kept);
    medium.at = 0;
    claims = claims_of(2); /* and was not: now there is room again */
    claims.issued_at = NOW + 90;
    claims.expires_at = NOW + 150;
    assert_string_equal(verify_text(code_text(&claims, city, CODE_A), NOW + 91), "none");
}

/* Without this a terminal under SM2 alone would keep its scans by a foreign cipher, or lose them.
 */
static void commercial_cryptography(void **state)
{
    (void)state;
    static const uint8_t secret[32] = "from the device's own key store";
    struct jwbt_options options = {
        .storage = medium_storage(&medium), .secret = secret, .commercial = true};
    struct city_list list = list_of(LIST_URI);
    jwbt_close(&terminal);
    memset(&medium, 0, sizeof medium);
    city = city_of(CRYPTO_SM2);
    bundle_init(&b, city);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(jwbt_open(&options, &terminal), JWBT_OK);
        assert_int_equal(enroll(ROOT_A, false), JWBT_OK);
        if (i == 0) {
            assert_int_equal(take_bundle(NOW), JWBT_OK);
            assert_int_equal(take_list(0, &list, NOW), JWBT_OK);
            assert_string_equal(verify(1, NOW), "none");
            jwbt_close(&terminal);
        }
    }
    assert_true(knows(NOW).bundle_version == 10 && knows(NOW).scans == 1);
    assert_null(medium_find(&medium, "key"));
    jwbt_close(&terminal);
    options.commercial = false; /* of another cipher nothing can be read, and nothing is believed */
    assert_int_equal(jwbt_open(&options, &terminal), JWBT_OK);
    assert_true(knows(NOW).damaged && !knows(NOW).enrolled && knows(NOW).scans == 0);
}

/* Without this a mistake of the embedder would be found out in the field. */
static void options_out_of_range(void **state)
{
    (void)state;
    struct jwbt *other;
    struct jwbt_options options = {.storage = medium_storage(&medium), .lists_max = 65};
    assert_int_equal(jwbt_open(&options, &other), JWBT_ERR_OPTION);
    options.lists_max = 64;
    options.scans_max = 65537;
    assert_int_equal(jwbt_open(&options, &other), JWBT_ERR_OPTION);
    assert_null(other);
    for (int error = 0; error <= JWBT_ERR_FULL + 1; error++)
        assert_true(*jwbt_error_text((enum jwbt_error)error));
    const struct code_claims claims = claims_of(1); /* and a clock that is nonsense */
    const struct bytes text = code_text(&claims, city, CODE_A);
    assert_string_equal(verify_text(text, INT64_MIN), "clock_untrusted");
    assert_string_equal(verify_text(text, INT64_MAX), "trust_stale");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shows_what_is_authentic, fresh, finish),
        cmocka_unit_test_setup_teardown(knows_after_a_restart, fresh, finish),
        cmocka_unit_test_setup_teardown(refuses, fresh, finish),
        cmocka_unit_test_setup_teardown(root_keys_turn, fresh, finish),
        cmocka_unit_test_setup_teardown(revoked_is_for_ever, fresh, finish),
        cmocka_unit_test_setup_teardown(strangers_push_out_nobody, fresh, finish),
        cmocka_unit_test_setup_teardown(enrolled_again_it_forgets_the_time, fresh, finish),
        cmocka_unit_test_setup_teardown(scans_are_delivered_once, fresh, finish),
        cmocka_unit_test_setup_teardown(full_of_scans, fresh, finish),
        cmocka_unit_test_setup_teardown(forgeries_leave_room, fresh, finish),
        cmocka_unit_test_setup_teardown(what_was_not_stored_is_not_forgotten, fresh, finish),
        cmocka_unit_test_setup_teardown(a_display_counts_once, fresh, finish),
        cmocka_unit_test_setup_teardown(commercial_cryptography, fresh, finish),
        cmocka_unit_test_setup_teardown(options_out_of_range, fresh, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
