#include "gateway/json.h"

#include "base/clock.h"
#include "gateway/config/policy.h"

static void put_name(struct buf *out, const char *name)
{
    if (out->len > 0 && out->data[out->len - 1] != '{')
        buf_put_u8(out, ',');
    buf_put_u8(out, '"');
    buf_put_str(out, name);
    buf_put_str(out, "\":");
}

void json_put_text(struct buf *out, const char *name, struct bytes text)
{
    put_name(out, name);
    if (text.data)
        buf_put_json(out, text);
    else
        buf_put_str(out, "null");
}

void json_put_bool(struct buf *out, const char *name, bool value)
{
    put_name(out, name);
    buf_put_str(out, value ? "true" : "false");
}

void json_put_id(struct buf *out, const char *name, const uint8_t id[REGISTRY_ID_BYTES])
{
    put_name(out, name);
    buf_put_u8(out, '"');
    buf_put_hex(out, bytes_of(id, REGISTRY_ID_BYTES));
    buf_put_u8(out, '"');
}

void json_put_date(struct buf *out, const char *name, int32_t day)
{
    put_name(out, name);
    buf_put_u8(out, '"');
    buf_put_date(out, day);
    buf_put_u8(out, '"');
}

void json_put_time(struct buf *out, const char *name, int64_t unix_s)
{
    put_name(out, name);
    if (unix_s == 0) {
        buf_put_str(out, "null");
        return;
    }
    buf_put_u8(out, '"');
    buf_put_timestamp(out, unix_s);
    buf_put_u8(out, '"');
}

void json_put_fields(struct buf *out, uint32_t fields)
{
    const char *comma = "";
    put_name(out, "fields");
    buf_put_u8(out, '[');
    for (int field = 0; field < FIELD_COUNT; field++)
        if (fields & FIELD_BIT(field)) {
            buf_put_str(out, comma);
            buf_put_json(out, bytes_str(field_member((enum field)field)));
            comma = ",";
        }
    buf_put_u8(out, ']');
}

void json_put_verdict(struct buf *out, enum verdict_reason reason)
{
    const char *text = verdict_reason_text(reason);
    json_put_text(out, "result", bytes_str(verdict_result_text(verdict_reason_result(reason))));
    json_put_text(out, "reason", reason != REASON_NONE ? bytes_str(text) : (struct bytes){0});
}
