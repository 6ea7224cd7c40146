/* What SIGHUP can replace: configuration, signing keys, certificate. Immutable once made, shared by
 * all threads, counted. */
#ifndef GATEWAY_SETTINGS_H
#define GATEWAY_SETTINGS_H

#include <stdatomic.h>

#include "gateway/config/config.h"
#include "gateway/config/keyfile.h"
#include "gateway/http/http.h"

struct settings {
    _Atomic unsigned references;
    struct config *config;
    struct keyfile keys;  /* of use code; private parts included */
    struct http_tls *tls; /* NULL: plain HTTP */
};

/* Reads the file and all it names. NULL with a sentence in `why`; nothing else is touched then. The
 * caller has the first reference. */
struct settings *settings_load(const char *path, struct buf *why);
/* Is there a key to sign codes with now? False with a sentence in `why`: a mistake at a start; at a
 * reload perhaps meant, because the last key was revoked. */
bool settings_can_sign(const struct settings *settings, struct buf *why);
struct settings *settings_take(struct settings *settings);
void settings_release(struct settings **settings);

#endif
