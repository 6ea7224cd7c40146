/* A plain main for any fuzz target: replay FILE|FOLDER ... runs each file once and prints how many.
 * Fails if it ran none or could not read one: an empty corpus must not look like a passed one. */
#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_BYTES_MAX (16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count;

static int fail(const char *path, const char *reason)
{
    fprintf(stderr, "%s: %s\n", path, reason);
    return 1;
}

/* The memory is exactly as long as the file, so that a sanitizer sees one octet too far. */
static int run_file(const char *path, size_t size)
{
    if (size > INPUT_BYTES_MAX)
        return fail(path, "longer than 16 MiB");
    uint8_t *data = malloc(size);
    FILE *file = fopen(path, "rb");
    bool whole = data && file && fread(data, 1, size, file) == size;
    if (whole) {
        LLVMFuzzerTestOneInput(data, size);
        count++;
    }
    if (file)
        fclose(file);
    free(data);
    return whole ? 0 : fail(path, "could not be read whole");
}

static int visit(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)walk;
    if (kind == FTW_F && S_ISREG(status->st_mode))
        return run_file(path, (size_t)status->st_size);
    return kind == FTW_D ? 0 : fail(path, "not a readable file or folder");
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int result = nftw(argv[i], visit, 16, FTW_PHYS);
        if (result < 0)
            fail(argv[i], strerror(errno));
        if (result != 0)
            return 1;
    }
    printf("%zu inputs replayed\n", count);
    return count ? 0 : 1;
}
