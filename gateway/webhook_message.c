#include "gateway/webhook_message.h"

#include "base/clock.h"
#include "gateway/json.h"

/* ---- the body ---- */

static const char *kind_of(const struct registry_event *event)
{
    switch (event->kind) {
    case EVENT_HOLD:
        return "action";
    case EVENT_LIFT:
        return bytes_equal(event->purpose, BYTES("restore")) ? "restored" : "decided";
    case EVENT_ESCALATED:
        return "escalation";
    case EVENT_OBJECTION:
        return "objection";
    default: /* of a later version: the receiver asks what there is */
        return "other";
    }
}

static void put_action(const struct webhook_message *message, struct buf *out)
{
    const struct registry_event *event = message->event;
    const struct registry_action *action = message->action;
    buf_put_str(out, ",\"action\":{");
    if (action)
        json_put_id(out, "id", action->id);
    json_put_text(out, "action", event->purpose.len ? event->purpose : BYTES("request_cancel"));
    json_put_text(out, "agency", event->agency);
    json_put_text(out, "case_number", event->reference);
    if (action && action->due_at)
        json_put_time(out, "due_at", action->due_at);
    buf_put_u8(out, '}');
}

void webhook_message_write(const struct webhook_message *message, struct buf *out)
{
    const struct registry_event *event = message->event;
    const struct registry_licence *licence = message->licence;
    buf_put_u8(out, '{');
    json_put_id(out, "id", message->id.data);
    buf_put_str(out, ",\"event\":");
    buf_put_decimal(out, (int64_t)event->number);
    json_put_text(out, "kind", bytes_str(kind_of(event)));
    json_put_time(out, "at", event->at_us / 1000000);
    if (event->kind == EVENT_OBJECTION) {
        buf_put_str(out, ",\"objection\":{");
        json_put_text(out, "id", event->reference);
        buf_put_u8(out, '}');
    } else {
        put_action(message, out);
    }
    buf_put_str(out, ",\"licence\":{");
    json_put_id(out, "id", licence->id);
    json_put_text(out, "type", licence->type_code);
    json_put_text(out, "number", licence->number);
    buf_put_u8(out, '}');
    json_put_text(out, "status", bytes_str(licence_status_text(licence->status)));
    buf_put_u8(out, '}');
}

/* ---- the signature ---- */

bool webhook_message_sign(const struct webhook_signing *signing, struct bytes id, int64_t unix_s,
                          struct bytes body, struct buf *out)
{
    uint8_t storage[128], signature[CRYPTO_SIGNATURE_BYTES];
    struct buf head = BUF_OVER(storage);
    buf_put_hex(&head, id);
    buf_put_u8(&head, '.');
    buf_put_decimal(&head, unix_s);
    buf_put_u8(&head, '.');
    const struct bytes parts[] = {buf_bytes(&head), body};
    bool ok =
        buf_ok(&head) && signing->crypto->sign(signing->signer, parts, 2, signature) == CRYPTO_OK;
    buf_put_str(out, signing->key->alg == CRYPTO_SM2 ? "sm2 " : "es256 ");
    buf_put_hex(out, bytes_of(signing->key->kid, KID_BYTES));
    buf_put_u8(out, ' ');
    buf_put_base64url(out, bytes_of(signature, ok ? sizeof signature : 0));
    return ok && buf_ok(out);
}

/* ---- again ---- */

unsigned webhook_wait_s(unsigned attempts, unsigned least_s, unsigned most_s, uint16_t chance)
{
    uint64_t wait_s = least_s;
    for (unsigned i = 1; i < attempts && wait_s < most_s; i++)
        wait_s *= 2;
    if (wait_s > most_s)
        wait_s = most_s;
    wait_s -= wait_s * chance / (4 * UINT64_C(65536));
    return wait_s ? (unsigned)wait_s : 1;
}
