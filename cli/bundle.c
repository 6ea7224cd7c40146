/* Making trust bundles: a draft has all but what the root key's own file says, signing adds that
 * and the signature. Where the root key lies elsewhere the two are done apart. */
#include "cli/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/command.h"
#include "gateway/config/hsm.h"
#include "gateway/config/keyfile.h"

#define LIFE_DAYS 7
#define LIFE_DAYS_MAX                                                                              \
    90 /* so long a lost terminal believes in a key that was revoked meanwhile                     \
        */
#define DAY_S 86400

/* ---- the root key ---- */

/* Of either algorithm, the one that began last. */
static const struct keyring_key *signing_root(const struct keyring *ring, int64_t now)
{
    const struct keyring_key *p256 = keyring_signing(ring, KEY_USE_ROOT, CRYPTO_ES256, now),
                             *sm2 = keyring_signing(ring, KEY_USE_ROOT, CRYPTO_SM2, now);
    return !p256 || (sm2 && sm2->use_from > p256->use_from) ? sm2 : p256;
}

static bool read_roots(const char *path, struct keyfile *roots, const struct keyring_key **root)
{
    char text[1024];
    struct buf why = BUF_OVER(text);
    *root = NULL;
    if (!keyfile_read(path, &crypto_openssl, roots, &why))
        command_failed_why(&why);
    else if (!keyfile_is_of_roots(roots))
        command_failed("%s has no root keys", path);
    else if (!(*root = signing_root(&roots->ring, clock_wall_s())))
        command_failed("%s has no root key that signs now", path);
    return *root;
}

/* The module that has the root key must be there to its signer's end. */
static struct crypto_signer *root_signer(const char *config, const struct keyfile *roots, size_t i,
                                         struct crypto_hsm **hsm)
{
    char text[1024];
    struct buf why = BUF_OVER(text);
    struct desk desk;
    if (!keyfile_in_hsm(roots, i)) {
        struct crypto_signer *signer =
            crypto_openssl.signer_create(roots->ring.keys[i].alg, &roots->pairs[i]);
        if (!signer)
            command_failed("the root key could not be used");
        return signer;
    }
    if (!desk_open(&desk, config, DESK_CONFIG_ONLY))
        return NULL;
    *hsm = hsm_open(desk.config, &why);
    desk_close(&desk);
    struct crypto_signer *signer =
        *hsm ? crypto_hsm_signer_create(*hsm, bytes_str(roots->uris[i]),
                                        roots->ring.keys[i].public_key, &why)
             : NULL;
    if (!signer)
        command_failed_why(&why);
    return signer;
}

/* Appends the bundle, signed. What was drafted is read again first: the registry's and the
 * configuration's contents are not ours to assert. */
static bool sign(const char *config, const struct trust_bundle *bundle, const struct keyfile *roots,
                 const struct keyring_key *root, struct buf *out)
{
    struct trust_bundle *again = check_alloc(sizeof *again);
    struct crypto_hsm *hsm = NULL;
    if (trust_bundle_revoked(bundle, root->kid)) {
        free(again);
        command_failed("the root key was revoked: it signs no bundle any more");
        return false;
    }
    trust_bundle_write_payload(bundle, out);
    bool good = buf_ok(out) && out->len + TRUST_PAYLOAD_MORE <= TRUST_BUNDLE_BYTES_MAX &&
                trust_bundle_read_payload(buf_bytes(out), &crypto_openssl, again);
    free(again);
    if (!good) {
        command_failed("this does not make a bundle: too much, or out of its range");
        return false;
    }
    struct crypto_signer *signer =
        root_signer(config, roots, (size_t)(root - roots->ring.keys), &hsm);
    if (!signer)
        return false;
    good = trust_bundle_sign(root->alg, root->kid, 0, &crypto_openssl, signer, out) == CRYPTO_OK;
    crypto_openssl.signer_destroy(&signer);
    crypto_hsm_close(&hsm);
    if (!good)
        command_failed("the root key could not sign");
    return good;
}

/* ---- files ---- */

/* Whoever reads it meanwhile sees the old one or the new one, whole, also after a power failure. */
static bool replace_file(const char *path, struct bytes content)
{
    char *temporary, *folder = check_strdup(path), *slash = strrchr(folder, '/');
    CHECK(asprintf(&temporary, "%s.new", path) >= 0);
    if (slash)
        slash[slash == folder] = 0;
    int at = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    errno = file < 0 ? errno : ENOSPC; /* of a short write */
    bool done = at >= 0 && file >= 0 &&
                write(file, content.data, content.len) == (ssize_t)content.len &&
                fsync(file) == 0 && rename(temporary, path) == 0 && fsync(at) == 0;
    if (!done)
        command_failed("%s: %s", path, strerror(errno));
    if (file >= 0)
        close(file);
    if (at >= 0)
        close(at);
    free(temporary);
    free(folder);
    return done;
}

static bool write_draft(const struct trust_bundle *bundle, const char *path)
{
    uint8_t *storage = check_alloc(TRUST_BUNDLE_BYTES_MAX);
    struct buf out;
    buf_init(&out, storage, TRUST_BUNDLE_BYTES_MAX - TRUST_PAYLOAD_MORE);
    trust_bundle_write_payload(bundle, &out);
    if (!buf_ok(&out))
        command_failed("this is too much for a bundle");
    bool done = buf_ok(&out) && replace_file(path, buf_bytes(&out));
    free(storage);
    return done;
}

static bool write_signed(const char *config, const struct trust_bundle *bundle,
                         const struct keyfile *roots, const struct keyring_key *root,
                         const char *path)
{
    uint8_t *storage = check_alloc(TRUST_BUNDLE_BYTES_MAX);
    struct buf out;
    buf_init(&out, storage, TRUST_BUNDLE_BYTES_MAX);
    bool done = sign(config, bundle, roots, root, &out) && replace_file(path, buf_bytes(&out));
    free(storage);
    return done;
}

/* ---- the commands ---- */

static void tell_made(const char *path, const struct trust_bundle *bundle, const char *made)
{
    char text[32];
    struct buf time = BUF_OVER(text);
    buf_put_timestamp(&time, bundle->expires);
    printf("%s: %s, version %llu, until %s: %zu keys, %zu revoked, %zu types, %zu issuers, "
           "%zu lists\n",
           path, made, (unsigned long long)bundle->version, buf_cstr(&time), bundle->ring.count,
           bundle->revoked_count, bundle->type_count, bundle->issuer_count, bundle->list_count);
}

/* The same but for version and dates? */
static bool says_the_same(const struct making *making)
{
    uint8_t *storage = check_alloc(2 * TRUST_BUNDLE_BYTES_MAX);
    struct trust_bundle *now = check_alloc(sizeof *now);
    struct buf old_one, new_one;
    buf_init(&old_one, storage, TRUST_BUNDLE_BYTES_MAX);
    buf_init(&new_one, storage + TRUST_BUNDLE_BYTES_MAX, TRUST_BUNDLE_BYTES_MAX);
    *now = making->bundle;
    now->version = making->before.version;
    now->not_before = making->before.not_before;
    now->expires = making->before.expires;
    trust_bundle_write_payload(&making->before, &old_one);
    trust_bundle_write_payload(now, &new_one);
    bool same = bytes_equal(buf_bytes(&old_one), buf_bytes(&new_one));
    free(now);
    free(storage);
    return same;
}

/* Is what is there as good as a new one would be: by the same root, and in its first half? */
static bool still_good(const struct making *making, const struct keyring_key *root)
{
    const struct trust_bundle *before = &making->before;
    if (before->version == 0 || memcmp(before->message.kid, root->kid, KID_BYTES) != 0 ||
        making->bundle.not_before >=
            before->not_before + (before->expires - before->not_before) / 2 ||
        !says_the_same(making))
        return false;
    struct crypto_verifier *verifier = crypto_openssl.verifier_create(root->alg, root->public_key);
    bool genuine = verifier && trust_bundle_check(before, &crypto_openssl, verifier) == CRYPTO_OK;
    crypto_openssl.verifier_destroy(&verifier);
    return genuine;
}

static bool make(const char *config, const struct desk *desk, const char *root_path,
                 const char *path, int64_t life_s, bool force)
{
    struct making *making = making_create();
    struct keyfile *roots = check_alloc(sizeof *roots);
    const struct keyring_key *root;
    bool done = read_roots(root_path, roots, &root) && bundle_draft(desk, path, life_s, making) &&
                bundle_add_keys(&making->bundle, &roots->ring, making->bundle.not_before);
    if (done && !force && still_good(making, root)) {
        tell_made(path, &making->before, "is as it should be");
    } else if (done) {
        done = write_signed(config, &making->bundle, roots, root, path);
        if (done)
            tell_made(path, &making->bundle, "made");
    }
    keyfile_wipe(roots);
    free(roots);
    free(making);
    return done;
}

int command_bundle_make(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *root = NULL, *out = NULL, *life = NULL;
    bool force = false;
    const struct command_option options[] = {{"config", &config, NULL}, {"root", &root, NULL},
                                             {"out", &out, NULL},       {"life", &life, NULL},
                                             {"force", NULL, &force},   {NULL, NULL, NULL}};
    uint64_t days = LIFE_DAYS;
    struct desk desk;
    if (!command_read(command, argc, argv, options, NULL, 0, 0) ||
        !command_number(command, "--life", life, 1, LIFE_DAYS_MAX, &days))
        return EXIT_USAGE;
    if (!root)
        return command_misused(command, "--root is missing: the file with the root key");
    if (!desk_open(&desk, config, DESK_REGISTRY))
        return EXIT_FAILURE;
    bool made = make(config, &desk, root, out ? out : desk.config->trust_bundle,
                     (int64_t)days * DAY_S, force);
    desk_close(&desk);
    return made ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_bundle_draft(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *life = NULL, *path;
    const struct command_option options[] = {
        {"config", &config, NULL}, {"life", &life, NULL}, {NULL, NULL, NULL}};
    uint64_t days = LIFE_DAYS;
    struct desk desk;
    if (!command_read(command, argc, argv, options, &path, 1, 1) ||
        !command_number(command, "--life", life, 1, LIFE_DAYS_MAX, &days))
        return EXIT_USAGE;
    if (!desk_open(&desk, config, DESK_REGISTRY))
        return EXIT_FAILURE;
    struct making *making = making_create();
    bool made = bundle_draft(&desk, desk.config->trust_bundle, (int64_t)days * DAY_S, making) &&
                write_draft(&making->bundle, path);
    if (made)
        tell_made(path, &making->bundle, "drafted");
    free(making);
    desk_close(&desk);
    return made ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool sign_draft(const char *config, const char *path, const char *root_path, const char *out)
{
    struct making *making = making_create();
    struct keyfile *roots = check_alloc(sizeof *roots);
    struct buf content = BUF_OVER(making->text_storage);
    const struct keyring_key *root;
    bool done = read_roots(root_path, roots, &root) && command_file(path, &content);
    if (done && !trust_bundle_read_payload(buf_bytes(&content), &crypto_openssl, &making->bundle)) {
        command_failed("%s is no draft of a trust bundle", path);
        done = false;
    }
    done = done && bundle_add_keys(&making->bundle, &roots->ring, clock_wall_s());
    if (done) {
        bundle_print(&making->bundle, BUNDLE_UNSIGNED);
        done = write_signed(config, &making->bundle, roots, root, out);
    }
    if (done)
        tell_made(out, &making->bundle, "signed");
    keyfile_wipe(roots);
    free(roots);
    free(making);
    return done;
}

int command_bundle_sign(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *root = NULL, *out = NULL, *path;
    const struct command_option options[] = {
        {"config", &config, NULL}, {"root", &root, NULL}, {"out", &out, NULL}, {NULL, NULL, NULL}};
    if (!command_read(command, argc, argv, options, &path, 1, 1))
        return EXIT_USAGE;
    if (!root || !out)
        return command_misused(command, "%s is missing", root ? "--out" : "--root");
    return sign_draft(config, path, root, out) ? EXIT_SUCCESS : EXIT_FAILURE;
}
