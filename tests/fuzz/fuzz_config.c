/* Any octets, as a configuration. One that is accepted is printed, read again and printed alike. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "gateway/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config *read_octets(const void *data, size_t size)
{
    uint8_t storage[1024];
    struct buf why = BUF_OVER(storage);
    char path[64];
    int file = memfd_create("config", MFD_CLOEXEC);
    CHECK(file >= 0 && write(file, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    struct config *config = config_read(path, &why);
    CHECK((config != NULL) == (why.len == 0));
    close(file);
    return config;
}

static char *printed(const struct config *config, size_t *len)
{
    char *text;
    FILE *out = open_memstream(&text, len);
    CHECK(out);
    config_print(config, out);
    CHECK(fclose(out) == 0);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *config = read_octets(data, size);
    if (config) {
        size_t len, again_len;
        char *text = printed(config, &len);
        struct config *again = read_octets(text, len);
        if (again) { /* escapes may have made it longer than a file may be */
            char *again_text = printed(again, &again_len);
            CHECK(strcmp(text, again_text) == 0);
            free(again_text);
        }
        CHECK(again || len > 64 * 1024);
        config_destroy(&again);
        free(text);
    }
    config_destroy(&config);
    return 0;
}
