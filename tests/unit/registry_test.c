/* What the registry keeps and answers, on a real SQLite file. */
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/registry_one.h"

/* ---- opening ---- */

static enum registry_error try_open(const struct registry_options *options, const char *expect)
{
    char text[512];
    struct buf why = BUF_OVER(text);
    struct registry *none;
    enum registry_error error = registry_open(options, &none, &why);
    assert_true(error);
    assert_null(none);
    assert_non_null(strstr(buf_cstr(&why), options->path));
    assert_non_null(strstr(text, expect));
    return error;
}

static void test_reopen(void **state)
{
    /* If this fails, a restart of the gateway loses licences. */
    (void)state;
    fixture_import_many(registry, 0, 3);
    registry_reader_destroy(&reader);
    registry_close(&registry);
    registry = fixture_open(path);
    reader = fixture_reader(registry);
    assert_bytes(find(2)->holder_name, "虚构者000002");
}

static void test_wrong_key(void **state)
{
    /* If this fails, a gateway with the wrong key starts, finds nobody and seals with it. */
    (void)state;
    uint8_t other[CRYPTO_SECRET_BYTES] = {1};
    struct registry_options options = fixture_options(path);
    options.secret = other;
    assert_int_equal(try_open(&options, "another secret"), REGISTRY_ERR_SEALED);
    registry_reader_destroy(&reader);
    registry_close(&registry);
    assert_int_equal(try_open(&options, "another secret"), REGISTRY_ERR_SEALED);
    registry = fixture_open(path);
    reader = fixture_reader(registry);
}

static void test_cipher(void **state)
{
    /* If this fails, a registry under SM4 is not, or one made with a cipher is opened with another
     * and its licences are unreadable, or half of them sealed with each. */
    (void)state;
    char text[512];
    struct buf why = BUF_OVER(text);
    struct registry *sm4;
    struct registry_options options = fixture_options(path_in(temp_folder(), "sm4.db"));
    options.cipher = CRYPTO_SM4_CTR_HMAC_SM3;
    for (int again = 0; again < 2; again++) { /* makes it, and opens what was made */
        assert_int_equal(registry_open(&options, &sm4, &why), REGISTRY_OK);
        if (!again)
            fixture_import_many(sm4, 0, 3);
        struct registry_reader *other = fixture_reader(sm4);
        struct registry_query query;
        assert_bytes(fixture_find(other, 2, &query)->holder_name, "虚构者000002");
        registry_reader_destroy(&other);
        registry_close(&sm4);
    }
    options.cipher = CRYPTO_AES_256_GCM;
    assert_int_equal(try_open(&options, "made with sm4-ctr-hmac-sm3, which registry.cipher must "
                                        "name, not aes-256-gcm"),
                     REGISTRY_ERR_SEALED);
    options = fixture_options(path);
    options.cipher = CRYPTO_SM4_CTR_HMAC_SM3;
    assert_int_equal(try_open(&options, "made with aes-256-gcm"), REGISTRY_ERR_SEALED);
    tamper("UPDATE key_check SET cipher = 7");
    options.cipher = CRYPTO_AES_256_GCM;
    assert_int_equal(try_open(&options, "a cipher this program lacks"), REGISTRY_ERR_SCHEMA);
    tamper("UPDATE key_check SET cipher = 0");
}

static void test_not_writable(void **state)
{
    /* If this fails, a gateway starts that can't take a seizure. */
    (void)state;
    registry_reader_destroy(&reader);
    registry_close(&registry);
    assert_int_equal(chmod(path, 0444), 0);
    pid_t child = fork();
    if (child == 0) { /* for root every file is writable, unless it gives that up */
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct none_of_them[2] = {{0}};
        bool plain = syscall(SYS_capset, &header, none_of_them) == 0;
        struct registry_options options = fixture_options(path);
        char text[512];
        struct buf why = BUF_OVER(text);
        struct registry *none;
        enum registry_error error = registry_open(&options, &none, &why);
        _exit(plain && error == REGISTRY_ERR_STORAGE && strstr(buf_cstr(&why), "written") ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(chmod(path, 0640), 0);
    registry = fixture_open(path);
    reader = fixture_reader(registry);
}

static void test_newer_schema(void **state)
{
    /* If this fails, an old program writes into a database whose rules it does not know. */
    (void)state;
    struct registry_options options = fixture_options(path);
    tamper("INSERT INTO schema_version VALUES (99, 0)");
    assert_int_equal(try_open(&options, "newer version"), REGISTRY_ERR_SCHEMA);
    tamper("DELETE FROM schema_version WHERE version = 99");
}

static void test_not_a_registry(void **state)
{
    /* If this fails, a mistyped path makes a registry out of somebody else's file. */
    (void)state;
    const char *folder = temp_folder();
    struct registry_options options = fixture_options(path_in(folder, "none.db"));
    options.create = false;
    assert_int_equal(try_open(&options, "unable to open"), REGISTRY_ERR_STORAGE);

    options = fixture_options(path_in(folder, "text.db"));
    static const uint8_t text[8192] = "no database at all";
    write_file(options.path, bytes_of(text, sizeof text));
    assert_int_equal(try_open(&options, "not a database"), REGISTRY_ERR_STORAGE);

    options = fixture_options(path_in(folder, "empty.db"));
    options.create = false;
    write_file(options.path, bytes_of("", 0));
    assert_int_equal(try_open(&options, "no registry"), REGISTRY_ERR_STORAGE);

    options = fixture_options(path_in(folder, "other.db"));
    sqlite3 *db;
    assert_int_equal(sqlite3_open(options.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE theirs (a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(try_open(&options, "no registry"), REGISTRY_ERR_SCHEMA);
}

/* ---- licences ---- */

static void check_fields(const struct registry_licence *l)
{
    struct registry_catalogue_entry entry;
    assert_bytes(l->type_code, "11100000000013338W011");
    assert_bytes(l->type_name, "机动车驾驶证");
    assert_bytes(l->issuer_code, "11410800005709876X");
    assert_bytes(l->issuer_name, "焦作市公安局交通警察支队");
    assert_bytes(l->name, "中华人民共和国机动车驾驶证");
    assert_bytes(l->number, "NO-000007");
    assert_bytes(l->identifier, "1.2.156.3005.2.ID-000007");
    assert_bytes(l->holder_name, "虚构者000007");
    assert_bytes(l->holder_number, "410800199001000007");
    assert_bytes(l->source, "test");
    assert_bytes(l->hold_agency, "");
    assert_int_equal(l->holder_kind, HOLDER_PERSON);
    assert_int_equal(l->version, 1);
    assert_int_equal(l->issued_on, 18999);
    assert_int_equal(l->valid_from, 19000);
    assert_int_equal(l->valid_until, -1);
    assert_int_equal(l->issuer_status, LICENCE_STATUS_LAPSED);
    assert_int_equal(l->status, LICENCE_STATUS_LAPSED);
    assert_int_equal(l->status_since, FIXTURE_NOW);
    assert_int_equal(l->received_at, FIXTURE_NOW);
    assert_int_equal(l->source_version, 0xfedcba9876543210);
    assert_int_equal(l->list, 0);
    assert_in_range(l->index, 0, STATUS_LIST_PLACES - 1);
    assert_int_equal(registry_licence_type(reader, l->type, &entry), REGISTRY_OK);
    assert_string_equal(entry.code, "11100000000013338W011");
    assert_string_equal(entry.name, "机动车驾驶证");
    assert_int_equal(registry_issuer(reader, l->issuer, &entry), REGISTRY_OK);
    assert_string_equal(entry.code, "11410800005709876X");
}

static void test_every_field(void **state)
{
    /* If this fails, what an authority delivered is not what an inspector reads. */
    (void)state;
    static struct registry_query by_text, by_id, by_place;
    struct fixture_texts texts;
    struct registry_record record = fixture_record(7, &texts);
    uint8_t holder[REGISTRY_ID_BYTES];
    record.issued_on = 18999;
    record.valid_until = -1;
    record.issuer_status = LICENCE_STATUS_LAPSED;
    record.source_version = 0xfedcba9876543210;
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_ADDED);

    assert_int_equal(fixture_find_text(reader, record.number, &by_text), REGISTRY_OK);
    check_fields(&by_text.licence);
    assert_int_equal(fixture_find_text(reader, record.identifier, &by_text), REGISTRY_OK);
    check_fields(&by_text.licence);
    by_id.by = REGISTRY_BY_ID;
    memcpy(by_id.id, by_text.licence.id, sizeof by_id.id);
    registry_find(reader, &by_id);
    assert_int_equal(by_id.error, REGISTRY_OK);
    check_fields(&by_id.licence);
    assert_int_equal(find_place(by_text.licence.list, by_text.licence.index, &by_place),
                     REGISTRY_OK);
    check_fields(&by_place.licence);
    assert_memory_equal(by_place.licence.id, by_id.id, REGISTRY_ID_BYTES);
    assert_int_equal(registry_holder_id(reader, record.holder_number, holder), REGISTRY_OK);
    assert_memory_equal(by_place.licence.holder_id, holder, REGISTRY_ID_BYTES);
}

static void test_not_found(void **state)
{
    /* If this fails, a licence nobody has is answered with somebody's. */
    (void)state;
    struct registry_query query;
    struct registry_catalogue_entry entry;
    uint8_t id[REGISTRY_ID_BYTES] = {0};
    fixture_import_many(registry, 0, 1);
    assert_int_equal(fixture_find_text(reader, BYTES("NO-999999"), &query), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(fixture_find_text(reader, bytes_of("", 0), &query), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(find_place(0, find(0)->index ^ 1, &query), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(find_place(9, find(0)->index, &query), REGISTRY_ERR_NOT_FOUND);
    query = (struct registry_query){.by = REGISTRY_BY_ID};
    registry_find(reader, &query);
    assert_int_equal(query.error, REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(registry_holder_id(reader, BYTES("410800199001999999"), id),
                     REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(registry_licence_type(reader, 1, &entry), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(registry_issuer(reader, 1, &entry), REGISTRY_ERR_NOT_FOUND);
}

static void test_ambiguous_number(void **state)
{
    /* If this fails, a number that two licences have shows one of them at random. */
    (void)state;
    struct fixture_texts texts;
    struct registry_query query;
    struct registry_record record = fixture_record(1, &texts);
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_ADDED);
    record.type_code = BYTES("11100000000013338W012");
    record.identifier = bytes_of("", 0);
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_ADDED);
    assert_int_equal(fixture_find_text(reader, record.number, &query), REGISTRY_ERR_REFUSED);
    assert_int_equal(fixture_find_text(reader, bytes_str(texts.identifier), &query), REGISTRY_OK);
}

/* ---- what the disk holds ---- */

static void assert_not_in_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "rb");
    assert_non_null(file);
    static uint8_t content[8 << 20];
    size_t len = fread(content, 1, sizeof content, file);
    assert_true(len > 0 && feof(file));
    fclose(file);
    assert_null(memmem(content, len, text, strlen(text)));
}

static void test_nothing_personal_on_disk(void **state)
{
    /* If this fails, who copies the disk reads names and numbers. */
    (void)state;
    struct fixture_texts texts, person;
    char wal[600];
    fixture_import_one(registry, fixture_enterprise(77, &texts, &person));
    fixture_import_many(registry, 77, 1);
    snprintf(wal, sizeof wal, "%s-wal", path);
    const char *const files[] = {path, wal};
    const char *const secrets[] = {"虚构者000077", "410800199001000077", "NO-000077",
                                   "BL-000077",    "91410800MA00000077", "ID-000077"};
    for (size_t f = 0; f < 2; f++)
        for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
            assert_not_in_file(files[f], secrets[i]);
}

static void test_moved_seal(void **state)
{
    /* If this fails, who can write to the file puts one person's name on another's licence. */
    (void)state;
    struct registry_query query;
    fixture_import_many(registry, 0, 2);
    tamper("UPDATE licence SET sealed = (SELECT sealed FROM licence WHERE licence = 1)"
           " WHERE licence = 2");
    struct fixture_texts texts;
    assert_int_equal(fixture_find_text(reader, fixture_record(1, &texts).number, &query),
                     REGISTRY_ERR_SEALED);
    tamper("UPDATE holder SET sealed = (SELECT sealed FROM holder WHERE holder = 2)"
           " WHERE holder = 1");
    assert_int_equal(fixture_find_text(reader, fixture_record(0, &texts).number, &query),
                     REGISTRY_ERR_SEALED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_reopen),           TEST(test_wrong_key),
        TEST(test_cipher),           TEST(test_not_writable),
        TEST(test_newer_schema),     TEST(test_not_a_registry),
        TEST(test_every_field),      TEST(test_not_found),
        TEST(test_ambiguous_number), TEST(test_nothing_personal_on_disk),
        TEST(test_moved_seal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
