/* jwb key publish, retire, revoke and prune: what becomes of a key once it is made. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "cli/command.h"
#include "cli/key_job.h"

/* Gateways read the file when they are told to, and verifiers without a network when they can:
 * what a key signs that they don't know is refused by them. */
#define PUBLISH_AHEAD_S (24 * 3600)
/* Gateways go on with a key until they have read the file, whatever the file says signs now. */
#define RETIRE_AHEAD_S 60
#define SET_BYTES_MAX  (KEYRING_KEYS_MAX * 320)

static bool read_kid(const struct command *command, const char *text, struct key_job *job)
{
    struct buf out = BUF_OVER(job->kid);
    bool read = buf_put_from_hex(&out, bytes_str(text)) && out.len == KID_BYTES;
    if (!read)
        command_misused(command, "a kid has %d hexadecimal digits", 2 * KID_BYTES);
    return read;
}

static enum key_act refuse(const char *sentence)
{
    command_failed("nothing was changed: %s", sentence);
    return KEY_ACT_FAILED;
}

/* ---- publish: a key ---- */

static enum key_act publish_key(struct key_job *job, struct keyfile *keys)
{
    struct keyring_key *key = key_job_find(job, keys);
    if (!key)
        return KEY_ACT_FAILED;
    if (!job->from)
        job->from = job->now + PUBLISH_AHEAD_S;
    if (key->revoked)
        return refuse("the key is revoked");
    if (key->publish_at != KEY_UNPUBLISHED)
        return refuse("the key is published already");
    if (job->from < job->now)
        return refuse("--from lies in the past");
    if (job->from >= key->retire_at)
        return refuse("the key retires before it would begin to sign");
    if (job->from < job->now + PUBLISH_AHEAD_S && keys->ring.count > 1)
        fputs(
            "jwb: warning: verifiers that don't hear of it before it signs refuse what it signs\n",
            stderr);
    key->publish_at = job->now;
    key->use_from = job->from;
    return KEY_ACT_WRITE;
}

/* ---- publish: a file's public keys ---- */

static bool write_out(const char *path, struct bytes content)
{
    FILE *file = path ? fopen(path, "wb") : stdout;
    bool ok = file && fwrite(content.data, 1, content.len, file) == content.len;
    if (file && path)
        ok &= fclose(file) == 0;
    if (!ok)
        command_failed("%s: can't be written", path ? path : "standard output");
    return ok;
}

static enum key_act publish_roots(struct key_job *job, struct keyfile *keys)
{
    static uint8_t storage[SET_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    if (!keyfile_is_of_roots(keys))
        return refuse("the file has no root keys");
    key_warn_of_root(keys, job->now);
    keyring_write_jwks(&keys->ring, job->now, &out);
    buf_put_u8(&out, '\n');
    CHECK(buf_ok(&out));
    return write_out(job->out, buf_bytes(&out)) ? KEY_ACT_DONE : KEY_ACT_FAILED;
}

int command_key_publish(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *file = NULL, *use = NULL, *from = NULL, *kid = NULL;
    struct key_job job = {.act = publish_key};
    const struct command_option options[] = {{"config", &config, NULL}, {"file", &file, NULL},
                                             {"use", &use, NULL},       {"from", &from, NULL},
                                             {"out", &job.out, NULL},   {NULL, NULL, NULL}};
    if (!command_read(command, argc, argv, options, &kid, 0, 1) ||
        !command_time(command, "--from", from, &job.from))
        return EXIT_USAGE;
    if (kid ? use || job.out : !use || strcmp(use, "root") != 0 || !file || from)
        return command_misused(command, "name a KID, or --use root and its --file");
    if (!kid) {
        job.act = publish_roots;
        return key_job(&job, config, file);
    }
    if (!read_kid(command, kid, &job))
        return EXIT_USAGE;
    int status = key_job(&job, config, file);
    if (status == EXIT_SUCCESS) {
        key_print_kid(job.kid);
        printf(" is published");
        key_print_time(", and signs from ", job.from);
        putchar('\n');
        key_tell_gateways(job.use);
    }
    return status;
}

/* ---- retire ---- */

static enum key_act retire_key(struct key_job *job, struct keyfile *keys)
{
    struct keyring_key *key = key_job_find(job, keys);
    if (!key)
        return KEY_ACT_FAILED;
    if (!job->until)
        job->until = job->now + RETIRE_AHEAD_S;
    if (key->revoked)
        return refuse("the key is revoked");
    if (key->publish_at == KEY_UNPUBLISHED)
        return refuse("the key was never published: revoke it, if it is not wanted");
    if (job->now >= key->retire_at)
        return refuse("the key is retired already");
    if (job->until > key->retire_at)
        return refuse("the key retires before that; verifiers know that day already");
    /* What it has signed so far would be refused. */
    if (job->until <= job->now)
        return refuse(
            "--at must lie ahead: what the key signed until now is good until it expires");
    if (job->until <= key->use_from)
        return refuse(
            "the key would retire before it begins to sign; revoke it, if it is not wanted");
    if (job->until < job->now + RETIRE_AHEAD_S)
        return refuse("gateways that have not read the file yet may go on with the key: --at must "
                      "be a minute ahead");
    key->retire_at = job->until;
    key_warn_of_last(job, keys, key, job->until);
    return KEY_ACT_WRITE;
}

int command_key_retire(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *file = NULL, *at = NULL, *kid;
    const struct command_option options[] = {
        {"config", &config, NULL}, {"file", &file, NULL}, {"at", &at, NULL}, {NULL, NULL, NULL}};
    struct key_job job = {.act = retire_key};
    if (!command_read(command, argc, argv, options, &kid, 1, 1) || !read_kid(command, kid, &job) ||
        !command_time(command, "--at", at, &job.until))
        return EXIT_USAGE;
    int status = key_job(&job, config, file);
    if (status == EXIT_SUCCESS) {
        key_print_kid(job.kid);
        key_print_time(" signs no more from ", job.until);
        puts(" on; what it signed before stays good");
        key_tell_gateways(job.use);
    }
    return status;
}

/* ---- revoke ---- */

static enum key_act revoke_key(struct key_job *job, struct keyfile *keys)
{
    struct keyring_key *key = key_job_find(job, keys);
    if (!key)
        return KEY_ACT_FAILED;
    if (key->revoked)
        return refuse("the key is revoked already");
    key->revoked = true;
    if (key->publish_at != KEY_UNPUBLISHED)
        key_warn_of_last(job, keys, key, job->now);
    key_warn_of_root(keys, job->now);
    return KEY_ACT_WRITE;
}

int command_key_revoke(const struct command *command, int argc, char **argv)
{
    static const char *const effects[] = {
        [KEY_USE_CODE] = "gateways that know it refuse its codes",
        [KEY_USE_ROOT] = "publish the root keys anew, and give them to gateways and verifiers",
    };
    const char *config = NULL, *file = NULL, *kid;
    const struct command_option options[] = {
        {"config", &config, NULL}, {"file", &file, NULL}, {NULL, NULL, NULL}};
    struct key_job job = {.act = revoke_key};
    if (!command_read(command, argc, argv, options, &kid, 1, 1) || !read_kid(command, kid, &job))
        return EXIT_USAGE;
    int status = key_job(&job, config, file);
    if (status == EXIT_SUCCESS) {
        const char *effect = job.use <= KEY_USE_ROOT ? effects[job.use] : NULL;
        key_print_kid(job.kid);
        printf(" is revoked; %s\n", effect ? effect : "gateways that know it no longer publish it");
        key_tell_gateways(job.use);
    }
    return status;
}

/* ---- prune ---- */

static enum key_act prune_keys(struct key_job *job, struct keyfile *keys)
{
    job->dropped = key_drop_spent(keys, job->config, job->now);
    return job->dropped ? KEY_ACT_WRITE : KEY_ACT_DONE;
}

int command_key_prune(const struct command *command, int argc, char **argv)
{
    const char *config = NULL;
    const struct command_option options[] = {{"config", &config, NULL}, {NULL, NULL, NULL}};
    struct key_job job = {.act = prune_keys};
    if (!command_read(command, argc, argv, options, NULL, 0, 0))
        return EXIT_USAGE;
    int status = key_job(&job, config, NULL);
    if (status == EXIT_SUCCESS && job.dropped) {
        printf("%zu %s gone\n", job.dropped, job.dropped == 1 ? "key is" : "keys are");
        key_tell_gateways(KEY_USE_CODE);
    } else if (status == EXIT_SUCCESS) {
        puts("no key is spent: nothing was changed");
    }
    return status;
}
