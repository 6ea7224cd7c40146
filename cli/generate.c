/* Writes fictional licences as deliveries look: several forms of dates and digits, quotes,
 * long-term words, former numbers; and, if asked, lines that an import must reject, each of another
 * kind. */
#include "cli/generate.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "cli/generate_licence.h"

#define FIELD_BYTES_MAX 1024
#define LINE_BYTES_MAX  (FIELDS * FIELD_BYTES_MAX)
#define TODAY_FIRST     10957 /* 2000-01-01 */
#define TODAY_LAST      47481 /* 2099-12-31 */

/* clang-format off */
#define FIELD_NAMES(F)                                                                             \
    F(ZZMC) F(ZZLXDM) F(ZZBH) F(ZZBS) F(ZZBFJG) F(ZZBFJGDM) F(ZZBFRQ) F(CZZT) F(CZZTDM)            \
    F(CZZTDMLXDM) F(ZZYXQQSRQ) F(ZZYXQJZRQ) F(ZZZT) F(SJBBH) F(FDDBR) F(FDDBRZJH) F(BZ)
/* clang-format on */
enum field {
#define F(name) name,
    FIELD_NAMES(F)
#undef F
        FIELDS,
};
static const char *const field_names[] = {
#define F(name) #name,
    FIELD_NAMES(F)
#undef F
};

/* What makes a line bad. Each is met in turn; the import gives each its own reason. */
enum badness {
    BAD_NONE,
    BAD_HOLDER_NUMBER,
    BAD_DATE,
    BAD_DATE_ORDER,
    BAD_FIELD_MISSING,
    BAD_FIELD_COUNT, /* a field too many; in NDJSON an object cut off */
    BAD_STATUS,
    BAD_IDENTIFIER,
    BAD_ISSUER_CODE,
    BAD_TYPE_CODE,
    BAD_ENCODING,
    BAD_FIELD_TOO_LONG,
    BAD_CONTROL_CHARACTER,
    BAD_NUMBER_KIND,
    BAD_QUOTE, /* one that is not closed; in NDJSON one too few */
    BAD_SOURCE_VERSION,
    BAD_COUNT,
};

struct generator {
    const struct generate_options *options;
    struct generate_world world;
    iconv_t convert;
    struct buf fields[FIELDS];
    struct buf line, out;
    uint8_t field_storage[FIELDS][FIELD_BYTES_MAX];
    uint8_t line_storage[LINE_BYTES_MAX], out_storage[2 * LINE_BYTES_MAX];
};

static void set(struct generator *g, enum field field, const char *text)
{
    buf_init(&g->fields[field], g->field_storage[field], FIELD_BYTES_MAX);
    buf_put_str(&g->fields[field], text);
}

/* ---- how deliveries write things ---- */
static void set_date(struct generator *g, enum field field, int32_t day, unsigned form)
{
    static const char *const separators[][3] = {
        {"-", "-", ""}, {"/", "/", ""}, {".", ".", ""}, {"年", "月", "日"}};
    int year, month, date;
    set(g, field, "");
    civil_from_days(day, &year, &month, &date);
    if (form < 40)
        buf_put_date(&g->fields[field], day);
    else if (form < 60)
        buf_printf(&g->fields[field], "%04d%02d%02d", year, month, date);
    else if (form < 65)
        buf_printf(&g->fields[field], "%04d-%02d-%02d 00:00:00", year, month, date);
    else {
        const char *const *s = separators[form % 4];
        buf_printf(&g->fields[field], "%d%s%d%s%d%s", year, s[0], month, s[1], date, s[2]);
    }
}

/* ASCII letters and digits become their full-width forms, U+FF01 and following. */
static void widen(struct generator *g, enum field field)
{
    uint8_t copy[FIELD_BYTES_MAX];
    size_t len = g->fields[field].len;
    memcpy(copy, g->fields[field].data, len);
    set(g, field, "");
    for (size_t i = 0; i < len; i++) {
        bool letter = (copy[i] >= '0' && copy[i] <= '9') || (copy[i] >= 'A' && copy[i] <= 'Z');
        if (letter)
            utf8_put(&g->fields[field], copy[i] + 0xFEE0u);
        else
            buf_put_u8(&g->fields[field], copy[i]);
    }
}

static void set_name(struct generator *g, enum field field, const char *name)
{
    static const uint32_t dots[] = {0xB7, 0x2022, 0x30FB};
    uint32_t dot = dots[generate_below(&g->world.random, 3)], c;
    struct bytes rest = bytes_str(name);
    set(g, field, "");
    for (size_t n; (n = utf8_next(rest, &c)) != 0; rest = bytes_from(rest, n))
        utf8_put(&g->fields[field], c == 0xB7 ? dot : c);
    if (generate_chance(&g->world.random, 2))
        utf8_put(&g->fields[field], 0x3000);
}

/* A citizen number, now and then of 15 digits or with a lowercase x. */
static void set_citizen(struct generator *g, enum field field, const char *number)
{
    set(g, field, number);
    struct buf *b = &g->fields[field];
    if (b->len == 18 && generate_chance(&g->world.random, 2)) {
        set(g, field, "");
        buf_put(b, bytes_of(number, 6));
        buf_put(b, bytes_of(number + 8, 9));
    } else if (b->len == 18 && number[17] == 'X' && generate_chance(&g->world.random, 50)) {
        b->data[17] = 'x';
    }
}

static void set_remark(struct generator *g)
{
    static const char *const remarks[] = {"补办", "换证,原证收回", "地址变更\n见附页",
                                          "持证人称\"已迁出\"", "C1,限本人"};
    bool any = generate_chance(&g->world.random, 4);
    set(g, BZ, any ? remarks[generate_below(&g->world.random, 5)] : "");
}

static void set_fields(struct generator *g, const struct generate_licence *l, bool plain)
{
    static const char *const open_ends[] = {"长期", "长期有效", "99991231", "9999-12-31", ""};
    struct generate_random *random = &g->world.random;
    const struct generate_holder *h = l->holder;
    unsigned form = plain ? 0 : (unsigned)generate_below(random, 100);
    char status[24];
    set(g, ZZMC, l->name);
    set(g, ZZLXDM, l->type_code);
    set(g, ZZBH, l->number);
    set(g, ZZBS, l->identifier);
    set(g, ZZBFJG, l->issuer);
    set(g, ZZBFJGDM, l->issuer_code);
    set_date(g, ZZBFRQ, l->issued_on, form);
    set(g, CZZTDMLXDM, h->enterprise ? "001" : "111");
    set_date(g, ZZYXQQSRQ, l->issued_on, form);
    if (l->valid_until >= 0)
        set_date(g, ZZYXQJZRQ, l->valid_until, form);
    else
        set(g, ZZYXQJZRQ, open_ends[generate_below(random, 5)]);
    snprintf(status, sizeof status, "%02u", l->status);
    set(g, ZZZT, status);
    set(g, SJBBH, "1");
    set(g, FDDBR, h->representative_name);
    set(g, FDDBRZJH, h->representative_number);
    set(g, BZ, "");
    set(g, CZZT, h->name);
    set(g, CZZTDM, h->number);
    if (plain)
        return;
    set_name(g, CZZT, h->name);
    set_name(g, FDDBR, h->representative_name);
    set_citizen(g, h->enterprise ? FDDBRZJH : CZZTDM,
                h->enterprise ? h->representative_number : h->number);
    if (generate_chance(random, 5))
        set(g, CZZTDMLXDM, "");
    if (generate_chance(random, 2))
        widen(g, CZZTDM);
    if (generate_chance(random, 1))
        widen(g, ZZYXQQSRQ);
    set_remark(g);
}

/* ---- lines an import must reject ---- */
static void spoil_last(struct generator *g, enum field field, const char *text)
{
    set(g, field, text);
    uint8_t *last = &g->fields[field].data[g->fields[field].len - 1];
    *last = *last == '1' ? '2' : '1';
}

static void spoil_fields(struct generator *g, const struct generate_licence *l,
                         enum badness badness)
{
    if (badness != BAD_NONE) /* a bad record over two lines would be two bad lines */
        set(g, BZ, "");
    switch (badness) {
    case BAD_HOLDER_NUMBER: /* a credit code's check character is but warned of */
        spoil_last(g, CZZTDM, l->holder->enterprise ? "short1" : l->holder->number);
        set(g, CZZTDMLXDM, l->holder->enterprise ? "001" : "111");
        break;
    case BAD_DATE:
        set(g, ZZBFRQ, "2023-02-30");
        break;
    case BAD_DATE_ORDER:
        set(g, ZZYXQQSRQ, "2023-06-01");
        set(g, ZZYXQJZRQ, "2023年5月31日");
        break;
    case BAD_FIELD_MISSING:
        set(g, ZZBH, "");
        break;
    case BAD_STATUS:
        set(g, ZZZT, "10");
        break;
    case BAD_IDENTIFIER:
        spoil_last(g, ZZBS, l->identifier[0] ? l->identifier : "1.2.156.3005.2.1");
        break;
    case BAD_ISSUER_CODE:
        set(g, ZZBFJGDM, "4108");
        break;
    case BAD_TYPE_CODE:
        set(g, ZZLXDM, "A-1");
        break;
    case BAD_FIELD_TOO_LONG:
        while (g->fields[ZZBFJG].len <= 512)
            buf_put_str(&g->fields[ZZBFJG], "分局");
        break;
    case BAD_CONTROL_CHARACTER:
        buf_put_u8(&g->fields[ZZMC], 1);
        buf_put_str(&g->fields[ZZMC], "副本");
        break;
    case BAD_NUMBER_KIND:
        set(g, CZZTDMLXDM, "999");
        break;
    case BAD_SOURCE_VERSION:
        set(g, SJBBH, "1.0");
        break;
    case BAD_NONE:
    case BAD_FIELD_COUNT: /* these three are the writer's */
    case BAD_ENCODING:
    case BAD_QUOTE:
    case BAD_COUNT:
        break;
    }
}

/* ---- writing ---- */
static void put_csv_field(struct generator *g, const struct buf *field)
{
    bool must = false;
    for (size_t i = 0; i < field->len; i++)
        must = must || strchr(",\"\n", field->data[i]) != NULL;
    if (!must && !generate_chance(&g->world.random, 10)) {
        buf_put(&g->line, buf_bytes(field));
        return;
    }
    buf_put_u8(&g->line, '"');
    for (size_t i = 0; i < field->len; i++) {
        if (field->data[i] == '"')
            buf_put_u8(&g->line, '"');
        buf_put_u8(&g->line, field->data[i]);
    }
    buf_put_u8(&g->line, '"');
}

static void put_csv(struct generator *g, enum badness badness)
{
    for (int i = 0; i < FIELDS; i++) {
        if (i)
            buf_put_u8(&g->line, ',');
        if (i == BZ && badness == BAD_QUOTE)
            buf_put_str(&g->line, "\"未闭合");
        else
            put_csv_field(g, &g->fields[i]);
    }
    if (badness == BAD_FIELD_COUNT)
        buf_put_str(&g->line, ",多余");
}

static void put_json(struct generator *g, enum badness badness)
{
    for (int i = 0; i < FIELDS; i++) {
        buf_put_str(&g->line, i ? ", " : "{");
        buf_put_json(&g->line, bytes_str(field_names[i]));
        buf_put_str(&g->line, ": ");
        if (i == BZ && badness == BAD_QUOTE)
            buf_put_str(&g->line, "未闭合\"");
        else
            buf_put_json(&g->line, buf_bytes(&g->fields[i]));
    }
    if (badness != BAD_FIELD_COUNT)
        buf_put_u8(&g->line, '}');
}

/* The line in the file's encoding, and its end. */
static bool write_line(struct generator *g, enum badness badness, FILE *file)
{
    CHECK(buf_ok(&g->line));
    buf_init(&g->out, g->out_storage, sizeof g->out_storage);
    if (g->options->gb18030) {
        char *from = (char *)g->line.data, *to = (char *)g->out.data;
        size_t left = g->line.len, room = g->out.cap;
        if (iconv(g->convert, &from, &left, &to, &room) == (size_t)-1)
            return false;
        g->out.len = g->out.cap - room;
    } else {
        buf_put(&g->out, buf_bytes(&g->line));
    }
    if (badness == BAD_ENCODING)
        buf_put_u8(&g->out, 0xFF);
    buf_put_str(&g->out, g->options->ndjson ? "\n" : "\r\n");
    CHECK(buf_ok(&g->out));
    return fwrite(g->out.data, 1, g->out.len, file) == g->out.len;
}

static bool write_heading(struct generator *g, FILE *file)
{
    if (g->options->ndjson)
        return true;
    buf_init(&g->line, g->line_storage, sizeof g->line_storage);
    if (!g->options->gb18030)
        buf_put_str(&g->line, "\xEF\xBB\xBF");
    for (int i = 0; i < FIELDS; i++) {
        buf_put_str(&g->line, i ? "," : "");
        buf_put_str(&g->line, field_names[i]);
    }
    return write_line(g, BAD_NONE, file);
}

/* Of the lines left, each is as likely as the others to be bad, and exactly as many are as asked.
 */
static bool write_lines(struct generator *g, FILE *file)
{
    uint64_t bad_left = g->options->bad_lines, bad_done = 0;
    for (uint64_t i = 0; i < g->options->count; i++) {
        struct generate_licence licence;
        enum badness badness = BAD_NONE;
        generate_licence_next(&g->world, &licence);
        set_fields(g, &licence, i == 0);
        if (i && generate_below(&g->world.random, g->options->count - i) < bad_left) {
            badness = (enum badness)(BAD_NONE + 1 + bad_done++ % (BAD_COUNT - 1));
            bad_left--;
        }
        spoil_fields(g, &licence, badness);
        buf_init(&g->line, g->line_storage, sizeof g->line_storage);
        if (g->options->ndjson)
            put_json(g, badness);
        else
            put_csv(g, badness);
        if (!write_line(g, badness, file))
            return false;
    }
    return true;
}

bool generate_licences(const struct generate_options *options, FILE *file, struct buf *why)
{
    int32_t today = options->today ? options->today : civil_day_at(clock_wall_s());
    if (options->count < 1 || options->count > GENERATE_COUNT_MAX ||
        options->bad_lines >= options->count || today < TODAY_FIRST || today > TODAY_LAST) {
        buf_printf(why, "1 to %d licences, fewer bad lines, and a day of 2000 to 2099 are possible",
                   GENERATE_COUNT_MAX);
        return false;
    }
    struct generator *g = check_alloc(sizeof *g);
    g->options = options;
    generate_world_init(&g->world, options->seed, today);
    g->convert = iconv_open("GB18030", "UTF-8");
    bool ok = g->convert != (iconv_t)-1 && write_heading(g, file) && write_lines(g, file) &&
              fflush(file) == 0;
    if (!ok)
        buf_printf(why, "the licences can't be written: %s", strerror(errno));
    if (g->convert != (iconv_t)-1)
        iconv_close(g->convert);
    free(g);
    return ok;
}
