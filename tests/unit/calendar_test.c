#include "base/clock.h"
#include "gateway/config/calendar.h"
#include "tests/support.h"

/* The autumn of 2026 as the State Council's office announced it, of the test's own. */
static const char AUTUMN[] = "# 2026\n"
                             "\n"
                             "2026-09-20 work 国庆节调休\n"
                             "2026-09-25 off 中秋节\t# a Friday\r\n"
                             "2026-10-01 off 国庆节\n"
                             "2026-10-02 off\n"
                             "2026-10-03 off\n"
                             "  2026-10-04   off\n"
                             "2026-10-05\toff\n"
                             "2026-10-06 off\n"
                             "2026-10-07 off\n"
                             "2026-10-10 work";

static int32_t day_of(const char *text)
{
    int32_t day;
    assert_true(civil_read_date(bytes_str(text), &day));
    return day;
}

static struct calendar *calendar_of(const char *text)
{
    char storage[256];
    struct buf why = BUF_OVER(storage);
    struct calendar *calendar = calendar_read(guarded(0, bytes_str(text)), "holidays", &why);
    if (!calendar)
        fail_msg("%s", buf_cstr(&why));
    assert_int_equal(why.len, 0);
    return calendar;
}

static void assert_due(const struct calendar *calendar, const char *from, unsigned n,
                       const char *due)
{
    char storage[16];
    struct buf text = BUF_OVER(storage);
    buf_put_date(&text, calendar_add_working_days(calendar, day_of(from), n));
    assert_string_equal(buf_cstr(&text), due);
}

/* Without this a weekend would count as time to decide in, before 1970 or after. */
static void without_a_file_weekends_alone_are_free(void **state)
{
    (void)state;
    struct calendar *calendar = calendar_of("");
    assert_true(calendar_is_worked(calendar, day_of("2026-10-01"))); /* a Thursday */
    assert_true(calendar_is_worked(calendar, day_of("2026-10-02")));
    assert_false(calendar_is_worked(calendar, day_of("2026-10-03")));
    assert_false(calendar_is_worked(calendar, day_of("2026-10-04")));
    assert_true(calendar_is_worked(calendar, day_of("2026-10-05")));
    assert_true(calendar_is_worked(calendar, day_of("1970-01-01")));  /* a Thursday */
    assert_false(calendar_is_worked(calendar, day_of("1969-12-28"))); /* a Sunday */
    assert_true(calendar_is_worked(calendar, day_of("1969-12-29")));
    calendar_destroy(&calendar);
    assert_null(calendar);
}

/* Without this the day of submission would count, or a weekend would be skipped wrongly. */
static void five_working_days_are_a_week(void **state)
{
    (void)state;
    struct calendar *calendar = calendar_of("");
    assert_due(calendar, "2026-09-14", 5, "2026-09-21"); /* Monday to Monday */
    assert_due(calendar, "2026-09-18", 5, "2026-09-25"); /* Friday to Friday */
    assert_due(calendar, "2026-09-19", 5, "2026-09-25"); /* Saturday as Sunday */
    assert_due(calendar, "2026-09-20", 5, "2026-09-25");
    assert_due(calendar, "2026-09-18", 1, "2026-09-21");
    assert_due(calendar, "2026-09-19", 0, "2026-09-19");
    assert_due(calendar, "2026-09-14", 60, "2026-12-07");
    calendar_destroy(&calendar);
}

/* Without this National Day week would count, or the weekends that are worked for it would not. */
static void holidays_are_free_and_moved_weekends_are_worked(void **state)
{
    (void)state;
    struct calendar *calendar = calendar_of(AUTUMN);
    assert_due(calendar, "2026-09-18", 1, "2026-09-20"); /* a worked Sunday */
    assert_due(calendar, "2026-09-18", 5, "2026-09-24");
    assert_due(calendar, "2026-09-24", 1, "2026-09-28"); /* over Mid-Autumn */
    assert_due(calendar, "2026-09-28", 5, "2026-10-10"); /* 29, 30, 8, 9, worked Saturday 10 */
    assert_due(calendar, "2026-09-30", 1, "2026-10-08");
    assert_due(calendar, "2026-10-10", 1, "2026-10-12");
    assert_due(calendar, "2026-12-31", 1, "2027-01-01"); /* a year that the file does not have */
    calendar_destroy(&calendar);
}

/* Without this a mistyped line would move deadlines silently; the line must be named. */
static void what_is_wrong_is_told_with_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } wrong[] = {
        {"2026-02-29 off", "holidays:1: begins with no day"},
        {"# x\n\n10-01 off", "holidays:3: begins with no day"},
        {"2026-10-1 off", "holidays:1: begins with no day"},
        {"2026-10-01off", "holidays:1: begins with no day"},
        {"2026-10-01", "holidays:1: the day must be followed by"},
        {"2026-10-01 free", "holidays:1: the day must be followed by"},
        {"2026-10-01 Off", "holidays:1: the day must be followed by"},
        {"2026-10-01 off\n2026-10-01 off", "holidays:2: the days must stand in order"},
        {"2026-10-02 off\n2026-10-01 off", "holidays:2: the days must stand in order"},
        {"2026-10-09 work", "holidays:1: this is a day from Monday to Friday"},
        {"2026-10-01 off \xff", "holidays:1: the name is not UTF-8"},
        {"2026-10-01 off a\x01", "holidays:1: the name is not UTF-8"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char storage[256];
        struct buf why = BUF_OVER(storage);
        struct calendar *calendar =
            calendar_read(guarded(0, bytes_str(wrong[i].text)), "holidays", &why);
        assert_null(calendar);
        if (strncmp(buf_cstr(&why), wrong[i].why, strlen(wrong[i].why)) != 0)
            fail_msg("%s: %s", wrong[i].text, buf_cstr(&why));
    }
}

/* Without this a file that can't be read would be taken for one without holidays. */
static void a_file_is_read_whole_or_refused_by_name(void **state)
{
    (void)state;
    char storage[512];
    struct buf why = BUF_OVER(storage);
    const char *folder = temp_folder(), *path = path_in(folder, "holidays.txt");
    static char long_text[CALENDAR_FILE_BYTES_MAX + 1];

    write_file(path, bytes_str(AUTUMN));
    struct calendar *calendar = calendar_load(path, &why);
    assert_non_null(calendar);
    assert_false(calendar_is_worked(calendar, day_of("2026-10-07")));
    calendar_destroy(&calendar);
    calendar = calendar_load("", &why);
    assert_non_null(calendar);
    assert_true(calendar_is_worked(calendar, day_of("2026-10-07")));
    calendar_destroy(&calendar);

    memset(long_text, '#', sizeof long_text);
    write_file(path, bytes_of(long_text, sizeof long_text - 1));
    calendar = calendar_load(path, &why);
    assert_non_null(calendar);
    calendar_destroy(&calendar);
    assert_int_equal(why.len, 0);
    write_file(path, bytes_of(long_text, sizeof long_text));

    const char *refused[] = {path, folder, path_in(folder, "missing"), "/dev/null"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        why.len = 0;
        assert_null(calendar_load(refused[i], &why));
        assert_non_null(strstr(buf_cstr(&why), refused[i]));
    }
}

/* Without this the example that is installed would be refused at the first start. */
static void the_example_is_a_calendar(void **state)
{
    (void)state;
    char storage[256];
    struct buf why = BUF_OVER(storage);
    struct calendar *calendar = calendar_load("etc/holidays.txt", &why);
    if (!calendar)
        fail_msg("%s", buf_cstr(&why));
    assert_due(calendar, "2026-02-13", 5, "2026-02-27"); /* 14, then 24 to 27 */
    unsigned worked = 0;
    for (int32_t day = day_of("2026-01-01"); day <= day_of("2026-12-31"); day++)
        worked += calendar_is_worked(calendar, day);
    assert_int_equal(worked, 248); /* 365 days, 104 of weekends, 13 lawful holidays */
    calendar_destroy(&calendar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_weekends_alone_are_free),
        cmocka_unit_test(five_working_days_are_a_week),
        cmocka_unit_test(holidays_are_free_and_moved_weekends_are_worked),
        cmocka_unit_test(what_is_wrong_is_told_with_file_and_line),
        cmocka_unit_test(a_file_is_read_whole_or_refused_by_name),
        cmocka_unit_test(the_example_is_a_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
