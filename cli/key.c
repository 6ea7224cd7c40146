/* Keys that sign licence codes, receipts and webhooks; those of evidence logs and witnesses, each
 * in a file of its own; secrets. Whoever changes a key file holds its folder's lock, so that a
 * revocation and a new key made at the same time are both kept. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/desk.h"
#include "evidence/note.h"
#include "gateway/config/keyfile.h"

#define KEY_LIFE_S (365 * 86400)
#define DRAWS_MAX  16 /* a collision is one in 2^26 with 64 keys: more in a row mean a fault */

static void print_kid(const uint8_t kid[KID_BYTES])
{
    for (size_t i = 0; i < KID_BYTES; i++)
        printf("%02x", kid[i]);
}

static void print_time(const char *before, int64_t unix_s)
{
    char text[32];
    struct buf time = BUF_OVER(text);
    buf_put_timestamp(&time, unix_s);
    printf("%s%s", before, buf_cstr(&time));
}

/* ---- the file ---- */

/* The caller frees it; NULL after a complaint. */
static char *key_path(const char *config, const char *file)
{
    struct desk desk;
    if (file)
        return check_strdup(file);
    if (!desk_open(&desk, config, DESK_CONFIG_ONLY))
        return NULL;
    char *path = check_strdup(desk.config->keys_codes);
    desk_close(&desk);
    return path;
}

/* A descriptor whose closing unlocks; -1 after a complaint. */
static int lock_folder(const char *path)
{
    char *folder = check_strdup(path), *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = 0;
    int lock = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock < 0 || flock(lock, LOCK_EX) != 0) {
        command_failed("%s: %s", slash ? folder : ".", strerror(errno));
        if (lock >= 0)
            close(lock);
        lock = -1;
    }
    free(folder);
    return lock;
}

/* What `act` does with the keys of the file; written back when it says so. */
enum key_act { KEY_ACT_FAILED, KEY_ACT_DONE, KEY_ACT_WRITE };
struct key_job {
    enum key_act (*act)(struct key_job *job, struct keyfile *keys);
    bool create; /* a file that is not there has no keys */
    int64_t now, from, until;
    enum key_use use;
    uint8_t kid[KID_BYTES]; /* the one meant, or made */
};

static bool work(const char *path, struct key_job *job)
{
    char text[1024];
    struct buf why = BUF_OVER(text);
    struct keyfile *keys = check_alloc(sizeof *keys);
    bool fresh = job->create && access(path, F_OK) != 0 && errno == ENOENT;
    bool done = fresh || keyfile_read(path, &crypto_openssl, keys, &why);
    if (done) {
        enum key_act act = job->act(job, keys);
        done = act == KEY_ACT_DONE || (act == KEY_ACT_WRITE && keyfile_write(path, keys, &why));
    }
    if (why.len)
        command_failed_why(&why);
    keyfile_wipe(keys);
    free(keys);
    return done;
}

static bool run(const char *config, const char *file, struct key_job *job)
{
    char *path = key_path(config, file);
    int lock = path ? lock_folder(path) : -1;
    job->now = job->now ? job->now : clock_wall_s();
    bool done = lock >= 0 && work(path, job);
    if (lock >= 0)
        close(lock);
    free(path);
    return done;
}

/* ---- create ---- */

static enum key_act create_key(struct key_job *job, struct keyfile *keys)
{
    enum keyring_error error = KEYRING_ERR_COLLISION;
    for (int draw = 0; draw < DRAWS_MAX && error == KEYRING_ERR_COLLISION; draw++) {
        struct keyring_key key = {.alg = COSE_ALG_ES256,
                                  .use = job->use,
                                  .publish_at = job->now,
                                  .use_from = job->from,
                                  .retire_at = job->until};
        struct crypto_key_pair pair;
        if (crypto_openssl.key_generate(&pair) != CRYPTO_OK) {
            command_failed("a key could not be made");
            return KEY_ACT_FAILED;
        }
        memcpy(key.public_key, pair.public_key, sizeof key.public_key);
        error = keyring_add(&keys->ring, &crypto_openssl, &key);
        if (error == KEYRING_OK) {
            keys->pairs[keys->ring.count - 1] = pair;
            memcpy(job->kid, keys->ring.keys[keys->ring.count - 1].kid, KID_BYTES);
        }
        crypto_wipe(&pair, sizeof pair);
    }
    if (error == KEYRING_OK)
        return KEY_ACT_WRITE;
    command_failed("no key was made: %s", keyring_error_text(error));
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

int command_key_create(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *file = NULL, *use = "code", *from = NULL, *until = NULL,
               *name = NULL;
    const struct command_option options[] = {{"config", &config, NULL}, {"file", &file, NULL},
                                             {"use", &use, NULL},       {"from", &from, NULL},
                                             {"until", &until, NULL},   {"name", &name, NULL},
                                             {NULL, NULL, NULL}};
    int64_t now = clock_wall_s();
    struct key_job job = {.act = create_key, .create = true, .now = now, .from = now};
    if (!command_read(command, argc, argv, options, NULL, 0, 0) ||
        !command_time(command, "--from", from, &job.from))
        return EXIT_USAGE;
    bool of_log = !strcmp(use, "evidence"), of_witness = !strcmp(use, "witness");
    if ((of_log || of_witness) && (from || until))
        return command_misused(command, "a log's or a witness's key has no dates");
    if (of_witness && !name)
        return command_misused(command, "a witness has a --name, like audit.example.cn/witness");
    if (of_log || of_witness)
        return create_note_key(config, file, name, of_log ? NOTE_ED25519 : NOTE_COSIGNATURE);
    if (name || !key_use_read(bytes_str(use), &job.use))
        return command_misused(command, name ? "--name is for a log's or a witness's key"
                                             : "--use is code, receipt, webhook, evidence or "
                                               "witness");
    job.until = job.from + KEY_LIFE_S;
    if (!command_time(command, "--until", until, &job.until))
        return EXIT_USAGE;
    if (job.until <= job.from || job.until <= now)
        return command_misused(command, "--until is not after the key's beginning and now");
    if (!run(config, file, &job))
        return EXIT_FAILURE;
    print_kid(job.kid);
    printf(" signs %ss", use);
    print_time(" from ", job.from);
    print_time(" until ", job.until);
    puts("; gateways take it at the next SIGHUP");
    return EXIT_SUCCESS;
}

/* ---- list, revoke ---- */

static enum key_act list_keys(struct key_job *job, struct keyfile *keys)
{
    for (size_t i = 0; i < keys->ring.count; i++) {
        const struct keyring_key *key = &keys->ring.keys[i];
        const struct keyring_key *signing = keyring_signing(&keys->ring, key->use, job->now);
        const char *state = key->revoked                 ? "revoked"
                            : job->now >= key->retire_at ? "retired"
                            : job->now < key->use_from   ? "later"
                            : key == signing             ? "signs now"
                                                         : "replaced";
        print_kid(key->kid);
        printf("  %-7s  %-9s", key_use_text(key->use), state);
        print_time("  from ", key->use_from);
        print_time("  until ", key->retire_at);
        print_time("  published ", key->publish_at);
        putchar('\n');
    }
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
    return run(config, file, &job) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static enum key_act revoke_key(struct key_job *job, struct keyfile *keys)
{
    for (size_t i = 0; i < keys->ring.count; i++) {
        struct keyring_key *key = &keys->ring.keys[i];
        if (memcmp(key->kid, job->kid, KID_BYTES) != 0)
            continue;
        if (key->revoked) {
            command_failed("the key is revoked already");
            return KEY_ACT_FAILED;
        }
        key->revoked = true;
        if (!keyring_signing(&keys->ring, key->use, job->now))
            fprintf(stderr, "jwb: warning: no key is left that signs now, of those for %ss\n",
                    key_use_text(key->use));
        job->use = key->use;
        return KEY_ACT_WRITE;
    }
    command_failed("the file has no key of this kid");
    return KEY_ACT_FAILED;
}

int command_key_revoke(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *file = NULL, *kid;
    const struct command_option options[] = {
        {"config", &config, NULL}, {"file", &file, NULL}, {NULL, NULL, NULL}};
    struct key_job job = {.act = revoke_key};
    struct buf out = BUF_OVER(job.kid);
    if (!command_read(command, argc, argv, options, &kid, 1, 1))
        return EXIT_USAGE;
    if (!buf_put_from_hex(&out, bytes_str(kid)) || out.len != KID_BYTES)
        return command_misused(command, "a kid has %d hexadecimal digits", 2 * KID_BYTES);
    if (!run(config, file, &job))
        return EXIT_FAILURE;
    print_kid(job.kid);
    printf(" is revoked; gateways %s from the next SIGHUP on\n",
           job.use == KEY_USE_CODE ? "refuse its codes" : "no longer publish it");
    return EXIT_SUCCESS;
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
