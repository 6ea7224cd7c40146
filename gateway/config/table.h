/* The table of config.def as data; private to this folder. */
#ifndef GATEWAY_CONFIG_TABLE_H
#define GATEWAY_CONFIG_TABLE_H

#include "gateway/config/config.h"

enum config_type {
    CONFIG_SECTION, /* heads its keys; has a prose and nothing else */
    CONFIG_TEXT,
    CONFIG_FILE,
    CONFIG_NUMBER,
    CONFIG_FLAG,
    CONFIG_CHOICE,
};
enum config_when { CONFIG_RELOAD, CONFIG_START };

struct config_row {
    enum config_type type;
    const char *section, *key; /* key is NULL for a section */
    size_t offset;             /* of the member in struct config */
    const char *text;          /* default of a text or file; the choices, separated by '|' */
    uint64_t number;           /* default of a number or flag */
    uint64_t least, most;
    const char *unit;
    enum config_when when;
    const char *prose;
};

extern const struct config_row config_rows[];
extern const size_t config_row_count;

/* The member of a row of the type. */
char **config_text_at(const struct config *config, const struct config_row *row);
uint64_t *config_number_at(const struct config *config, const struct config_row *row);
bool *config_flag_at(const struct config *config, const struct config_row *row);
unsigned *config_choice_at(const struct config *config, const struct config_row *row);

/* Choice number i of a row, from 0; empty when there are fewer. */
struct bytes config_choice(const struct config_row *row, unsigned i);

/* Reads YAML over the values of `config`. `name` stands for the file in `why`; lines[i] becomes the
 * line in which the value of row i or its section began, 0 when it was not given. */
bool config_yaml_read(struct config *config, const char *name, struct bytes yaml, unsigned *lines,
                      struct buf *why);

#endif
