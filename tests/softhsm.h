/* A SoftHSM2 of a test's own: its configuration and its tokens lie in a temporary folder. */
#ifndef TESTS_SOFTHSM_H
#define TESTS_SOFTHSM_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/support.h"

#define SOFTHSM_MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define SOFTHSM_PIN    "2468"

static inline void softhsm_add_token(const char *label)
{
    char command[256];
    snprintf(command, sizeof command,
             "softhsm2-util --init-token --free --label '%s' --pin " SOFTHSM_PIN
             " --so-pin 13579 >/dev/null",
             label);
    assert_int_equal(system(command), 0);
}

/* Before the module is loaded. Returns the folder of the tokens. */
static inline const char *softhsm_begin(void)
{
    const char *folder = temp_folder(), *tokens = path_in(folder, "tokens");
    char text[512];
    snprintf(text, sizeof text, "directories.tokendir = %s/tokens\nlog.level = ERROR\n", folder);
    write_file(path_in(folder, "softhsm2.conf"), bytes_str(text));
    assert_int_equal(mkdir(tokens, 0700), 0);
    assert_int_equal(setenv("SOFTHSM2_CONF", path_in(folder, "softhsm2.conf"), 1), 0);
    return tokens;
}

#endif
