/* The rules of an answer without a network: the table of docs/TERMINAL.md, each row of it with both
 * providers, ES256 and SM2. */
#include "terminal/offline.h"

#include "tests/unit/terminal_fixture.h"

#define DOCUMENT "docs/TERMINAL.md"
enum { CELL_BYTES = 96 };

/* A row: what is taken, in this order, and what is then scanned. */
struct scene {
    const struct city *city;
    struct city_bundle first;
    bool no_bundle, no_list;
    struct city_list list;      /* list 0 */
    struct city_list next_list; /* taken after it, if it has a uri */
    bool swapped;               /* list 0's token is taken as list 1, and the other way round */
    bool has_next, has_third;   /* then these bundles, whether they are taken or refused */
    struct city_bundle next, third;

    bool single_use;
    enum verdict_reason seen; /* REASON_COUNT: not scanned before */
    bool seen_authentic;
    int64_t scanned_at; /* the mark that an earlier scan left */

    struct code_claims claims;
    enum city_key signer;
    bool forged;
    int64_t now;
    void (*alter)(struct buf *text);
};

/* ---- the situations ---- */

static void nothing(struct scene *s)
{
    (void)s;
}

static void keep_digits(struct buf *text)
{
    const size_t prefix = sizeof CODE_PREFIX - 1;
    memmove(text->data, text->data + prefix, text->len -= prefix);
}
static void add_digit(struct buf *text)
{
    buf_put_u8(text, '0');
}
static void other_text(struct buf *text)
{
    text->len = 0;
    buf_put_str(text, "https://city.example/menu");
}
#define ALTERED(name, function)                                                                    \
    static void name(struct scene *s)                                                              \
    {                                                                                              \
        s->alter = function;                                                                       \
    }
ALTERED(only_digits, keep_digits)
ALTERED(a_digit_more, add_digit)
ALTERED(another_text, other_text)

/* The device's clock at the scan; the code is displayed then, and everything else was taken. */
static void at(struct scene *s, int64_t now)
{
    s->now = s->claims.issued_at = now;
    s->claims.expires_at = now + 60;
}
/* A bundle and a list that were made just now, by a clock that the device's is behind. */
static void clock_behind_bundle(struct scene *s, int64_t behind)
{
    s->first.bundle.not_before = NOW;
    s->list.issued_at = NOW - 3600;
    at(s, NOW - behind);
}
static void behind_60(struct scene *s)
{
    clock_behind_bundle(s, 60);
}
static void behind_61(struct scene *s)
{
    clock_behind_bundle(s, 61);
}
static void behind_list(struct scene *s)
{
    s->list.issued_at = NOW;
    at(s, NOW - 61);
}
static void behind_scan(struct scene *s)
{
    s->scanned_at = NOW + 61;
}

static struct keyring_key *named(struct scene *s, enum city_key key)
{
    return (struct keyring_key *)keyring_find(&s->first.bundle.ring, s->city->keys[key].key.kid);
}

static void no_bundle(struct scene *s)
{
    s->no_bundle = true;
}
static void bundle_last_second(struct scene *s)
{
    s->list.expires_at = NOW + 10 * 86400;
    at(s, s->first.bundle.expires - 1);
}
static void bundle_over(struct scene *s)
{
    s->list.expires_at = NOW + 10 * 86400;
    at(s, s->first.bundle.expires);
}
static void code_key_revoked(struct city_bundle *b, const struct city *city)
{
    bundle_revoke(&b->bundle, &city->keys[CODE_A].key);
}
static void bundle_over_revoked(struct scene *s)
{
    code_key_revoked(&s->first, s->city);
    bundle_over(s);
}
static void next_bundle(struct scene *s, uint64_t version)
{
    s->has_next = true;
    s->next.bundle.version = version;
}
static void bundle_older(struct scene *s)
{
    code_key_revoked(&s->first, s->city);
    next_bundle(s, 9);
}
static void bundle_older_key(struct scene *s)
{
    named(s, CODE_A)->retire_at = NOW;
    next_bundle(s, 9);
}
static void bundle_strangers(struct scene *s)
{
    next_bundle(s, 11);
    code_key_revoked(&s->next, s->city);
    s->next.signer = STRANGER;
}
static void bundle_revokes(struct scene *s)
{
    next_bundle(s, 11);
    code_key_revoked(&s->next, s->city);
}
static void bundle_revoked(struct scene *s)
{
    bundle_revokes(s);
    s->has_third = true;
    s->third.bundle.version = 12;
}
static void list_revokes(struct scene *s)
{
    s->list.revokes = &s->city->keys[CODE_A].key;
}
static void next_list(struct scene *s, int64_t issued_at)
{
    s->next_list = s->list;
    s->next_list.issued_at = issued_at;
}
static void list_revoked(struct scene *s)
{
    list_revokes(s);
    next_list(s, NOW - 60);
    s->next_list.revokes = NULL;
}
static void list_revokes_status(struct scene *s)
{
    s->list.signer = STATUS_B;
    s->list.revokes = &s->city->keys[STATUS_A].key;
    s->list.bits = 2;
    next_list(s, NOW - 60);
    s->next_list.signer = STATUS_A; /* is taken all the same */
    s->next_list.bits = 0;
}
static void revoked_and_forged(struct scene *s)
{
    bundle_revokes(s);
    s->forged = true;
}

static void strangers_key(struct scene *s)
{
    s->signer = STRANGER;
}
static void status_key(struct scene *s)
{
    s->signer = STATUS_A;
}
static void key_before(struct scene *s)
{
    named(s, CODE_A)->use_from = NOW + 1;
}
static void key_after(struct scene *s)
{
    named(s, CODE_A)->retire_at = NOW;
}

static void displayed(struct scene *s, int64_t issued_at)
{
    s->claims.issued_at = issued_at;
    s->claims.expires_at = issued_at + 60;
}
static void from_60_ahead(struct scene *s)
{
    displayed(s, NOW + 60);
}
static void from_61_ahead(struct scene *s)
{
    displayed(s, NOW + 61);
}
static void ended_29_ago(struct scene *s)
{
    displayed(s, NOW - 60 - 29);
}
static void ended_30_ago(struct scene *s)
{
    displayed(s, NOW - 60 - 30);
}
static void ended_and_forged(struct scene *s)
{
    ended_30_ago(s);
    s->forged = true;
}
static void lives_too_long(struct scene *s)
{
    s->first.bundle.life_max_s = 60;
    s->claims.issued_at = NOW - 90;
    s->claims.expires_at = NOW + 30;
}

static void forged(struct scene *s)
{
    s->forged = true;
}
static void forged_seized(struct scene *s)
{
    s->forged = true;
    s->list.bits = 2;
}
static void last_day(struct scene *s)
{
    s->claims.valid_until = (NOW + 28800) / 86400;
}
static void day_after(struct scene *s)
{
    s->claims.valid_until = (NOW + 28800) / 86400 - 1;
}
static void day_after_seized(struct scene *s)
{
    day_after(s);
    s->list.bits = 2;
}

static void no_list(struct scene *s)
{
    s->no_list = true;
}
static void other_list(struct scene *s)
{
    s->claims.list = 1;
}
static void list_under_code_key(struct scene *s)
{
    s->list.signer = CODE_A;
}
static void list_under_revoked(struct scene *s)
{
    bundle_revoke(&s->first.bundle, &s->city->keys[STATUS_A].key);
}
static void list_key_revoked(struct scene *s)
{
    next_bundle(s, 11);
    bundle_revoke(&s->next.bundle, &s->city->keys[STATUS_A].key);
}
static void list_key_not_begun(struct scene *s)
{
    named(s, STATUS_A)->use_from = s->list.issued_at + 1;
}
static void lists_swapped(struct scene *s)
{
    s->swapped = true;
}
static void list_ahead(struct scene *s)
{
    s->list.issued_at = NOW + 61;
}

#define BITS(name, value)                                                                          \
    static void name(struct scene *s)                                                              \
    {                                                                                              \
        s->list.bits = value;                                                                      \
    }
BITS(bits_1, 1)
BITS(bits_2, 2)
BITS(bits_3, 3)

static void given_back(struct scene *s)
{
    s->list.bits = 2;
    next_list(s, NOW - 60);
    s->next_list.bits = 0;
}
static void list_older(struct scene *s)
{
    s->list.bits = 2;
    next_list(s, NOW - 7200);
    s->next_list.bits = 0;
}
static void list_ended(struct scene *s)
{
    s->list.expires_at = NOW;
}
static void seized_ended(struct scene *s)
{
    list_ended(s);
    s->list.bits = 2;
}

static void seen_before(struct scene *s, enum verdict_reason reason, bool authentic)
{
    s->single_use = true;
    s->seen = reason;
    s->seen_authentic = authentic;
}
static void partner_again(struct scene *s)
{
    seen_before(s, REASON_NONE, true);
}
static void partner_again_seized(struct scene *s)
{
    partner_again(s);
    s->list.bits = 2;
}
static void partner_again_untold(struct scene *s)
{
    seen_before(s, REASON_STATUS_UNAVAILABLE, true);
}
static void partner_after_forged(struct scene *s)
{
    seen_before(s, REASON_BAD_SIGNATURE, false);
}
static void inspector_again(struct scene *s)
{
    partner_again(s);
    s->single_use = false;
}

static void unknown_type(struct scene *s)
{
    s->claims.type = 4;
}
static void unknown_issuer(struct scene *s)
{
    s->claims.issuer = 413;
}
static void unknown_seized(struct scene *s)
{
    unknown_type(s);
    s->list.bits = 2;
}
static void unknown_ended(struct scene *s)
{
    unknown_type(s);
    list_ended(s);
}

static const struct situation {
    const char *name;
    void (*set)(struct scene *s);
} situations[] = {
    {"nothing is wrong", nothing},
    {"only its digits", only_digits},
    {"another text", another_text},
    {"a digit more", a_digit_more},
    {"the clock 60 s behind the bundle", behind_60},
    {"the clock 61 s behind the bundle", behind_61},
    {"the clock 61 s behind the list", behind_list},
    {"the clock 61 s behind the last scan", behind_scan},
    {"no bundle", no_bundle},
    {"the bundle's last second", bundle_last_second},
    {"the bundle is over", bundle_over},
    {"the bundle is over, and the key revoked", bundle_over_revoked},
    {"the bundle was replaced by an older one", bundle_older},
    {"the key's time was cut short, and the bundle replaced by an older one", bundle_older_key},
    {"the bundle was replaced by a stranger's", bundle_strangers},
    {"the next bundle revokes the key", bundle_revokes},
    {"a bundle revoked the key, the next does not name it", bundle_revoked},
    {"the list revokes the key", list_revokes},
    {"a list revoked the key, the next does not", list_revoked},
    {"a list revokes the key of another list", list_revokes_status},
    {"the key revoked, and the code forged", revoked_and_forged},
    {"a stranger's key", strangers_key},
    {"a key for status lists", status_key},
    {"a key before its time", key_before},
    {"a key after its time", key_after},
    {"displayed 60 s from now", from_60_ahead},
    {"displayed 61 s from now", from_61_ahead},
    {"29 s after its end", ended_29_ago},
    {"30 s after its end", ended_30_ago},
    {"30 s after its end, and forged", ended_and_forged},
    {"a longer life than the bundle allows", lives_too_long},
    {"forged", forged},
    {"forged, for a seized licence", forged_seized},
    {"the licence's last day", last_day},
    {"the day after", day_after},
    {"the day after, and seized", day_after_seized},
    {"no list", no_list},
    {"a list that is not held", other_list},
    {"the list under a key for codes", list_under_code_key},
    {"the list under a revoked key", list_under_revoked},
    {"the list's key is revoked afterwards", list_key_revoked},
    {"the list's key had not begun", list_key_not_begun},
    {"lists swapped", lists_swapped},
    {"the list from 61 s ahead", list_ahead},
    {"invalid in the list", bits_1},
    {"seized in the list", bits_2},
    {"not in force in the list", bits_3},
    {"seized, then given back", given_back},
    {"seized, and the list was replaced by an older one", list_older},
    {"seized, in a list past its end", seized_ended},
    {"in order, in a list past its end", list_ended},
    {"a partner's second scan", partner_again},
    {"a partner's second scan, seized since", partner_again_seized},
    {"a partner's second scan, the first could not tell", partner_again_untold},
    {"a partner's scan after a forged one of the same display", partner_after_forged},
    {"an inspector's second scan", inspector_again},
    {"an unknown type", unknown_type},
    {"an unknown issuer", unknown_issuer},
    {"an unknown type, and seized", unknown_seized},
    {"an unknown type, in a list past its end", unknown_ended},
};
enum { SITUATIONS = sizeof situations / sizeof situations[0] };

/* ---- a row ---- */

static struct knowledge knowledge;
static struct scans scans;

static void take(struct scene *s)
{
    bool revokes;
    int64_t now = s->now < NOW ? NOW : s->now; /* its clock was right when it took them */
    assert_int_equal(knowledge_pin(&knowledge, root_set(s->city, ROOT_A)), JWBT_OK);
    if (now >= s->first.bundle.expires)
        now = NOW;
    if (!s->no_bundle)
        assert_int_equal(
            knowledge_take_bundle(&knowledge, guarded(0, bundle_sign(&s->first, s->city)), 0, now),
            JWBT_OK);
    struct city_list other = list_of(LIST1_URI);
    if (s->swapped) {
        knowledge_take_list(&knowledge, 1, list_sign(&s->list, s->city), -1, now, &revokes);
        knowledge_take_list(&knowledge, 0, list_sign(&other, s->city), -1, now, &revokes);
    } else if (!s->no_list) {
        knowledge_take_list(&knowledge, 0, guarded(0, list_sign(&s->list, s->city)), -1, now,
                            &revokes);
    }
    if (s->next_list.uri)
        knowledge_take_list(&knowledge, 0, list_sign(&s->next_list, s->city), -1, now, &revokes);
    if (s->has_next)
        knowledge_take_bundle(&knowledge, bundle_sign(&s->next, s->city), 0, now);
    if (s->has_third)
        assert_int_equal(knowledge_take_bundle(&knowledge, bundle_sign(&s->third, s->city), 0, now),
                         JWBT_OK);
}

static struct bytes text_of(const struct scene *s)
{
    static uint8_t storage[CODE_TEXT_BYTES_MAX + 1];
    uint8_t octets[CODE_COSE_BYTES_MAX];
    struct buf text = BUF_OVER(storage), cose = BUF_OVER(octets);
    buf_put(&text, code_text(&s->claims, s->city, s->signer));
    if (s->forged) {
        assert_int_equal(code_read_text(buf_bytes(&text), &cose), CODE_OK);
        octets[cose.len - 40] ^= 1; /* in r */
        text.len = 0;
        code_write_text(BYTES(CODE_PREFIX), buf_bytes(&cose), &text);
    }
    if (s->alter)
        s->alter(&text);
    return buf_bytes(&text);
}

static void run(const struct situation *situation, const struct crypto_provider *crypto,
                enum crypto_alg alg, struct offline_answer *answer)
{
    static struct scene s;
    memset(&s, 0, sizeof s);
    s.city = city_of(alg);
    bundle_init(&s.first, s.city);
    bundle_init(&s.next, s.city);
    bundle_init(&s.third, s.city);
    s.list = list_of(LIST_URI);
    s.claims = claims_of(1);
    s.signer = CODE_A;
    s.seen = REASON_COUNT;
    s.now = NOW;
    situation->set(&s);
    assert_int_equal(knowledge_init(&knowledge, crypto, 4), JWBT_OK);
    take(&s);
    struct scans_entry seen = {.kind = SCANS_SCAN,
                               .at = NOW - 5,
                               .authentic = s.seen_authentic,
                               .valid = s.seen == REASON_NONE};
    memcpy(seen.cti, s.claims.cti, sizeof seen.cti);
    scans = (struct scans){.entries = &seen, .count = s.seen != REASON_COUNT, .mark = s.scanned_at};
    const struct offline_state state = {&knowledge, &scans, s.single_use};
    offline_verify(&state, guarded(1, text_of(&s)), s.now, answer);
    assert_true(answer->seen_at == (answer->authentic && s.seen_authentic ? NOW - 5 : 0));
    knowledge_fini(&knowledge);
}

/* ---- the document ---- */

static bool next_cell(char **line, char text[CELL_BYTES])
{
    char *begin = strchr(*line, '|'), *end = begin ? strchr(begin + 1, '|') : NULL;
    if (!end)
        return false;
    struct bytes content = bytes_trim(bytes_of(begin + 1, (size_t)(end - begin - 1)));
    assert_true(content.len < CELL_BYTES);
    memcpy(text, content.data, content.len);
    text[content.len] = '\0';
    *line = end;
    return true;
}

static void check_row(const struct situation *situation, char *rest)
{
    static const struct crypto_provider *const providers[] = {&crypto_openssl, &crypto_mbedtls};
    static const enum crypto_alg algs[] = {CRYPTO_ES256, CRYPTO_SM2};
    static struct offline_answer answer;
    char result[CELL_BYTES], reason[CELL_BYTES], shown[CELL_BYTES];
    assert_true(next_cell(&rest, result) && next_cell(&rest, reason) && next_cell(&rest, shown));
    for (int i = 0; i < 4; i++) {
        run(situation, providers[i / 2], algs[i % 2], &answer);
        const char *found = verdict_reason_text(answer.reason);
        if (strcmp(found, reason) != 0 || strcmp(verdict_result_text(answer.result), result) != 0 ||
            answer.authentic != (strcmp(shown, "yes") == 0))
            fail_msg("%s (%s, %s): %s, not %s", situation->name, providers[i / 2]->name,
                     i % 2 ? "SM2" : "ES256", found, reason);
    }
}

static void every_situation(void **state)
{
    /* If this fails, an inspector without a network gets another answer than the document says: a
     * bad licence passes, or an honest one is taken. */
    (void)state;
    char line[512], name[CELL_BYTES];
    int rows = -1;
    FILE *document = fopen(DOCUMENT, "r");
    assert_non_null(document);
    while (fgets(line, sizeof line, document)) {
        char *rest = line;
        if (strncmp(line, "| situation", 11) == 0)
            rows = 0;
        else if (rows > 0 && *line != '|')
            break;
        else if (rows >= 0 && *line == '|' && next_cell(&rest, name) && *name != '-') {
            assert_true(rows < SITUATIONS);
            assert_string_equal(name, situations[rows].name);
            check_row(&situations[rows++], rest);
        }
    }
    fclose(document);
    assert_int_equal(rows, SITUATIONS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_situation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
