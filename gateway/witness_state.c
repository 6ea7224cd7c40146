#include "gateway/witness_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "evidence/note_text.h"
#include "gateway/config/file.h"

#define LOGS_BYTES_MAX (WITNESS_LOGS_MAX * WITNESS_KEYS_MAX * 2 * NOTE_VKEY_BYTES_MAX)
#define NAME_BYTES     (2 * CRYPTO_HASH_BYTES + 1) /* of a file: the hash of an origin */

struct witness_log {
    struct note_verifier keys[WITNESS_KEYS_MAX];
    unsigned key_count;
    char file[NAME_BYTES], file_new[NAME_BYTES + 4];
    /* cosigned last; nothing yet is the empty tree */
    uint64_t size;
    struct merkle_hash root;
};

struct witness_state {
    struct note_signer signer;
    int folder; /* locked */
    struct witness_log logs[WITNESS_LOGS_MAX];
    unsigned log_count;
};

/* ---- reading a request ---- */

bool witness_request_read(struct bytes body, struct witness_request *request)
{
    struct bytes line;
    *request = (struct witness_request){0};
    if (!note_line_next(&body, &line) || !bytes_start_with(line, BYTES("old ")) ||
        !note_number_read(bytes_from(line, 4), &request->old_size))
        return false;
    while (note_line_next(&body, &line)) {
        if (line.len == 0) {
            request->note = body;
            return checkpoint_read(body, &request->checkpoint, &request->text) &&
                   request->old_size <= request->checkpoint.size;
        }
        if (request->proof_count == WITNESS_PROOF_LINES_MAX ||
            !note_hash_read(line, &request->proof[request->proof_count++]))
            return false;
    }
    return false;
}

/* ---- judging it ---- */

static struct witness_log *find_log(struct witness_state *state, struct bytes origin)
{
    for (unsigned i = 0; i < state->log_count; i++)
        if (bytes_equal(origin, bytes_str(state->logs[i].keys[0].name)))
            return &state->logs[i];
    return NULL;
}

/* By any of the log's keys; others are ignored. */
static enum crypto_result check_signature(const struct witness_log *log, struct bytes note)
{
    enum crypto_result result = CRYPTO_MISMATCH;
    for (unsigned i = 0; i < log->key_count && result == CRYPTO_MISMATCH; i++)
        result = note_check(note, &log->keys[i], NULL);
    return result;
}

/* What can be said without writing anything. */
static enum witness_verdict judge(const struct witness_log *log,
                                  const struct witness_request *request)
{
    const struct checkpoint *checkpoint = &request->checkpoint;
    enum crypto_result result = check_signature(log, request->note);
    if (result != CRYPTO_OK)
        return result == CRYPTO_MISMATCH ? WITNESS_UNSIGNED : WITNESS_FAILED;
    if (request->old_size != log->size)
        return WITNESS_BEHIND;
    if (checkpoint->size == log->size &&
        memcmp(&checkpoint->root, &log->root, sizeof log->root) != 0)
        return WITNESS_FORKED;
    result = merkle_check_consistency(&crypto_openssl, log->size, &log->root, checkpoint->size,
                                      &checkpoint->root, request->proof, request->proof_count);
    if (result != CRYPTO_OK)
        return result == CRYPTO_MISMATCH ? WITNESS_INCONSISTENT : WITNESS_FAILED;
    return WITNESS_COSIGNED;
}

/* The note, synced under a name of its own and then put in the place of the one before. */
static bool remember(const struct witness_state *state, const struct witness_log *log,
                     struct bytes note)
{
    int file = openat(state->folder, log->file_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok =
        file >= 0 && write(file, note.data, note.len) == (ssize_t)note.len && fsync(file) == 0;
    if (file >= 0)
        ok = close(file) == 0 && ok;
    return ok && renameat(state->folder, log->file_new, state->folder, log->file) == 0 &&
           fsync(state->folder) == 0;
}

enum witness_verdict witness_state_add(struct witness_state *state, struct bytes body,
                                       uint64_t unix_s, struct witness_request *request,
                                       struct buf *answer)
{
    const size_t before = answer->len;
    if (!witness_request_read(body, request))
        return WITNESS_MALFORMED;
    struct witness_log *log = find_log(state, request->checkpoint.origin);
    if (!log)
        return WITNESS_UNKNOWN;
    enum witness_verdict verdict = judge(log, request);
    if (verdict == WITNESS_BEHIND || verdict == WITNESS_FORKED) {
        note_number_write(log->size, answer);
        buf_put_u8(answer, '\n');
    }
    if (verdict != WITNESS_COSIGNED)
        return verdict;
    if (note_cosign(request->text, &state->signer, unix_s, answer) != CRYPTO_OK ||
        !remember(state, log, request->note)) {
        answer->len = before;
        return WITNESS_FAILED;
    }
    log->size = request->checkpoint.size;
    log->root = request->checkpoint.root;
    return WITNESS_COSIGNED;
}

/* ---- opening ---- */

/* Which logs, and their keys. What is wrong with a line; NULL: nothing. */
static const char *add_key(struct witness_state *state, struct bytes line)
{
    struct note_verifier key;
    if (!note_verifier_read(line, &key) || key.type != NOTE_ED25519)
        return "is no verifier key of a log";
    struct witness_log *log = find_log(state, bytes_str(key.name));
    if (!log && state->log_count == WITNESS_LOGS_MAX)
        return "is of one log too many";
    if (!log)
        log = &state->logs[state->log_count++];
    if (log->key_count == WITNESS_KEYS_MAX)
        return "is one key too many of its log";
    log->keys[log->key_count++] = key;
    return NULL;
}

static bool read_logs(struct witness_state *state, const char *path, struct buf *why)
{
    struct buf content;
    struct bytes rest, line;
    const char *wrong = NULL;
    buf_init(&content, check_alloc(LOGS_BYTES_MAX + 2), LOGS_BYTES_MAX + 1);
    bool ok = file_read(path, &content, why);
    content.data[content.len++] = '\n'; /* the last line may lack it */
    rest = buf_bytes(&content);
    for (unsigned number = 1; ok && !wrong && note_line_next(&rest, &line); number++) {
        line = bytes_trim(line);
        if (line.len && line.data[0] != '#')
            wrong = add_key(state, line);
        if (wrong)
            buf_printf(why, "%s: line %u %s", path, number, wrong);
    }
    if (ok && !wrong && !state->log_count)
        buf_printf(why, "%s: names no log", path);
    free(content.data);
    return ok && !wrong && state->log_count;
}

static bool name_file(struct witness_log *log)
{
    uint8_t hash[CRYPTO_HASH_BYTES];
    const struct bytes origin = bytes_str(log->keys[0].name);
    struct buf name = BUF_OVER(log->file);
    if (crypto_openssl.sha256(&origin, 1, hash) != CRYPTO_OK)
        return false;
    buf_put_hex(&name, bytes_of(hash, sizeof hash));
    snprintf(log->file_new, sizeof log->file_new, "%s.new", buf_cstr(&name));
    return true;
}

/* What was cosigned last, if anything was. */
static bool recall(struct witness_log *log, const char *folder, struct buf *why)
{
    char *path;
    struct buf note;
    struct checkpoint checkpoint;
    struct bytes text;
    CHECK(asprintf(&path, "%s/%s", folder, log->file) >= 0);
    buf_init(&note, check_alloc(NOTE_BYTES_MAX + 1), NOTE_BYTES_MAX + 1);
    log->root = merkle_empty;
    bool ok = access(path, F_OK) != 0 && errno == ENOENT;
    if (!ok && (ok = file_read(path, &note, why))) {
        ok = checkpoint_read(buf_bytes(&note), &checkpoint, &text) &&
             check_signature(log, buf_bytes(&note)) == CRYPTO_OK;
        if (ok) {
            log->size = checkpoint.size;
            log->root = checkpoint.root;
        } else {
            buf_printf(why,
                       "%s: is damaged, or no key in the list of logs signed it; without it "
                       "nothing of %s can be cosigned",
                       path, log->keys[0].name);
        }
    }
    free(note.data);
    free(path);
    return ok;
}

static bool take_folder(struct witness_state *state, const char *folder, struct buf *why)
{
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        buf_printf(why, "%s: can't be made: %s", folder, strerror(errno));
    else if ((state->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        buf_printf(why, "%s: %s", folder, strerror(errno));
    else if (flock(state->folder, LOCK_EX | LOCK_NB) != 0)
        buf_printf(why, "%s: another witness works there", folder);
    else
        return true;
    return false;
}

struct witness_state *witness_state_open(const char *logs, const char *folder,
                                         const struct note_signer *signer, struct buf *why)
{
    struct witness_state *state = check_alloc(sizeof *state);
    state->signer = *signer;
    state->folder = -1;
    bool ok = signer->verifier.type == NOTE_COSIGNATURE;
    if (!ok)
        buf_printf(why, "the key of %s is a log's, not a witness's", signer->verifier.name);
    ok = ok && read_logs(state, logs, why) && take_folder(state, folder, why);
    for (unsigned i = 0; ok && i < state->log_count; i++)
        ok = name_file(&state->logs[i]) && recall(&state->logs[i], folder, why);
    if (!ok)
        witness_state_close(&state);
    return state;
}

void witness_state_close(struct witness_state **state)
{
    struct witness_state *s = *state;
    *state = NULL;
    if (!s)
        return;
    if (s->folder >= 0)
        close(s->folder);
    crypto_wipe(&s->signer, sizeof s->signer);
    free(s);
}

unsigned witness_state_logs(const struct witness_state *state)
{
    return state->log_count;
}
