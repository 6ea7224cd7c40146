/* The evidence log: `jwb evidence verify|prove|check|consistency|key`. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/desk.h"
#include "cli/evidence.h"
#include "evidence/audit.h"
#include "evidence/entry.h"

#define PROOF_BYTES_MAX   (NOTE_BYTES_MAX + 8192)
#define REQUEST_HEX_CHARS 16

/* ---- what most of them are given ---- */

struct log_call {
    const char *config, *log, *key; /* folder and verifier key, if not the configuration's */
    char folder[4096];
    struct note_verifier verifier;
    struct tlog_reader *reader;
};

/* From an argument; NULL: from the private key that the configuration names. */
static bool read_verifier(const struct config *config, const char *key,
                          struct note_verifier *verifier)
{
    char text[1024];
    struct buf why = BUF_OVER(text);
    struct note_signer signer;
    if (key && !note_verifier_read(bytes_str(key), verifier)) {
        command_failed("'%s' is no verifier key: name+id+key, as 'jwb evidence key' prints it",
                       key);
        return false;
    }
    if (key)
        return true;
    if (!note_key_read(config->evidence_key, &signer, &why)) {
        command_failed_why(&why);
        return false;
    }
    *verifier = signer.verifier;
    crypto_wipe(&signer, sizeof signer);
    return true;
}

/* The configuration is read only for what the call does not name itself. */
static bool open_log(struct log_call *call)
{
    struct buf folder = BUF_OVER(call->folder);
    struct desk desk = {0};
    if ((!call->log || !call->key) && !desk_open(&desk, call->config, DESK_CONFIG_ONLY))
        return false;
    if (call->log)
        buf_put_str(&folder, call->log);
    else
        config_log_folder(desk.config, &folder);
    bool known = read_verifier(desk.config, call->key, &call->verifier);
    desk_close(&desk);
    enum tlog_error error =
        known ? tlog_reader_open(buf_cstr(&folder), &call->reader) : TLOG_ERR_MISSING;
    if (known && error)
        command_failed("%s: %s", buf_cstr(&folder), tlog_error_text(error));
    return known && !error;
}

static void close_log(struct log_call *call)
{
    if (call->reader)
        tlog_reader_close(&call->reader);
}

static bool read_note(const char *path, uint8_t storage[NOTE_BYTES_MAX], struct bytes *note)
{
    struct buf content;
    buf_init(&content, storage, NOTE_BYTES_MAX);
    if (!command_file(path, &content))
        return false;
    *note = buf_bytes(&content);
    return true;
}

/* ---- verify ---- */

/* Each must have cosigned the newest checkpoint that all have. */
static bool check_witnesses(struct log_call *call, const char *const *witnesses)
{
    uint8_t storage[NOTE_BYTES_MAX];
    struct buf note = BUF_OVER(storage);
    if (!*witnesses)
        return true;
    if (tlog_read_checkpoint(call->reader, true, &note) != TLOG_OK) {
        command_failed("%s: no checkpoint of it was cosigned by its witnesses", call->folder);
        return false;
    }
    for (; *witnesses; witnesses++) {
        struct note_verifier witness;
        uint64_t at;
        if (!note_verifier_read(bytes_str(*witnesses), &witness) ||
            note_check(buf_bytes(&note), &witness, &at) != CRYPTO_OK) {
            command_failed("%s: the witness '%s' has not cosigned it", call->folder, *witnesses);
            return false;
        }
        char text[32];
        struct buf time = BUF_OVER(text);
        buf_put_timestamp(&time, (int64_t)at);
        printf("cosigned by %s at %s\n", witness.name, buf_cstr(&time));
    }
    /* What they cosigned must be what lies here. */
    char text[1024];
    struct buf why = BUF_OVER(text);
    struct audit audit;
    if (audit_log(call->reader, &call->verifier, buf_bytes(&note), &audit, &why) == TLOG_OK)
        return true;
    command_failed("%s: %s", call->folder, buf_cstr(&why));
    return false;
}

static bool verify(struct log_call *call, const char *older_path, const char *const *witnesses)
{
    uint8_t storage[NOTE_BYTES_MAX];
    struct bytes older = BYTES("");
    struct checkpoint checkpoint;
    struct bytes signed_text;
    char text[1024];
    struct buf why = BUF_OVER(text);
    struct audit audit;
    if (older_path && !read_note(older_path, storage, &older))
        return false;
    if (older_path && (!checkpoint_read(older, &checkpoint, &signed_text) ||
                       note_check(older, &call->verifier, NULL) != CRYPTO_OK)) {
        command_failed("%s: no checkpoint that this log's key signed", older_path);
        return false;
    }
    enum tlog_error error = audit_log(call->reader, &call->verifier, older, &audit, &why);
    if (error) {
        command_failed("%s: %s: %s", call->folder, tlog_error_text(error), buf_cstr(&why));
        return false;
    }
    printf("%s: %llu entries; every hash and the signatures of state and checkpoint are right\n",
           call->verifier.name, (unsigned long long)audit.size);
    if (audit.removed)
        printf("%llu of them were removed; archives account for %llu\n",
               (unsigned long long)audit.removed, (unsigned long long)audit.archived);
    if (older_path)
        printf("it grew from %s (%llu entries)\n", older_path, (unsigned long long)checkpoint.size);
    return check_witnesses(call, witnesses);
}

int command_evidence_verify(const struct command *command, int argc, char **argv)
{
    const char *older = NULL, *witnesses[COMMAND_REPEATS_MAX + 1] = {NULL};
    struct log_call call = {0};
    const struct command_option options[] = {{"config", &call.config, NULL},
                                             {"log", &call.log, NULL},
                                             {"key", &call.key, NULL},
                                             {"checkpoint", &older, NULL},
                                             {"witness", witnesses, COMMAND_REPEATED},
                                             {NULL, NULL, NULL}};
    if (!command_read(command, argc, argv, options, NULL, 0, 0))
        return EXIT_USAGE;
    bool verified = open_log(&call) && verify(&call, older, witnesses);
    close_log(&call);
    return verified ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- prove ---- */

struct proving {
    struct log_call *call;
    uint64_t request;
    const char *folder;
    struct tlog_proof proof;
    uint8_t note[NOTE_BYTES_MAX];
    uint64_t size; /* of the checkpoint */
    unsigned count;
};

static bool write_proof(struct proving *p, struct bytes entry, uint64_t index)
{
    uint8_t storage[PROOF_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    char *path;
    p->proof.index = index;
    p->proof.entry_bytes = entry.len;
    memcpy(p->proof.entry, entry.data, entry.len);
    enum tlog_error error = tlog_prove_inclusion(p->call->reader, index, p->size, p->proof.hashes,
                                                 &p->proof.hash_count);
    if (error) {
        command_failed("entry %llu: %s", (unsigned long long)index, tlog_error_text(error));
        return false;
    }
    tlog_proof_write(&p->proof, &out);
    CHECK(buf_ok(&out));
    CHECK(asprintf(&path, "%s/%016llx-%u.tlog-proof", p->folder, (unsigned long long)p->request,
                   ++p->count) > 0);
    FILE *file = fopen(path, "w");
    bool written = file && fwrite(storage, 1, out.len, file) == out.len;
    written = file && fclose(file) == 0 && written;
    if (written)
        printf("%s: entry %llu\n", path, (unsigned long long)index);
    else
        command_failed("%s: %s", path, strerror(errno));
    free(path);
    return written;
}

static bool prove_bundle(struct proving *p, uint64_t bundle)
{
    struct bytes entries[TLOG_BUNDLE_ENTRIES];
    struct journal_record record;
    size_t count;
    enum tlog_error error = tlog_read_bundle(p->call->reader, bundle, p->size, entries, &count);
    if (error) {
        command_failed("%s: bundle %llu: %s", p->call->folder, (unsigned long long)bundle,
                       tlog_error_text(error));
        return false;
    }
    for (size_t i = 0; i < count; i++)
        if (entries[i].len && entry_read(entries[i], &record) && record.request_id == p->request &&
            !write_proof(p, entries[i], bundle * TLOG_BUNDLE_ENTRIES + i))
            return false;
    return true;
}

/* The log is read through: what a request left need not lie together. */
static bool prove(struct proving *p)
{
    struct buf note = BUF_OVER(p->note);
    struct checkpoint checkpoint;
    struct bytes text;
    if (tlog_read_checkpoint(p->call->reader, false, &note) != TLOG_OK ||
        !checkpoint_read(buf_bytes(&note), &checkpoint, &text)) {
        command_failed("%s: it has no checkpoint yet", p->call->folder);
        return false;
    }
    p->size = checkpoint.size;
    p->proof.note = buf_bytes(&note);
    for (uint64_t bundle = 0; bundle * TLOG_BUNDLE_ENTRIES < p->size; bundle++)
        if (!prove_bundle(p, bundle))
            return false;
    if (p->count == 0)
        command_failed("%s: no entry of this request (those of the last second may be to come)",
                       p->call->folder);
    return p->count > 0;
}

static bool read_request(const char *text, uint64_t *request)
{
    uint8_t octets[8];
    struct buf out = BUF_OVER(octets);
    if (strlen(text) != REQUEST_HEX_CHARS || !buf_put_from_hex(&out, bytes_str(text)))
        return false;
    *request = 0;
    for (size_t i = 0; i < sizeof octets; i++)
        *request = *request << 8 | octets[i];
    return true;
}

int command_evidence_prove(const struct command *command, int argc, char **argv)
{
    const char *request, *out = ".";
    struct log_call call = {0};
    const struct command_option options[] = {{"config", &call.config, NULL},
                                             {"log", &call.log, NULL},
                                             {"key", &call.key, NULL},
                                             {"out", &out, NULL},
                                             {NULL, NULL, NULL}};
    if (!command_read(command, argc, argv, options, &request, 1, 1))
        return EXIT_USAGE;
    struct proving *p = check_alloc(sizeof *p);
    p->call = &call;
    p->folder = out;
    const char *const folders[] = {call.folder, NULL};
    bool well = read_request(request, &p->request);
    bool proved =
        well && open_log(&call) && evidence_note_reading(call.config, folders) && prove(p);
    close_log(&call);
    free(p);
    if (!well)
        return command_misused(command, "a request's id has %d hexadecimal digits: X-Request-Id",
                               REQUEST_HEX_CHARS);
    return proved ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- check ---- */

static bool check_note(struct bytes note, const char *key, const char *const *witnesses)
{
    struct note_verifier verifier;
    uint64_t at;
    if (!read_verifier(NULL, key, &verifier))
        return false;
    if (note_check(note, &verifier, NULL) != CRYPTO_OK) {
        command_failed("its checkpoint was not signed by %s", verifier.name);
        return false;
    }
    for (; *witnesses; witnesses++) {
        if (!read_verifier(NULL, *witnesses, &verifier))
            return false;
        if (note_check(note, &verifier, &at) != CRYPTO_OK) {
            command_failed("its checkpoint was not cosigned by %s", verifier.name);
            return false;
        }
    }
    return true;
}

static bool check(const char *path, const char *key, const char *const *witnesses)
{
    uint8_t storage[PROOF_BYTES_MAX];
    struct buf text = BUF_OVER(storage);
    struct tlog_proof proof;
    struct journal_record record;
    if (!command_file(path, &text))
        return false;
    if (!tlog_proof_read(buf_bytes(&text), &proof)) {
        command_failed("%s: no proof (c2sp.org/tlog-proof@v1)", path);
        return false;
    }
    if (!check_note(proof.note, key, witnesses))
        return false;
    if (tlog_proof_check(&crypto_openssl, &proof) != CRYPTO_OK) {
        command_failed("%s: the entry is not in the log of this checkpoint", path);
        return false;
    }
    if (!entry_read(bytes_of(proof.entry, proof.entry_bytes), &record)) {
        command_failed("%s: the entry is in the log, but of another version", path);
        return false;
    }
    return evidence_print(&record);
}

int command_evidence_check(const struct command *command, int argc, char **argv)
{
    const char *path, *key = NULL, *witnesses[COMMAND_REPEATS_MAX + 1] = {NULL};
    const struct command_option options[] = {
        {"key", &key, NULL}, {"witness", witnesses, COMMAND_REPEATED}, {NULL, NULL, NULL}};
    if (!command_read(command, argc, argv, options, &path, 1, 1))
        return EXIT_USAGE;
    if (!key)
        return command_misused(command, "--key is the log's verifier key, which you trust");
    return check(path, key, witnesses) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- consistency ---- */

static bool read_checkpoint(const struct log_call *call, const char *path,
                            uint8_t storage[NOTE_BYTES_MAX], struct checkpoint *checkpoint)
{
    struct bytes note, text;
    if (!read_note(path, storage, &note))
        return false;
    if (checkpoint_read(note, checkpoint, &text) &&
        note_check(note, &call->verifier, NULL) == CRYPTO_OK)
        return true;
    command_failed("%s: no checkpoint that %s signed", path, call->verifier.name);
    return false;
}

static bool compare(struct log_call *call, const char *const paths[2])
{
    uint8_t storage[2][NOTE_BYTES_MAX];
    struct checkpoint older, newer;
    struct merkle_hash proof[MERKLE_PROOF_MAX];
    size_t count;
    if (!read_checkpoint(call, paths[0], storage[0], &older) ||
        !read_checkpoint(call, paths[1], storage[1], &newer))
        return false;
    enum tlog_error error =
        older.size > newer.size
            ? TLOG_ERR_MISSING
            : tlog_prove_consistency(call->reader, older.size, newer.size, proof, &count);
    if (error) {
        command_failed("from %llu to %llu entries: %s", (unsigned long long)older.size,
                       (unsigned long long)newer.size,
                       older.size > newer.size ? "the first is the newer one"
                                               : tlog_error_text(error));
        return false;
    }
    if (merkle_check_consistency(&crypto_openssl, older.size, &older.root, newer.size, &newer.root,
                                 proof, count) != CRYPTO_OK) {
        command_failed("%s did not grow from %s: something was rewritten", paths[1], paths[0]);
        return false;
    }
    printf("%s: %llu entries, grown from the %llu of %s; nothing was rewritten\n", paths[1],
           (unsigned long long)newer.size, (unsigned long long)older.size, paths[0]);
    return true;
}

int command_evidence_consistency(const struct command *command, int argc, char **argv)
{
    const char *paths[2];
    struct log_call call = {0};
    const struct command_option options[] = {{"config", &call.config, NULL},
                                             {"log", &call.log, NULL},
                                             {"key", &call.key, NULL},
                                             {NULL, NULL, NULL}};
    if (!command_read(command, argc, argv, options, paths, 2, 2))
        return EXIT_USAGE;
    bool consistent = open_log(&call) && compare(&call, paths);
    close_log(&call);
    return consistent ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- key ---- */

int command_evidence_key(const struct command *command, int argc, char **argv)
{
    const char *config = NULL;
    const struct command_option options[] = {{"config", &config, NULL}, {NULL, NULL, NULL}};
    char text[NOTE_VKEY_BYTES_MAX];
    struct buf key = BUF_OVER(text);
    struct note_verifier verifier;
    struct desk desk;
    if (!command_read(command, argc, argv, options, NULL, 0, 0))
        return EXIT_USAGE;
    bool read =
        desk_open(&desk, config, DESK_CONFIG_ONLY) && read_verifier(desk.config, NULL, &verifier);
    desk_close(&desk);
    if (!read)
        return EXIT_FAILURE;
    note_verifier_write(&verifier, &key);
    puts(buf_cstr(&key));
    return EXIT_SUCCESS;
}
