/* Borrowed views of bytes: a pointer and a length, owned by somebody else.
 *
 * A `struct bytes` parameter is borrowed for the call; whoever keeps one longer names the owner in
 * its own comment. Data may hold any octets; there is no terminator. Reentrant, allocates nothing.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data;
    size_t len; /* octets */
};

/* A view of a string literal, without its NUL. */
#define BYTES(literal) ((struct bytes){(const uint8_t *)("" literal), sizeof(literal) - 1})

static inline struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){(const uint8_t *)data, len};
}

static inline struct bytes bytes_str(const char *text)
{
    return bytes_of(text, strlen(text));
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool bytes_start_with(struct bytes whole, struct bytes head)
{
    return whole.len >= head.len && (head.len == 0 || memcmp(whole.data, head.data, head.len) == 0);
}

/* The rest after `from` octets; from must not exceed the length. */
static inline struct bytes bytes_from(struct bytes whole, size_t from)
{
    return (struct bytes){whole.data + from, whole.len - from};
}

/* Without ASCII space, tab, CR and LF at both ends. */
static inline struct bytes bytes_trim(struct bytes text)
{
    while (text.len && memchr(" \t\r\n", text.data[0], 4))
        text.data++, text.len--;
    while (text.len && memchr(" \t\r\n", text.data[text.len - 1], 4))
        text.len--;
    return text;
}

/* Equality in a time that depends on the lengths alone: for MACs and secrets. */
static inline bool bytes_equal_secret(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return false;
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < a.len; i++)
        difference |= (uint8_t)(a.data[i] ^ b.data[i]);
    return difference == 0;
}

/* A number of at most 8 octets, the lowest first. */
static inline uint64_t bytes_little(const uint8_t *from, unsigned octets)
{
    uint64_t value = 0;
    for (unsigned i = octets; i-- > 0;)
        value = value << 8 | from[i];
    return value;
}

#endif
