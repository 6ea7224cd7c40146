#include "gateway/scan_entry.h"

#include "tests/support.h"

static struct buf written(uint8_t storage[static 256], const struct scan_entry *entry)
{
    struct buf out;
    buf_init(&out, storage, 256);
    scan_entry_write(&out, entry);
    assert_true(buf_ok(&out));
    return out;
}

static const struct scan_entry typical = {
    .at = 1790000000,
    .key = BYTES("a key"),
    .purpose = BYTES("car_rental"),
    .client = BYTES("terminal-7"),
    .agency = BYTES("traffic-police"),
};

/* Broken: an inspector would be told another first scan than there was. */
static void an_entry_comes_back(void **state)
{
    (void)state;
    uint8_t storage[256];
    struct scan_entry entry;
    struct buf text = written(storage, &typical);
    assert_true(scan_entry_read(guarded(0, buf_bytes(&text)), &entry));
    assert_int_equal(entry.at, typical.at);
    assert_true(bytes_equal(entry.client, typical.client));
    assert_true(bytes_equal(entry.agency, typical.agency));
}

/* Broken: what stands in Redis by mistake or malice would be told as an agency, or read beyond. */
static void what_is_none_is_refused(void **state)
{
    (void)state;
    uint8_t storage[256];
    struct scan_entry entry;
    struct buf text = written(storage, &typical);
    struct bytes whole = buf_bytes(&text);
    for (size_t len = 0; len <= 40 + typical.client.len; len++)
        assert_false(scan_entry_read(guarded(0, bytes_of(whole.data, len)), &entry));
    storage[40] = 255; /* a client longer than all there is */
    assert_false(scan_entry_read(guarded(0, whole), &entry));
    storage[40] = (uint8_t)typical.client.len;
    storage[60] = '\n';
    assert_false(scan_entry_read(guarded(0, whole), &entry));
    storage[60] = 'x';
    storage[3] = 1; /* after 2106 */
    assert_false(scan_entry_read(guarded(0, whole), &entry));
}

/* Broken: a partner could use a code twice, or a second time for a purpose that shows more. */
static void a_repetition_has_the_same_key_purpose_and_client(void **state)
{
    (void)state;
    uint8_t first_storage[256], own_storage[256];
    struct buf first = written(first_storage, &typical);
    struct scan_entry own = typical;
    own.at++;
    struct buf text = written(own_storage, &own);
    assert_true(scan_entry_repeats(buf_bytes(&text), buf_bytes(&first)));
    for (int changed = 0; changed < 4; changed++) {
        own = typical;
        if (changed == 0)
            own.key = BYTES("another");
        else if (changed == 1)
            own.purpose = BYTES("hiring");
        else if (changed == 2)
            own.client = BYTES("terminal-8");
        else
            own.agency = BYTES("fire-brigade");
        text = written(own_storage, &own);
        assert_false(scan_entry_repeats(buf_bytes(&text), buf_bytes(&first)));
    }
    own = typical;
    own.key = BYTES("");
    first = written(first_storage, &own);
    text = written(own_storage, &own);
    assert_false(
        scan_entry_repeats(buf_bytes(&text), buf_bytes(&first))); /* no key, no repetition */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_comes_back),
        cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(a_repetition_has_the_same_key_purpose_and_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
