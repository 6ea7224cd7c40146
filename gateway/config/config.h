/* The configuration: YAML, strict, from one table (config.def). Read once at start and at SIGHUP
 * into an immutable struct. */
#ifndef GATEWAY_CONFIG_CONFIG_H
#define GATEWAY_CONFIG_CONFIG_H

#include <stdio.h>

#include "base/buf.h"
#include "crypto/crypto.h"
#include "gateway/log.h"

/* One member per line of the table, named section_key: config->http_body_bytes_max. */
struct config {
#define SECTION(section, prose)
#define TEXT(section, key, value, when, prose)                      char *section##_##key;
#define FILE_(section, key, value, when, prose)                     char *section##_##key;
#define NUMBER(section, key, value, least, most, unit, when, prose) uint64_t section##_##key;
#define FLAG(section, key, value, when, prose)                      bool section##_##key;
#define CHOICE(section, key, values, when, prose)                   unsigned section##_##key;
#include "gateway/config/config.def"
#undef SECTION
#undef TEXT
#undef FILE_
#undef NUMBER
#undef FLAG
#undef CHOICE
};

/* Every value its default; files relative to the current folder. */
struct config *config_create(void);
void config_destroy(struct config **config);

/* Reads a file over the defaults. On failure NULL, and `why` says file, line, what is wrong and,
 * for an unknown key, which known one was probably meant. Checks types, ranges, and rules across
 * keys: public needs a certificate and key unless plain_http; internal.address is a loopback
 * address; code.refresh_s < code.life_s; code.prefix is a code prefix by its length and form. Files
 * are not opened here. FILE_ values become absolute, relative to the folder of the configuration.
 */
struct config *config_read(const char *path, struct buf *why);
/* The effective configuration as YAML with the prose as comments. */
void config_print(const struct config *config, FILE *out);
/* Appends the keys, separated by ", ", whose values differ and that take effect only at a start. */
void config_changed_at_start(const struct config *old, const struct config *new_, struct buf *out);

/* Appends the folder of the evidence log: evidence.log, or else a folder in evidence.folder. */
void config_log_folder(const struct config *config, struct buf *path);
/* keys.algorithm */
enum crypto_alg config_key_algorithm(const struct config *config);
/* registry.cipher or keys.cipher, which the struct has as places in the table's lists */
enum crypto_cipher config_cipher(unsigned place);
/* log.level, which the struct has as its place in the table's list. */
enum log_level config_log_level(const struct config *config);

#endif
