/* jwb token mint: access tokens that a gateway with the same secret accepts, without the proof of
 * who asks that the gateway itself wants. */
#include "protocol/token.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/desk.h"
#include "gateway/config/keyfile.h"

#define LIFE_S     3600
#define LIFE_S_MAX (366 * 86400)

struct mint {
    const char *config, *role, *holder_number, *subject, *client, *scope, *life;
    struct token_claims claims;
    char holder[2 * REGISTRY_ID_BYTES]; /* the subject of a holder */
};

/* ---- what was asked for ---- */

static bool is_id(const char *text)
{
    return strlen(text) == 2 * REGISTRY_ID_BYTES &&
           strspn(text, "0123456789abcdef") == 2 * REGISTRY_ID_BYTES;
}

/* What is wrong with whom the token is for, or NULL. */
static const char *wrong_asker(const struct mint *m)
{
    if (m->subject && !client_is_name(m->subject, TOKEN_SUBJECT_BYTES_MAX))
        return "--subject has 1 to 64 printable ASCII characters, no space";
    if (m->client && !client_is_name(m->client, TOKEN_CLIENT_BYTES_MAX))
        return "--client has 1 to 64 printable ASCII characters, no space";
    if (m->holder_number && (m->claims.role != TOKEN_ROLE_HOLDER || m->subject))
        return "--holder-number is for holders, without --subject";
    switch (m->claims.role) {
    case TOKEN_ROLE_HOLDER:
        if (!m->holder_number && (!m->subject || !is_id(m->subject)))
            return "a holder needs --holder-number, or his id of 32 hexadecimal digits as "
                   "--subject";
        return NULL;
    case TOKEN_ROLE_INSPECTOR:
        if (!m->subject || !strchr(m->subject, '/') || !m->client)
            return "an inspector needs --subject AGENCY/OFFICER and --client TERMINAL";
        return NULL;
    case TOKEN_ROLE_PARTNER:
    case TOKEN_ROLE_ISSUER:
    case TOKEN_ROLE_SYSTEM:
    case TOKEN_ROLE_AUDITOR:
        return m->client ? NULL : "this role needs --client ID";
    default:
        return "--role is holder, inspector, partner, issuer, system or auditor";
    }
}

static bool read_call(const struct command *command, struct mint *m)
{
    uint64_t life_s = LIFE_S;
    if (!m->role || !token_role_read(bytes_str(m->role), &m->claims.role))
        m->claims.role = TOKEN_ROLE_ANYBODY;
    const char *wrong = wrong_asker(m);
    m->claims.scopes = token_role_scopes(m->claims.role);
    if (!wrong && m->scope && !client_read_scopes(m->scope, m->claims.scopes, &m->claims.scopes))
        wrong = "--scope is a list of scopes that the role has";
    if (wrong)
        command_misused(command, "%s", wrong);
    if (wrong || !command_number(command, "--life", m->life, 1, LIFE_S_MAX, &life_s))
        return false;
    if (m->subject)
        m->claims.subject = bytes_str(m->subject);
    if (m->client)
        m->claims.client = bytes_str(m->client);
    m->claims.issued_at = clock_wall_s();
    m->claims.expires_at = m->claims.issued_at + (int64_t)life_s;
    return true;
}

/* ---- making it ---- */

static bool find_holder(struct desk *desk, struct mint *m)
{
    uint8_t id[REGISTRY_ID_BYTES];
    struct buf hex = BUF_OVER(m->holder);
    if (!desk_find_holder(desk, m->holder_number, "holder", id))
        return false;
    buf_put_hex(&hex, bytes_of(id, sizeof id));
    m->claims.subject = buf_bytes(&hex);
    return true;
}

static bool is_of_agency(const char *officer, const char *agency)
{
    size_t len = strlen(agency);
    return strncmp(officer, agency, len) == 0 && officer[len] == '/';
}

/* The client that is named: may it have such a token? No more than its scopes, at any rate. */
static bool cut_to_client(struct desk *desk, struct mint *m)
{
    struct registry_client client;
    if (!desk_find_client(desk, m->client, &client))
        return false;
    const char *state = client_state_text(&client, m->claims.issued_at);
    m->claims.scopes &= client.scopes;
    if (client.role != m->claims.role)
        command_failed("the client is of role %s", token_role_text(client.role));
    else if (strcmp(state, "open") != 0)
        command_failed("the client is %s", state);
    else if (client.role == TOKEN_ROLE_INSPECTOR && !is_of_agency(m->subject, client.organisation))
        command_failed("the terminal is of agency %s", client.organisation);
    else if (!m->claims.scopes)
        command_failed("the client has none of these scopes");
    else
        return true;
    return false;
}

static struct crypto_mac *token_mac(const struct config *config, struct buf *why)
{
    uint8_t secret[CRYPTO_SECRET_BYTES], key[CRYPTO_SECRET_BYTES];
    struct crypto_mac *mac = NULL;
    if (!secret_read(config->keys_secret, secret, why))
        return NULL;
    if (crypto_openssl.hkdf(secret, BYTES(TOKEN_KEY_INFO), key, sizeof key) == CRYPTO_OK)
        mac = crypto_openssl.mac_create(key);
    if (!mac)
        buf_put_str(why, token_error_text(TOKEN_ERR_CRYPTO));
    crypto_wipe(secret, sizeof secret);
    crypto_wipe(key, sizeof key);
    return mac;
}

bool token_print(const struct config *config, const struct token_claims *claims)
{
    char reason[1024], text[TOKEN_TEXT_BYTES_MAX + 1];
    struct buf why = BUF_OVER(reason), token = BUF_OVER(text);
    struct crypto_mac *mac = token_mac(config, &why);
    enum token_error error =
        mac ? token_write(claims, &crypto_openssl, mac, &token) : TOKEN_ERR_CRYPTO;
    if (!mac)
        command_failed_why(&why);
    else if (error)
        command_failed("%s", token_error_text(error));
    else
        puts(buf_cstr(&token));
    crypto_openssl.mac_destroy(&mac);
    return !error;
}

static bool mint(struct desk *desk, struct mint *m)
{
    return (!m->holder_number || find_holder(desk, m)) &&
           (m->claims.role == TOKEN_ROLE_HOLDER || cut_to_client(desk, m)) &&
           token_print(desk->config, &m->claims);
}

int command_token_mint(const struct command *command, int argc, char **argv)
{
    struct mint m = {0};
    const struct command_option options[] = {{"config", &m.config, NULL},
                                             {"role", &m.role, NULL},
                                             {"holder-number", &m.holder_number, NULL},
                                             {"subject", &m.subject, NULL},
                                             {"client", &m.client, NULL},
                                             {"scope", &m.scope, NULL},
                                             {"life", &m.life, NULL},
                                             {NULL, NULL, NULL}};
    struct desk desk;
    if (!command_read(command, argc, argv, options, NULL, 0, 0) || !read_call(command, &m))
        return EXIT_USAGE;
    bool asks_registry = m.holder_number || m.claims.role != TOKEN_ROLE_HOLDER;
    bool minted = desk_open(&desk, m.config, asks_registry ? DESK_REGISTRY : DESK_CONFIG_ONLY) &&
                  mint(&desk, &m);
    desk_close(&desk);
    return minted ? EXIT_SUCCESS : EXIT_FAILURE;
}
