/* What an answer shows of a licence: its fields, and the one place that writes them, by a rule of
 * the policy. Nothing else in the gateway writes a field of a licence into an answer.
 *
 * A face is kept in Redis whole and sealed, so that the hot path opens it and shows what the
 * asker's rule names. */
#ifndef GATEWAY_FACE_H
#define GATEWAY_FACE_H

#include "cache/cache.h"
#include "gateway/config/policy.h"
#include "protocol/code.h"
#include "registry/registry.h"

#define FACE_BYTES_MAX (CACHE_FACE_BYTES_MAX - CRYPTO_AEAD_NONCE_BYTES - CRYPTO_AEAD_TAG_BYTES)

/* Views of what it was made of. A field that the source lacks has an empty text with data NULL (a
 * date: FACE_NO_DATE) and is left out of the answer. */
#define FACE_NO_DATE INT32_MIN
struct face {
    struct bytes type_code, type_name;
    struct bytes name, holder_name, holder_number, number, identifier, issuer_code, issuer_name;
    struct bytes reference; /* how evidence names the licence, never shown; empty: not known */
    int32_t issued_on, valid_from, valid_until; /* civil days; -1: not given, or long-term */
    enum registry_holder_kind holder_kind;
    bool masked; /* of a code's claims: name and number are masked already, as a code has them */
};
struct face face_of_licence(const struct registry_licence *licence);
/* Type, masked name, number's tail, validity: from the code alone. type may be NULL. */
struct face face_of_claims(const struct code_claims *claims,
                           const struct registry_catalogue_entry *type);

/* JSON members without braces, `"type":{...},"holder_name":...`; returns the set of fields shown:
 * those that the rule and `allowed` (FIELDS_ALL: no further limit) both name and the face has. */
uint32_t face_write(struct buf *out, const struct face *face, const struct policy_rule *rule,
                    uint32_t allowed);
#define FACE_JSON_BYTES_MAX        (2 * REGISTRY_LICENCE_BYTES_MAX + 512) /* escapes double at most */
#define FACE_PACKED_JSON_BYTES_MAX (2 * FACE_BYTES_MAX + 512) /* of one that was packed */
/* Does the rule show no more than every code says of itself? */
bool face_claims_suffice(const struct policy_rule *rule);

/* ---- what Redis keeps: all fields, in a form of our own ---- */
/* False: longer than FACE_BYTES_MAX; it is not kept then. */
bool face_pack(const struct face *face, struct buf *out);
/* Views into `packed`; false when it is none. */
bool face_unpack(struct bytes packed, struct face *face);

/* The masked name of a code: an enterprise's in full, of a person the first character and a '*' for
 * each other one (张*). */
void face_write_masked_name(struct buf *out, struct bytes name, enum registry_holder_kind kind);
/* The last characters of a number that a code may hold: at most 4 and at most half of it, ASCII. */
struct bytes face_number_tail(struct bytes number);

/* AAD: "jwb-face-3" || list || index || version (u32 big-endian each). */
enum crypto_result face_seal(struct crypto_aead *aead, uint16_t list, uint32_t index,
                             uint16_t version, struct bytes face, struct buf *sealed);
enum crypto_result face_open(struct crypto_aead *aead, uint16_t list, uint32_t index,
                             uint16_t version, struct bytes sealed, struct buf *face);

#endif
