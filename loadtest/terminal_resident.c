/* terminal_resident FOLDER: a terminal over what tests/terminal_world.c wrote, four lists of it, on
 * the installed library alone; prints its resident memory in octets after a scan. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "terminal/jwbterminal.h"

static unsigned char octets[256 * 1024];

static size_t load(const char *folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    size_t len = file ? fread(octets, 1, sizeof octets, file) : 0;
    if (file)
        fclose(file);
    return len;
}

int main(int count, char **arguments)
{
    struct jwbt *terminal;
    struct jwbt_answer answer;
    long pages = 0;
    if (count != 2 || chdir(arguments[1]) != 0)
        return 2;
    const struct jwbt_options options = {.storage = jwbt_storage_folder("folder")};
    const int64_t now = time(NULL);
    if (jwbt_open(&options, &terminal) ||
        jwbt_enroll(terminal, octets, load(".", "roots.json"), false) ||
        jwbt_take_bundle(terminal, octets, load(".", "bundle.cbor"), now))
        return 2;
    for (uint16_t i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "list-%u.cbor", (unsigned)i);
        if (jwbt_take_list(terminal, i, octets, load(".", name), now))
            return 2;
    }
    jwbt_verify(terminal, (const char *)octets, load(".", "valid.txt"), now, &answer);
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*s %ld", &pages) != 1)
        return 2;
    fclose(file);
    printf("{\"reason\":\"%s\",\"resident\":%ld}\n", answer.reason, pages * sysconf(_SC_PAGESIZE));
    return answer.result != JWBT_VALID;
}
