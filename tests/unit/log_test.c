#include "gateway/log.h"

#include <jansson.h>
#include <pthread.h>
#include <pty.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/support.h"

static char line_storage[4096];

/* What `say` writes to stderr, when that is the writing end given; read from the other. */
static struct bytes captured(int reading, int writing, void (*say)(void))
{
    int stderr_before = dup(STDERR_FILENO);
    CHECK(stderr_before >= 0 && dup2(writing, STDERR_FILENO) >= 0);
    close(writing);
    say();
    CHECK(dup2(stderr_before, STDERR_FILENO) >= 0);
    close(stderr_before);
    size_t len = 0;
    ssize_t n; /* the far end of a terminal that was closed reads as EIO */
    while ((n = read(reading, line_storage + len, sizeof line_storage - 1 - len)) > 0)
        len += (size_t)n;
    close(reading);
    line_storage[len] = 0;
    return bytes_of(line_storage, len);
}

static struct bytes in_pipe(void (*say)(void))
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    return captured(ends[0], ends[1], say);
}

/* The one JSON object of a line. */
static json_t *object_of(struct bytes line)
{
    assert_true(line.len > 0 && line.len <= 2000);
    assert_ptr_equal(memchr(line.data, '\n', line.len), line.data + line.len - 1);
    json_t *object = json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(object);
    return object;
}

static void assert_member(json_t *object, const char *name, const char *expected)
{
    assert_string_equal(json_string_value(json_object_get(object, name)), expected);
}

static void say_plainly(void)
{
    log_event(LOG_WARNING, "listening", LOG_TEXT("address", "0.0.0.0"), LOG_NUMBER("port", 8443),
              LOG_NUMBER("offset", -5), LOG_ID("request", 0x1234abcdu));
}

/* Broken: whoever collects the lines could not read them. */
static void line_is_one_json_object(void **state)
{
    (void)state;
    json_t *line = object_of(in_pipe(say_plainly));
    assert_int_equal(json_object_size(line), 7);
    assert_member(line, "level", "warning");
    assert_member(line, "event", "listening");
    assert_member(line, "address", "0.0.0.0");
    assert_member(line, "request", "000000001234abcd");
    assert_int_equal(json_integer_value(json_object_get(line, "port")), 8443);
    assert_int_equal(json_integer_value(json_object_get(line, "offset")), -5);
    const char *time = json_string_value(json_object_get(line, "time"));
    assert_int_equal(strlen(time), strlen("2023-06-01T08:00:00.123+08:00"));
    assert_int_equal(time[19], '.');
    assert_string_equal(time + 23, "+08:00");
    json_decref(line);
}

static void say_without_fields(void)
{
    log_event(LOG_ERROR, "stopped");
}

/* Broken: an event without fields would read what is not there. */
static void event_needs_no_fields(void **state)
{
    (void)state;
    json_t *line = object_of(in_pipe(say_without_fields));
    assert_int_equal(json_object_size(line), 3);
    json_decref(line);
}

/* Broken: somebody at a terminal would have to read JSON. */
static void terminal_gets_plain_lines(void **state)
{
    (void)state;
    int reading, writing;
    assert_int_equal(openpty(&reading, &writing, NULL, NULL, NULL), 0);
    captured(reading, writing, say_plainly);
    assert_non_null(strstr(line_storage, " warning listening address=\"0.0.0.0\" port=8443 "
                                         "offset=-5 request=\"000000001234abcd\""));
    assert_null(strchr(line_storage, '{'));
}

static struct bytes hostile;

static void say_hostile(void)
{
    log_event(LOG_INFO, "refused", LOG_BYTES("path", hostile));
}

/* Broken: what a peer sends would forge lines, break their JSON or steer a terminal. */
static void hostile_text_is_escaped(void **state)
{
    (void)state;
    hostile = guarded(0, BYTES("a\"b\\c\n\x1b[2J\x7f\xc2\x9b|\xff\xe8\xaf 证\xf0\x9f"));
    struct bytes line = in_pipe(say_hostile);
    for (size_t i = 0; i + 1 < line.len; i++)
        assert_true(line.data[i] >= 0x20 && line.data[i] != 0x7f);
    assert_null(memmem(line.data, line.len, "\xc2\x9b", 2));
    json_t *object = object_of(line);
    assert_member(object, "path", "a\"b\\c\n\x1b[2J\x7f\xc2\x9b|\\xff\\xe8\\xaf 证\\xf0\\x9f");
    json_decref(object);
}

static uint8_t long_text[2100];
static size_t long_text_len;

static void say_long(void)
{
    log_event(LOG_INFO, "long", LOG_BYTES("a", bytes_of(long_text, long_text_len)),
              LOG_NUMBER("b", INT64_MIN), LOG_TEXT("c", "behind"));
}

/* Broken: a line of some length would be no JSON, or the process would end by its own CHECK. */
static void long_line_is_cut_and_stays_json(void **state)
{
    (void)state;
    for (int letter = 0; letter < 3; letter++) {
        memset(long_text, "x\x01\xff"[letter], sizeof long_text);
        for (long_text_len = letter ? 300 : 1800; long_text_len < (letter ? 420 : 2050);
             long_text_len++) {
            json_t *line = object_of(in_pipe(say_long));
            assert_non_null(json_object_get(line, "a"));
            json_decref(line);
        }
    }
    json_t *line = object_of(in_pipe(say_long));
    const char *text = json_string_value(json_object_get(line, "a"));
    assert_string_equal(text + strlen(text) - strlen("…"), "…");
    assert_null(json_object_get(line, "c"));
    json_decref(line);
}

static void say_at_all_levels(void)
{
    for (enum log_level level = LOG_DEBUG; level <= LOG_ERROR; level++)
        log_event(level, log_level_name(level));
}

/* Broken: log.level would not hold back what it should, or hold back what it should not. */
static void level_holds_back(void **state)
{
    (void)state;
    for (enum log_level least = LOG_DEBUG; least <= LOG_ERROR; least++) {
        log_set_level(least);
        struct bytes lines = in_pipe(say_at_all_levels);
        size_t count = 0;
        for (size_t i = 0; i < lines.len; i++)
            count += lines.data[i] == '\n';
        assert_int_equal(count, LOG_ERROR - least + 1);
        assert_true(log_wants(least));
        assert_false(least > LOG_DEBUG && log_wants(least - 1));
    }
    log_set_level(LOG_INFO);
}

static void *say_often(void *unused)
{
    for (int i = 0; i < 4; i++)
        log_event(LOG_INFO, "often", LOG_TEXT("text", "of one of several threads"));
    return unused;
}

static void say_from_threads(void)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, say_often, NULL) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

/* Broken: lines of several threads would be mixed. */
static void threads_do_not_mix_lines(void **state)
{
    (void)state;
    struct bytes lines = in_pipe(say_from_threads);
    int count = 0;
    for (; lines.len; count++) {
        const uint8_t *end = memchr(lines.data, '\n', lines.len);
        assert_non_null(end);
        size_t len = (size_t)(end - lines.data) + 1;
        json_decref(object_of(bytes_of(lines.data, len)));
        lines = bytes_from(lines, len);
    }
    assert_int_equal(count, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_is_one_json_object),
        cmocka_unit_test(event_needs_no_fields),
        cmocka_unit_test(terminal_gets_plain_lines),
        cmocka_unit_test(hostile_text_is_escaped),
        cmocka_unit_test(long_line_is_cut_and_stays_json),
        cmocka_unit_test(level_holds_back),
        cmocka_unit_test(threads_do_not_mix_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
