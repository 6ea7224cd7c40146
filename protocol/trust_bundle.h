/* The trust bundle (信任包): what a verifier without a network needs to know, signed by a root key
 * that it pinned: the keys, which of them are revoked, the catalogues, where the status lists are,
 * the tolerances. docs/PROTOCOL.md is its definition.
 *
 * COSE_Sign1, tag 18, protected {1: alg, 4: kid, 16: "application/jwb-trust+cbor"}, empty
 * unprotected header, deterministic CBOR. Payload: {1: version, 2: not_before, 3: expires,
 * 4: [*[kid, use, alg, public_key, publish, use_from, retire_at]], 5: [*revoked_kid],
 * 6: [*[type, code, zh, en]], 7: [*[issuer, code, zh, en]], 8: [*[L, uri]],
 * 9: [life_max, future, past]}. Bytes in, bytes out; nothing here allocates. */
#ifndef PROTOCOL_TRUST_BUNDLE_H
#define PROTOCOL_TRUST_BUNDLE_H

#include "protocol/cose.h"
#include "protocol/keyring.h"

#define TRUST_BUNDLE_TYPE      "application/jwb-trust+cbor"
#define TRUST_BUNDLE_BYTES_MAX (512 * 1024)
#define TRUST_REVOKED_MAX      256
#define TRUST_TYPES_MAX        1024
#define TRUST_ISSUERS_MAX      4096
#define TRUST_LISTS_MAX        256
#define TRUST_CODE_BYTES_MAX   63  /* a type's or an issuer's code */
#define TRUST_NAME_BYTES_MAX   512 /* in either language */
#define TRUST_URI_BYTES_MAX    255
#define TRUST_VERSION_MAX      ((1ull << 53) - 1) /* what every JSON library holds */
#define TRUST_TOLERANCE_S_MAX  3600
#define TRUST_PAYLOAD_MORE     128 /* octets of a message beside its payload, at most */

/* One row of a catalogue; indices ascend, and may have gaps. Texts are UTF-8 without controls;
 * `english` may be empty. */
struct trust_entry {
    uint16_t index;
    struct bytes code, name, english;
};
struct trust_list {
    uint16_t list;
    struct bytes uri; /* the sub of its tokens, octet by octet */
};

struct trust_bundle {
    uint64_t version;            /* from 1; only a higher one replaces a bundle */
    int64_t not_before, expires; /* Unix seconds below 2^32 */
    /* Of every use but evidence; a revoked one stands below and not here. No two have one kid, nor
     * one that is revoked. retire_at 2^32 - 1 on the wire: INT64_MAX here. */
    struct keyring ring;
    uint8_t revoked[TRUST_REVOKED_MAX][KID_BYTES]; /* ascending */
    size_t revoked_count;
    const struct trust_entry *types, *issuers; /* to be written; NULL: the rows below */
    size_t type_count, issuer_count;
    struct trust_list lists[TRUST_LISTS_MAX]; /* ascending */
    size_t list_count;
    uint32_t life_max_s, future_s, past_s; /* of codes, 1 to 300; the tolerances of a terminal */

    /* read: views into the message */
    struct cose_sign1 message;
    struct bytes type_rows, issuer_rows; /* the arrays without their heads, checked */
};

/* Signs and appends. Ranges, order and counts are CHECKed; an overflow is left in `out`. */
enum crypto_result trust_bundle_write(const struct trust_bundle *bundle, enum crypto_alg alg,
                                      const uint8_t kid[KID_BYTES],
                                      const struct crypto_provider *crypto,
                                      struct crypto_signer *signer, struct buf *out);
/* In two steps, for a root key that lies elsewhere: the payload, and the message around one that
 * `out` has from octet `from` on (cose_typed_wrap). */
void trust_bundle_write_payload(const struct trust_bundle *bundle, struct buf *out);
enum crypto_result trust_bundle_sign(enum crypto_alg alg, const uint8_t kid[KID_BYTES], size_t from,
                                     const struct crypto_provider *crypto,
                                     struct crypto_signer *signer, struct buf *out);

/* Reads shape, ranges, order; computes each key's kid. Neither signature nor time is checked: whose
 * signature it must be, message.kid and message.alg say. False: malformed, or ours if the hash
 * could not be computed. What `bundle` has then is of no use. */
bool trust_bundle_read(struct bytes message, const struct crypto_provider *crypto,
                       struct trust_bundle *bundle);
/* Of the payload alone: message.signature.data is NULL. */
bool trust_bundle_read_payload(struct bytes payload, const struct crypto_provider *crypto,
                               struct trust_bundle *bundle);
/* Of one that was read, by a verifier of message.alg. */
enum crypto_result trust_bundle_check(const struct trust_bundle *bundle,
                                      const struct crypto_provider *crypto,
                                      struct crypto_verifier *verifier);

bool trust_bundle_revoked(const struct trust_bundle *bundle, const uint8_t kid[KID_BYTES]);
/* Takes the first row off type_rows or issuer_rows; false at their end. */
bool trust_bundle_next(struct bytes *rows, struct trust_entry *entry);
/* Of a bundle that was read; false: it has no such row. */
bool trust_bundle_type(const struct trust_bundle *bundle, uint16_t index, struct trust_entry *type);
bool trust_bundle_issuer(const struct trust_bundle *bundle, uint16_t index,
                         struct trust_entry *issuer);
const struct trust_list *trust_bundle_list(const struct trust_bundle *bundle, uint16_t list);

#endif
