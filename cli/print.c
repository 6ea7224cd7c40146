#include "cli/print.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/utf8.h"

void print_id(const char *label, const uint8_t id[REGISTRY_ID_BYTES])
{
    char text[2 * REGISTRY_ID_BYTES + 1];
    struct buf hex = BUF_OVER(text);
    buf_put_hex(&hex, bytes_of(id, REGISTRY_ID_BYTES));
    printf("%s%s", label, buf_cstr(&hex));
}

void print_time(const char *label, int64_t unix_s)
{
    char text[32];
    struct buf time = BUF_OVER(text);
    buf_put_timestamp(&time, unix_s);
    printf("%s%s", label, buf_cstr(&time));
}

void print_date(const char *label, int32_t day, const char *none)
{
    char text[16];
    struct buf date = BUF_OVER(text);
    if (day >= 0)
        buf_put_date(&date, day);
    else
        buf_put_str(&date, none);
    printf("%s%s", label, buf_cstr(&date));
}

void print_text(struct bytes text)
{
    fwrite(text.data, 1, text.len, stdout);
}

void print_masked(struct bytes text, size_t head, size_t tail)
{
    size_t count = utf8_count(text);
    print_text(utf8_head(text, head));
    for (size_t i = head; i + tail < count; i++)
        putchar('*');
    if (count >= head + tail)
        print_text(bytes_from(text, utf8_head(text, count - tail).len));
}
