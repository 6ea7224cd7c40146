/* Status lists, ours and anybody's: what stands in a Status List Token, as CWT or as JWT. Nothing
 * here is checked but form. */
#include "protocol/status_list.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/encoded.h"
#include "cli/print.h"

#define FILE_BYTES_MAX  (32 * 1024 * 1024)
#define ARRAY_BYTES_MAX (16 * 1024 * 1024) /* 2^27 places of one bit */
#define VALUES          256

/* A token with all that it points into. */
struct list {
    struct status_list_token token;
    bool jwt;
    json_t *header, *claims; /* of a JWT */
    uint8_t *file, *decoded, *array_storage;
    struct buf array;
};

static void list_fini(struct list *list)
{
    json_decref(list->header);
    json_decref(list->claims);
    free(list->file);
    free(list->decoded);
    free(list->array_storage);
}

/* ---- a JWT ---- */

static bool json_of_part(struct bytes part, json_t **value)
{
    uint8_t *storage = check_alloc(part.len + 1);
    struct buf text;
    buf_init(&text, storage, part.len);
    if (buf_put_from_base64url(&text, part))
        *value = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    free(storage);
    return json_is_object(*value);
}

static struct bytes text_of(const json_t *object, const char *name)
{
    const json_t *text = json_object_get(object, name);
    return json_is_string(text) ? bytes_of(json_string_value(text), json_string_length(text))
                                : (struct bytes){NULL, 0};
}

/* 0 when there is none. False: no number that could be a time, or too large for one. */
static bool take_number(const json_t *object, const char *name, int64_t *number)
{
    const json_t *given = json_object_get(object, name);
    const double value = json_number_value(given);
    const bool good = !given || (json_is_number(given) && value >= 0 && value <= UINT32_MAX);
    *number = good ? (int64_t)value : 0;
    return good;
}

/* What our own writer puts there; others have no such claim. */
static void read_revoked(const json_t *claims, struct status_list_token *token)
{
    const json_t *kids = json_object_get(claims, "jwb_revoked"), *kid;
    size_t i;
    json_array_foreach(kids, i, kid)
    {
        struct buf out;
        if (token->revoked_count == STATUS_LIST_REVOKED_MAX)
            return;
        buf_init(&out, token->revoked[token->revoked_count], KID_BYTES);
        if (json_is_string(kid) && buf_put_from_hex(&out, bytes_str(json_string_value(kid))) &&
            out.len == KID_BYTES)
            token->revoked_count++;
    }
}

static bool read_jwt(struct bytes text, struct list *list)
{
    struct status_list_token *token = &list->token;
    const uint8_t *first = memchr(text.data, '.', text.len),
                  *last = memrchr(text.data, '.', text.len);
    struct buf lst;
    if (!first || first == last ||
        !json_of_part(bytes_of(text.data, (size_t)(first - text.data)), &list->header) ||
        !json_of_part(bytes_of(first + 1, (size_t)(last - first - 1)), &list->claims))
        return false;
    const json_t *status_list = json_object_get(list->claims, "status_list");
    struct bytes encoded = text_of(status_list, "lst");
    list->jwt = true;
    list->decoded = check_alloc(encoded.len + 1);
    buf_init(&lst, list->decoded, encoded.len);
    token->subject = text_of(list->claims, "sub");
    int64_t ttl_s, bits;
    if (!take_number(list->claims, "iat", &token->issued_at) ||
        !take_number(list->claims, "exp", &token->expires_at) ||
        !take_number(list->claims, "ttl", &ttl_s) || !take_number(status_list, "bits", &bits))
        return false;
    token->ttl_s = (uint32_t)ttl_s;
    token->bits = (unsigned)bits;
    read_revoked(list->claims, token);
    if (token->subject.len == 0 || !json_object_get(list->claims, "iat") || encoded.len == 0 ||
        !buf_put_from_base64url(&lst, encoded) ||
        !(bits == 1 || bits == 2 || bits == 4 || bits == 8))
        return false;
    token->lst = buf_bytes(&lst);
    token->message.type = text_of(list->header, "typ");
    token->message.kid = text_of(list->header, "kid");
    return true;
}

/* ---- either form ---- */

static bool read_token(struct bytes content, struct list *list)
{
    if (bytes_start_with(content, BYTES("ey"))) /* "{", as every JWS in compact form begins */
        return read_jwt(content, list);
    struct buf octets;
    list->decoded = check_alloc(content.len + 1);
    buf_init(&octets, list->decoded, content.len);
    return encoded_read(content, &octets) && status_list_read(buf_bytes(&octets), &list->token);
}

static bool list_read(const char *path, struct list *list)
{
    static struct status_list_inflater inflater;
    struct buf content;
    memset(list, 0, sizeof *list);
    list->file = check_alloc(FILE_BYTES_MAX);
    list->array_storage = check_alloc(ARRAY_BYTES_MAX);
    buf_init(&content, list->file, FILE_BYTES_MAX);
    buf_init(&list->array, list->array_storage, ARRAY_BYTES_MAX);
    bool read = command_file(path, &content);
    if (read && !read_token(bytes_trim(buf_bytes(&content)), list)) {
        command_failed("%s is no status list token, neither as CWT nor as JWT", path);
        read = false;
    }
    if (read && !status_list_inflate_any(&inflater, list->token.lst, &list->array)) {
        command_failed("the list in %s does not inflate, or to more than %d MiB", path,
                       ARRAY_BYTES_MAX >> 20);
        read = false;
    }
    if (!read)
        list_fini(list);
    return read;
}

static uint64_t places_of(const struct list *list)
{
    return (uint64_t)list->array.len * 8 / list->token.bits;
}

/* The draft's section 7.1; what a profile of its own says, if there is one, is for that to tell. */
static const char *word_of(unsigned value)
{
    static const char *const words[] = {"valid", "invalid", "suspended", "application-specific"};
    return value < 4 ? words[value] : value >= 12 && value < 16 ? words[3] : "unregistered";
}

static const char *form_of(const struct list *list)
{
    const struct cose_any *message = &list->token.message;
    return list->jwt         ? "JWT"
           : message->cwt    ? "CWT, tags 61 and 18"
           : message->tagged ? "CWT, tag 18"
                             : "CWT, untagged";
}

/* As text if it is readable, else in hexadecimal. */
static void put_kid(const struct list *list, struct buf *out)
{
    struct bytes kid = list->token.message.kid;
    if (list->jwt)
        buf_put(out, kid);
    else
        buf_put_hex(out, kid);
}

static void put_alg(const struct list *list, struct buf *out)
{
    if (list->jwt)
        buf_put(out, text_of(list->header, "alg"));
    else if (list->token.message.alg == CRYPTO_ES256 || list->token.message.alg == CRYPTO_SM2)
        buf_put_str(out, key_alg_text((enum crypto_alg)list->token.message.alg));
    else
        buf_put_decimal(out, list->token.message.alg);
}

static void count_values(const struct list *list, uint64_t counts[VALUES])
{
    memset(counts, 0, VALUES * sizeof *counts);
    for (uint64_t i = 0; i < places_of(list); i++)
        counts[status_list_value(buf_bytes(&list->array), list->token.bits, i)]++;
}

/* ---- telling ---- */

/* Others' texts may hold what a terminal obeys. */
static void print_line(const char *label, struct bytes text)
{
    printf("%-13s", label);
    print_text(utf8_printable(text) ? text : BYTES("(not printable)"));
    putchar('\n');
}

static void print_list(const struct list *list)
{
    const struct status_list_token *token = &list->token;
    uint64_t counts[VALUES];
    uint8_t storage[1024];
    struct buf alg = BUF_OVER(storage), kid;
    print_line("form", bytes_str(form_of(list)));
    print_line("type", token->message.type);
    put_alg(list, &alg);
    print_line("alg", buf_bytes(&alg));
    kid = (struct buf)BUF_OVER(storage);
    put_kid(list, &kid);
    print_line("kid", buf_bytes(&kid));
    print_line("subject", token->subject);
    print_time("issued       ", token->issued_at);
    if (token->expires_at)
        print_time("\nexpires      ", token->expires_at);
    if (token->ttl_s)
        printf("\nttl          %u s", token->ttl_s);
    printf("\nbits         %u\nplaces       %llu: %zu octets, %zu compressed\n", token->bits,
           (unsigned long long)places_of(list), list->array.len, token->lst.len);
    count_values(list, counts);
    for (unsigned value = 0; value < VALUES; value++)
        if (counts[value])
            printf("  %3u  %-20s  %llu\n", value, word_of(value),
                   (unsigned long long)counts[value]);
    for (size_t i = 0; i < token->revoked_count; i++) {
        kid = (struct buf)BUF_OVER(storage);
        buf_put_hex(&kid, bytes_of(token->revoked[i], KID_BYTES));
        print_line(i ? "" : "revoked", buf_bytes(&kid));
    }
    puts("Nothing of this was checked: neither signature nor dates.");
}

static void print_json(const struct list *list)
{
    const struct status_list_token *token = &list->token;
    json_t *values = json_object(), *revoked = json_array();
    uint64_t counts[VALUES];
    char alg_text[256], kid_text[1024], text[2 * KID_BYTES + 1];
    struct buf alg = BUF_OVER(alg_text), kid = BUF_OVER(kid_text);
    put_alg(list, &alg);
    put_kid(list, &kid);
    count_values(list, counts);
    for (unsigned value = 0; value < VALUES; value++) {
        struct buf name = BUF_OVER(text);
        buf_put_decimal(&name, value);
        if (counts[value])
            json_object_set_new(values, buf_cstr(&name), json_integer((json_int_t)counts[value]));
    }
    for (size_t i = 0; i < token->revoked_count; i++) {
        struct buf hex = BUF_OVER(text);
        buf_put_hex(&hex, bytes_of(token->revoked[i], KID_BYTES));
        json_array_append_new(revoked, json_string(buf_cstr(&hex)));
    }
    json_t *whole = json_pack(
        "{s:s, s:s, s:s, s:s%, s:I, s:o, s:o, s:i, s:I, s:I, s:I, s:o, s:o}", "form", form_of(list),
        "alg", buf_cstr(&alg), "kid", buf_cstr(&kid), "sub", token->subject.data,
        token->subject.len, "iat", (json_int_t)token->issued_at, "exp",
        token->expires_at ? json_integer(token->expires_at) : json_null(), "ttl",
        token->ttl_s ? json_integer(token->ttl_s) : json_null(), "bits", (int)token->bits, "places",
        (json_int_t)places_of(list), "octets", (json_int_t)list->array.len, "compressed_octets",
        (json_int_t)token->lst.len, "values", values, "revoked", revoked);
    json_dumpf(whole, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(whole);
}

/* ---- the commands ---- */

int command_status_list_show(const struct command *command, int argc, char **argv)
{
    const char *path;
    bool json = false;
    const struct command_option options[] = {{"json", NULL, &json}, {NULL, NULL, NULL}};
    struct list list;
    if (!command_read(command, argc, argv, options, &path, 1, 1))
        return EXIT_USAGE;
    if (!list_read(path, &list))
        return EXIT_FAILURE;
    if (json)
        print_json(&list);
    else
        print_list(&list);
    list_fini(&list);
    return EXIT_SUCCESS;
}

int command_status_list_get(const struct command *command, int argc, char **argv)
{
    const struct command_option options[] = {{NULL, NULL, NULL}};
    const char *arguments[2];
    uint64_t index = 0;
    struct list list;
    if (!command_read(command, argc, argv, options, arguments, 2, 2) ||
        !command_number(command, "INDEX", arguments[1], 0, UINT32_MAX, &index))
        return EXIT_USAGE;
    if (!list_read(arguments[0], &list))
        return EXIT_FAILURE;
    bool there = index < places_of(&list);
    if (there) {
        unsigned value = status_list_value(buf_bytes(&list.array), list.token.bits, index);
        printf("%u %s\n", value, word_of(value));
    } else {
        command_failed("the list has the places 0 to %llu",
                       (unsigned long long)places_of(&list) - 1);
    }
    list_fini(&list);
    return there ? EXIT_SUCCESS : EXIT_FAILURE;
}
