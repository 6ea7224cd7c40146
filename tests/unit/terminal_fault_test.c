/* The medium of a terminal fails: the power goes at any write, the disk is full or read-only, a
 * file is damaged, or an older copy comes back. After each it starts, knows nothing older than
 * what was taken in whole, and calls no code valid that was not. */
#include "terminal/jwbterminal.h"

#include "tests/unit/terminal_fixture.h"
#include "tests/unit/terminal_medium.h"

enum { STEPS = 9, PROBES = 12 };

static const struct city *city;
static const uint8_t *device_secret; /* NULL: the file "key" */

/* ---- the life of a terminal ---- */

static struct jwbt *open_on(struct medium *m, unsigned scans_max)
{
    const struct jwbt_options options = {.storage = medium_storage(m),
                                         .secret = device_secret,
                                         .lists_max = 2,
                                         .scans_max = scans_max};
    struct jwbt *terminal;
    assert_int_equal(jwbt_open(&options, &terminal), JWBT_OK);
    return terminal;
}

/* What is taken is signed once: signatures are random. */
static struct bytes keep_octets(struct bytes made)
{
    static uint8_t storage[65536];
    static size_t used;
    CHECK(used + made.len <= sizeof storage);
    memcpy(storage + used, made.data, made.len);
    used += made.len;
    return bytes_of(storage + used - made.len, made.len);
}

static struct bytes bundles[4], lists[4];

static void sign_all(void)
{
    static struct city_bundle b;
    city = city_of(CRYPTO_ES256);
    struct city_list list = list_of(LIST_URI), other = list_of(LIST1_URI);
    bundle_init(&b, city);
    bundles[0] = keep_octets(bundle_sign(&b, city));
    lists[0] = keep_octets(list_sign(&list, city));
    lists[1] = keep_octets(list_sign(&other, city));
    list.issued_at = NOW - 60; /* seized, and the second key is revoked */
    list.bits = 2;
    list.revokes = &city->keys[CODE_B].key;
    lists[2] = keep_octets(list_sign(&list, city));
    b.bundle.version = 11; /* revokes the first key, turns the root key */
    b.bundle.not_before = NOW + 3600;
    bundle_revoke(&b.bundle, &city->keys[CODE_A].key);
    bundle_name(&b.bundle, &city->keys[ROOT_B].key);
    bundles[1] = keep_octets(bundle_sign(&b, city));
    other.issued_at = NOW + 3600;
    other.bits = 1;
    lists[3] = keep_octets(list_sign(&other, city));
}

static enum jwbt_error bundle(struct jwbt *t, int i, int64_t now)
{
    return jwbt_take_bundle(t, bundles[i].data, bundles[i].len, now);
}
static enum jwbt_error list(struct jwbt *t, uint16_t number, int i, int64_t now)
{
    return jwbt_take_list(t, number, lists[i].data, lists[i].len, now);
}

static struct bytes display(uint8_t number, uint16_t in_list, enum city_key key, int64_t at)
{
    struct code_claims claims = claims_of(number);
    claims.issued_at = at;
    claims.expires_at = at + 60;
    claims.list = in_list;
    return code_text(&claims, city, key);
}

static enum jwbt_error scan(struct jwbt *t, uint8_t number, int64_t now)
{
    struct jwbt_answer answer;
    struct bytes text = display(number, 0, CODE_B, now);
    jwbt_verify(t, (const char *)text.data, text.len, now, &answer);
    return answer.kept ? JWBT_OK : JWBT_ERR_STORAGE;
}

/* JWBT_ERR_OLDER: it had been taken before the power went. */
static enum jwbt_error step(struct jwbt *t, int i)
{
    struct bytes set = root_set(city, ROOT_A);
    switch (i) {
    case 0:
        return jwbt_enroll(t, set.data, set.len, false);
    case 1:
        return bundle(t, 0, NOW);
    case 2:
        return list(t, 0, 0, NOW);
    case 3:
        return list(t, 1, 1, NOW);
    case 4:
        return scan(t, 200, NOW);
    case 5:
        return list(t, 0, 2, NOW);
    case 6:
        return bundle(t, 1, NOW + 3600);
    case 7:
        return list(t, 1, 3, NOW + 3600);
    default:
        return scan(t, 201, NOW + 3600);
    }
}

/* ---- what a terminal says ---- */

struct said {
    bool valid[PROBES];
    uint64_t bundle_version;
    int64_t as_of[2], mark;
};

/* By ascending time: each scan moves the mark. */
static const struct probe {
    int64_t now;
    uint16_t list;
    enum city_key key;
} probes[PROBES] = {
    {NOW - 7 * 3600, 0, CODE_A},
    {NOW - 3700, 0, CODE_A},
    {NOW - 3600, 1, CODE_A},
    {NOW, 0, CODE_A},
    {NOW, 1, CODE_A},
    {NOW, 0, CODE_B},
    {NOW, 1, CODE_B},
    {NOW, 1, STRANGER},
    {NOW + 3600, 0, CODE_A},
    {NOW + 3601, 1, CODE_A},
    {NOW + 3602, 1, CODE_B},
    {NOW + 90000, 1, CODE_A},
};
static struct bytes probe_texts[PROBES];

static void display_probes(void)
{
    for (uint8_t i = 0; i < PROBES; i++)
        probe_texts[i] = keep_octets(display(i, probes[i].list, probes[i].key, probes[i].now));
}

static void ask(struct jwbt *t, struct said *said)
{
    struct jwbt_knowledge k;
    struct jwbt_answer answer;
    struct jwbt_list list;
    memset(said, 0, sizeof *said);
    jwbt_knows(t, NOW, &k);
    said->bundle_version = k.bundle_version;
    said->mark = k.clock_mark;
    for (unsigned i = 0; i < 2; i++)
        if (jwbt_list_at(t, i, &list))
            said->as_of[i] = list.as_of;
    for (int i = 0; i < PROBES; i++) {
        const struct bytes text = probe_texts[i];
        jwbt_verify(t, (const char *)text.data, text.len, probes[i].now, &answer);
        said->valid[i] = answer.result == JWBT_VALID;
    }
}

/* Of a copy of the medium, which is sound again: asking leaves traces. */
static void ask_medium(const struct medium *m, struct said *said)
{
    static struct medium copy;
    copy = *m;
    copy.at = 0;
    struct jwbt *t = open_on(&copy, 64);
    ask(t, said);
    jwbt_close(&t);
}

/* The medium and what is said from it after so many steps without a fault. */
static struct medium media[STEPS + 1];
static struct said clean[STEPS + 1];

static int live(void **state)
{
    (void)state;
    sign_all();
    display_probes();
    memset(media, 0, sizeof media);
    struct jwbt *t = open_on(&media[0], 64);
    for (int i = 0; i < STEPS; i++) {
        media[i + 1] = media[i];
        jwbt_close(&t);
        t = open_on(&media[i + 1], 64);
        assert_int_equal(step(t, i), JWBT_OK);
        ask_medium(&media[i], &clean[i]);
    }
    jwbt_close(&t);
    ask_medium(&media[STEPS], &clean[STEPS]);
    assert_true(clean[4].valid[3] && clean[4].valid[4] && clean[4].valid[5]); /* before */
    assert_true(!clean[6].valid[3] && clean[6].valid[4] &&
                !clean[6].valid[6]); /* seized, revoked */
    assert_true(clean[6].valid[9] && !clean[8].valid[9] && !clean[STEPS].valid[4]);
    return 0;
}

/* A valid one was valid after one of these steps, if the clock is right. */
static void check_permitted(const struct said *said, int from, int to, const char *what,
                            unsigned at)
{
    for (int p = 0; p < PROBES; p++) {
        bool may = !said->valid[p];
        for (int i = from; i <= to; i++)
            may |= clean[i].valid[p];
        if (!may)
            fail_msg("%s %u, steps %d to %d: probe %d has become valid", what, at, from, to, p);
    }
}

static void check_not_older(const struct said *said, int than, const char *what, unsigned at)
{
    const struct said *before = &clean[than];
    if (said->bundle_version < before->bundle_version || said->mark < before->mark ||
        said->as_of[0] < before->as_of[0] || said->as_of[1] < before->as_of[1])
        fail_msg("%s %u: knows less than after step %d", what, at, than);
}

/* The same, but what could not be stored may be known as not there. */
static void check_no_older(const struct said *said, int than, unsigned at)
{
    static struct said known;
    known = *said;
    if (!known.bundle_version)
        known.bundle_version = clean[than].bundle_version;
    for (int i = 0; i < 2; i++)
        if (!known.as_of[i])
            known.as_of[i] = clean[than].as_of[i];
    check_not_older(&known, than, "after the full disk at write", at);
}

/* ---- the power goes ---- */

static bool cut_once(unsigned at, size_t part, bool *append, size_t *len)
{
    static struct medium m;
    static struct said said;
    int i = 0;
    memset(&m, 0, sizeof m);
    m.fault = MEDIUM_CUT;
    m.at = at;
    m.part = part;
    struct jwbt *t = open_on(&m, 64);
    while (i < STEPS && !m.happened && step(t, i) == JWBT_OK)
        i++;
    jwbt_close(&t);
    if (!m.happened)
        return false;
    *append = m.happened_len > 0;
    *len = m.happened_len;
    m.at = 0;
    ask_medium(&m, &said);
    check_permitted(&said, i, i < STEPS ? i + 1 : i, "cut at write", at);
    check_not_older(&said, i, "cut at write", at);
    t = open_on(&m, 64); /* and it goes on from there */
    for (; i < STEPS; i++) {
        enum jwbt_error error = step(t, i);
        assert_true(error == JWBT_OK || error == JWBT_ERR_OLDER);
    }
    jwbt_close(&t);
    ask_medium(&m, &said);
    check_permitted(&said, STEPS, STEPS, "after the cut at write", at);
    check_not_older(&said, STEPS, "after the cut at write", at);
    struct jwbt_knowledge k; /* both scans wait: what was cut off spoiled nothing behind it */
    t = open_on(&m, 64);
    jwbt_knows(t, NOW, &k);
    assert_true(k.scans >= 2 && !k.damaged);
    jwbt_close(&t);
    return true;
}

static void power_cut(void **state)
{
    /* If this fails, a terminal whose battery came loose does not start, or has forgotten that a
     * licence was seized. */
    (void)state;
    bool append;
    size_t len, ignored;
    unsigned at = 1, prefixes = 0;
    for (; cut_once(at, 0, &append, &len); at++) {
        assert_true(cut_once(at, SIZE_MAX, &append, &ignored));
        for (size_t part = 1; append && part < len; part += part == 1 ? 20 : 81, prefixes++)
            assert_true(cut_once(at, part, &append, &ignored));
    }
    assert_true(at > 14 && prefixes > 20);
}

/* ---- the disk is full ---- */

static void full_disk(void **state)
{
    /* If this fails, a terminal with a full disk stops working, or believes afterwards what it knew
     * to be wrong. */
    (void)state;
    static struct medium m;
    static struct said said, lived;
    bool happened = true;
    for (unsigned at = 1; happened; at++) {
        for (int part = 0; part < 4 && happened; part++) {
            int failed = STEPS;
            memset(&m, 0, sizeof m);
            m.fault = part < 2 ? MEDIUM_FULL : MEDIUM_FULL_STAYS;
            m.at = at;
            m.part = part % 2 ? 100 : 0;
            struct jwbt *t = open_on(&m, 64);
            for (int i = 0; i < STEPS; i++) {
                enum jwbt_error error = step(t, i);
                assert_true(error == JWBT_OK || error == JWBT_ERR_STORAGE);
                if (m.happened && failed == STEPS)
                    failed = i;
            }
            ask(t, &lived);
            struct jwbt_knowledge k;
            jwbt_knows(t, NOW, &k);
            happened = m.happened;
            assert_int_equal(k.storage_failed, happened);
            check_permitted(&lived, STEPS, STEPS, "full at write", at);
            check_not_older(&lived, STEPS, "full at write", at);
            jwbt_close(&t);
            m.at = 0;
            ask_medium(&m, &said);
            /* What was scanned when there was room again tells what had been known. */
            const bool told = m.fault == MEDIUM_FULL && failed < STEPS - 1;
            check_permitted(&said, told ? STEPS : failed, STEPS, "after the full disk at write",
                            at);
            check_no_older(&said, failed, at);
        }
    }
}

static void read_only(void **state)
{
    /* If this fails, a terminal on a read-only or unreadable medium knows nothing, or too much. */
    (void)state;
    static struct medium m;
    static struct said said;
    struct jwbt_knowledge k;
    for (int i = 0; i <= STEPS; i++) {
        m = media[i];
        m.fault = MEDIUM_FULL_STAYS;
        m.at = m.writes + 1;
        struct jwbt *t = open_on(&m, 64);
        ask(t, &said);
        assert_memory_equal(said.valid, clean[i].valid, sizeof said.valid);
        check_not_older(&said, i, "read-only after step", (unsigned)i);
        jwbt_close(&t);
    }
    m = media[STEPS];
    m.unreadable = true; /* then nothing of it is overwritten, neither */
    const unsigned writes = m.writes;
    struct jwbt *t = open_on(&m, 64);
    jwbt_knows(t, NOW, &k);
    assert_true(k.storage_failed && !k.enrolled);
    ask(t, &said);
    for (int p = 0; p < PROBES; p++)
        assert_false(said.valid[p]);
    jwbt_close(&t);
    assert_int_equal(m.writes, writes);
}

/* ---- a file is damaged ---- */

static void check_damage(struct medium *m, bool of_scans, const char *what, unsigned at)
{
    static struct said said;
    ask_medium(m, &said);
    if (of_scans) /* what time it was stands there: let the clock be right */
        for (int p = 0; p < PROBES; p++)
            said.valid[p] &= probes[p].now + 60 >= clean[STEPS].mark;
    check_permitted(&said, STEPS, STEPS, what, at);
}

static void damaged_files(void **state)
{
    /* If this fails, a worn-out medium makes a terminal crash, or say valid. */
    (void)state;
    static struct medium m;
    const struct medium *last = &media[STEPS];
    for (size_t f = 0; f < last->count; f++) {
        const struct medium_file *file = &last->files[f];
        const bool scans = strcmp(file->name, "scans") == 0;
        for (size_t i = 0; i < 40; i++) { /* a bit */
            m = *last;
            size_t bit = i * file->len * 8 / 40 + i % 8;
            m.files[f].data[bit / 8 % file->len] ^= (uint8_t)(1 << bit % 8);
            check_damage(&m, scans, file->name, (unsigned)bit);
        }
        for (size_t i = 0; i < 12; i++) { /* cut off */
            m = *last;
            m.files[f].len = i * file->len / 12;
            check_damage(&m, scans, file->name, (unsigned)m.files[f].len);
        }
        for (size_t g = 0; g < last->count; g++) { /* swapped */
            m = *last;
            memcpy(m.files[f].data, last->files[g].data, MEDIUM_FILE_BYTES);
            m.files[f].len = last->files[g].len;
            memcpy(m.files[g].data, file->data, MEDIUM_FILE_BYTES);
            m.files[g].len = file->len;
            check_damage(&m, f != g, "swapped", (unsigned)(f * 10 + g));
        }
        m = *last; /* gone */
        m.files[f] = m.files[--m.count];
        check_damage(&m, scans, "gone", (unsigned)f);
        for (int i = 0; i < STEPS; i++) { /* an older copy */
            m = *last;
            struct medium_file *older = medium_find(&media[i], file->name);
            if (!older)
                continue;
            m.files[f] = *older;
            check_damage(&m, scans, "older", (unsigned)i);
        }
    }
}

static void older_copies_are_noticed(void **state)
{
    /* If this fails, nobody is told that a terminal's bundle or list is one of before. */
    (void)state;
    static const struct {
        const char *name;
        int step;
    } older[] = {{"trust", 6}, {"list-0", 5}, {"list-1", 7}};
    static struct medium m;
    for (size_t i = 0; i < 3; i++)
        for (int gone = 0; gone < 2; gone++) {
            struct jwbt_knowledge k;
            struct jwbt_list list;
            m = media[STEPS];
            struct medium_file *file = medium_find(&m, older[i].name);
            *file = *medium_find(&media[older[i].step], older[i].name);
            if (gone)
                *file = m.files[--m.count];
            struct jwbt *t = open_on(&m, 64);
            jwbt_knows(t, NOW, &k);
            assert_true(k.damaged);
            if (i == 0)
                assert_int_equal(k.bundle_version, 0);
            else
                assert_true(jwbt_list_at(t, (unsigned)i - 1, &list) && list.as_of == 0);
            if (i == 0 && !gone) { /* what is taken anew mends it */
                assert_int_equal(bundle(t, 1, NOW + 3600), JWBT_OK);
                jwbt_knows(t, NOW, &k);
                assert_int_equal(k.bundle_version, 11);
            }
            jwbt_close(&t);
        }
}

static int with_device_secret(void **state)
{
    device_secret = (const uint8_t *)"32 octets of the device's store.";
    return live(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_cut),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(read_only),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(older_copies_are_noticed),
    };
    const struct CMUnitTest with_secret[] = {
        cmocka_unit_test(read_only),
        cmocka_unit_test(older_copies_are_noticed),
    };
    int failed = cmocka_run_group_tests_name("secret in a file", tests, live, NULL);
    return failed + cmocka_run_group_tests_name("the device's secret", with_secret,
                                                with_device_secret, NULL);
}
