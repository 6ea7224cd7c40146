#include "tests/support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"

struct bytes guarded(int slot, struct bytes bytes)
{
    static struct {
        uint8_t *base;
        size_t size;
    } slots[4];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (bytes.len + page - 1) / page * page + page;
    if (slots[slot].base)
        munmap(slots[slot].base, slots[slot].size);
    uint8_t *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(base != MAP_FAILED);
    CHECK(mprotect(base + size - page, page, PROT_NONE) == 0);
    slots[slot].base = base;
    slots[slot].size = size;
    uint8_t *copy = base + size - page - bytes.len;
    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    return bytes_of(copy, bytes.len);
}

static char *folders[64];
static int folder_count;

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static void remove_folders(void)
{
    while (folder_count)
        nftw(folders[--folder_count], remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *temp_folder(void)
{
    const char *parent = getenv("TMPDIR");
    char path[512];
    CHECK(folder_count < 64);
    snprintf(path, sizeof path, "%s/jwb-test-XXXXXX", parent && *parent ? parent : "/tmp");
    CHECK(mkdtemp(path));
    if (folder_count == 0)
        atexit(remove_folders);
    return folders[folder_count++] = check_strdup(path);
}

const char *path_in(const char *folder, const char *name)
{
    static char paths[16][1024];
    static int next;
    char *path = paths[next++ % 16];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void write_file(const char *path, struct bytes content)
{
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(content.data, 1, content.len, file) == content.len);
    CHECK(fclose(file) == 0);
}

/* TEST=PATTERN in the environment (* and ?) chooses tests by name. */
__attribute__((constructor)) static void choose_tests(void)
{
    const char *pattern = getenv("TEST");
    if (pattern && *pattern)
        cmocka_set_test_filter(pattern);
}

uint64_t seeded_next(struct seeded *s)
{
    uint64_t z = s->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}
