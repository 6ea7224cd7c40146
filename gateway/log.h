/* Log lines on stderr: one JSON object a line, or a plain line when stderr is a terminal. Any
 * thread; a line is one write. Never put a code, a token, a number or a name of a person into one.
 */
#ifndef GATEWAY_LOG_H
#define GATEWAY_LOG_H

#include <stdint.h>

#include "base/bytes.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

void log_set_level(enum log_level least);
bool log_wants(enum log_level level);
/* "debug", "info", "warning", "error" */
const char *log_level_name(enum log_level level);

/* Fields: LOG_TEXT("path", "..."), LOG_BYTES, LOG_NUMBER("port", 8443), LOG_ID("request", id). */
struct log_field {
    const char *name;
    enum { LOG_FIELD_TEXT, LOG_FIELD_NUMBER, LOG_FIELD_ID } kind;
    struct bytes text;
    int64_t number;
};
#define LOG_TEXT(name, value)  ((struct log_field){name, LOG_FIELD_TEXT, bytes_str(value), 0})
#define LOG_BYTES(name, value) ((struct log_field){name, LOG_FIELD_TEXT, value, 0})
#define LOG_NUMBER(name, value)                                                                    \
    ((struct log_field){name, LOG_FIELD_NUMBER, {0, 0}, (int64_t)(value)})
#define LOG_ID(name, value) ((struct log_field){name, LOG_FIELD_ID, {0, 0}, (int64_t)(value)})

/* log_event(LOG_INFO, "listening", LOG_TEXT("address", a), LOG_NUMBER("port", p)); at most 12
 * fields. Text that is not UTF-8 or has controls is escaped; a line is cut at 2,000 bytes and stays
 * whole JSON: a text that does not fit ends in an ellipsis, what follows it is left out. Event and
 * names are ours: at most 32 plain characters. What stderr does not take is lost. */
#define log_event(level, event, ...)                                                               \
    log_write(level, event, (const struct log_field[]){{0}, ##__VA_ARGS__},                        \
              sizeof((const struct log_field[]){{0}, ##__VA_ARGS__}) / sizeof(struct log_field))
void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t count);

#endif
