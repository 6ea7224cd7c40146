#include "gateway/shown.h"

#include "base/check.h"
#include "base/clock.h"
#include "gateway/face.h"
#include "gateway/json.h"
#include "gateway/named.h"
#include "protocol/identifier.h"
#include "registry/personal.h"

#define ROWS_BYTES_MAX (256 * 1024) /* a hundred licences are about 60 KiB */
#define ROW_BYTES_MAX  (FACE_JSON_BYTES_MAX + 256)

/* ---- one licence ---- */

static bool is_asked_for(const struct shown *shown, struct bytes type)
{
    bool named = shown->any_type;
    for (size_t i = 0; i < shown->type_count; i++)
        named |= bytes_equal(shown->types[i], type);
    return named && client_has_type(shown->op->client, type);
}

static void add_licence(struct registry_licences_query *query,
                        const struct registry_licence *licence, enum registry_acting acting)
{
    struct shown *shown = query->context;
    struct gateway_loop *home = shown->op->home;
    struct buf *rows = &shown->rows;
    int64_t now = clock_wall_s();
    (void)acting;
    shown->named |= shown->text.len && personal_licence_in(shown->text, licence);
    if (!shown->known || !is_asked_for(shown, licence->type_code))
        return;
    if (licence->status == LICENCE_STATUS_VALID &&
        gateway_knows_later(home, licence->list, licence->index)) {
        shown->known = false;
        return;
    }
    if (shown->count == SHOWN_MAX || rows->cap - rows->len < ROW_BYTES_MAX) {
        shown->more = true;
        return;
    }
    const struct face face = face_of_licence(licence);
    const struct policy_rule *rule = policy_find(home->settings->policy, licence->type_code,
                                                 shown->op->asker.role, shown->purpose);
    const enum verdict_reason reason = licence_reason(licence->status, licence->valid_from,
                                                      licence->valid_until, civil_day_at(now));
    struct journal_record *about = &shown->about[shown->count++];
    operation_about(about, licence);
    about->reason = (uint8_t)reason;
    about->result = (uint8_t)verdict_reason_result(reason);
    if (rows->len)
        buf_put_u8(rows, ',');
    buf_put_u8(rows, '{');
    json_put_verdict(rows, reason);
    json_put_text(rows, "status", bytes_str(licence_status_text(licence->status)));
    json_put_time(rows, "as_of", now);
    json_put_text(rows, "by", BYTES("registry"));
    buf_put_str(rows, ",\"licence\":{");
    about->fields = face_write(rows, &face, rule, shown->allowed);
    buf_put_str(rows, "}}");
}

/* ---- finding ---- */

/* After a registry that can't be believed nothing counts that was seen of it. */
static void settle(struct shown *shown, enum registry_error error)
{
    shown->known = shown->known && (error == REGISTRY_OK || error == REGISTRY_ERR_NOT_FOUND) &&
                   !atomic_load(&shown->op->home->gateway->registry_behind);
    shown->more |= shown->query.more;
    if (!shown->known)
        shown->count = 0;
}

static void licences_found_later(struct registry_licences_query *query)
{
    struct shown *shown = query->context;
    settle(shown, query->error);
    operation_resume(shown->op);
}

static enum step_result find(struct shown *shown)
{
    shown->query.each = add_licence;
    shown->query.done = licences_found_later;
    shown->query.context = shown;
    if (registry_find_licences(shown->op->home->reader, &shown->query) == REGISTRY_LATER)
        return STEP_WAIT;
    settle(shown, shown->query.error);
    return STEP_NEXT;
}

static void begin(struct shown *shown, struct operation *op)
{
    shown->op = op;
    shown->known = true;
    buf_init(&shown->rows, http_room(op->http, ROWS_BYTES_MAX), ROWS_BYTES_MAX);
}

enum step_result shown_find_holder(struct shown *shown, struct operation *op, struct bytes number)
{
    enum registry_error error = REGISTRY_ERR_NOT_FOUND;
    char citizen[CITIZEN_NUMBER_BYTES];
    begin(shown, op);
    number = named_fold(op, number);
    if (citizen_number_read(number, citizen) == IDENTIFIER_OK) /* also one of 15 digits */
        number = bytes_of(citizen, sizeof citizen);
    shown->query.by = LICENCES_OF_HOLDER;
    if (number.len > 0 && number.len <= REGISTRY_NUMBER_BYTES_MAX)
        error = registry_holder_id(op->home->reader, number, shown->query.holder_id);
    if (error == REGISTRY_OK)
        return find(shown);
    settle(shown, error);
    return STEP_NEXT;
}

enum step_result shown_find_number(struct shown *shown, struct operation *op, struct bytes number)
{
    begin(shown, op);
    shown->query.by = LICENCES_OF_NUMBER;
    shown->query.text = named_fold(op, number);
    if (shown->query.text.len > 0) /* many a licence has no identifier */
        return find(shown);
    settle(shown, REGISTRY_ERR_NOT_FOUND);
    return STEP_NEXT;
}

/* ---- telling ---- */

enum step_result shown_record(struct shown *shown, struct journal_record *record)
{
    enum verdict_reason none = shown->known ? REASON_LICENCE_UNKNOWN : REASON_STATUS_UNAVAILABLE;
    record->acting = JOURNAL_ACTING_NONE;
    record->reason = (uint8_t)none;
    record->result = (uint8_t)verdict_reason_result(none);
    for (size_t i = 0; i < shown->count; i++) {
        struct journal_record *about = &shown->about[i];
        about->kind = record->kind;
        about->acting = record->acting;
        about->subject = record->subject;
        about->purpose = record->purpose;
        about->reference = record->reference;
        if (i + 1 == shown->count)
            return operation_record(shown->op, about);
        if (!operation_record_also(shown->op, about)) {
            shown->op->recorded = false;
            return STEP_NEXT;
        }
    }
    return operation_record(shown->op, record);
}

void shown_write(const struct shown *shown, struct buf *out)
{
    buf_put_str(out, "\"licences\":[");
    buf_put(out, buf_bytes(&shown->rows));
    buf_put_str(out, shown->more ? "],\"more\":true" : "],\"more\":false");
}
