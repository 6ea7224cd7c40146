/* Any octets, as Accept. In other letters it says the same. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "gateway/accept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {"application/json", "image/svg+xml", "image/png"};
    uint8_t *upper = check_alloc(size + 1);
    int chosen = accept_choose(bytes_of(data, size), types, 3);
    for (size_t i = 0; i < size; i++)
        upper[i] = (uint8_t)toupper(data[i]);
    CHECK(chosen >= -1 && chosen < 3);
    CHECK(accept_choose(bytes_of(upper, size), types, 3) == chosen);
    free(upper);
    return 0;
}
