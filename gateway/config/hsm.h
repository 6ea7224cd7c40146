/* The hardware security module that the configuration names. */
#ifndef GATEWAY_CONFIG_HSM_H
#define GATEWAY_CONFIG_HSM_H

#include "crypto/crypto_pkcs11.h"
#include "gateway/config/config.h"

/* Opens it (crypto_hsm_open) with the PIN of hsm.pin, a file of mode 0600 with one line. NULL with
 * a sentence in `why`, also when hsm.module names none. */
struct crypto_hsm *hsm_open(const struct config *config, struct buf *why);

#endif
