/* Who reads evidence leaves evidence. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "cli/desk.h"
#include "cli/evidence.h"

/* Is it the folder, or in it? By where both really lie. */
static bool lies_in(const char *path, const char *folder)
{
    char *real_path = realpath(path, NULL), *real_folder = realpath(folder, NULL);
    size_t length = real_folder ? strlen(real_folder) : 0;
    bool lies = real_path && real_folder && strncmp(real_path, real_folder, length) == 0 &&
                (real_path[length] == 0 || real_path[length] == '/');
    free(real_path);
    free(real_folder);
    return lies;
}

static bool lies_in_one(const char *path, const char *folders)
{
    bool lies = false;
    char *copy = strdup(folders), *rest = copy, *folder;
    CHECK(copy);
    while ((folder = strsep(&rest, ":")))
        lies |= *folder && lies_in(path, folder);
    free(copy);
    return lies;
}

static bool is_own(const struct config *config, const char *path)
{
    char storage[4096];
    struct buf log = BUF_OVER(storage);
    config_log_folder(config, &log);
    return lies_in(path, buf_cstr(&log)) || lies_in(path, config->evidence_folder) ||
           lies_in_one(path, config->evidence_others);
}

bool evidence_note_reading(const char *config, const char *const *paths)
{
    struct desk desk;
    bool own = false;
    if (!desk_is_configured(config))
        return true;
    if (!desk_open(&desk, config, DESK_CONFIG_ONLY))
        return false;
    for (size_t i = 0; paths[i]; i++)
        own |= is_own(desk.config, paths[i]);
    desk_close(&desk);
    bool noted = !own || desk_open(&desk, config, DESK_REGISTRY);
    desk_close(&desk);
    return noted;
}
