/* Who the terminal is to its gateway: a key of its own (P-256, ES256), the assertions that it signs
 * with it (RFC 7523), and access tokens: its own for a sync, an officer's for a shift. */
#ifndef TERMINAL_TOOL_CREDENTIALS_H
#define TERMINAL_TOOL_CREDENTIALS_H

#include "terminal/tool/uplink.h"
#include "terminal/tool/verb.h"

#define CREDENTIALS_TOKEN_BYTES_MAX    512
#define CREDENTIALS_IDENTITY_BYTES_MAX 4096

/* Makes the key, in the file client.jwk, unless there is one: an enrolment that was broken off goes
 * on with it. False after a complaint. */
bool credentials_make_key(const struct device *device);
/* Appends its public part, a JSON Web Key. False after a complaint. */
bool credentials_public_key(const struct device *device, struct buf *jwk);

/* The terminal's own token, with the scope sync, into `token` as a C string. */
enum exit_status credentials_terminal_token(struct uplink *uplink, const struct device *device,
                                            struct buf *token);
/* Exchanges an officer's identity token and keeps the access token until it ends. */
enum exit_status credentials_login(struct uplink *uplink, const struct device *device,
                                   struct bytes identity, int64_t *expires_at);
/* The kept token, as a C string, if it lasts at `now`. */
bool credentials_officer_token(const struct device *device, int64_t now, struct buf *token);
/* Forgets it; false after a complaint. */
bool credentials_logout(const struct device *device);

#endif
