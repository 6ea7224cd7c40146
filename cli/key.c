/* jwb key create and list; the keys of evidence logs and witnesses, each in a file of its own;
 * secrets. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/key_job.h"
#include "evidence/note.h"
#include "gateway/config/hsm.h"

#define DAY_S          86400
#define KEY_LIFE_S     (365 * DAY_S)
#define DRAWS_MAX      16 /* a collision is one in 2^26 with 64 keys: more in a row mean a fault */
#define JWKS_BYTES_MAX (64 * 1024)
#define USES           "code, status, receipt, webhook, root, evidence or witness"

/* ---- create ---- */

/* Kids are unique in a trust bundle, which has the keys of several files. False after a complaint.
 */
static bool read_others(const struct key_job *job, struct keyring *gateway, struct keyring *roots)
{
    static struct keyfile keys;
    static uint8_t storage[JWKS_BYTES_MAX];
    struct buf jwks = BUF_OVER(storage);
    char text[1024];
    struct buf why = BUF_OVER(text);
    if (!job->config)
        return true;
    if (access(job->config->keys_codes, F_OK) == 0) {
        if (!keyfile_read(job->config->keys_codes, &crypto_openssl, &keys, &why))
            return command_failed_why(&why) == EXIT_SUCCESS;
        *gateway = keys.ring;
        keyfile_wipe(&keys);
    }
    if (access(job->config->trust_roots, F_OK) != 0)
        return true;
    if (!command_file(job->config->trust_roots, &jwks))
        return false;
    if (!keyring_read_jwks(roots, &crypto_openssl, buf_bytes(&jwks)))
        command_failed("%s is no JSON Web Key Set with right kids", job->config->trust_roots);
    return roots->count > 0;
}

/* A pair, here or in the HSM; CRYPTO_OK or after a complaint. */
static bool generate(const struct key_job *job, struct crypto_key_pair *pair,
                     char uri[KEY_URI_BYTES_MAX + 1])
{
    char text[512];
    struct buf why = BUF_OVER(text), named;
    buf_init(&named, uri, KEY_URI_BYTES_MAX + 1);
    if (!job->label) {
        if (crypto_openssl.key_generate(job->alg, pair) == CRYPTO_OK)
            return true;
        return command_failed("a key could not be made") == EXIT_SUCCESS;
    }
    struct crypto_hsm *hsm = hsm_open(job->config, &why);
    bool made = hsm && crypto_hsm_key_generate(hsm, bytes_str(job->label), pair->public_key, &named,
                                               &why) == CRYPTO_OK;
    crypto_hsm_close(&hsm);
    buf_cstr(&named);
    return made || command_failed_why(&why) == EXIT_SUCCESS;
}

/* Who verifies must know the key before it signs. */
static void warn_of_haste(const struct key_job *job, const struct keyfile *keys)
{
    if (job->from < job->now + DAY_S && keyring_signing(&keys->ring, job->use, job->alg, job->now))
        fputs("jwb: warning: verifiers that have not heard of this key when it begins to sign "
              "refuse what it signs; 'key create --unpublished' and then 'key publish' leave them "
              "a day\n",
              stderr);
}

/* Draws one key. KEYRING_ERR_COLLISION: its kid is taken, in this file or another. False after a
 * complaint. */
static bool draw_key(struct key_job *job, struct keyfile *keys, const struct keyring others[2],
                     enum keyring_error *error)
{
    const size_t place = keys->ring.count;
    struct keyring_key key = {.alg = job->alg,
                              .use = job->use,
                              .publish_at = job->publish_at,
                              .use_from = job->from,
                              .retire_at = job->until};
    struct crypto_key_pair pair = {0};
    char uri[KEY_URI_BYTES_MAX + 1] = "";
    if (!generate(job, &pair, uri))
        return false;
    memcpy(key.public_key, pair.public_key, sizeof key.public_key);
    if (key_id(&crypto_openssl, key.alg, key.public_key, job->kid) != CRYPTO_OK)
        *error = KEYRING_ERR_CRYPTO;
    else if (keyring_find(&others[0], job->kid) || keyring_find(&others[1], job->kid))
        *error = KEYRING_ERR_COLLISION;
    else
        *error = keyring_add(&keys->ring, &crypto_openssl, &key);
    if (*error == KEYRING_OK) {
        keys->pairs[place] = pair;
        memcpy(keys->uris[place], uri, sizeof uri);
    }
    crypto_wipe(&pair, sizeof pair);
    return true;
}

static enum key_act create_key(struct key_job *job, struct keyfile *keys)
{
    static struct keyring others[2];
    const bool fits =
        keys->ring.count == 0 || keyfile_is_of_roots(keys) == (job->use == KEY_USE_ROOT);
    enum keyring_error error =
        keys->ring.count == KEYRING_KEYS_MAX ? KEYRING_ERR_FULL : KEYRING_ERR_COLLISION;
    if (!read_others(job, &others[0], &others[1]))
        return KEY_ACT_FAILED;
    if (!fits) {
        command_failed("%s: root keys are in a file of their own, and nothing else with them",
                       job->path);
        return KEY_ACT_FAILED;
    }
    if (job->publish_at != KEY_UNPUBLISHED)
        warn_of_haste(job, keys);
    /* A second one in the HSM would have the same label. */
    for (int left = job->label ? 1 : DRAWS_MAX; left > 0 && error == KEYRING_ERR_COLLISION; left--)
        if (!draw_key(job, keys, others, &error))
            return KEY_ACT_FAILED;
    if (error == KEYRING_OK) {
        key_warn_of_root(keys, job->now);
        key_warn_of_room(job, keys);
        return KEY_ACT_WRITE;
    }
    command_failed("no key was made: %s%s", keyring_error_text(error),
                   error == KEYRING_ERR_FULL ? "; 'jwb key prune' may make room" : "");
    return KEY_ACT_FAILED;
}

/* The log's name: the origin's host, and what its address goes on with. */
static void name_log(const struct config *config, struct buf *name)
{
    const char *host = strstr(config->public_origin, "://");
    buf_printf(name, "%s/evidence", host ? host + 3 : config->public_origin);
}

/* A log's key, or a witness's. */
static int create_note_key(const char *config, const char *file, const char *name,
                           enum note_type type)
{
    char path[4096], own_name[NOTE_NAME_BYTES_MAX + 1], text[1024];
    struct buf to = BUF_OVER(path), named = BUF_OVER(own_name), why = BUF_OVER(text);
    struct note_signer signer;
    struct desk desk;
    if (!desk_open(&desk, config, DESK_CONFIG_ONLY))
        return EXIT_FAILURE;
    bool of_log = type == NOTE_ED25519;
    buf_put_str(&to, file ? file : of_log ? desk.config->evidence_key : desk.config->witness_key);
    if (name)
        buf_put_str(&named, name);
    else
        name_log(desk.config, &named);
    desk_close(&desk);
    if (!buf_ok(&to) || !buf_ok(&named))
        return command_failed("the key's file or name is too long");
    bool made = note_key_create(buf_cstr(&to), buf_cstr(&named), type, &signer, &why);
    crypto_wipe(signer.seed, sizeof signer.seed);
    if (!made)
        return command_failed_why(&why);
    named = (struct buf)BUF_OVER(text);
    note_verifier_write(&signer.verifier, &named);
    printf("%s\n", buf_cstr(&named));
    fprintf(stderr, "jwb: %s has the key; the line above is what others check with\n",
            buf_cstr(&to));
    return EXIT_SUCCESS;
}

/* What --use, --alg and the dates say. False after a complaint. */
static bool read_key(const struct command *command, const char *use, const char *alg,
                     const char *from, const char *until, bool unpublished, struct key_job *job)
{
    const int64_t now = clock_wall_s();
    job->from = now;
    if (!command_time(command, "--from", from, &job->from))
        return false;
    /* One that vouches for what was signed before now was known then. */
    job->publish_at = unpublished ? KEY_UNPUBLISHED : job->from < now ? job->from : now;
    job->until = job->from + KEY_LIFE_S;
    if (!command_time(command, "--until", until, &job->until))
        return false;
    const char *wrong = !key_use_read(bytes_str(use), &job->use)          ? "--use is " USES
                        : alg && !key_alg_read(bytes_str(alg), &job->alg) ? "--alg is ES256 or SM2"
                        : unpublished && from
                            ? "'key publish' says when an unpublished key begins to sign"
                        : job->label && job->alg == CRYPTO_SM2
                            ? "an HSM has no SM2 by any standard: only ES256 keys can be there"
                        : job->until <= job->from || job->until <= now
                            ? "--until is not after the key's beginning and now"
                            : NULL;
    if (wrong)
        command_misused(command, "%s", wrong);
    return !wrong;
}

static void print_made(const struct key_job *job)
{
    key_print_kid(job->kid);
    printf(" signs %s with %s", key_signs(job->use), key_alg_text(job->alg));
    if (job->publish_at == KEY_UNPUBLISHED)
        printf(", once 'jwb key publish' says from when,");
    else
        key_print_time(" from ", job->from);
    key_print_time(" until ", job->until);
    putchar('\n');
    key_tell_gateways(job->use);
}

int command_key_create(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *file = NULL, *use = "code", *alg = NULL, *from = NULL,
               *until = NULL, *name = NULL;
    bool unpublished = false;
    struct key_job job = {.act = create_key, .create = true};
    const struct command_option options[] = {{"config", &config, NULL},
                                             {"file", &file, NULL},
                                             {"use", &use, NULL},
                                             {"alg", &alg, NULL},
                                             {"from", &from, NULL},
                                             {"until", &until, NULL},
                                             {"name", &name, NULL},
                                             {"pkcs11", &job.label, NULL},
                                             {"unpublished", NULL, &unpublished},
                                             {NULL, NULL, NULL}};
    if (!command_read(command, argc, argv, options, NULL, 0, 0))
        return EXIT_USAGE;
    bool of_log = !strcmp(use, "evidence"), of_witness = !strcmp(use, "witness");
    if ((of_log || of_witness) && (from || until || alg || job.label || unpublished))
        return command_misused(command, "a log's or a witness's key has --file and --name alone");
    if (of_witness && !name)
        return command_misused(command, "a witness has a --name, like audit.example.cn/witness");
    if (of_log || of_witness)
        return create_note_key(config, file, name, of_log ? NOTE_ED25519 : NOTE_COSIGNATURE);
    if (name)
        return command_misused(command, "--name is for a log's or a witness's key");
    job.alg = CRYPTO_ES256;
    if (!read_key(command, use, alg, from, until, unpublished, &job))
        return EXIT_USAGE;
    if (job.use == KEY_USE_ROOT && !file)
        return command_misused(command, "a root key has a --file of its own, away from gateways");
    int status = EXIT_FAILURE;
    if (key_job_begin(&job, config, file)) {
        if (!alg && job.config && !job.label)
            job.alg = config_key_algorithm(job.config);
        if (job.label && !job.config)
            command_failed("--pkcs11 needs the configuration, which names the HSM");
        else if (key_job_run(&job))
            status = EXIT_SUCCESS;
    }
    if (status == EXIT_SUCCESS)
        print_made(&job);
    key_job_end(&job);
    return status;
}

/* ---- list ---- */

/* Of keys of the algorithm that is not chosen none signs. */
static const char *state_of(const struct key_job *job, const struct keyring *ring,
                            const struct keyring_key *key)
{
    return key->revoked                                                 ? "revoked"
           : key->publish_at == KEY_UNPUBLISHED                         ? "unpublished"
           : job->now >= key->retire_at                                 ? "retired"
           : job->now < key->use_from                                   ? "later"
           : key != keyring_signing(ring, key->use, key->alg, job->now) ? "replaced"
           : job->config && key->use != KEY_USE_ROOT &&
                   key->alg != config_key_algorithm(job->config)
               ? "stands by"
               : "signs now";
}

static enum key_act list_keys(struct key_job *job, struct keyfile *keys)
{
    for (size_t i = 0; i < keys->ring.count; i++) {
        const struct keyring_key *key = &keys->ring.keys[i];
        key_print_kid(key->kid);
        printf("  %-7s  %-11s  %-5s", key_use_text(key->use), state_of(job, &keys->ring, key),
               key_alg_text(key->alg));
        if (key->publish_at != KEY_UNPUBLISHED) {
            key_print_time("  from ", key->use_from);
            key_print_time("  until ", key->retire_at);
            key_print_time("  published ", key->publish_at);
        } else {
            key_print_time("  until ", key->retire_at);
        }
        printf("%s%s\n", keyfile_in_hsm(keys, i) ? "  " : "", keys->uris[i]);
    }
    key_warn_of_room(job, keys);
    return KEY_ACT_DONE;
}

int command_key_list(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *file = NULL;
    const struct command_option options[] = {
        {"config", &config, NULL}, {"file", &file, NULL}, {NULL, NULL, NULL}};
    struct key_job job = {.act = list_keys};
    if (!command_read(command, argc, argv, options, NULL, 0, 0))
        return EXIT_USAGE;
    return key_job(&job, config, file);
}

/* ---- secrets ---- */

int command_secret_create(const struct command *command, int argc, char **argv)
{
    const struct command_option options[] = {{NULL, NULL, NULL}};
    const char *path;
    char text[1024];
    struct buf why = BUF_OVER(text);
    if (!command_read(command, argc, argv, options, &path, 1, 1))
        return EXIT_USAGE;
    if (!secret_create(path, &crypto_openssl, &why))
        return command_failed_why(&why);
    printf("%s: a new secret, readable by you alone\n", path);
    return EXIT_SUCCESS;
}
