#include "gateway/action_pdf.h"

#include <cairo/cairo-pdf.h>
#include <cairo/cairo.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "qr/qr.h"

/* Points, 1/72 inch; A4 is 210 x 297 mm (ISO 216). */
#define PAGE_WIDTH  595.28
#define PAGE_HEIGHT 841.89
#define MARGIN      56.0
#define VALUE_LEFT  206.0
#define VALUE_WIDTH (PAGE_WIDTH - MARGIN - VALUE_LEFT)
#define QR_SIDE     156.0 /* 55 mm: half a millimetre for each module of the longest receipt */

#define TITLE_SIZE   22.0
#define CHINESE_SIZE 10.5
#define ENGLISH_SIZE 7.5
#define HASH_SIZE    8.0
#define ROW_HEIGHT   27.0 /* of one line; each other one adds LINE_HEIGHT */
#define LINE_HEIGHT  13.0

#define BLACK 0.0
#define GREY  0.42
#define PALE  0.8

#define LINE_BYTES_MAX      256
#define VALUE_BYTES_MAX     256
#define TYPE_CHARACTERS_MAX 24
#define PIXELS_BYTES_MAX    16384 /* of a QR code with one pixel a module */

struct page {
    cairo_t *cr;
    double y; /* where the next row begins */
};

const char *action_pdf_error_text(enum action_pdf_error error)
{
    switch (error) {
    case ACTION_PDF_OK:
        return "no error";
    case ACTION_PDF_ERR_FONT:
        return "no font of this machine has Chinese; deps.txt names a package";
    case ACTION_PDF_ERR_QR:
        return "the QR code could not be drawn";
    case ACTION_PDF_ERR_CAIRO:
        return "the page could not be drawn";
    case ACTION_PDF_ERR_SPACE:
        return "the page is larger than a page may be";
    }
    return "unknown error";
}

/* ---- text ---- */

/* The first of these that has the heading's characters: fontconfig gives something for any name. */
static bool choose_font(cairo_t *cr)
{
    static const char *const families[] = {"WenQuanYi Zen Hei", "Noto Sans CJK SC",
                                           "Droid Sans Fallback"};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        cairo_glyph_t *glyphs = NULL;
        int count = 0;
        bool whole = true;
        cairo_select_font_face(cr, families[i], CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
        whole = cairo_scaled_font_text_to_glyphs(cairo_get_scaled_font(cr), 0, 0, "核验回执", -1,
                                                 &glyphs, &count, NULL, NULL,
                                                 NULL) == CAIRO_STATUS_SUCCESS;
        for (int g = 0; g < count; g++)
            whole &= glyphs[g].index != 0;
        cairo_glyph_free(glyphs);
        if (whole && count > 0)
            return true;
    }
    return false;
}

static double width_of(cairo_t *cr, const char *text)
{
    cairo_text_extents_t extents;
    cairo_text_extents(cr, text, &extents);
    return extents.x_advance;
}

static void write_at(struct page *page, double x, double y, double size, double grey,
                     const char *text)
{
    cairo_set_font_size(page->cr, size);
    cairo_set_source_rgb(page->cr, grey, grey, grey);
    cairo_move_to(page->cr, x, y);
    cairo_show_text(page->cr, text);
}

static void write_centred(struct page *page, double y, double size, double grey, const char *text)
{
    cairo_set_font_size(page->cr, size);
    write_at(page, (PAGE_WIDTH - width_of(page->cr, text)) / 2, y, size, grey, text);
}

/* As many characters as fit the column, one at least; as a NUL-terminated text in `line`. */
static const char *take_line(cairo_t *cr, struct bytes *text, struct buf *line)
{
    uint32_t character;
    size_t len = 0, next;
    while (len < text->len) {
        next = len + utf8_next(bytes_from(*text, len), &character);
        line->len = 0;
        buf_put(line, bytes_of(text->data, next));
        if (len > 0 && width_of(cr, buf_cstr(line)) > VALUE_WIDTH)
            break;
        len = next;
    }
    line->len = 0;
    buf_put(line, bytes_of(text->data, len));
    *text = bytes_from(*text, len);
    return buf_cstr(line);
}

static void rule(struct page *page, double grey)
{
    cairo_set_source_rgb(page->cr, grey, grey, grey);
    cairo_set_line_width(page->cr, 0.5);
    cairo_move_to(page->cr, MARGIN, page->y);
    cairo_line_to(page->cr, PAGE_WIDTH - MARGIN, page->y);
    cairo_stroke(page->cr);
}

/* A label in both languages, and its value in as many lines as it takes. */
static void row(struct page *page, const char *chinese, const char *english, struct bytes value,
                double size)
{
    double baseline = page->y + 12;
    write_at(page, MARGIN, baseline, CHINESE_SIZE, BLACK, chinese);
    write_at(page, MARGIN, baseline + 10, ENGLISH_SIZE, GREY, english);
    baseline += 5;
    for (double y = baseline; value.len > 0; y += LINE_HEIGHT) {
        char storage[LINE_BYTES_MAX];
        struct buf line = BUF_OVER(storage);
        cairo_set_font_size(page->cr, size);
        write_at(page, VALUE_LEFT, y, size, BLACK, take_line(page->cr, &value, &line));
        page->y += y > baseline ? LINE_HEIGHT : 0;
    }
    page->y += ROW_HEIGHT;
    rule(page, PALE);
}

/* ---- words ---- */

static const char *action_chinese(struct bytes action)
{
    static const struct {
        struct bytes word;
        const char *chinese;
    } words[] = {
        {BYTES("seize"), "暂扣"},
        {BYTES("withdraw"), "收回"},
        {BYTES("request_cancel"), "提请注销"},
        {BYTES("restore"), "解除处置"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (bytes_equal(words[i].word, action))
            return words[i].chinese;
    return "";
}

static const char *status_chinese(enum licence_status status)
{
    static const char *const words[LICENCE_STATUS_COUNT] = {
        [LICENCE_STATUS_RESCINDED] = "吊销",   [LICENCE_STATUS_REVOKED] = "撤销",
        [LICENCE_STATUS_CANCELLED] = "注销",   [LICENCE_STATUS_SUPERSEDED] = "已有新版本",
        [LICENCE_STATUS_LAPSED] = "失效",      [LICENCE_STATUS_WITHDRAWN] = "收回",
        [LICENCE_STATUS_TRANSFERRED] = "转出", [LICENCE_STATUS_OTHER] = "其他",
        [LICENCE_STATUS_SEIZED] = "暂扣",      [LICENCE_STATUS_IN_DOUBT] = "待核实",
        [LICENCE_STATUS_VALID] = "有效",
    };
    return words[status];
}

/* ---- the page ---- */

static void text_row(struct page *page, const char *chinese, const char *english,
                     struct bytes value)
{
    row(page, chinese, english, value, CHINESE_SIZE);
}

static void pair_row(struct page *page, const char *chinese, const char *english, struct bytes one,
                     struct bytes other)
{
    char storage[VALUE_BYTES_MAX];
    struct buf value = BUF_OVER(storage);
    buf_put(&value, one);
    buf_put_str(&value, "  ");
    buf_put(&value, other);
    text_row(page, chinese, english, buf_bytes(&value));
}

static void hash_row(struct page *page, const char *chinese, const char *english,
                     struct bytes octets)
{
    char storage[2 * CRYPTO_HASH_BYTES];
    struct buf value = BUF_OVER(storage);
    buf_put_hex(&value, octets);
    row(page, chinese, english, buf_bytes(&value), HASH_SIZE);
}

static void time_row(struct page *page, const char *chinese, const char *english, int64_t unix_s)
{
    char storage[32];
    struct buf value = BUF_OVER(storage);
    buf_put_timestamp(&value, unix_s);
    text_row(page, chinese, english, buf_bytes(&value));
}

static void draw_action(struct page *page, const struct action_receipt_claims *r)
{
    hash_row(page, "处置编号", "Number of the action", bytes_of(r->id, sizeof r->id));
    pair_row(page, "处置", "What was done", bytes_str(action_chinese(r->action)), r->action);
    time_row(page, "处置时间", "When", r->at);
    text_row(page, "执法机关", "Agency", r->agency);
    text_row(page, "案件编号", "Case number", r->case_number);
    text_row(page, "执法人员", "Officer", r->officer);
    text_row(page, "核验终端", "Terminal", r->terminal);
    text_row(page, "签发", "Issued by", r->issuer);
    if (r->due_at)
        time_row(page, "发证机关答复期限", "Authority answers by", r->due_at);
    else
        text_row(page, "发证机关答复期限", "Authority answers by", BYTES("无  none"));
}

static void draw_licence(struct page *page, const struct action_receipt_claims *r,
                         struct bytes type_name)
{
    char storage[16];
    struct buf tail = BUF_OVER(storage);
    buf_put_str(&tail, "****");
    buf_put(&tail, r->number_tail);
    pair_row(page, "证照类型", "Licence type", utf8_head(type_name, TYPE_CHARACTERS_MAX), r->type);
    text_row(page, "持证人", "Holder", r->holder_name);
    text_row(page, "证照编号", "Licence number", buf_bytes(&tail));
    pair_row(page, "处置后证照状态", "Licence status after it",
             bytes_str(status_chinese(r->status)), bytes_str(licence_status_text(r->status)));
    hash_row(page, "证照存证标识", "Licence, as evidence names it",
             bytes_of(r->licence, sizeof r->licence));
    if (r->has_evidence)
        hash_row(page, "证据材料摘要", "Hash of the agency's evidence",
                 bytes_of(r->evidence_hash, sizeof r->evidence_hash));
    else
        text_row(page, "证据材料摘要", "Hash of the agency's evidence", BYTES("无  none"));
}

static cairo_status_t read_picture(void *context, unsigned char *data, unsigned length)
{
    struct bytes *rest = context;
    if (length > rest->len)
        return CAIRO_STATUS_READ_ERROR;
    memcpy(data, rest->data, length);
    *rest = bytes_from(*rest, length);
    return CAIRO_STATUS_SUCCESS;
}

/* The dark modules as rectangles, so that it prints sharp at any resolution. One pixel is one
 * module, and cairo gives a picture without colours as 32 bits a pixel. */
static void add_modules(cairo_t *cr, cairo_surface_t *picture, double x, double y)
{
    const int side = cairo_image_surface_get_width(picture);
    const int stride = cairo_image_surface_get_stride(picture);
    const unsigned char *pixels = cairo_image_surface_get_data(picture);
    const double module = QR_SIDE / side;
    for (int i = 0; i < side; i++) {
        for (int begin = 0, end; begin < side; begin = end) {
            for (end = begin; end < side && pixels[i * stride + 4 * end] < 128;)
                end++;
            if (end > begin)
                cairo_rectangle(cr, x + begin * module, y + i * module, (end - begin) * module,
                                module);
            else
                end++;
        }
    }
}

static enum action_pdf_error draw_code(struct page *page, struct bytes message, double x, double y)
{
    char text_storage[ACTION_RECEIPT_TEXT_MAX];
    uint8_t storage[PIXELS_BYTES_MAX];
    struct buf text = BUF_OVER(text_storage), png = BUF_OVER(storage);
    const struct qr_options options = {QR_LEVEL_M, 1, 0};
    enum action_pdf_error error = ACTION_PDF_ERR_QR;
    action_receipt_write_text(message, &text);
    if (!buf_ok(&text) || qr_write(buf_bytes(&text), QR_FORMAT_PNG, &options, &png) != QR_OK)
        return error;
    struct bytes rest = buf_bytes(&png);
    cairo_surface_t *picture = cairo_image_surface_create_from_png_stream(read_picture, &rest);
    cairo_format_t format = cairo_image_surface_get_format(picture);
    if (format == CAIRO_FORMAT_RGB24 || format == CAIRO_FORMAT_ARGB32) {
        cairo_set_source_rgb(page->cr, 0, 0, 0);
        add_modules(page->cr, picture, x, y);
        cairo_fill(page->cr);
        error = ACTION_PDF_OK;
    }
    cairo_surface_destroy(picture);
    return error;
}

/* What belongs to the code stands beside it; else nothing is near it. */
static enum action_pdf_error draw_foot(struct page *page, struct bytes message)
{
    static const struct {
        double down, size, grey;
        const char *text;
    } lines[] = {
        {34, CHINESE_SIZE, BLACK, "扫码得到经签名的回执，内容与本页相同；"},
        {49, CHINESE_SIZE, BLACK, "可用 jwb receipt check 核验真伪。"},
        {62, ENGLISH_SIZE, GREY,
         "The code holds the signed receipt, which says what this page says;"},
        {72, ENGLISH_SIZE, GREY, "jwb receipt check tells whether it is genuine."},
        {100, CHINESE_SIZE, BLACK, "本回执载明处置当时的情况，不反映其后的变化。"},
        {113, ENGLISH_SIZE, GREY,
         "It states what was done at that time, not what became of it since."},
    };
    const double top = PAGE_HEIGHT - MARGIN - QR_SIDE;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        write_at(page, MARGIN + QR_SIDE + 24, top + lines[i].down, lines[i].size, lines[i].grey,
                 lines[i].text);
    return draw_code(page, message, MARGIN, top);
}

static enum action_pdf_error draw(cairo_t *cr, const struct action_receipt_claims *receipt,
                                  struct bytes type_name, struct bytes message)
{
    struct page page = {cr, MARGIN + 62};
    if (!choose_font(cr))
        return ACTION_PDF_ERR_FONT;
    write_centred(&page, MARGIN + 22, TITLE_SIZE, BLACK, "核验回执");
    write_centred(&page, MARGIN + 42, CHINESE_SIZE, GREY, "Receipt of an enforcement action");
    rule(&page, BLACK);
    draw_action(&page, receipt);
    draw_licence(&page, receipt, type_name);
    enum action_pdf_error error = draw_foot(&page, message);
    cairo_show_page(cr);
    return error;
}

static cairo_status_t write_out(void *context, const unsigned char *data, unsigned length)
{
    struct buf *out = context;
    buf_put(out, bytes_of(data, length));
    return buf_ok(out) ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

enum action_pdf_error action_pdf_draw(const struct action_receipt_claims *receipt,
                                      struct bytes type_name, struct bytes message, struct buf *out)
{
    char storage[32];
    struct buf at = BUF_OVER(storage);
    cairo_surface_t *surface =
        cairo_pdf_surface_create_for_stream(write_out, out, PAGE_WIDTH, PAGE_HEIGHT);
    cairo_t *cr = cairo_create(surface);
    buf_put_timestamp(&at, receipt->at);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, "核验回执");
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, buf_cstr(&at));
    enum action_pdf_error error = draw(cr, receipt, type_name, message);
    cairo_surface_finish(surface);
    if (!error && !buf_ok(out))
        error = ACTION_PDF_ERR_SPACE;
    if (!error && (cairo_status(cr) || cairo_surface_status(surface)))
        error = ACTION_PDF_ERR_CAIRO;
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    return error;
}
