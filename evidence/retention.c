#include "evidence/retention.h"

#define DAY_US INT64_C(86400000000)

static bool read_days(struct bytes text, unsigned *days)
{
    *days = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || *days > RETENTION_DAYS_MAX)
            return false;
        *days = *days * 10 + (unsigned)(text.data[i] - '0');
    }
    return *days >= 1 && *days <= RETENTION_DAYS_MAX;
}

static bool complain(struct buf *why, const char *key, struct bytes piece, const char *fault)
{
    buf_printf(why, "retention.%s: '%.*s': %s", key, (int)piece.len, (const char *)piece.data,
               fault);
    return false;
}

/* The next "name=days" of a list; false: it is none, which is said. */
static bool read_piece(struct bytes *rest, const char *key, struct bytes *piece, struct bytes *name,
                       unsigned *days, struct buf *why)
{
    const uint8_t *comma = memchr(rest->data, ',', rest->len);
    *piece = bytes_of(rest->data, comma ? (size_t)(comma - rest->data) : rest->len);
    *rest = bytes_from(*rest, piece->len + (comma != NULL));
    if (comma && rest->len == 0)
        return complain(why, key, *piece, "nothing follows its comma");
    const uint8_t *sign = memchr(piece->data, '=', piece->len);
    *name = bytes_of(piece->data, sign ? (size_t)(sign - piece->data) : 0);
    if (!sign || !read_days(bytes_from(*piece, name->len + 1), days))
        return complain(why, key, *piece, "is not NAME=DAYS, with 1 to 36500 days");
    return true;
}

static bool read_kinds(struct retention *retention, struct bytes rest, struct buf *why)
{
    struct bytes piece, name;
    unsigned days, kind;
    while (rest.len) {
        if (!read_piece(&rest, "kinds", &piece, &name, &days, why))
            return false;
        for (kind = 0; kind < RETENTION_KINDS_MAX; kind++)
            if (journal_kind_text(kind) && bytes_equal(name, bytes_str(journal_kind_text(kind))))
                break;
        if (kind == RETENTION_KINDS_MAX)
            return complain(why, "kinds", piece, "there is no such kind of record");
        if (retention->kinds[kind])
            return complain(why, "kinds", piece, "this kind stands twice");
        retention->kinds[kind] = days;
    }
    return true;
}

static unsigned days_of_type(const struct retention *retention, uint16_t type)
{
    for (size_t i = 0; i < retention->type_count; i++)
        if (retention->types[i].type == type)
            return retention->types[i].days;
    return 0;
}

static bool read_types(struct retention *retention, struct bytes rest,
                       bool (*type_of)(void *context, struct bytes code, uint16_t *type),
                       void *context, struct buf *why)
{
    struct bytes piece, name;
    unsigned days;
    uint16_t type;
    while (rest.len) {
        if (!read_piece(&rest, "types", &piece, &name, &days, why))
            return false;
        if (!type_of(context, name, &type))
            return complain(why, "types", piece, "the registry has no such type of licence");
        if (days_of_type(retention, type))
            return complain(why, "types", piece, "this type stands twice");
        if (retention->type_count == RETENTION_TYPES_MAX)
            return complain(why, "types", piece, "too many types");
        retention->types[retention->type_count++] = (struct retention_type){type, days};
    }
    return true;
}

bool retention_read(struct retention *retention, unsigned days, struct bytes kinds,
                    struct bytes types,
                    bool (*type_of)(void *context, struct bytes code, uint16_t *type),
                    void *context, struct buf *why)
{
    *retention = (struct retention){.days = days};
    return read_kinds(retention, kinds, why) && read_types(retention, types, type_of, context, why);
}

bool retention_is_due(const struct retention *retention, const struct journal_record *record,
                      int64_t now_us)
{
    const unsigned kind = (unsigned)record->kind;
    unsigned by_kind = kind < RETENTION_KINDS_MAX ? retention->kinds[kind] : 0;
    unsigned by_type =
        record->type != JOURNAL_TYPE_NONE ? days_of_type(retention, record->type) : 0;
    unsigned days = by_kind > by_type ? by_kind : by_type;
    if (!days)
        days = retention->days;
    return record->number == 0 && now_us - record->at_us >= days * DAY_US;
}
