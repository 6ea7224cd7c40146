/* The command line of jwb: its table, options, arguments, numbers and times. */
#include "cli/command.h"

#include <stdio.h>

#include "base/clock.h"
#include "tests/support.h"

static const struct command subject = {
    .words = "test subject", .usage = "A [B]", .summary = "", .help = ""};

struct call {
    const char *text, *arguments[2];
    bool flag;
};

/* Reads `argv` with options --text VALUE and --flag, one or two arguments. */
static bool read_call(struct call *call, int argc, const char *const *argv)
{
    char *copy[8];
    *call = (struct call){0};
    for (int i = 0; i < argc; i++)
        copy[i] = (char *)(uintptr_t)argv[i]; /* getopt_long reorders the pointers only */
    copy[argc] = NULL;
    const struct command_option options[] = {
        {"text", &call->text, NULL}, {"flag", NULL, &call->flag}, {NULL, NULL, NULL}};
    return command_read(&subject, argc, copy, options, call->arguments, 1, 2);
}
#define READ(call, ...)                                                                            \
    read_call(call, (int)(sizeof((const char *[]){"subject", __VA_ARGS__}) / sizeof(char *)),      \
              (const char *[]){"subject", __VA_ARGS__})

/* A command that can't be found by its own words, or shows no usage, would be lost to users. */
static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_count; i++) {
        char first[32], second[32], *words[] = {first, second};
        int count = sscanf(commands[i].words, "%31s %31s", first, second);
        assert_int_equal(count, command_word_count(&commands[i]));
        assert_ptr_equal(command_find(count, words), &commands[i]);
        assert_non_null(commands[i].run);
        assert_non_null(strstr(commands[i].help, "Example: jwb "));
        assert_int_equal(commands[i].help[strlen(commands[i].help) - 1], '\n');
    }
}

/* Half a command, or one word too few, would run something else than was meant; what follows a
 * command of one word is its argument. */
static void test_unknown_command(void **state)
{
    (void)state;
    char hold[] = "hold", hol[] = "hol", place[] = "place", plac[] = "plac";
    char reconcil[] = "reconcil", reconcile[] = "reconcile", file[] = "all.csv";
    assert_null(command_find(0, NULL));
    assert_null(command_find(1, (char *[]){hold}));
    assert_null(command_find(2, (char *[]){hold, plac}));
    assert_null(command_find(2, (char *[]){hol, place}));
    assert_null(command_find(2, (char *[]){reconcil, file}));
    assert_string_equal(command_find(2, (char *[]){reconcile, file})->words, "reconcile");
}

/* Options would be taken for arguments, or the other way round. */
static void test_options(void **state)
{
    (void)state;
    struct call call;
    assert_true(READ(&call, "one", "--text", "value", "--flag", "two"));
    assert_string_equal(call.text, "value");
    assert_true(call.flag);
    assert_string_equal(call.arguments[0], "one");
    assert_string_equal(call.arguments[1], "two");

    assert_true(READ(&call, "--text=", "-"));
    assert_string_equal(call.text, "");
    assert_string_equal(call.arguments[0], "-");
    assert_false(call.flag);

    assert_true(READ(&call, "--", "--flag"));
    assert_string_equal(call.arguments[0], "--flag");
    assert_false(call.flag);
}

/* A mistyped option would be passed over, and the command do what was not asked for. */
static void test_misuse(void **state)
{
    (void)state;
    struct call call;
    assert_false(READ(&call, "one", "--flg"));
    assert_false(READ(&call, "one", "-f"));
    assert_false(READ(&call, "one", "--text"));
    assert_false(READ(&call, "one", "--flag=yes"));
    assert_false(READ(&call, "--flag"));
    assert_false(READ(&call, "one", "two", "three"));
}

/* A client would be registered with fewer types than were given, or something be written behind the
 * last there is room for. */
static void test_repeated(void **state)
{
    (void)state;
    char subject_name[] = "subject", option[] = "--type=x", other[] = "--text=1";
    for (int count = 0; count <= COMMAND_REPEATS_MAX + 1; count++) {
        const char *types[COMMAND_REPEATS_MAX + 1] = {NULL}, *text = NULL;
        const struct command_option options[] = {
            {"type", types, COMMAND_REPEATED}, {"text", &text, NULL}, {NULL, NULL, NULL}};
        char *argv[COMMAND_REPEATS_MAX + 5] = {subject_name, other};
        for (int i = 0; i < count; i++)
            argv[2 + i] = option;
        argv[2 + count] = other;
        bool fits = count <= COMMAND_REPEATS_MAX;
        assert_int_equal(command_read(&subject, 3 + count, argv, options, NULL, 0, 0), fits);
        for (int i = 0; fits && i < count; i++)
            assert_string_equal(types[i], "x");
        assert_null(types[fits ? count : COMMAND_REPEATS_MAX]);
        if (fits)
            assert_string_equal(text, "1");
    }
}

static bool number(const char *text, uint64_t *value)
{
    return command_number(&subject, "--number", text, 5, 999999999999999999, value);
}

/* A number with something behind it, or too large, would become another one. */
static void test_numbers(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "4", "5x", "-5", " 5", "0x10", "1000000000000000000", "18446744073709551621"};
    uint64_t value = 77;
    assert_true(number(NULL, &value));
    assert_int_equal(value, 77);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(number(bad[i], &value));
    assert_int_equal(value, 77);
    assert_true(number("999999999999999999", &value));
    assert_true(value == 999999999999999999);
    assert_true(number("5", &value));
    assert_int_equal(value, 5);
}

/* A key would begin or end to sign on another day than its operator said. */
static void test_times(void **state)
{
    (void)state;
    static const char *const bad[] = {"",           "tomorrow",         "2023-02-29",
                                      "2027-01-1",  "2027-01-01T08:00", "2027-01-01T24:00:00+08:00",
                                      "2027-01-01 "};
    int64_t time = 77;
    assert_true(command_time(&subject, "--from", NULL, &time));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(command_time(&subject, "--from", bad[i], &time));
    assert_int_equal(time, 77);
    assert_true(command_time(&subject, "--from", "1700000000", &time));
    assert_int_equal(time, 1700000000);
    assert_true(command_time(&subject, "--from", "2023-11-15", &time));
    assert_int_equal(time, 1699977600);
    assert_true(command_time(&subject, "--from", "2023-11-15T06:13:20+08:00", &time));
    assert_int_equal(time, 1700000000);
    assert_true(command_time(&subject, "--from", "2023-11-14T22:13:21Z", &time));
    assert_int_equal(time, 1700000001);
}

/* A mandate or a client would end a day before its last one, or have ended already. */
static void test_last_days(void **state)
{
    (void)state;
    char today[16], yesterday[16];
    struct buf day = BUF_OVER(today), before = BUF_OVER(yesterday);
    int32_t now = civil_day_at(clock_wall_s());
    int64_t until = 77;
    buf_put_date(&day, now);
    buf_put_date(&before, now - 1);
    assert_true(command_last_day(&subject, "--until", NULL, &until));
    assert_false(command_last_day(&subject, "--until", buf_cstr(&before), &until));
    assert_false(command_last_day(&subject, "--until", "2027-02-29", &until));
    assert_false(command_last_day(&subject, "--until", "1700000000", &until));
    assert_false(command_last_day(&subject, "--until", "", &until));
    assert_int_equal(until, 77);
    assert_true(command_last_day(&subject, "--until", buf_cstr(&day), &until));
    assert_true(until > clock_wall_s());
    assert_true(command_last_day(&subject, "--until", "2127-12-31", &until));
    assert_true(until == 4985971200 - 28800); /* 2128-01-01 in UTC+8 */
}

/* White space around a number would keep it from being found; a longer text would be cut. */
static void test_text(void **state)
{
    (void)state;
    char storage[8];
    struct buf text = BUF_OVER(storage);
    assert_true(command_text("  1234 \n", "the text", &text));
    assert_bytes(buf_bytes(&text), "1234");
    text = BUF_OVER(storage);
    assert_false(command_text("123456789", "the text", &text));
    text = BUF_OVER(storage);
    assert_false(command_text(" \n", "the text", &text));
}

/* A file that is longer than there is room would be read in part. */
static void test_file(void **state)
{
    (void)state;
    const char *path = path_in(temp_folder(), "content");
    char storage[8];
    struct buf content = BUF_OVER(storage);
    write_file(path, BYTES("12345678"));
    assert_true(command_file(path, &content));
    assert_bytes(buf_bytes(&content), "12345678");
    write_file(path, BYTES("123456789"));
    content = BUF_OVER(storage);
    assert_false(command_file(path, &content));
    content = BUF_OVER(storage);
    assert_false(command_file(path_in(temp_folder(), "nothing"), &content));
    content = BUF_OVER(storage);
    assert_false(command_file(temp_folder(), &content));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),    cmocka_unit_test(test_unknown_command),
        cmocka_unit_test(test_options),  cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_repeated), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_times),    cmocka_unit_test(test_last_days),
        cmocka_unit_test(test_text),     cmocka_unit_test(test_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
