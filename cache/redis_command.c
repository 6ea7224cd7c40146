#include "base/check.h"
#include "cache/redis.h"

static const char HEX[] = "0123456789abcdef";

struct buf command_begin(struct cache *cache)
{
    return BUF_OVER(cache->scratch);
}

/* Decimal digits at `out`; returns how many. Generations have all 64 bits. */
static size_t put_digits(char *out, uint64_t value)
{
    char reversed[20];
    size_t n = 0;
    do
        reversed[n++] = (char)('0' + value % 10);
    while (value /= 10);
    for (size_t i = 0; i < n; i++)
        out[i] = reversed[n - 1 - i];
    return n;
}

/* A type's mark, a number, CR LF, which are HEAD_BYTES_MAX at the most; returns how many. */
#define HEAD_BYTES_MAX 23
static size_t write_head(char head[HEAD_BYTES_MAX], char mark, size_t number)
{
    head[0] = mark;
    size_t n = 1 + put_digits(head + 1, number);
    head[n++] = '\r';
    head[n++] = '\n';
    return n;
}

void command_open(struct buf *out, unsigned arguments)
{
    char head[HEAD_BYTES_MAX];
    buf_put(out, bytes_of(head, write_head(head, '*', arguments)));
}

/* In one piece: a verify puts a dozen. */
void command_put(struct buf *out, struct bytes argument)
{
    char head[HEAD_BYTES_MAX];
    size_t n = write_head(head, '$', argument.len);
    uint8_t *at = buf_grow(out, n + argument.len + 2);
    if (!at)
        return;
    memcpy(at, head, n);
    if (argument.len)
        memcpy(at + n, argument.data, argument.len);
    at[n + argument.len] = '\r';
    at[n + argument.len + 1] = '\n';
}

void command_put_decimal(struct buf *out, uint64_t argument)
{
    struct key digits = key_decimal(argument);
    command_put(out, key_bytes(&digits));
}

void command_open_script(struct cache *cache, struct buf *out, enum script script, unsigned keys,
                         unsigned arguments)
{
    command_open(out, 3 + keys + arguments);
    buf_put(out, BYTES("$7\r\nEVALSHA\r\n$40\r\n"));
    buf_put(out, bytes_of(cache->sha[script], SCRIPT_SHA_BYTES));
    buf_put(out, keys == 1 ? BYTES("\r\n$1\r\n1\r\n") : BYTES("\r\n$1\r\n2\r\n"));
}

/* ---- keys ---- */
static void key_add(struct key *key, struct bytes text)
{
    CHECK(text.len <= KEY_BYTES_MAX - key->len);
    memcpy(key->text + key->len, text.data, text.len);
    key->len += text.len;
}

static void key_add_hex(struct key *key, const uint8_t *octets, size_t n)
{
    CHECK(2 * n <= KEY_BYTES_MAX - key->len);
    char *at = key->text + key->len;
    for (size_t i = 0; i < n; i++) {
        *at++ = HEX[octets[i] >> 4];
        *at++ = HEX[octets[i] & 15];
    }
    key->len += 2 * n;
}

struct key key_decimal(uint64_t value)
{
    struct key key;
    key.len = put_digits(key.text, value);
    return key;
}

static void key_add_decimal(struct key *key, uint64_t value)
{
    struct key digits = key_decimal(value);
    key_add(key, key_bytes(&digits));
}

struct key key_code(const uint8_t cti[CACHE_CTI_BYTES], const uint8_t mac[CACHE_MAC_BYTES])
{
    struct key key;
    key.len = 0;
    key_add(&key, BYTES("code:{"));
    key_add_hex(&key, cti, CACHE_CTI_BYTES);
    key_add(&key, BYTES("}:"));
    key_add_hex(&key, mac, CACHE_MAC_BYTES);
    return key;
}

struct key key_list(uint16_t list)
{
    struct key key;
    key.len = 0;
    key_add(&key, BYTES("status:{"));
    key_add_decimal(&key, list);
    key_add(&key, BYTES("}"));
    return key;
}

struct key key_list_seq(uint16_t list)
{
    struct key key = key_list(list);
    key_add(&key, BYTES(":seq"));
    return key;
}

struct key key_face(uint16_t list, uint32_t index)
{
    struct key key;
    key.len = 0;
    key_add(&key, BYTES("face:{"));
    key_add_decimal(&key, list);
    key_add(&key, BYTES(":"));
    key_add_decimal(&key, index);
    key_add(&key, BYTES("}"));
    return key;
}

struct key key_once(const uint8_t name[CACHE_ONCE_BYTES])
{
    struct key key;
    key.len = 0;
    key_add(&key, BYTES("once:{"));
    key_add_hex(&key, name, CACHE_ONCE_BYTES);
    key_add(&key, BYTES("}"));
    return key;
}

struct key key_bucket(struct bytes name)
{
    struct key key;
    key.len = 0;
    key_add(&key, BYTES("bucket:{"));
    key_add(&key, name);
    key_add(&key, BYTES("}"));
    return key;
}
