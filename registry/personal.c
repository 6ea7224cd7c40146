#include "registry/personal.h"

#include "base/check.h"
#include "base/utf8.h"
#include "protocol/identifier.h"

#define FORMER_BYTES   15
#define NAME_BYTES_MIN 4 /* folded; a shorter one stands in many a text by chance */
#define WIDE_FIRST     0xFF01
#define WIDE_LAST      0xFF5E /* ASCII in full width: U+FF01-FF5E is 0x21-0x7E */

/* Spaces, punctuation and what is not seen, beyond ASCII. */
static bool is_between(uint32_t c)
{
    static const uint32_t ranges[][2] = {
        {0x80, 0xBF},     {0x2000, 0x206F}, {0x3000, 0x303F}, {0x30FB, 0x30FB},
        {0xFE00, 0xFE6F}, {0xFEFF, 0xFEFF}, {0xFF5F, 0xFF65},
    };
    bool between = false;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        between |= c >= ranges[i][0] && c <= ranges[i][1];
    return between;
}

/* Never longer than it was. What is no UTF-8 goes over as it is. */
static struct bytes fold(struct bytes text, uint8_t storage[REGISTRY_TEXT_BYTES_MAX])
{
    struct buf out;
    buf_init(&out, storage, REGISTRY_TEXT_BYTES_MAX);
    while (text.len) {
        uint32_t c = text.data[0];
        size_t length = utf8_next(text, &c);
        const bool malformed = length == 0;
        length += malformed;
        if (c >= WIDE_FIRST && c <= WIDE_LAST)
            c -= WIDE_FIRST - '!';
        const uint32_t large = c & ~0x20u;
        if ((c >= '0' && c <= '9') || (large >= 'A' && large <= 'Z'))
            buf_put_u8(&out, (uint8_t)(c <= '9' ? c : large));
        else if (malformed || (c >= 0x80 && !is_between(c)))
            buf_put(&out, bytes_of(text.data, length));
        text = bytes_from(text, length);
    }
    CHECK(buf_ok(&out));
    return buf_bytes(&out);
}

static bool stands_in(struct bytes text, struct bytes word)
{
    return word.len && memmem(text.data, text.len, word.data, word.len);
}

bool personal_word_in(struct bytes text, struct bytes word)
{
    uint8_t a[REGISTRY_TEXT_BYTES_MAX], b[REGISTRY_TEXT_BYTES_MAX];
    return stands_in(fold(text, a), fold(word, b));
}

/* Born in another century is nobody: that keeps most numbers of other kinds out. */
static bool is_citizen_number(struct bytes text)
{
    char number[CITIZEN_NUMBER_BYTES];
    return citizen_number_read(text, number) == IDENTIFIER_OK &&
           (memcmp(number + 6, "19", 2) == 0 || memcmp(number + 6, "20", 2) == 0);
}

bool personal_number_in(struct bytes text)
{
    uint8_t folded[REGISTRY_TEXT_BYTES_MAX];
    for (text = fold(text, folded); text.len >= CITIZEN_NUMBER_BYTES; text = bytes_from(text, 1))
        if (is_citizen_number(bytes_of(text.data, CITIZEN_NUMBER_BYTES)))
            return true;
    return false;
}

/* As before 1999: without the century and the check character. */
static bool former_in(struct bytes text, struct bytes number)
{
    uint8_t former[FORMER_BYTES];
    if (number.len != CITIZEN_NUMBER_BYTES || memcmp(number.data + 6, "19", 2) != 0)
        return false;
    memcpy(former, number.data, 6);
    memcpy(former + 6, number.data + 8, sizeof former - 6);
    return stands_in(text, bytes_of(former, sizeof former));
}

bool personal_licence_in(struct bytes text, const struct registry_licence *licence)
{
    const struct bytes numbers[] = {licence->number, licence->identifier, licence->holder_number};
    uint8_t a[REGISTRY_TEXT_BYTES_MAX], b[REGISTRY_TEXT_BYTES_MAX];
    bool named = false;
    text = fold(text, a);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        named |= stands_in(text, fold(numbers[i], b));
    const struct bytes name = fold(licence->holder_name, b);
    return named || former_in(text, licence->holder_number) ||
           (name.len >= NAME_BYTES_MIN && stands_in(text, name));
}
