/* What the commands about clients, tokens and persons share. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "cli/desk.h"
#include "protocol/token.h"

#define CLIENT_TICKET_LIFE_S 86400

/* 1 to len_max printable ASCII characters, no space: an id, as it may stand in a token. */
bool client_is_name(const char *text, size_t len_max);
/* Words of TOKEN_SCOPES with commas (or spaces) between them, at least one, all of them allowed. */
bool client_read_scopes(const char *text, unsigned allowed, unsigned *scopes);
/* "open", "disabled" or "expired". */
const char *client_state_text(const struct registry_client *client, int64_t now);

/* Prints an access token that gateways with the secret of the configuration accept. False after a
 * complaint. */
bool token_print(const struct config *config, const struct token_claims *claims);
/* Prints a ticket: by it a client gives its first key at /oauth2/register, within
 * CLIENT_TICKET_LIFE_S and not after its own end. False after a complaint. */
bool client_ticket_print(const struct config *config, const struct registry_client *client);

/* A file with one public JSON Web Key (RFC 7517), EC P-256. False after a complaint. */
bool client_key_read(const char *path, uint8_t public_key[CRYPTO_PUBLIC_BYTES]);
/* Makes a key pair and a file with the private JSON Web Key, mode 0600, which must not be there
 * yet; its kid is the thumbprint of RFC 7638. False after a complaint. */
bool client_key_create(const char *path, uint8_t public_key[CRYPTO_PUBLIC_BYTES]);

#endif
