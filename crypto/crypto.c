#include "crypto/crypto.h"

void crypto_wipe(void *memory, size_t len)
{
    if (len)
        explicit_bzero(memory, len);
}
