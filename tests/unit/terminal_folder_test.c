/* The storage of a terminal in a folder. */
#include <sys/stat.h>
#include <unistd.h>

#include "terminal/jwbterminal.h"
#include "tests/support.h"

static struct jwbt_storage storage;
static const char *folder;
static uint8_t octets[64];
static size_t len;

static int make(void **state)
{
    (void)state;
    folder = temp_folder();
    storage = jwbt_storage_folder(folder);
    return 0;
}

static enum jwbt_stored put(const char *name, const char *text)
{
    return storage.replace(storage.context, name, text, strlen(text));
}
static enum jwbt_stored add(const char *name, const char *text)
{
    return storage.append(storage.context, name, text, strlen(text));
}
static enum jwbt_stored get(const char *name, size_t cap)
{
    len = 99;
    return storage.read(storage.context, name, octets, cap, &len);
}

/* Without this a terminal would not find what it kept. */
static void comes_back(void **state)
{
    (void)state;
    assert_int_equal(get("trust", sizeof octets), JWBT_ABSENT);
    assert_int_equal(put("trust", "one"), JWBT_STORED);
    assert_int_equal(put("trust", "another"), JWBT_STORED);
    assert_int_equal(get("trust", sizeof octets), JWBT_STORED);
    assert_bytes(bytes_of(octets, len), "another");
    assert_int_equal(add("scans", "first,"), JWBT_STORED);
    assert_int_equal(add("scans", "second"), JWBT_STORED);
    assert_int_equal(get("scans", 12), JWBT_STORED);
    assert_bytes(bytes_of(octets, len), "first,second");
    assert_int_equal(get("scans", 11), JWBT_STORAGE_FAILED); /* too long for the caller */
    assert_int_equal(put("scans", ""), JWBT_STORED);
    assert_int_equal(get("scans", 0), JWBT_STORED);
    assert_int_equal(len, 0);
}

/* Without this somebody else on the device could read the key that seals the scans. */
static void is_private(void **state)
{
    (void)state;
    struct stat status;
    put("key", "secret");
    add("scans", "scan");
    assert_int_equal(stat(path_in(folder, "key"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(stat(path_in(folder, "scans"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

/* Without this half a file that a power cut left would stand in the way, or be taken for the file.
 */
static void half_written(void **state)
{
    (void)state;
    put("trust", "whole");
    write_file(path_in(folder, "trust.new"), BYTES("half of a longer file"));
    assert_int_equal(get("trust", sizeof octets), JWBT_STORED);
    assert_bytes(bytes_of(octets, len), "whole");
    assert_int_equal(put("trust", "next"), JWBT_STORED);
    get("trust", sizeof octets);
    assert_bytes(bytes_of(octets, len), "next");
    assert_int_equal(access(path_in(folder, "trust.new"), F_OK), -1);
}

/* Without this a file that can't be read would count as absent, and be written over. */
static void what_fails_is_not_absent(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path_in(folder, "scans"), 0700), 0);
    assert_int_equal(get("scans", sizeof octets), JWBT_STORAGE_FAILED);
    assert_int_equal(put("scans", "x"), JWBT_STORAGE_FAILED);
    assert_int_equal(add("scans", "x"), JWBT_STORAGE_FAILED);
    assert_int_equal(symlink("/dev/zero", path_in(folder, "trust")), 0);
    assert_int_equal(get("trust", sizeof octets), JWBT_STORAGE_FAILED);
    storage = jwbt_storage_folder(path_in(folder, "nowhere"));
    assert_int_equal(get("trust", sizeof octets), JWBT_STORAGE_FAILED);
    assert_int_equal(put("trust", "x"), JWBT_STORAGE_FAILED);
    assert_int_equal(add("trust", "x"), JWBT_STORAGE_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(comes_back, make),
        cmocka_unit_test_setup(is_private, make),
        cmocka_unit_test_setup(half_written, make),
        cmocka_unit_test_setup(what_fails_is_not_absent, make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
