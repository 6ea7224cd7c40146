/* Work on a key file (gateway/config/keyfile.h), shared by the commands of jwb key. */
#ifndef CLI_KEY_JOB_H
#define CLI_KEY_JOB_H

#include "cli/desk.h"
#include "gateway/config/keyfile.h"

enum key_act { KEY_ACT_FAILED, KEY_ACT_DONE, KEY_ACT_WRITE };

struct key_job {
    /* What is to be done with the file's keys; they are written back when it says so. */
    enum key_act (*act)(struct key_job *job, struct keyfile *keys);
    bool create; /* a file that is not there has no keys */
    int64_t now, publish_at, from, until;
    enum key_use use;
    enum crypto_alg alg;
    uint8_t kid[KID_BYTES]; /* the one meant, or made */
    const char *label;      /* of a key in the HSM; NULL: it is made here */
    const char *out;        /* a file to write; NULL: stdout */
    size_t dropped;         /* by key_drop_spent */
    struct config *config;  /* NULL: a file alone was named */
    char *path;             /* of the key file */
};

/* Reads the configuration, unless a file alone was named, and finds the key file. False after a
 * complaint; key_job_end is due either way. */
bool key_job_begin(struct key_job *job, const char *config, const char *file);
/* Does it, under the lock of the file's folder, so that a revocation and a new key made at the same
 * time are both kept. False after a complaint. */
bool key_job_run(struct key_job *job);
void key_job_end(struct key_job *job);
/* All three; EXIT_SUCCESS or EXIT_FAILURE. */
int key_job(struct key_job *job, const char *config, const char *file);

/* The key that is meant, and its use as job->use; or NULL after a complaint. */
struct keyring_key *key_job_find(struct key_job *job, struct keyfile *keys);
/* Drops the keys that ended so long ago that nothing they signed is looked at any more, and tells
 * how many those were. Receipts are looked at for ever, and that a key was revoked stands in the
 * file alone: such keys stay, and so do root keys. */
size_t key_drop_spent(struct keyfile *keys, const struct config *config, int64_t now);
/* Warns where soon no key will fit into the file. */
void key_warn_of_room(const struct key_job *job, const struct keyfile *keys);
/* Warns where nothing signs at `at`, of those that sign as this key did. */
void key_warn_of_last(const struct key_job *job, const struct keyfile *keys,
                      const struct keyring_key *key, int64_t at);
/* Warns where all depends on one root key. */
void key_warn_of_root(const struct keyfile *keys, int64_t now);

/* "codes", "trust bundles", ...: what keys of this use sign. */
const char *key_signs(enum key_use use);
/* Says when what was changed in the file is so, and how that is seen. */
void key_tell_gateways(enum key_use use);
void key_print_kid(const uint8_t kid[KID_BYTES]);
void key_print_time(const char *before, int64_t unix_s);

#endif
