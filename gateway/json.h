/* Members of the JSON that requests are answered with: `"name":value`, with a comma before them
 * unless they are the first behind a brace. What does not fit is the buffer's overflow. Names are
 * ours and are not escaped. */
#ifndef GATEWAY_JSON_H
#define GATEWAY_JSON_H

#include "base/buf.h"
#include "protocol/status.h"
#include "registry/registry.h"

void json_put_text(struct buf *out, const char *name, struct bytes text); /* data NULL: null */
void json_put_bool(struct buf *out, const char *name, bool value);
void json_put_id(struct buf *out, const char *name, const uint8_t id[REGISTRY_ID_BYTES]); /* hex */
void json_put_date(struct buf *out, const char *name, int32_t day);    /* 2023-06-01 */
void json_put_time(struct buf *out, const char *name, int64_t unix_s); /* RFC 3339; 0: null */
/* "fields": the names of those in the set. */
void json_put_fields(struct buf *out, uint32_t fields);
/* "result" and "reason", which is null with "valid". */
void json_put_verdict(struct buf *out, enum verdict_reason reason);

#endif
