#include "gateway/body.h"

#include <stdlib.h>

#include "base/check.h"
#include "tests/support.h"

/* ---- the doors behind it: one request at a time, whose pool is freed by the next ---- */

static struct bytes body;
static const char *content_type;
static enum problem problem;
static const char *told;
static void *pool[64];
static size_t pool_count;

struct bytes http_body(const struct http_request *request)
{
    (void)request;
    return body;
}

void *http_room(struct http_request *request, size_t size)
{
    (void)request;
    CHECK(pool_count < sizeof pool / sizeof *pool);
    return pool[pool_count++] = check_alloc(size);
}

bool operation_body_is(const struct operation *op, const char *media_type)
{
    (void)op;
    return strcmp(media_type, content_type) == 0;
}

enum step_result operation_fail(struct operation *op, enum problem problem_, const char *reason,
                                const char *detail)
{
    (void)op;
    assert_null(reason);
    problem = problem_;
    told = detail;
    return STEP_DONE;
}

/* ---- what is read ---- */

#define SHAPE "{\"name\": \"...\"}"

static struct bytes name, note, types[3], purposes[2];
static size_t type_count, purpose_count;
static uint8_t id[REGISTRY_ID_BYTES];

static const struct body_member whole[] = {
    {.name = "name", .kind = BODY_TEXT, .bytes_max = 12, .text = &name},
    {.name = "note", .kind = BODY_OPTIONAL, .bytes_max = 4, .text = &note},
    {.name = "types",
     .kind = BODY_TEXTS,
     .bytes_max = 3,
     .list = types,
     .list_max = 3,
     .list_count = &type_count},
    {.name = "purposes",
     .kind = BODY_OPTIONAL_TEXTS,
     .bytes_max = 3,
     .list = purposes,
     .list_max = 2,
     .list_count = &purpose_count},
    {.name = "id", .kind = BODY_ID, .id = id},
};

static bool reads(const char *text)
{
    struct operation op = {0};
    while (pool_count)
        free(pool[--pool_count]);
    content_type = "application/json";
    body = guarded(0, bytes_str(text));
    problem = PROBLEM_COUNT;
    name = note = BYTES("left over");
    type_count = purpose_count = 9;
    enum step_result result = body_read(&op, whole, sizeof whole / sizeof *whole, SHAPE);
    assert_int_equal(result, problem == PROBLEM_COUNT ? STEP_NEXT : STEP_DONE);
    if (result == STEP_DONE) {
        assert_int_equal(problem, PROBLEM_MALFORMED_BODY);
        assert_string_equal(told, SHAPE);
    }
    return result == STEP_NEXT;
}

#define HEX "00112233445566778899aabbccddeeff"

/* Without this a member would be lost, cut or another's. */
static void every_kind_of_member_is_read(void **state)
{
    (void)state;
    static const uint8_t octets[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                     0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    assert_true(reads("{\"id\":\"" HEX "\",\"types\":[\"a\",\"bb\",\"ccc\"],\"purposes\":[\"p\"],"
                      "\"note\":\"n\",\"name\":\"张三李四\"}"));
    assert_bytes(name, "张三李四");
    assert_bytes(note, "n");
    assert_int_equal(type_count, 3);
    assert_bytes(types[2], "ccc");
    assert_int_equal(purpose_count, 1);
    assert_bytes(purposes[0], "p");
    assert_memory_equal(id, octets, sizeof id);
}

/* Without this what was left out could keep another's value. */
static void what_is_optional_may_be_absent_or_null(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"name\":\"a\",\"types\":[\"a\"],\"id\":\"" HEX "\"}",
        "{\"name\":\"a\",\"types\":[\"a\"],\"id\":\"" HEX "\",\"note\":null,\"purposes\":null}",
    };
    for (int i = 0; i < 2; i++) {
        assert_true(reads(texts[i]));
        assert_null(note.data);
        assert_int_equal(note.len + purpose_count, 0);
    }
}

/* Without this somebody's mistake, or somebody's trick, would pass as something he did not mean. */
static void all_else_is_refused(void **state)
{
    (void)state;
#define REST ",\"types\":[\"a\"],\"id\":\"" HEX "\"}"
#define NAME "{\"name\":\"a\""
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "null",
        "\"name\"",
        "[{\"name\":\"a\"" REST "]",
        NAME REST "x",
        NAME ",\"name\":\"a\"" REST,
        NAME ",\"more\":1" REST,
        NAME ",\"Name\":\"a\"" REST,
        "{\"name\":\"\"" REST,
        "{\"name\":null" REST,
        "{\"name\":1" REST,
        "{\"name\":[\"a\"]" REST,
        "{\"name\":\"1234567890123\"" REST,
        "{\"name\":\"a\\u0000b\"" REST,
        "{\"name\":\"a\\nb\"" REST,
        "{\"name\":\"a\\u0085b\"" REST,
        "{\"name\":\"\xff\"" REST,
        "{\"name\":\"\\ud800\"" REST,
        NAME ",\"note\":\"\"" REST,
        NAME ",\"note\":\"12345\"" REST,
        NAME ",\"note\":false" REST,
        NAME ",\"purposes\":[]" REST,
        NAME ",\"purposes\":\"p\"" REST,
        NAME ",\"purposes\":[\"p\",\"q\",\"r\"]" REST,
        NAME ",\"purposes\":[\"\"]" REST,
        NAME ",\"id\":\"" HEX "\"}",
        NAME ",\"types\":null,\"id\":\"" HEX "\"}",
        NAME ",\"types\":[\"1234\"],\"id\":\"" HEX "\"}",
        NAME ",\"types\":[\"a\",1],\"id\":\"" HEX "\"}",
        NAME ",\"types\":{\"a\":1},\"id\":\"" HEX "\"}",
        NAME ",\"types\":[\"a\"]}",
        NAME ",\"types\":[\"a\"],\"id\":null}",
        NAME ",\"types\":[\"a\"],\"id\":\"" HEX "00\"}",
        NAME ",\"types\":[\"a\"],\"id\":\"0011\"}",
        NAME ",\"types\":[\"a\"],\"id\":\"0011223344556677 899aabbccddeeff\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (reads(texts[i]))
            fail_msg("read: %s", texts[i]);
}

/* Without this a form that a browser sends across sites could pass as the app's own request. */
static void another_media_type_is_refused(void **state)
{
    (void)state;
    struct operation op = {0};
    content_type = "text/plain";
    assert_int_equal(body_read(&op, whole, 1, SHAPE), STEP_DONE);
    assert_int_equal(problem, PROBLEM_MEDIA_TYPE);
    assert_string_equal(told, "application/json");
}

static int empty_pool(void **state)
{
    (void)state;
    while (pool_count)
        free(pool[--pool_count]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_member_is_read),
        cmocka_unit_test(what_is_optional_may_be_absent_or_null),
        cmocka_unit_test(all_else_is_refused),
        cmocka_unit_test(another_media_type_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, empty_pool);
}
