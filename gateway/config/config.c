#include "gateway/config/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/utf8.h"
#include "gateway/config/table.h"
#include "protocol/code.h"

#define FILE_BYTES_MAX        (64 * 1024) /* the whole table with its prose takes 8 */
#define SOCKET_PATH_BYTES_MAX 107         /* of sockaddr_un, less its NUL; cache.h has the same */
#define ORIGIN_BYTES_MAX      128         /* as a receipt has room for (protocol/receipt.h) */
#define ORIGIN_CHARACTERS     "0123456789abcdefghijklmnopqrstuvwxyz-.:[]"

#define MEMBER(section, key) offsetof(struct config, section##_##key)
const struct config_row config_rows[] = {
#define SECTION(s, p)        {CONFIG_SECTION, #s, NULL, 0, NULL, 0, 0, 0, NULL, CONFIG_RELOAD, p},
#define TEXT(s, k, v, w, p)  {CONFIG_TEXT, #s, #k, MEMBER(s, k), v, 0, 0, 0, "", CONFIG_##w, p},
#define FILE_(s, k, v, w, p) {CONFIG_FILE, #s, #k, MEMBER(s, k), v, 0, 0, 0, "", CONFIG_##w, p},
#define NUMBER(s, k, v, lo, hi, u, w, p)                                                           \
    {CONFIG_NUMBER, #s, #k, MEMBER(s, k), NULL, v, lo, hi, u, CONFIG_##w, p},
#define FLAG(s, k, v, w, p)   {CONFIG_FLAG, #s, #k, MEMBER(s, k), NULL, v, 0, 0, "", CONFIG_##w, p},
#define CHOICE(s, k, v, w, p) {CONFIG_CHOICE, #s, #k, MEMBER(s, k), v, 0, 0, 0, "", CONFIG_##w, p},
#include "gateway/config/config.def"
#undef SECTION
#undef TEXT
#undef FILE_
#undef NUMBER
#undef FLAG
#undef CHOICE
};
#define ROW_COUNT (sizeof config_rows / sizeof *config_rows)
const size_t config_row_count = ROW_COUNT;

static void *member_at(const struct config *config, const struct config_row *row)
{
    return (char *)config + row->offset;
}

char **config_text_at(const struct config *config, const struct config_row *row)
{
    CHECK(row->type == CONFIG_TEXT || row->type == CONFIG_FILE);
    return member_at(config, row);
}

uint64_t *config_number_at(const struct config *config, const struct config_row *row)
{
    CHECK(row->type == CONFIG_NUMBER);
    return member_at(config, row);
}

bool *config_flag_at(const struct config *config, const struct config_row *row)
{
    CHECK(row->type == CONFIG_FLAG);
    return member_at(config, row);
}

unsigned *config_choice_at(const struct config *config, const struct config_row *row)
{
    CHECK(row->type == CONFIG_CHOICE);
    return member_at(config, row);
}

struct bytes config_choice(const struct config_row *row, unsigned i)
{
    const char *at = row->text;
    for (; i > 0 && *at; i--) {
        at += strcspn(at, "|");
        at += *at == '|';
    }
    return bytes_of(at, strcspn(at, "|"));
}

/* ---- life ----------------------------------------------------------------------------------- */

struct config *config_create(void)
{
    struct config *config = check_alloc(sizeof *config);
    for (const struct config_row *row = config_rows; row < config_rows + ROW_COUNT; row++) {
        if (row->type == CONFIG_TEXT || row->type == CONFIG_FILE)
            *config_text_at(config, row) = check_strdup(row->text);
        else if (row->type == CONFIG_NUMBER)
            *config_number_at(config, row) = row->number;
        else if (row->type == CONFIG_FLAG)
            *config_flag_at(config, row) = row->number != 0;
    }
    return config;
}

void config_destroy(struct config **config)
{
    if (!*config)
        return;
    for (const struct config_row *row = config_rows; row < config_rows + ROW_COUNT; row++)
        if (row->type == CONFIG_TEXT || row->type == CONFIG_FILE)
            free(*config_text_at(*config, row));
    free(*config);
    *config = NULL;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The whole file in memory of the caller's, or false. */
static bool load(const char *path, struct buf *content, struct buf *why)
{
    FILE *file = fopen(path, "rbe");
    if (!file) {
        buf_printf(why, "%s: %s", path, strerror(errno));
        return false;
    }
    content->len = fread(content->data, 1, content->cap, file);
    int cause = ferror(file) ? errno : 0;
    fclose(file);
    if (cause)
        buf_printf(why, "%s: %s", path, strerror(cause));
    else if (content->len > FILE_BYTES_MAX)
        buf_printf(why, "%s: longer than %d bytes, which no configuration is", path,
                   FILE_BYTES_MAX);
    return !cause && content->len <= FILE_BYTES_MAX;
}

/* Makes the files' paths absolute, from the folder in which `path` lies. */
static bool resolve_files(struct config *config, const char *path, struct buf *why)
{
    char *folder_given = check_strdup(path), folder[PATH_MAX];
    char *slash = strrchr(folder_given, '/');
    if (slash)
        slash[slash == folder_given] = 0;
    bool ok = realpath(slash ? folder_given : ".", folder) != NULL;
    if (!ok)
        buf_printf(why, "%s: its folder: %s", path, strerror(errno));
    free(folder_given);
    for (size_t i = 0; ok && i < ROW_COUNT; i++) {
        if (config_rows[i].type != CONFIG_FILE)
            continue;
        char **file = config_text_at(config, &config_rows[i]), *absolute;
        if (**file == 0 || **file == '/')
            continue;
        CHECK(asprintf(&absolute, "%s/%s", strcmp(folder, "/") ? folder : "", *file) >= 0);
        free(*file);
        *file = absolute;
    }
    return ok;
}

static bool is_address(const char *text)
{
    struct in6_addr any; /* room for either */
    return inet_pton(AF_INET, text, &any) == 1 || inet_pton(AF_INET6, text, &any) == 1;
}

static bool is_loopback(const char *address)
{
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, address, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127; /* RFC 1122 section 3.2.1.3 */
    return inet_pton(AF_INET6, address, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static bool is_origin(const char *text)
{
    static const char scheme[] = "https://";
    size_t len = strlen(text), begin = sizeof scheme - 1;
    return len <= ORIGIN_BYTES_MAX && len > begin && strncmp(text, scheme, begin) == 0 &&
           strspn(text + begin, ORIGIN_CHARACTERS) == len - begin;
}

static bool are_absolute(const char *paths)
{
    for (const char *at = paths; at && *at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL)
        if (*at != '/')
            return false;
    return true;
}

static size_t count_paths(const char *paths)
{
    size_t count = *paths != 0;
    for (const char *at = paths; (at = strchr(at, ':')) != NULL; at++)
        count++;
    return count;
}

/* The rules across keys: which member is at fault, and what is wrong with it; NULL: nothing. */
static const char *broken_rule(const struct config *config, size_t *offset)
{
    *offset = MEMBER(public, address);
    if (!is_address(config->public_address))
        return "public.address must be an IPv4 or IPv6 address; 0.0.0.0 and :: are all";
    *offset = MEMBER(public, certificate);
    if (!config->public_plain_http && !*config->public_certificate)
        return "public.certificate is missing (or set public.plain_http behind a proxy)";
    *offset = MEMBER(public, certificate_key);
    if (!config->public_plain_http && !*config->public_certificate_key)
        return "public.certificate_key is missing (or set public.plain_http behind a proxy)";
    *offset = MEMBER(public, origin);
    if (!is_origin(config->public_origin))
        return "public.origin must be https://, a host and perhaps a port, without a path; at most "
               "128 characters";
    *offset = MEMBER(internal, address);
    if (!is_loopback(config->internal_address))
        return "internal.address must be a loopback address: 127.0.0.1 or ::1";
    *offset = MEMBER(cache, socket);
    if (strlen(config->cache_socket) > SOCKET_PATH_BYTES_MAX)
        return "cache.socket is longer than the 107 bytes that a Unix socket's path may have";
    *offset = MEMBER(code, refresh_s);
    if (config->code_refresh_s >= config->code_life_s)
        return "code.refresh_s must be less than code.life_s";
    *offset = MEMBER(code, prefix);
    if (!code_prefix_valid(bytes_str(config->code_prefix)))
        return "code.prefix must be https://, host and path, then /v# or /v/; at most 35 "
               "characters";
    *offset = MEMBER(identity, jwks);
    if (*config->identity_jwks && *config->identity_jwks != '/' &&
        strncmp(config->identity_jwks, "https://", 8) != 0)
        return "identity.jwks must be an https:// address or an absolute path";
    *offset = MEMBER(evidence, others);
    if (!are_absolute(config->evidence_others))
        return "evidence.others must be absolute paths with colons between them";
    if (count_paths(config->evidence_others) > 32)
        return "evidence.others names more than 32 folders";
    return NULL;
}

static bool check_rules(const struct config *config, const char *path, const unsigned *lines,
                        struct buf *why)
{
    size_t offset;
    const char *broken = broken_rule(config, &offset);
    if (!broken)
        return true;
    buf_put_str(why, path);
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (config_rows[i].key && config_rows[i].offset == offset && lines[i])
            buf_printf(why, ":%u", lines[i]);
    buf_printf(why, ": %s", broken);
    return false;
}

struct config *config_read(const char *path, struct buf *why)
{
    struct config *config = config_create();
    unsigned lines[ROW_COUNT] = {0};
    struct buf content;
    buf_init(&content, check_alloc(FILE_BYTES_MAX + 1), FILE_BYTES_MAX + 1);
    if (!load(path, &content, why) ||
        !config_yaml_read(config, path, buf_bytes(&content), lines, why) ||
        !resolve_files(config, path, why) || !check_rules(config, path, lines, why))
        config_destroy(&config);
    free(content.data);
    return config;
}

/* ---- printing ------------------------------------------------------------------------------- */

/* A double-quoted YAML scalar. What YAML takes for a line break or no character at all is escaped;
 * controls are none of a text's (config_yaml_read). */
static void print_text(const char *text, FILE *out)
{
    struct bytes rest = bytes_str(text);
    uint32_t c = 0;
    fputc('"', out);
    for (size_t n; (n = utf8_next(rest, &c)) > 0; rest = bytes_from(rest, n)) {
        if (c == 0x2028 || c == 0x2029 || c == 0xFEFF || c == 0xFFFE || c == 0xFFFF)
            fprintf(out, "\\u%04X", (unsigned)c);
        else
            fprintf(out, "%s%.*s", c == '"' || c == '\\' ? "\\" : "", (int)n, rest.data);
    }
    fputc('"', out);
}

static void print_prose(const struct config_row *row, FILE *out)
{
    fprintf(out, "  # %s", row->prose);
    if (row->type == CONFIG_NUMBER)
        fprintf(out, " (%" PRIu64 " to %" PRIu64 "%s%s)", row->least, row->most,
                *row->unit ? " " : "", row->unit);
    if (row->type == CONFIG_CHOICE)
        fprintf(out, " (%s)", row->text);
    fprintf(out, "%s\n", row->when == CONFIG_START ? "; at the next start" : "");
}

static void print_value(const struct config *config, const struct config_row *row, FILE *out)
{
    struct bytes choice;
    switch (row->type) {
    case CONFIG_TEXT:
    case CONFIG_FILE:
        print_text(*config_text_at(config, row), out);
        break;
    case CONFIG_NUMBER:
        fprintf(out, "%" PRIu64, *config_number_at(config, row));
        break;
    case CONFIG_FLAG:
        fputs(*config_flag_at(config, row) ? "true" : "false", out);
        break;
    case CONFIG_CHOICE:
        choice = config_choice(row, *config_choice_at(config, row));
        fprintf(out, "%.*s", (int)choice.len, choice.data);
        break;
    case CONFIG_SECTION:
        break;
    }
}

void config_print(const struct config *config, FILE *out)
{
    for (const struct config_row *row = config_rows; row < config_rows + ROW_COUNT; row++) {
        if (row->type == CONFIG_SECTION) {
            fprintf(out, "%s# %s\n%s:\n", row == config_rows ? "" : "\n", row->prose, row->section);
            continue;
        }
        print_prose(row, out);
        fprintf(out, "  %s: ", row->key);
        print_value(config, row, out);
        fputc('\n', out);
    }
}

/* ---- comparing ------------------------------------------------------------------------------ */

static bool differs(const struct config *a, const struct config *b, const struct config_row *row)
{
    switch (row->type) {
    case CONFIG_TEXT:
    case CONFIG_FILE:
        return strcmp(*config_text_at(a, row), *config_text_at(b, row)) != 0;
    case CONFIG_NUMBER:
        return *config_number_at(a, row) != *config_number_at(b, row);
    case CONFIG_FLAG:
        return *config_flag_at(a, row) != *config_flag_at(b, row);
    case CONFIG_CHOICE:
        return *config_choice_at(a, row) != *config_choice_at(b, row);
    case CONFIG_SECTION:
        break;
    }
    return false;
}

void config_changed_at_start(const struct config *old, const struct config *new_, struct buf *out)
{
    const char *between = "";
    for (const struct config_row *row = config_rows; row < config_rows + ROW_COUNT; row++) {
        if (row->when != CONFIG_START || !differs(old, new_, row))
            continue;
        buf_printf(out, "%s%s.%s", between, row->section, row->key);
        between = ", ";
    }
}

void config_log_folder(const struct config *config, struct buf *path)
{
    if (*config->evidence_log)
        buf_put_str(path, config->evidence_log);
    else
        buf_printf(path, "%s/log", config->evidence_folder);
}

enum crypto_alg config_key_algorithm(const struct config *config)
{
    static const enum crypto_alg algorithms[] = {CRYPTO_ES256, CRYPTO_SM2}; /* the table's order */
    return algorithms[config->keys_algorithm];
}

enum crypto_cipher config_cipher(unsigned place)
{
    static const enum crypto_cipher ciphers[] = {CRYPTO_AES_256_GCM, CRYPTO_SM4_CTR_HMAC_SM3};
    return ciphers[place];
}

enum log_level config_log_level(const struct config *config)
{
    for (const struct config_row *row = config_rows; row < config_rows + ROW_COUNT; row++) {
        if (row->type != CONFIG_CHOICE || row->offset != MEMBER(log, level))
            continue;
        struct bytes name = config_choice(row, config->log_level);
        for (enum log_level level = LOG_DEBUG; level <= LOG_ERROR; level++)
            if (bytes_equal(name, bytes_str(log_level_name(level))))
                return level;
    }
    CHECK(!"every level of the table has a name in the log");
    return LOG_INFO;
}
