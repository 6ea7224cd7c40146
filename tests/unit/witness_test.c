/* gateway/witness_state.h: the rules of C2SP tlog-witness, and what is on disk. Each test begins
 * with what would be broken if it failed. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "evidence/note_text.h"
#include "gateway/witness_state.h"
#include "tests/support.h"

#define ORIGIN "licences.example/evidence"
#define LEAVES 8
#define TIME   1700000000

static const struct crypto_provider *const crypto = &crypto_openssl;
static struct note_signer log_key, log_key_2, other_log_key, witness_key;
static struct witness_state *state;
static char folder[512], logs[512];
static uint8_t why_text[1024];
static struct buf why;
static struct witness_request request;
static uint8_t answer_text[WITNESS_LINE_BYTES_MAX];
static struct buf answer;

/* ---- a small log: its leaves are numbers, in a fork from the given one on others ---- */

static struct merkle_hash leaf_of(unsigned i, unsigned fork_at)
{
    const uint8_t entry[] = {(uint8_t)i, i >= fork_at};
    struct merkle_hash leaf;
    assert_int_equal(merkle_leaf(crypto, bytes_of(entry, sizeof entry), &leaf), CRYPTO_OK);
    return leaf;
}

static unsigned split_of(unsigned n)
{
    unsigned k = 1;
    while (2 * k < n)
        k *= 2;
    return k;
}

/* RFC 6962 section 2.1, as it stands there. */
static struct merkle_hash root_of(unsigned from, unsigned to, unsigned fork_at)
{
    struct merkle_hash root = merkle_empty;
    if (to == from)
        return root;
    if (to - from == 1)
        return leaf_of(from, fork_at);
    const unsigned k = split_of(to - from);
    struct merkle_hash left = root_of(from, from + k, fork_at),
                       right = root_of(from + k, to, fork_at);
    assert_int_equal(merkle_node(crypto, &left, &right, &root), CRYPTO_OK);
    return root;
}

/* SUBPROOF of RFC 6962 section 2.1.2. */
static size_t prove(unsigned m, unsigned from, unsigned to, bool whole, unsigned fork_at,
                    struct merkle_hash *proof)
{
    const unsigned n = to - from, k = split_of(n);
    size_t count = 0;
    if (m == n) {
        if (!whole)
            proof[count++] = root_of(from, to, fork_at);
        return count;
    }
    if (m <= k) {
        count = prove(m, from, from + k, whole, fork_at, proof);
        proof[count++] = root_of(from + k, to, fork_at);
    } else {
        count = prove(m - k, from + k, to, false, fork_at, proof);
        proof[count++] = root_of(from, from + k, fork_at);
    }
    return count;
}

static struct bytes body_of(unsigned old, unsigned size, unsigned fork_at,
                            const struct note_signer *signer)
{
    static uint8_t storage[WITNESS_BODY_BYTES_MAX];
    struct buf body = BUF_OVER(storage);
    struct merkle_hash proof[MERKLE_PROOF_MAX];
    const struct checkpoint checkpoint = {.size = size, .root = root_of(0, size, fork_at)};
    const size_t count = old && old < size ? prove(old, 0, size, true, fork_at, proof) : 0;
    buf_printf(&body, "old %u\n", old);
    for (size_t i = 0; i < count; i++) {
        note_base64_write(bytes_of(proof[i].octets, MERKLE_HASH_BYTES), &body);
        buf_put_u8(&body, '\n');
    }
    buf_put_u8(&body, '\n');
    assert_int_equal(checkpoint_sign(&checkpoint, signer, &body), CRYPTO_OK);
    return buf_bytes(&body);
}

static enum witness_verdict add_body(struct bytes body)
{
    answer = BUF_OVER(answer_text);
    return witness_state_add(state, guarded(0, body), TIME, &request, &answer);
}

static enum witness_verdict add(unsigned old, unsigned size)
{
    return add_body(body_of(old, size, LEAVES, &log_key));
}

/* ---- the witness ---- */

/* Of any number. */
static struct note_signer key(const char *name, enum note_type type, uint8_t number)
{
    struct note_signer signer;
    uint8_t seed[CRYPTO_ED25519_SEED_BYTES];
    memset(seed, number, sizeof seed);
    assert_int_equal(note_signer_init(&signer, name, type, seed), CRYPTO_OK);
    return signer;
}

static void open_it(void)
{
    why = BUF_OVER(why_text);
    state = witness_state_open(logs, folder, &witness_key, &why);
    assert_int_equal(state == NULL, why.len > 0);
}

static void open_anew(void)
{
    witness_state_close(&state);
    open_it();
    assert_non_null(state);
}

static void assert_refuses(const char *sentence)
{
    open_it();
    assert_null(state);
    if (!strstr(buf_cstr(&why), sentence))
        fail_msg("'%s' does not say '%s'", buf_cstr(&why), sentence);
}

static void write_logs(const struct note_signer *first, const struct note_signer *second)
{
    uint8_t storage[1024];
    struct buf out = BUF_OVER(storage);
    buf_put_str(&out, "# whose checkpoints we cosign\n\n  ");
    note_verifier_write(&first->verifier, &out);
    if (second) {
        buf_put_str(&out, "\r\n");
        note_verifier_write(&second->verifier, &out); /* without a newline at the end */
    }
    write_file(logs, buf_bytes(&out));
}

static int begin(void **unused)
{
    (void)unused;
    const char *place = temp_folder();
    log_key = key(ORIGIN, NOTE_ED25519, 1);
    log_key_2 = key(ORIGIN, NOTE_ED25519, 2);
    other_log_key = key("other.example/evidence", NOTE_ED25519, 3);
    witness_key = key("archive.example/witness", NOTE_COSIGNATURE, 4);
    snprintf(folder, sizeof folder, "%s/state", place);
    snprintf(logs, sizeof logs, "%s/logs", place);
    write_logs(&log_key, &other_log_key);
    open_it();
    assert_non_null(state);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    witness_state_close(&state);
    return 0;
}

/* The path of the only file of memory. */
static const char *memory_path(void)
{
    static char path[1024];
    uint8_t hash[CRYPTO_HASH_BYTES], name[2 * CRYPTO_HASH_BYTES + 1];
    struct buf hex = BUF_OVER(name);
    const struct bytes origin = BYTES(ORIGIN);
    assert_int_equal(crypto->sha256(&origin, 1, hash), CRYPTO_OK);
    buf_put_hex(&hex, bytes_of(hash, sizeof hash));
    snprintf(path, sizeof path, "%s/%s", folder, buf_cstr(&hex));
    return path;
}

static void forget_all(void)
{
    witness_state_close(&state);
    unlink(memory_path());
    open_it();
    assert_non_null(state);
}

/* ---- */

/* An honest log would not be cosigned, from its first checkpoint to any later one; or what the
 * witness gives not be its cosignature. */
static void an_honest_log_is_cosigned(void **unused)
{
    (void)unused;
    for (unsigned from = 0; from <= LEAVES; from++)
        for (unsigned to = from; to <= LEAVES; to++) {
            forget_all();
            assert_int_equal(add(0, from), WITNESS_COSIGNED);
            assert_int_equal(add(from, to), WITNESS_COSIGNED);
            assert_int_equal(request.checkpoint.size, to);
            uint8_t storage[NOTE_BYTES_MAX];
            struct buf note = BUF_OVER(storage);
            uint64_t at;
            buf_put(&note, request.note);
            buf_put(&note, buf_bytes(&answer));
            assert_int_equal(note_check(buf_bytes(&note), &witness_key.verifier, &at), CRYPTO_OK);
            assert_int_equal(at, TIME);
            assert_int_equal(note_check(buf_bytes(&note), &log_key.verifier, NULL), CRYPTO_OK);
        }
    forget_all();
    assert_int_equal(add(0, 5), WITNESS_COSIGNED);
    assert_int_equal(add_body(body_of(0, 3, LEAVES, &other_log_key)), WITNESS_COSIGNED);
    assert_int_equal(add(5, 8), WITNESS_COSIGNED); /* each for itself */
}

/* The example of C2SP tlog-witness. */
#define EXAMPLE                                                                                    \
    "old 20852014\n"                                                                               \
    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"                                               \
    "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"                                               \
    "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"                                               \
    "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n"                                               \
    "\n"                                                                                           \
    "example.com/behind-the-sofa\n"                                                                \
    "20852163\n"                                                                                   \
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"                                               \
    "\n"                                                                                           \
    "\xE2\x80\x94 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4U"  \
    "RYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"                                                 \
    "\xE2\x80\x94 example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlC"  \
    "um2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n"

/* Other implementations' requests would not be understood. */
static void the_example_of_the_specification_is_read(void **unused)
{
    (void)unused;
    assert_true(witness_request_read(BYTES(EXAMPLE), &request));
    assert_int_equal(request.old_size, 20852014);
    assert_int_equal(request.proof_count, 4);
    assert_memory_equal(request.proof[3].octets, "\xff\xa5\x95\x84", 4);
    assert_bytes(request.checkpoint.origin, "example.com/behind-the-sofa");
    assert_int_equal(request.checkpoint.size, 20852163);
    assert_int_equal(add_body(BYTES(EXAMPLE)), WITNESS_UNKNOWN);
}

/* A log could have a tree cosigned that is not the one that was cosigned before. */
static void a_log_that_rewrote_itself_is_refused(void **unused)
{
    (void)unused;
    assert_int_equal(add(0, 5), WITNESS_COSIGNED);
    for (unsigned fork = 0; fork < 5; fork++) {
        assert_int_equal(add_body(body_of(5, 5, fork, &log_key)), WITNESS_FORKED);
        assert_bytes(buf_bytes(&answer), "5\n");
        for (unsigned to = 6; to <= LEAVES; to++) {
            assert_int_equal(add_body(body_of(5, to, fork, &log_key)), WITNESS_INCONSISTENT);
            assert_int_equal(answer.len, 0);
        }
    }
    assert_int_equal(add_body(body_of(5, 7, 5, &log_key)), WITNESS_COSIGNED); /* what is new is */
}

/* A log could go back, or a client not learn from where to prove. */
static void only_growth_from_the_last_one_counts(void **unused)
{
    (void)unused;
    assert_int_equal(add(3, 5), WITNESS_BEHIND);
    assert_bytes(buf_bytes(&answer), "0\n");
    assert_int_equal(add(0, 5), WITNESS_COSIGNED);
    static const struct {
        unsigned old, size;
        enum witness_verdict verdict;
    } rows[] = {{0, 7, WITNESS_BEHIND},    {0, 5, WITNESS_BEHIND},  {4, 7, WITNESS_BEHIND},
                {3, 4, WITNESS_BEHIND},    {6, 7, WITNESS_BEHIND},  {0, 0, WITNESS_BEHIND},
                {5, 4, WITNESS_MALFORMED}, {5, 5, WITNESS_COSIGNED}};
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(add(rows[i].old, rows[i].size), rows[i].verdict);
        if (rows[i].verdict == WITNESS_BEHIND)
            assert_bytes(buf_bytes(&answer), "5\n");
    }
    struct bytes body = body_of(5, 8, LEAVES, &log_key);
    uint8_t copy[WITNESS_BODY_BYTES_MAX];
    memcpy(copy, body.data, body.len);
    copy[6] = copy[6] == 'A' ? 'B' : 'A'; /* the first letter of the proof */
    assert_int_equal(add_body(bytes_of(copy, body.len)), WITNESS_INCONSISTENT);
    assert_int_equal(add(5, 8), WITNESS_COSIGNED);
}

/* Anybody could have anything cosigned in a log's name. */
static void only_known_logs_and_their_keys_count(void **unused)
{
    (void)unused;
    struct note_signer stranger = key("stranger.example/log", NOTE_ED25519, 5);
    assert_int_equal(add_body(body_of(0, 5, LEAVES, &stranger)), WITNESS_UNKNOWN);
    assert_int_equal(add_body(body_of(0, 5, LEAVES, &log_key_2)), WITNESS_UNSIGNED);
    assert_int_equal(add_body(body_of(3, 5, LEAVES, &log_key_2)), WITNESS_UNSIGNED);
    assert_int_equal(answer.len, 0); /* and who is no log learns nothing */
    assert_int_equal(add(0, 5), WITNESS_COSIGNED);

    write_logs(&log_key, &log_key_2); /* another key takes over */
    open_anew();
    assert_int_equal(witness_state_logs(state), 1);
    assert_int_equal(add_body(body_of(5, 6, LEAVES, &log_key_2)), WITNESS_COSIGNED);
    assert_int_equal(add(6, 7), WITNESS_COSIGNED);
}

/* What is no request would be taken for one, or read beyond its end. */
static void malformed_bodies_are_refused(void **unused)
{
    (void)unused;
    static const char *const heads[] = {
        "",           "\n",         "old\n\n",         "old \n\n",
        "old 00\n\n", "old 05\n\n", "old -1\n\n",      "old +0\n\n",
        "old 0 \n\n", "new 0\n\n",  "Old 0\n\n",       "old 0\r\n\r\n",
        "old 0\n",    "old 0\n \n", "old 0\nAA==\n\n", "old 18446744073709551616\n\n"};
    uint8_t storage[WITNESS_BODY_BYTES_MAX];
    struct bytes good = body_of(0, 5, LEAVES, &log_key), note = bytes_from(good, 7);
    for (unsigned i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct buf body = BUF_OVER(storage);
        buf_put_str(&body, heads[i]);
        buf_put(&body, note);
        assert_int_equal(add_body(buf_bytes(&body)), WITNESS_MALFORMED);
    }
    for (size_t len = 0; len < good.len; len++) { /* cut anywhere */
        enum witness_verdict verdict = add_body(bytes_of(good.data, len));
        assert_true(verdict == WITNESS_MALFORMED || verdict == WITNESS_UNSIGNED);
    }
    for (unsigned lines = 63; lines <= 64; lines++) {
        struct buf body = BUF_OVER(storage);
        buf_put_str(&body, "old 0\n");
        for (unsigned i = 0; i < lines; i++)
            buf_put_str(&body, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
        buf_put_u8(&body, '\n');
        buf_put(&body, note);
        assert_int_equal(add_body(buf_bytes(&body)),
                         lines == 63 ? WITNESS_INCONSISTENT : WITNESS_MALFORMED);
    }
    assert_int_equal(add_body(good), WITNESS_COSIGNED);
}

/* A witness that was restarted would cosign a second history. */
static void what_was_cosigned_outlives_the_process(void **unused)
{
    (void)unused;
    assert_int_equal(add(0, 5), WITNESS_COSIGNED);
    assert_int_equal(add(5, 6), WITNESS_COSIGNED);
    open_anew();
    assert_int_equal(add(0, 3), WITNESS_BEHIND);
    assert_bytes(buf_bytes(&answer), "6\n");
    assert_int_equal(add_body(body_of(6, 6, 2, &log_key)), WITNESS_FORKED);
    assert_int_equal(add(6, 7), WITNESS_COSIGNED);
}

/* A cosignature would leave for what is forgotten at the next start. */
static void what_can_not_be_remembered_is_not_cosigned(void **unused)
{
    (void)unused;
    assert_int_equal(add(0, 5), WITNESS_COSIGNED);
    char blocked[1100];
    snprintf(blocked, sizeof blocked, "%s.new", memory_path());
    assert_int_equal(mkdir(blocked, 0700), 0); /* where the new file would be written */
    assert_int_equal(add(5, 6), WITNESS_FAILED);
    assert_int_equal(answer.len, 0);
    assert_int_equal(rmdir(blocked), 0);
    assert_int_equal(add(0, 7), WITNESS_BEHIND);
    assert_bytes(buf_bytes(&answer), "5\n");
    assert_int_equal(add(5, 7), WITNESS_COSIGNED);
}

/* A witness with a damaged memory would begin anew, and cosign whatever comes. */
static void a_damaged_memory_is_no_new_beginning(void **unused)
{
    (void)unused;
    assert_int_equal(add(0, 5), WITNESS_COSIGNED);
    witness_state_close(&state);
    uint8_t note[NOTE_BYTES_MAX];
    int file = open(memory_path(), O_RDONLY | O_CLOEXEC);
    ssize_t len = read(file, note, sizeof note);
    assert_true(file >= 0 && len > 0 && close(file) == 0);
    for (ssize_t i = 0; i < len; i += 7) {
        note[i] ^= 1;
        write_file(memory_path(), bytes_of(note, (size_t)len));
        note[i] ^= 1;
        assert_refuses("is damaged");
    }
    write_file(memory_path(), BYTES(""));
    assert_refuses("is damaged");
    assert_int_equal(unlink(memory_path()), 0);
    assert_int_equal(mkdir(memory_path(), 0700), 0);
    assert_refuses("no regular file");
    assert_int_equal(rmdir(memory_path()), 0);
    write_file(memory_path(), bytes_of(note, (size_t)len));
    open_anew();
    assert_int_equal(add(5, 6), WITNESS_COSIGNED);
}

/* Two witnesses in one folder would each cosign a history of their own; a wrong key or list be
 * noticed only when a cosignature is wanted. */
static void a_wrong_beginning_is_refused(void **unused)
{
    (void)unused;
    struct witness_state *first = state;
    assert_refuses("another witness works there");
    state = first;
    witness_state_close(&state);
    write_file(logs, BYTES("# none\n"));
    assert_refuses("names no log");
    write_file(logs, BYTES("# one\nlicences.example/evidence+00000000+AAAA\n"));
    assert_refuses("line 2 is no verifier key of a log");
    write_logs(&log_key, &witness_key);
    assert_refuses("line 4 is no verifier key of a log");
    assert_int_equal(unlink(logs), 0);
    assert_refuses("No such file");
    write_logs(&log_key, NULL);
    struct note_signer right = witness_key;
    witness_key = other_log_key;
    assert_refuses("is a log's, not a witness's");
    witness_key = right;
    open_it();
    assert_non_null(state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(an_honest_log_is_cosigned),
        TEST(the_example_of_the_specification_is_read),
        TEST(a_log_that_rewrote_itself_is_refused),
        TEST(only_growth_from_the_last_one_counts),
        TEST(only_known_logs_and_their_keys_count),
        TEST(malformed_bodies_are_refused),
        TEST(what_was_cosigned_outlives_the_process),
        TEST(what_can_not_be_remembered_is_not_cosigned),
        TEST(a_damaged_memory_is_no_new_beginning),
        TEST(a_wrong_beginning_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
