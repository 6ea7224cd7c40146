#include "cli/key_job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/command.h"

#define DAY_S     86400
#define KEYS_MANY (KEYRING_KEYS_MAX * 3 / 4)

const char *key_signs(enum key_use use)
{
    static const char *const things[] = {
        [KEY_USE_CODE] = "codes",         [KEY_USE_STATUS] = "status lists",
        [KEY_USE_ROOT] = "trust bundles", [KEY_USE_RECEIPT] = "receipts",
        [KEY_USE_WEBHOOK] = "webhooks",
    };
    return things[use];
}

void key_print_kid(const uint8_t kid[KID_BYTES])
{
    for (size_t i = 0; i < KID_BYTES; i++)
        printf("%02x", kid[i]);
}

void key_print_time(const char *before, int64_t unix_s)
{
    char text[32];
    struct buf time = BUF_OVER(text);
    buf_put_timestamp(&time, unix_s);
    printf("%s%s", before, buf_cstr(&time));
}

void key_tell_gateways(enum key_use use)
{
    if (use != KEY_USE_ROOT)
        puts("Gateways take it at the next SIGHUP: then their log says \"reloaded\", and their "
             "/.well-known/jwks.json shows what they go by");
}

/* ---- the file ---- */

bool key_job_begin(struct key_job *job, const char *config, const char *file)
{
    struct desk desk = {0};
    job->now = clock_wall_s();
    if ((!file || config || getenv("JWB_CONFIG")) && !desk_open(&desk, config, DESK_CONFIG_ONLY))
        return false;
    job->config = desk.config; /* all that such a desk has */
    const char *path = file ? file : job->config->keys_codes;
    job->path = realpath(path, NULL); /* a link stays one, and the lock is where the file is */
    if (!job->path)
        job->path = check_strdup(path);
    return true;
}

void key_job_end(struct key_job *job)
{
    config_destroy(&job->config);
    free(job->path);
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

static bool work(struct key_job *job)
{
    char text[1024];
    struct buf why = BUF_OVER(text);
    struct keyfile *keys = check_alloc(sizeof *keys);
    bool fresh = job->create && access(job->path, F_OK) != 0 && errno == ENOENT;
    bool done = fresh || keyfile_read(job->path, &crypto_openssl, keys, &why);
    if (done) {
        enum key_act act = job->act(job, keys);
        done =
            act == KEY_ACT_DONE || (act == KEY_ACT_WRITE && keyfile_write(job->path, keys, &why));
    }
    if (why.len)
        command_failed_why(&why);
    keyfile_wipe(keys);
    free(keys);
    return done;
}

bool key_job_run(struct key_job *job)
{
    int lock = lock_folder(job->path);
    bool done = lock >= 0 && work(job);
    if (lock >= 0)
        close(lock);
    return done;
}

int key_job(struct key_job *job, const char *config, const char *file)
{
    bool done = key_job_begin(job, config, file) && key_job_run(job);
    key_job_end(job);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- keys ---- */

struct keyring_key *key_job_find(struct key_job *job, struct keyfile *keys)
{
    for (size_t i = 0; i < keys->ring.count; i++) {
        struct keyring_key *key = &keys->ring.keys[i];
        if (memcmp(key->kid, job->kid, KID_BYTES) == 0) {
            job->use = key->use;
            return key;
        }
    }
    command_failed("the file has no key of this kid");
    return NULL;
}

/* Longer than a scan may wait for its delivery, a scanned code names a licence, and a list lives.
 */
static int64_t kept_s(const struct config *config)
{
    return (int64_t)config->scans_age_days * DAY_S + (int64_t)config->enforcement_code_age_s +
           (int64_t)config->status_lists_life_s;
}

static bool is_spent(const struct keyring_key *key, const struct config *config, int64_t now)
{
    const bool passes =
        key->use == KEY_USE_CODE || key->use == KEY_USE_STATUS || key->use == KEY_USE_WEBHOOK;
    return passes && !key->revoked && key->retire_at <= now - kept_s(config);
}

size_t key_drop_spent(struct keyfile *keys, const struct config *config, int64_t now)
{
    const size_t before = keys->ring.count;
    size_t left = 0;
    for (size_t i = 0; i < before; i++) {
        if (is_spent(&keys->ring.keys[i], config, now))
            continue;
        keys->ring.keys[left] = keys->ring.keys[i];
        keys->pairs[left] = keys->pairs[i];
        memmove(keys->uris[left], keys->uris[i], sizeof *keys->uris);
        left++;
    }
    keys->ring.count = left;
    return before - left;
}

void key_warn_of_room(const struct key_job *job, const struct keyfile *keys)
{
    if (keys->ring.count >= KEYS_MANY)
        fprintf(stderr,
                "jwb: warning: %s holds %zu of the %d keys that it can; 'jwb key prune' drops "
                "those that nothing needs any more\n",
                job->path, keys->ring.count, KEYRING_KEYS_MAX);
}

void key_warn_of_last(const struct key_job *job, const struct keyfile *keys,
                      const struct keyring_key *key, int64_t at)
{
    if (!keyring_signing(&keys->ring, key->use, key->alg, at))
        fprintf(stderr, "jwb: warning: no key is left that signs %s, of those for %s with %s\n",
                at > job->now ? "then" : "now", key_signs(key->use), key_alg_text(key->alg));
}

void key_warn_of_root(const struct keyfile *keys, int64_t now)
{
    unsigned left = 0;
    for (size_t i = 0; i < keys->ring.count; i++)
        left += !keys->ring.keys[i].revoked && now < keys->ring.keys[i].retire_at;
    if (keyfile_is_of_roots(keys) && left < 2)
        fprintf(stderr,
                "jwb: warning: %s: with the last root key every verifier must be enrolled anew; "
                "make a second one, and publish both\n",
                left ? "this root key has no successor" : "no root key is left");
}
