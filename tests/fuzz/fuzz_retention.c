/* Any octets, as the rules of retention: kinds before the first newline, types behind it. What is
 * read has numbers in range. */
#include "base/check.h"
#include "evidence/retention.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool type_of(void *context, struct bytes code, uint16_t *type)
{
    (void)context;
    *type = code.len ? code.data[0] : 0;
    return code.len == 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct retention retention;
    char text[256];
    struct buf why = BUF_OVER(text);
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    struct bytes kinds = bytes_of(data, line ? (size_t)(line - data) : size);
    struct bytes types = bytes_from(bytes_of(data, size), kinds.len + (line != NULL));
    if (!retention_read(&retention, 1, kinds, types, type_of, NULL, &why))
        return 0;
    for (size_t i = 0; i < RETENTION_KINDS_MAX; i++)
        CHECK(retention.kinds[i] <= RETENTION_DAYS_MAX);
    CHECK(retention.type_count <= RETENTION_TYPES_MAX);
    for (size_t i = 0; i < retention.type_count; i++)
        CHECK(retention.types[i].days >= 1 && retention.types[i].days <= RETENTION_DAYS_MAX);
    return 0;
}
