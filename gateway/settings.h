/* What SIGHUP can replace: configuration, signing keys, field policy, certificate. Immutable once
 * made, shared by all threads, counted. */
#ifndef GATEWAY_SETTINGS_H
#define GATEWAY_SETTINGS_H

#include <stdatomic.h>

#include "gateway/config/calendar.h"
#include "gateway/config/config.h"
#include "gateway/config/keyfile.h"
#include "gateway/config/policy.h"
#include "gateway/http/http.h"

struct settings {
    _Atomic unsigned references;
    struct config *config;
    struct keyfile keys; /* private parts included */
    struct policy *policy;
    struct calendar *calendar; /* working days */
    struct http_tls *tls;      /* NULL: plain HTTP */
};

/* Reads the file and, of what it names, keys and certificate. NULL with a sentence in `why`;
 * nothing else is touched then. The caller has the first reference. */
struct settings *settings_load(const char *path, struct buf *why);
/* Can the secrets be read, which a start takes and a reload leaves? False with a sentence in `why`.
 */
bool settings_has_secrets(const struct settings *settings, struct buf *why);
/* Is there a key of this use to sign with now? False with a sentence in `why`. Without one for
 * codes a start is a mistake, and a reload perhaps meant, because the last key was revoked; without
 * one for receipts partners alone are not answered. */
bool settings_can_sign(const struct settings *settings, enum key_use use, struct buf *why);
struct settings *settings_take(struct settings *settings);
void settings_release(struct settings **settings);

#endif
