/* Any octets, as an identifier of each kind. A licence's is written again alike; a citizen's number
 * is read again as itself. */
#include "base/check.h"
#include "protocol/identifier.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_licence(struct bytes text)
{
    uint8_t storage[IDENTIFIER_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    struct licence_identifier id;
    enum identifier_error error = licence_identifier_read(text, &id);
    if (error != IDENTIFIER_OK && error != IDENTIFIER_ERR_CHECK)
        return;
    licence_identifier_write(&out, &id);
    CHECK(buf_ok(&out) && out.len == text.len);
    CHECK(memcmp(out.data, text.data, text.len - 1) == 0);
    CHECK((out.data[out.len - 1] == text.data[text.len - 1]) == (error == IDENTIFIER_OK));
}

static void check_citizen(struct bytes text)
{
    char number[CITIZEN_NUMBER_BYTES], again[CITIZEN_NUMBER_BYTES];
    enum identifier_error error = citizen_number_read(text, number);
    if (error != IDENTIFIER_OK && error != IDENTIFIER_ERR_CHECK)
        return;
    CHECK(citizen_number_read(bytes_of(number, sizeof number), again) == error);
    CHECK(memcmp(number, again, sizeof number) == 0);
    CHECK((citizen_number_check(number) == number[17]) == (error == IDENTIFIER_OK));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes text = bytes_of(data, size);
    check_licence(text);
    check_citizen(text);
    enum identifier_error error = credit_code_check(text);
    if (error == IDENTIFIER_OK || error == IDENTIFIER_ERR_CHECK)
        CHECK((credit_code_check_character((const char *)data) == data[17]) ==
              (error == IDENTIFIER_OK));
    return 0;
}
