#include "gateway/looked.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "gateway/form.h"
#include "gateway/json.h"
#include "registry/event.h"

#define TIME_BYTES_MAX 64

bool looked_read_time(struct bytes text, int64_t *time)
{
    uint8_t storage[TIME_BYTES_MAX];
    struct buf decoded = BUF_OVER(storage);
    struct bytes plain;
    return form_decode(text, '+', &decoded, &plain) && civil_read_timestamp(plain, time);
}

size_t looked_folders(struct operation *op, const char *folders[LOOKED_FOLDERS_MAX])
{
    const struct config *config = op->home->gateway->started_with->config;
    struct bytes rest = bytes_str(config->evidence_others);
    size_t count = 0;
    folders[count++] = config->evidence_folder;
    while (rest.len && count < LOOKED_FOLDERS_MAX) {
        const uint8_t *colon = memchr(rest.data, ':', rest.len);
        size_t len = colon ? (size_t)(colon - rest.data) : rest.len;
        char *folder = http_alloc(op->http, len + 1);
        memcpy(folder, rest.data, len);
        if (len)
            folders[count++] = folder;
        rest = bytes_from(rest, colon ? len + 1 : len);
    }
    return count;
}

void looked_put_text(struct buf *out, const char *name, struct bytes text)
{
    json_put_text(out, name, text.len && utf8_printable(text) ? text : (struct bytes){0});
}

struct bytes looked_organisation(const struct gateway_loop *home, const struct journal_record *r)
{
    const uint8_t *slash = r->subject.len ? memchr(r->subject.data, '/', r->subject.len) : NULL;
    if (r->role == TOKEN_ROLE_INSPECTOR && slash)
        return bytes_of(r->subject.data, (size_t)(slash - r->subject.data));
    const struct directory *directory = home->directory;
    const struct registry_client *client =
        directory && r->client.len ? directory_client(directory, r->client) : NULL;
    return client ? bytes_str(client->organisation) : BYTES("");
}

void looked_put_asker(struct buf *out, const struct operation *op, const struct journal_record *r)
{
    bool known = r->role < TOKEN_ROLE_COUNT;
    json_put_bool(out, "you",
                  r->role == TOKEN_ROLE_HOLDER && op->asker.role == TOKEN_ROLE_HOLDER &&
                      bytes_equal(r->subject, op->asker.subject));
    looked_put_text(out, "role",
                    known ? bytes_str(token_role_text((enum token_role)r->role)) : BYTES(""));
    looked_put_text(out, "organisation", looked_organisation(op->home, r));
}

void looked_put_acting(struct buf *out, const struct journal_record *r)
{
    looked_put_text(out, "acting",
                    r->acting < ACTING_COUNT
                        ? bytes_str(registry_acting_text((enum registry_acting)r->acting))
                        : BYTES(""));
}

void looked_put_result(struct buf *out, const struct journal_record *r)
{
    bool reason = r->reason != REASON_NONE && r->reason < REASON_COUNT;
    looked_put_text(out, "result",
                    r->result < RESULT_COUNT
                        ? bytes_str(verdict_result_text((enum verdict_result)r->result))
                        : BYTES(""));
    looked_put_text(out, "reason",
                    reason ? bytes_str(verdict_reason_text((enum verdict_reason)r->reason))
                           : BYTES(""));
}

/* As registry/event.h has them: "<id> <time>", and "<time> <version>". */
void looked_put_scan(struct buf *out, const struct journal_record *r)
{
    struct bytes scanned_at = BYTES(""), as_of = BYTES("");
    if (r->kind == JOURNAL_OFFLINE_SCAN && r->reference.len > EVENT_SCAN_TIME_AT) {
        const uint8_t *space = memchr(r->purpose.data, ' ', r->purpose.len);
        scanned_at = bytes_from(r->reference, EVENT_SCAN_TIME_AT);
        as_of = bytes_of(r->purpose.data, space ? (size_t)(space - r->purpose.data) : 0);
    }
    looked_put_text(out, "scanned_at", scanned_at);
    looked_put_text(out, "status_as_of", bytes_equal(as_of, BYTES("-")) ? BYTES("") : as_of);
}

void looked_put_purpose(struct buf *out, const struct journal_record *r)
{
    looked_put_text(out, "purpose", r->kind == JOURNAL_OFFLINE_SCAN ? BYTES("") : r->purpose);
}
