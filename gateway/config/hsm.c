#include "gateway/config/hsm.h"

#include "gateway/config/keyfile.h"

#define PIN_BYTES_MAX 255

struct crypto_hsm *hsm_open(const struct config *config, struct buf *why)
{
    char pin[PIN_BYTES_MAX + 1];
    struct buf text = BUF_OVER(pin);
    struct crypto_hsm *hsm = NULL;
    if (!*config->hsm_module || !*config->hsm_token || !*config->hsm_pin) {
        buf_put_str(why, "a key lies in an HSM: hsm.module, hsm.token and hsm.pin must name it");
        return NULL;
    }
    if (pin_read(config->hsm_pin, &text, why)) {
        const struct crypto_hsm_options options = {
            .module = config->hsm_module,
            .token = config->hsm_token,
            .pin = buf_cstr(&text),
        };
        hsm = crypto_hsm_open(&options, why);
    }
    crypto_wipe(pin, sizeof pin);
    return hsm;
}
