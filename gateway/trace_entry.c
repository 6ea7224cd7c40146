#include "gateway/trace_entry.h"

#include "gateway/json.h"
#include "gateway/looked.h"

/* Is all that its entry says told to this asker anyway? An officer's number, a stranger's id and a
 * case are not, and they are in the entry. */
static bool may_have_entry(const struct operation *op, const struct journal_record *r)
{
    const struct token_claims *asker = &op->asker;
    bool own = r->role == asker->role && bytes_equal(r->subject, asker->subject) &&
               bytes_equal(r->client, asker->client);
    return asker->role == TOKEN_ROLE_AUDITOR || own ||
           (r->subject.len == 0 && r->reference.len == 0);
}

static void put_who(const struct operation *op, const struct journal_record *r, struct buf *out)
{
    buf_put_str(out, ",\"who\":{");
    looked_put_asker(out, op, r);
    looked_put_text(out, "agency", r->agency);
    looked_put_acting(out, r);
    if (op->asker.role == TOKEN_ROLE_AUDITOR) {
        looked_put_text(out, "subject", r->subject);
        looked_put_text(out, "client", r->client);
    }
    buf_put_u8(out, '}');
}

static struct bytes status_of(const struct journal_record *r)
{
    for (int status = 0; r->number && status < LICENCE_STATUS_COUNT; status++)
        if (licence_status_code((enum licence_status)status) == r->status)
            return bytes_str(licence_status_text((enum licence_status)status));
    return BYTES("");
}

/* Of a look or a scan its verdict; of an event whether it gives or ends something, and the
 * licence's status after it. */
static void put_outcome(const struct journal_record *r, struct buf *out)
{
    if (r->number && r->kind != JOURNAL_OFFLINE_SCAN) {
        bool gives = r->kind == JOURNAL_CONSENT || r->kind == JOURNAL_MANDATE;
        looked_put_text(out, "result",
                        !gives                      ? BYTES("")
                        : r->result == RESULT_VALID ? BYTES("given")
                                                    : BYTES("ended"));
        looked_put_text(out, "reason", BYTES(""));
    } else {
        looked_put_result(out, r);
    }
    looked_put_text(out, "status", status_of(r));
}

void trace_entry_put(struct buf *out, const struct operation *op, const struct proof_wanted *proof)
{
    const struct journal_record *r = proof->record;
    const char *kind = journal_kind_text(r->kind);
    buf_put_u8(out, '{');
    json_put_time(out, "at", r->at_us / 1000000);
    json_put_text(out, "kind", kind ? bytes_str(kind) : (struct bytes){0});
    put_who(op, r, out);
    looked_put_purpose(out, r);
    looked_put_scan(out, r);
    put_outcome(r, out);
    json_put_fields(out, r->fields);
    if (op->asker.role == TOKEN_ROLE_AUDITOR)
        looked_put_text(out, "reference", r->reference);
    buf_put_str(out, ",\"log\":");
    proofs_put(out, proof, may_have_entry(op, r));
    buf_put_u8(out, '}');
}
