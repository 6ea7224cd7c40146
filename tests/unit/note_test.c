/* Notes, checkpoints, cosignatures and proofs against what others have signed. */
#include "evidence/note.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "evidence/note_text.h"
#include "tests/support.h"

#define DASH "\xE2\x80\x94 "

/* C2SP signed-note, "Verifier keys", its example. */
static const char SPEC_KEY[] =
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
static const char SPEC_NOTE[] =
    "This is an example message.\n\n" DASH
    "example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHj"
    "G1Yu72IneyaQM=\n";

/* The documentation of golang.org/x/mod/sumdb/note, the format's first implementation. */
static const char GO_SIGNER[] =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n";
static const char GO_KEY[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char GO_TEXT[] = "If you think cryptography is the answer to your problem,\n"
                              "then you don't know what your problem is.\n";
static const char GO_LINE[] = DASH
    "PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZ"
    "b6KE6RyyBwJnAM=\n";
/* The second signer of its tests. */
static const char ENOCH_KEY[] = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
static const char ENOCH_LINE[] =
    DASH "EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox3"
         "3WWd1RvMc+QQ=\n";

/* Made with github.com/transparency-dev/formats v0.1.1 and golang.org/x/mod/sumdb/note, from seeds
 * that are SHA-256 of a text each; published with the tests of r2notary. */
static const char LOG_SIGNER[] =
    "PRIVATE+KEY+example.com/vector-log+4516a1da+ARnX7cNOLM36CVoVFnmyY1Yp3SE+vpow5cbV4Sw8rjRE\n";
static const char LOG_KEY[] =
    "example.com/vector-log+4516a1da+ARGkVJ4QEa2MOOLGBO6i7NVSJ1FQ97tIX+w+Ku0RZ6Em";
static const char WITNESS_SIGNER[] =
    "PRIVATE+KEY+witness.example.com/"
    "vector+416f103d+BJEX3xv88eoQIKT4E+GkxZcXaJCYlQfi/GJ3NDFmZIW8\n";
static const char WITNESS_KEY[] =
    "witness.example.com/vector+416f103d+BK/QmJFVP3SKJOqAMhFxBQPtylo3sjwWibyFDAlZKK8B";
#define LOG_ROOT "SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I="
#define LOG_TEXT "example.com/vector-log\n1234\n" LOG_ROOT "\n"
#define LOG_LINE                                                                                   \
    DASH                                                                                           \
        "example.com/vector-log RRah2qlLrSlk6J8DA1HmNewppUM15Quhs5cAIb1KjBsV3otVirJTW8AFVsQtJkTW1" \
        "Zny7GuoAxZpI6bUPcpM68QOIgE=\n"
#define WITNESS_LINE                                                                               \
    DASH                                                                                           \
        "witness.example.com/vector QW8QPQAAAABqwLUbDdj7sDNRIVjmjYgqFI6y4UJhPg/UAA8J8wAdqSd3q4Ped" \
        "RhkgXA4xFN/Jg5uWn7ZkBA+H/UHQs5d9hITdXmQAA==\n"
#define WITNESS_TIME 1791014171

static struct note_verifier verifier_of(const char *text)
{
    struct note_verifier verifier;
    assert_true(note_verifier_read(guarded(0, bytes_str(text)), &verifier));
    return verifier;
}

static enum crypto_result check(const char *note, const char *key)
{
    struct note_verifier verifier = verifier_of(key);
    return note_check(guarded(1, bytes_str(note)), &verifier, NULL);
}

static char joined[4 * NOTE_BYTES_MAX];
static const char *join(const char *a, const char *b, const char *c, const char *d)
{
    snprintf(joined, sizeof joined, "%s%s%s%s", a, b, c, d);
    return joined;
}

static struct note_signer signer_of(const char *line)
{
    static uint8_t why_storage[512];
    struct buf why = BUF_OVER(why_storage);
    struct note_signer signer;
    const char *path = path_in(temp_folder(), "key");
    write_file(path, bytes_str(line));
    assert_int_equal(chmod(path, 0600), 0);
    assert_true(note_key_read(path, &signer, &why));
    return signer;
}

/* Broken: notes of other implementations would not be accepted, or altered ones would. */
static void examples_of_the_texts_are_accepted(void **state)
{
    (void)state;
    assert_int_equal(check(SPEC_NOTE, SPEC_KEY), CRYPTO_OK);
    assert_int_equal(check(join(GO_TEXT, "\n", GO_LINE, ENOCH_LINE), GO_KEY), CRYPTO_OK);
    assert_int_equal(check(joined, ENOCH_KEY), CRYPTO_OK);
    assert_int_equal(check(joined, SPEC_KEY), CRYPTO_MISMATCH); /* a stranger's */
    joined[3] ^= 1;
    assert_int_equal(check(joined, GO_KEY), CRYPTO_MISMATCH);
}

/* Broken: a key would be written as one that others do not know, or one with a wrong id be taken.
 */
static void keys_have_one_form(void **state)
{
    (void)state;
    static const char *const good[] = {SPEC_KEY, GO_KEY, ENOCH_KEY, LOG_KEY, WITNESS_KEY};
    static const char *const bad[] = {
        "",
        "+",
        "example.com/foo",
        "example.com/foo+530d903a",
        "example.com/foo+530d903a+",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/fou+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n",
        "example.com foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint8_t storage[NOTE_VKEY_BYTES_MAX];
        struct buf out = BUF_OVER(storage);
        struct note_verifier verifier = verifier_of(good[i]);
        note_verifier_write(&verifier, &out);
        assert_true(buf_ok(&out) && bytes_equal(buf_bytes(&out), bytes_str(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct note_verifier verifier;
        assert_false(note_verifier_read(guarded(0, bytes_str(bad[i])), &verifier));
    }
}

/* Broken: our checkpoints and cosignatures would not be, octet for octet, what others make of the
 * same keys. */
static void what_is_signed_is_what_others_sign(void **state)
{
    (void)state;
    const struct note_signer log = signer_of(LOG_SIGNER), witness = signer_of(WITNESS_SIGNER);
    uint8_t storage[NOTE_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    struct checkpoint checkpoint = {.size = 1234};
    assert_true(note_hash_read(BYTES(LOG_ROOT), &checkpoint.root));
    assert_int_equal(checkpoint_sign(&checkpoint, &log, &out), CRYPTO_OK);
    assert_bytes(buf_bytes(&out), LOG_TEXT "\n" LOG_LINE);
    assert_int_equal(note_cosign(BYTES(LOG_TEXT), &witness, WITNESS_TIME, &out), CRYPTO_OK);
    assert_bytes(buf_bytes(&out), LOG_TEXT "\n" LOG_LINE WITNESS_LINE);
}

/* Broken: a checkpoint would be read as another, or its witness's time be lost or made up. */
static void a_cosigned_checkpoint_is_read(void **state)
{
    (void)state;
    const struct note_verifier log = verifier_of(LOG_KEY), witness = verifier_of(WITNESS_KEY);
    struct checkpoint checkpoint;
    struct merkle_hash root;
    struct bytes text;
    uint64_t cosigned_at = 1;
    assert_true(checkpoint_read(guarded(1, BYTES(LOG_TEXT "\n" LOG_LINE WITNESS_LINE)), &checkpoint,
                                &text));
    assert_bytes(checkpoint.origin, "example.com/vector-log");
    assert_bytes(text, LOG_TEXT);
    assert_int_equal(checkpoint.size, 1234);
    assert_true(note_hash_read(BYTES(LOG_ROOT), &root) && merkle_equal(&root, &checkpoint.root));
    const struct bytes again = guarded(1, BYTES(LOG_TEXT "\n" LOG_LINE WITNESS_LINE));
    assert_int_equal(note_check(again, &log, &cosigned_at), CRYPTO_OK);
    assert_int_equal(cosigned_at, 0);
    assert_int_equal(note_check(again, &witness, &cosigned_at), CRYPTO_OK);
    assert_int_equal(cosigned_at, WITNESS_TIME);
}

/* Broken: a signature would pass for one of another kind, key or log, or a bad one beside a good
 * one would go unseen. */
static void signatures_count_for_what_they_are_alone(void **state)
{
    (void)state;
    /* The same key and name as a log's and as a witness's have two ids. */
    struct note_signer log = signer_of(LOG_SIGNER), twin;
    assert_int_equal(note_signer_init(&twin, log.verifier.name, NOTE_COSIGNATURE, log.seed),
                     CRYPTO_OK);
    assert_memory_not_equal(twin.verifier.id, log.verifier.id, NOTE_ID_BYTES);
    assert_int_equal(note_check(BYTES(LOG_TEXT "\n" LOG_LINE), &twin.verifier, NULL),
                     CRYPTO_MISMATCH);
    assert_int_equal(check(LOG_TEXT "\n" WITNESS_LINE, LOG_KEY), CRYPTO_MISMATCH);
    assert_int_equal(check(LOG_TEXT "\n" LOG_LINE, WITNESS_KEY), CRYPTO_MISMATCH);
    /* A log's key over a checkpoint of another origin, and over what is no checkpoint. */
    static const char *const texts[] = {"example.com/other\n1234\n" LOG_ROOT "\n", "other\n"};
    for (int i = 0; i < 2; i++) {
        uint8_t storage[NOTE_BYTES_MAX], octets[NOTE_ID_BYTES + CRYPTO_ED25519_SIGNATURE_BYTES];
        struct buf note = BUF_OVER(storage);
        memcpy(octets, log.verifier.id, NOTE_ID_BYTES);
        assert_int_equal(crypto_ed25519_sign(log.seed, bytes_str(texts[i]), octets + NOTE_ID_BYTES),
                         CRYPTO_OK);
        buf_printf(&note, "%s\n" DASH "%s ", texts[i], log.verifier.name);
        note_base64_write(bytes_of(octets, sizeof octets), &note);
        buf_put_u8(&note, '\n');
        assert_int_equal(note_check(buf_bytes(&note), &log.verifier, NULL),
                         i ? CRYPTO_OK : CRYPTO_MISMATCH);
    }
    /* A bad line under the same name and id, before or behind the good one. */
    char bad[] = LOG_LINE;
    bad[sizeof bad - 5] ^= 1;
    assert_int_equal(check(join(LOG_TEXT, "\n", bad, LOG_LINE), LOG_KEY), CRYPTO_MISMATCH);
    assert_int_equal(check(join(LOG_TEXT, "\n", LOG_LINE, bad), LOG_KEY), CRYPTO_MISMATCH);
    assert_int_equal(check(join(LOG_TEXT, "\n", LOG_LINE, LOG_LINE), LOG_KEY), CRYPTO_OK);
}

/* Broken: one octet of a note could be changed without its signatures showing it. */
static void every_altered_octet_shows(void **state)
{
    (void)state;
    char note[] = LOG_TEXT "\n" LOG_LINE WITNESS_LINE;
    const struct note_verifier log = verifier_of(LOG_KEY), witness = verifier_of(WITNESS_KEY);
    const size_t log_line = sizeof LOG_TEXT, witness_line = sizeof(LOG_TEXT "\n" LOG_LINE) - 1;
    for (size_t bit = 0; bit < (sizeof note - 1) * 8; bit++) {
        const size_t at = bit / 8;
        note[at] ^= (char)(1 << bit % 8);
        const struct bytes altered = guarded(1, bytes_of(note, sizeof note - 1));
        if (at < log_line || at < witness_line) /* text and the log's own line */
            assert_int_equal(note_check(altered, &log, NULL), CRYPTO_MISMATCH);
        if (at < log_line || at >= witness_line)
            assert_int_equal(note_check(altered, &witness, NULL), CRYPTO_MISMATCH);
        note[at] ^= (char)(1 << bit % 8);
    }
}

/* Broken: what the texts forbid would be read, and two readers would see two things in one note. */
static void malformed_notes_are_refused(void **state)
{
    (void)state;
#define ROOT   LOG_ROOT "\n"
#define SIGNED "\n" LOG_LINE
    static const char *const bad[] = {
        "",
        "\n",
        "\n\n",
        "a",
        LOG_TEXT,
        LOG_TEXT "\n",
        LOG_TEXT LOG_LINE,
        LOG_TEXT SIGNED "\n",                                             /* an empty line last */
        "\n1234\n" ROOT SIGNED,                                           /* no origin */
        "o\n01234\n" ROOT SIGNED,                                         /* a leading zero */
        "o\n+1234\n" ROOT SIGNED,                                         /* a sign */
        "o\n\n" ROOT SIGNED,                                              /* no size */
        "o\n1234 \n" ROOT SIGNED,                                         /* a space */
        "o\n18446744073709551616\n" ROOT SIGNED,                          /* 2^64 */
        "o\n1234\n" SIGNED,                                               /* no root */
        "o\n1234\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I\n" SIGNED,  /* no padding */
        "o\n1234\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7J=\n" SIGNED, /* spare bits */
        "o\n1234\nSBNJTRN-FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n" SIGNED, /* base64url */
        "o\n1234\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2\n" SIGNED,     /* short */
        "o\n1234\n" ROOT "\nextension\n" SIGNED,                          /* an empty line within */
        "o\x01\n1234\n" ROOT SIGNED,                                      /* a control character */
        "o\xC3\n1234\n" ROOT SIGNED,                                      /* no UTF-8 */
    };
    struct checkpoint checkpoint;
    struct bytes text;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(checkpoint_read(guarded(1, bytes_str(bad[i])), &checkpoint, &text));
    assert_true(checkpoint_read(BYTES("o\n0\n" ROOT SIGNED), &checkpoint, &text));
    assert_true(checkpoint_read(BYTES("o\n18446744073709551615\n" ROOT "more\n" SIGNED),
                                &checkpoint, &text));
    assert_int_equal(checkpoint.size, UINT64_MAX);

    static const char *const bad_lines[] = {
        "- a RRah2qk=\n",      /* no dash */
        DASH " RRah2qk=\n",    /* no name */
        DASH "a+b RRah2qk=\n", /* a plus */
        DASH "a\xC2\xA0"
             "b RRah2qk=\n", /* a space of Unicode */
        DASH "a RRah2g==\n", /* no signature behind the id */
        DASH "a RRah2qk\n",
        DASH "a\n",
        DASH "a  RRah2qk=\n",
        "x\n",
    };
    for (size_t i = 0; i < sizeof bad_lines / sizeof *bad_lines; i++)
        assert_int_equal(check(join(LOG_TEXT, "\n", bad_lines[i], LOG_LINE), LOG_KEY),
                         CRYPTO_MISMATCH);
    assert_int_equal(check(join(LOG_TEXT, "\n", DASH "a RRah2qk=\n", LOG_LINE), LOG_KEY),
                     CRYPTO_OK);
}

/* Broken: a log with as many witnesses as the text asks us to read would not be readable. */
static void sixteen_signatures_are_read(void **state)
{
    (void)state;
    uint8_t storage[NOTE_BYTES_MAX];
    struct buf note = BUF_OVER(storage);
    buf_put_str(&note, LOG_TEXT "\n");
    for (int i = 0; i < 15; i++)
        buf_put_str(&note, WITNESS_LINE);
    const size_t before = note.len;
    struct note_verifier log = verifier_of(LOG_KEY);
    buf_put_str(&note, LOG_LINE);
    assert_int_equal(note_check(buf_bytes(&note), &log, NULL), CRYPTO_OK);
    note.len = before;
    buf_put_str(&note, WITNESS_LINE LOG_LINE);
    assert_int_equal(note_check(buf_bytes(&note), &log, NULL), CRYPTO_MISMATCH);
}

/* ---- keys in files -------------------------------------------------------------------------- */

static uint8_t why_storage[1024];
static struct buf why;

static bool create(const char *path, const char *name, struct note_signer *signer)
{
    why = BUF_OVER(why_storage);
    return note_key_create(path, name, NOTE_ED25519, signer, &why);
}

static bool read_key(const char *path, struct note_signer *signer)
{
    why = BUF_OVER(why_storage);
    return note_key_read(path, signer, &why);
}

/* Broken: a log would come back with another key, lose it to a second `create`, or show it. */
static void a_key_is_made_once_and_read_back(void **state)
{
    (void)state;
    const char *path = path_in(temp_folder(), "log.key");
    struct note_signer made, read, other;
    struct stat status;
    assert_true(create(path, "city.example/evidence", &made));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_true(read_key(path, &read));
    assert_memory_equal(&made, &read, sizeof made);
    assert_false(create(path, "city.example/evidence", &other));
    assert_non_null(strstr(buf_cstr(&why), "log.key: is there already"));
    assert_true(read_key(path, &read));
    assert_memory_equal(&made, &read, sizeof made);
    assert_int_equal(chmod(path, 0640), 0);
    assert_false(read_key(path, &read));
    assert_non_null(strstr(buf_cstr(&why), "others may read it"));
    assert_false(create(path_in(temp_folder(), "nowhere/key"), "a", &other));
}

/* Broken: the signer of other tools would not be taken, or an altered one would sign under its
 * name. */
static void a_key_file_is_read_strictly(void **state)
{
    (void)state;
    const struct note_signer peter = signer_of(GO_SIGNER);
    assert_string_equal(peter.verifier.name, "PeterNeumann");
    const char *path = path_in(temp_folder(), "key");
    struct note_signer signer;
    for (size_t i = 0; i < sizeof GO_SIGNER - 1; i++) {
        char altered[sizeof GO_SIGNER];
        memcpy(altered, GO_SIGNER, sizeof altered);
        altered[i] ^= 1;
        write_file(path, bytes_of(altered, sizeof altered - 1));
        assert_int_equal(chmod(path, 0600), 0);
        assert_false(read_key(path, &signer));
        assert_non_null(strstr(buf_cstr(&why), "holds no private key"));
        write_file(path, bytes_of(GO_SIGNER, i));
        assert_true(read_key(path, &signer) == (i == sizeof GO_SIGNER - 2)); /* the newline */
    }
    assert_false(read_key(path_in(temp_folder(), "none"), &signer));
}

/* Broken: a key would get a name that no note can carry. */
static void names_of_keys_are_plain(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a b", "a+b", "a\n", "\xC3\xA9", "\x7f"};
    char longest[NOTE_NAME_BYTES_MAX + 2];
    const char *folder = temp_folder();
    struct note_signer signer;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(create(path_in(folder, "key"), bad[i], &signer));
    memset(longest, 'a', sizeof longest);
    longest[NOTE_NAME_BYTES_MAX + 1] = 0;
    assert_false(create(path_in(folder, "key"), longest, &signer));
    longest[NOTE_NAME_BYTES_MAX] = 0;
    assert_true(create(path_in(folder, "key"), longest, &signer));
    assert_true(read_key(path_in(folder, "key"), &signer));
    assert_string_equal(signer.verifier.name, longest);
}

/* ---- proofs --------------------------------------------------------------------------------- */

/* The example of C2SP tlog-proof, with a whole note in place of its abbreviated one. */
#define PROOF_EXAMPLE                                                                              \
    "c2sp.org/tlog-proof@v1\n"                                                                     \
    "extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ\n"                                 \
    "index 73894\n"                                                                                \
    "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n"                                               \
    "B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n"                                               \
    "EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=\n"                                               \
    "RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=\n"                                               \
    "AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=\n"                                               \
    "\n" LOG_TEXT "\n" LOG_LINE

/* Broken: proofs of other logs could not be read, or ours would change on the way. */
static void a_proof_comes_back_as_written(void **state)
{
    (void)state;
    struct tlog_proof proof;
    uint8_t storage[TLOG_PROOF_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    assert_true(tlog_proof_read(guarded(0, BYTES(PROOF_EXAMPLE)), &proof));
    assert_int_equal(proof.index, 73894);
    assert_int_equal(proof.hash_count, 5);
    assert_bytes(bytes_of(proof.entry, proof.entry_bytes),
                 "age-v1.2.1-darwin-arm64.tar.gz\x91\x85\xC9\xDD\xA5\xB8\xB5\x85\xC9");
    assert_bytes(proof.note, LOG_TEXT "\n" LOG_LINE);
    tlog_proof_write(&proof, &out);
    assert_bytes(buf_bytes(&out), PROOF_EXAMPLE);
    assert_int_equal(tlog_proof_check(&crypto_openssl, &proof), CRYPTO_MISMATCH);
    assert_true(tlog_proof_read(BYTES("c2sp.org/tlog-proof@v1\nindex 0\n\nx"), &proof));
    assert_int_equal(proof.entry_bytes, 0);
    assert_int_equal(tlog_proof_check(&crypto_openssl, &proof), CRYPTO_MISMATCH);
}

/* Broken: a proof could be read in two ways, or make us read behind its end. */
static void malformed_proofs_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "c2sp.org/tlog-proof@v2\nindex 0\n\nx",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v1\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n\n",
        "c2sp.org/tlog-proof@v1\nindex 00\n\nx",
        "c2sp.org/tlog-proof@v1\nindex \n\nx",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nx",
        "c2sp.org/tlog-proof@v1\nextra \nindex 0\n\nx",
        "c2sp.org/tlog-proof@v1\nextra A\nindex 0\n\nx",
        "c2sp.org/tlog-proof@v1\nextra QQ==\nextra QQ==\nindex 0\n\nx",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra QQ==\n\nx",
    };
    struct tlog_proof proof;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(tlog_proof_read(guarded(0, bytes_str(bad[i])), &proof));
    for (size_t len = 0; len < sizeof PROOF_EXAMPLE - 1; len++)
        tlog_proof_read(guarded(0, bytes_of(PROOF_EXAMPLE, len)), &proof);
    /* One hash too many. */
    uint8_t storage[8192];
    struct buf out = BUF_OVER(storage);
    buf_put_str(&out, "c2sp.org/tlog-proof@v1\nindex 0\n");
    for (int i = 0; i < MERKLE_PROOF_MAX; i++)
        buf_put_str(&out, LOG_ROOT "\n");
    const size_t before = out.len;
    buf_put_str(&out, "\nx");
    assert_true(tlog_proof_read(buf_bytes(&out), &proof));
    out.len = before;
    buf_put_str(&out, LOG_ROOT "\n\nx");
    assert_false(tlog_proof_read(buf_bytes(&out), &proof));
}

/* Broken: a proof would hold for an entry, an index or a tree that it was not made for. */
static void a_proof_holds_for_its_entry_alone(void **state)
{
    (void)state;
    struct note_signer log = signer_of(LOG_SIGNER);
    struct tlog_proof proof = {.index = 1, .hash_count = 1, .entry = "b", .entry_bytes = 1};
    struct checkpoint checkpoint = {.size = 2};
    struct merkle_hash leaf;
    uint8_t storage[NOTE_BYTES_MAX];
    struct buf note = BUF_OVER(storage);
    assert_int_equal(merkle_leaf(&crypto_openssl, BYTES("a"), &proof.hashes[0]), CRYPTO_OK);
    assert_int_equal(merkle_leaf(&crypto_openssl, BYTES("b"), &leaf), CRYPTO_OK);
    assert_int_equal(merkle_node(&crypto_openssl, &proof.hashes[0], &leaf, &checkpoint.root),
                     CRYPTO_OK);
    assert_int_equal(checkpoint_sign(&checkpoint, &log, &note), CRYPTO_OK);
    proof.note = buf_bytes(&note);
    assert_int_equal(tlog_proof_check(&crypto_openssl, &proof), CRYPTO_OK);
    proof.index = 0;
    assert_int_equal(tlog_proof_check(&crypto_openssl, &proof), CRYPTO_MISMATCH);
    proof.index = 1;
    proof.entry[0] = 'a';
    assert_int_equal(tlog_proof_check(&crypto_openssl, &proof), CRYPTO_MISMATCH);
    proof.entry[0] = 'b';
    proof.hash_count = 0;
    assert_int_equal(tlog_proof_check(&crypto_openssl, &proof), CRYPTO_MISMATCH);
    proof.hash_count = 1;
    storage[strlen(log.verifier.name) + 1] = '3';
    assert_int_equal(tlog_proof_check(&crypto_openssl, &proof), CRYPTO_MISMATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_texts_are_accepted),
        cmocka_unit_test(keys_have_one_form),
        cmocka_unit_test(what_is_signed_is_what_others_sign),
        cmocka_unit_test(a_cosigned_checkpoint_is_read),
        cmocka_unit_test(signatures_count_for_what_they_are_alone),
        cmocka_unit_test(every_altered_octet_shows),
        cmocka_unit_test(malformed_notes_are_refused),
        cmocka_unit_test(sixteen_signatures_are_read),
        cmocka_unit_test(a_key_is_made_once_and_read_back),
        cmocka_unit_test(a_key_file_is_read_strictly),
        cmocka_unit_test(names_of_keys_are_plain),
        cmocka_unit_test(a_proof_comes_back_as_written),
        cmocka_unit_test(malformed_proofs_are_refused),
        cmocka_unit_test(a_proof_holds_for_its_entry_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
