#include "protocol/cose_any.h"

#include "protocol/cbor.h"

/* RFC 9052 section 2, RFC 8392 section 6 */
#define TAG_SIGN1 18
#define TAG_CWT   61

/* RFC 9052 section 3.1, RFC 9596 */
enum { HEADER_ALG = 1, HEADER_CRIT = 2, HEADER_CONTENT = 3, HEADER_KID = 4, HEADER_TYP = 16 };

/* RFC 9052 section 7.1, RFC 9053 section 7.1.1 */
enum { KEY_KTY = 1, KEY_ALG = 3, KEY_CRV = -1, KEY_X = -2, KEY_Y = -3, KEY_D = -4 };
#define KTY_EC2     2
#define CRV_P256    1
#define COORD_BYTES 32

/* ---- a message ---- */

static struct bytes read_text_or_skip(struct cbor_reader *r)
{
    if (cbor_peek(r) == CBOR_TEXT)
        return cbor_read_text(r, 0, r->rest.len);
    cbor_skip(r);
    return (struct bytes){NULL, 0};
}

/* alg, typ and crit mean something only where they are protected. */
static void read_parameter(struct cbor_reader *r, int64_t label, bool is_protected,
                           struct cose_any *out, struct cbor_reader *crit)
{
    switch (label) {
    case HEADER_KID:
        out->kid = cbor_read_bytes(r, 0, r->rest.len);
        return;
    case HEADER_CONTENT:
        out->content = read_text_or_skip(r);
        return;
    case HEADER_ALG:
        if (cbor_peek(r) == CBOR_TEXT)
            cbor_skip(r);
        else
            out->alg = cbor_read_int(r);
        break;
    case HEADER_TYP:
        out->type = read_text_or_skip(r);
        break;
    case HEADER_CRIT:
        *crit = *r;
        cbor_skip(r);
        break;
    default:
        cbor_skip(r);
        return;
    }
    r->failed |= !is_protected;
}

static void read_header(struct cbor_reader *r, bool is_protected, struct cbor_labels *seen,
                        struct cose_any *out, struct cbor_reader *crit)
{
    for (size_t count = cbor_read_map_head(r); count > 0 && !r->failed; count--) {
        struct cbor_label label = cbor_read_label(r, seen);
        read_parameter(r, label.number, is_protected, out, crit);
    }
}

/* A list of one label at least, each of which is known here and there. */
static bool crit_known(struct cbor_reader *crit, const struct cbor_labels *there)
{
    struct cbor_labels named = {.count = 0};
    size_t count = cbor_read_array_head(crit, CBOR_LABELS_MAX);
    if (count == 0)
        return false;
    for (; count > 0; count--) {
        int64_t label = cbor_read_label(crit, &named).number;
        bool found = false;
        for (size_t i = 0; i < there->count; i++)
            found |= there->labels[i].number == label;
        if (!found || (label != HEADER_ALG && label != HEADER_CONTENT && label != HEADER_KID &&
                       label != HEADER_TYP))
            return false;
    }
    return !crit->failed;
}

bool cose_any_read(struct bytes message, struct cose_any *out)
{
    struct cbor_reader r = cbor_reader_lenient(message), crit = {.failed = false};
    struct cbor_labels seen = {.count = 0};
    *out = (struct cose_any){.alg = 0};
    out->cwt = cbor_read_tag(&r, TAG_CWT);
    out->tagged = cbor_read_tag(&r, TAG_SIGN1);
    if (out->cwt && !out->tagged)
        return false;
    cbor_read_array(&r, 4);
    out->protected_ = cbor_read_bytes(&r, 0, message.len);
    if (out->protected_.len > 0) { /* an empty map may be an empty string */
        struct cbor_reader header = cbor_reader_lenient(out->protected_);
        read_header(&header, true, &seen, out, &crit);
        if (!cbor_read_end(&header) || (crit.rest.data && !crit_known(&crit, &seen)))
            return false;
    }
    read_header(&r, false, &seen, out, &crit);
    if (!cbor_read_null(&r))
        out->payload = cbor_read_bytes(&r, 0, message.len);
    out->signature = cbor_read_bytes(&r, 1, message.len);
    return cbor_read_end(&r);
}

enum crypto_result cose_any_verify(const struct cose_any *message, struct bytes payload,
                                   enum crypto_alg alg, bool low_s,
                                   const struct crypto_provider *crypto,
                                   struct crypto_verifier *verifier)
{
    if (message->alg != alg || message->signature.len != CRYPTO_SIGNATURE_BYTES ||
        (low_s && alg == CRYPTO_ES256 && cose_signature_high(message->signature.data)))
        return CRYPTO_MISMATCH;
    return cose_signature_verify(message->protected_, payload, message->signature.data, crypto,
                                 verifier);
}

/* ---- a key ---- */

static void read_coordinate(struct cbor_reader *r, uint8_t *out, unsigned *found, unsigned which)
{
    struct bytes octets = cbor_read_bytes(r, COORD_BYTES, COORD_BYTES);
    if (octets.len == COORD_BYTES)
        memcpy(out, octets.data, COORD_BYTES);
    *found |= which;
}

bool cose_key_read(struct bytes key, enum crypto_alg *alg, uint8_t public_key[CRYPTO_PUBLIC_BYTES])
{
    struct cbor_reader r = cbor_reader_lenient(key);
    struct cbor_labels seen = {.count = 0};
    int64_t kty = 0, curve = 0, named = 0;
    unsigned found = 0;
    public_key[0] = 4; /* uncompressed, SEC 1 section 2.3.3 */
    for (size_t count = cbor_read_map_head(&r); count > 0 && !r.failed; count--) {
        switch (cbor_read_label(&r, &seen).number) {
        case KEY_KTY:
            kty = cbor_read_int(&r);
            break;
        case KEY_ALG:
            named = cbor_read_int(&r);
            break;
        case KEY_CRV:
            curve = cbor_read_int(&r);
            break;
        case KEY_X:
            read_coordinate(&r, public_key + 1, &found, 1);
            break;
        case KEY_Y:
            read_coordinate(&r, public_key + 1 + COORD_BYTES, &found, 2);
            break;
        case KEY_D:
            return false;
        default:
            cbor_skip(&r);
        }
    }
    *alg = curve == COSE_CRV_SM2 ? CRYPTO_SM2 : CRYPTO_ES256;
    return cbor_read_end(&r) && found == 3 && kty == KTY_EC2 &&
           (curve == CRV_P256 || curve == COSE_CRV_SM2) && (named == 0 || named == *alg);
}
