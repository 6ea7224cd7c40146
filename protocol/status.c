#include "protocol/status.h"

#include "base/check.h"

static const struct {
    const char *text;
    uint8_t code, bits;
} statuses[] = {
#define S(name, code, bits, text) {text, code, bits},
    LICENCE_STATUSES(S)
#undef S
};

uint8_t licence_status_bits(enum licence_status status)
{
    CHECK(status < LICENCE_STATUS_COUNT);
    return statuses[status].bits;
}

const char *licence_status_text(enum licence_status status)
{
    CHECK(status < LICENCE_STATUS_COUNT);
    return statuses[status].text;
}

unsigned licence_status_code(enum licence_status status)
{
    CHECK(status < LICENCE_STATUS_COUNT);
    return statuses[status].code;
}

bool licence_status_read(struct bytes text, enum licence_status *status)
{
    unsigned code = 0;
    if (text.len == 1 || text.len == 2)
        for (size_t i = 0; i < text.len; i++)
            code =
                text.data[i] >= '0' && text.data[i] <= '9' ? code * 10 + text.data[i] - '0' : 100;
    for (int i = 0; i < LICENCE_STATUS_COUNT; i++) {
        if (i == LICENCE_STATUS_SUPERSEDED || i == LICENCE_STATUS_IN_DOUBT) /* ours alone */
            continue;
        if (statuses[i].code == code || bytes_equal(text, bytes_str(statuses[i].text))) {
            *status = (enum licence_status)i;
            return true;
        }
    }
    return false;
}

enum licence_status licence_status_stricter(enum licence_status a, enum licence_status b)
{
    return a < b ? a : b;
}

static const char *const hold_texts[] = {"seize", "withdraw", "cancel-requested"};

const char *hold_kind_text(enum hold_kind kind)
{
    CHECK(kind < HOLD_KIND_COUNT);
    return hold_texts[kind];
}

bool hold_kind_read(struct bytes text, enum hold_kind *kind)
{
    for (int i = 0; i < HOLD_KIND_COUNT; i++)
        if (bytes_equal(text, bytes_str(hold_texts[i]))) {
            *kind = (enum hold_kind)i;
            return true;
        }
    return false;
}

enum licence_status hold_status(enum hold_kind kind)
{
    return kind == HOLD_WITHDRAWN ? LICENCE_STATUS_WITHDRAWN : LICENCE_STATUS_SEIZED;
}

static const struct {
    const char *text;
    enum verdict_result result;
} reasons[] = {
#define R(name, result, text) {text, RESULT_##result},
    VERDICT_REASONS(R)
#undef R
};

enum verdict_result verdict_reason_result(enum verdict_reason reason)
{
    CHECK(reason < REASON_COUNT);
    return reasons[reason].result;
}

enum verdict_result verdict_reason_result_offline(enum verdict_reason reason)
{
    return reason == REASON_UNKNOWN_KEY || reason == REASON_NOT_YET_VALID
               ? RESULT_INDETERMINATE
               : verdict_reason_result(reason);
}

enum verdict_reason status_bits_reason(uint8_t bits)
{
    static const enum verdict_reason by_bits[] = {
        REASON_NONE, REASON_LICENCE_INVALID, REASON_LICENCE_SEIZED, REASON_LICENCE_NOT_IN_FORCE};
    CHECK(bits < 4);
    return by_bits[bits];
}

const char *verdict_reason_text(enum verdict_reason reason)
{
    CHECK(reason < REASON_COUNT);
    return reasons[reason].text;
}

const char *verdict_result_text(enum verdict_result result)
{
    static const char *const texts[] = {"valid", "invalid", "indeterminate"};
    CHECK(result < RESULT_COUNT);
    return texts[result];
}

enum verdict_reason licence_status_reason(enum licence_status status)
{
    switch (status) {
    case LICENCE_STATUS_RESCINDED:
        return REASON_LICENCE_RESCINDED;
    case LICENCE_STATUS_REVOKED:
        return REASON_LICENCE_REVOKED;
    case LICENCE_STATUS_CANCELLED:
        return REASON_LICENCE_CANCELLED;
    case LICENCE_STATUS_SUPERSEDED:
        return REASON_LICENCE_SUPERSEDED;
    case LICENCE_STATUS_LAPSED:
        return REASON_LICENCE_LAPSED;
    case LICENCE_STATUS_WITHDRAWN:
        return REASON_LICENCE_WITHDRAWN;
    case LICENCE_STATUS_TRANSFERRED:
        return REASON_LICENCE_TRANSFERRED;
    case LICENCE_STATUS_SEIZED:
        return REASON_LICENCE_SEIZED;
    case LICENCE_STATUS_IN_DOUBT:
        return REASON_STATUS_UNAVAILABLE;
    case LICENCE_STATUS_VALID:
        return REASON_NONE;
    case LICENCE_STATUS_OTHER:
    case LICENCE_STATUS_COUNT:
        break;
    }
    return REASON_LICENCE_NOT_IN_FORCE;
}

enum verdict_reason licence_reason(enum licence_status status, int32_t valid_from,
                                   int32_t valid_until, int32_t today)
{
    if (valid_until >= 0 && today > valid_until)
        return REASON_LICENCE_EXPIRED;
    if (status == LICENCE_STATUS_VALID && valid_from >= 0 && today < valid_from)
        return REASON_LICENCE_NOT_IN_FORCE;
    return licence_status_reason(status);
}
