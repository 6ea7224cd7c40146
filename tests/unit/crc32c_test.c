#include "evidence/crc32c.h"

#include "tests/support.h"

/* Broken: no other program could check a journal, and this one might take bad bytes for good. */
static void checksum_is_crc32c(void **state)
{
    (void)state;
    uint8_t octets[32];
    assert_int_equal(crc32c_of(BYTES("123456789")), 0xE3069283); /* the CRC catalogue's check */
    memset(octets, 0, sizeof octets); /* these three: RFC 3720 appendix B.4 */
    assert_int_equal(crc32c_of(guarded(0, bytes_of(octets, 32))), 0x8A9136AA);
    memset(octets, 0xFF, sizeof octets);
    assert_int_equal(crc32c_of(guarded(0, bytes_of(octets, 32))), 0x62A8AB43);
    for (uint8_t i = 0; i < 32; i++)
        octets[i] = i;
    assert_int_equal(crc32c_of(guarded(0, bytes_of(octets, 32))), 0x46DD794E);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksum_is_crc32c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
