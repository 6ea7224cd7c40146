/* What an answer shows of a licence, as JSON members without braces: `"type":{...},"holder":...`.
 *
 * The full face is kept sealed in Redis in this very form, so that the hot path opens and copies
 * it. What others than inspectors see is made of the code's own claims. */
#ifndef GATEWAY_FACE_H
#define GATEWAY_FACE_H

#include "cache/cache.h"
#include "protocol/code.h"
#include "registry/registry.h"

#define FACE_BYTES_MAX (CACHE_FACE_BYTES_MAX - CRYPTO_AEAD_NONCE_BYTES - CRYPTO_AEAD_TAG_BYTES)

/* Everything, for an inspector and for the holder who asks for it. A face longer than
 * FACE_BYTES_MAX is still shown, but not kept in Redis. */
void face_write_full(struct buf *out, const struct registry_licence *licence);
/* The holder's own list: number and name masked. */
void face_write_masked(struct buf *out, const struct registry_licence *licence);
/* Type, masked name, number's tail, validity: from the code alone. type may be NULL. */
void face_write_claims(struct buf *out, const struct code_claims *claims,
                       const struct registry_catalogue_entry *type);

/* The masked name of a code: an enterprise's in full, of a person the first character and a '*' for
 * each other one (张*). */
void face_write_masked_name(struct buf *out, struct bytes name, enum registry_holder_kind kind);
/* The last characters of a number that a code may hold: at most 4 and at most half of it, ASCII. */
struct bytes face_number_tail(struct bytes number);

/* AES-256-GCM with AAD "jwb-face-1" || list || index || version (u32 big-endian each). */
enum crypto_result face_seal(struct crypto_aead *aead, uint16_t list, uint32_t index,
                             uint16_t version, struct bytes face, struct buf *sealed);
enum crypto_result face_open(struct crypto_aead *aead, uint16_t list, uint32_t index,
                             uint16_t version, struct bytes sealed, struct buf *face);

#endif
