#include "gateway/directory.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "tests/registry_access.h"

static long passed_s;

/* Instead of libc's: the monotonic clock stands passed_s ahead. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    long result = syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_MONOTONIC)
        now->tv_sec += passed_s;
    return (int)result;
}

static struct directory_shelf shelf;

static int set_up_shelf(void **state)
{
    passed_s = 0;
    directory_shelf_init(&shelf);
    return set_up(state);
}

static int tear_down_shelf(void **state)
{
    directory_shelf_fini(&shelf);
    return tear_down(state);
}

static void shut_out(enum registry_change_kind kind, const char *subject)
{
    struct registry_change change = {
        .kind = kind, .role = TOKEN_ROLE_INSPECTOR, .text = bytes_str(subject)};
    assert_int_equal(registry_commit(registry, &change), REGISTRY_OK);
}

/* Broken: somebody would be let in, or kept out, who is not to be. */
static void the_newest_tells_who_is_in(void **state)
{
    (void)state;
    struct directory *mine = NULL;
    assert_false(directory_use(&shelf, &mine)); /* nobody has looked yet: could not find out */
    for (int i = 0; i < 100; i++) {
        char id[32];
        snprintf(id, sizeof id, "client-%d", i);
        add_client(id, i % 2 ? TOKEN_ROLE_PARTNER : TOKEN_ROLE_SYSTEM);
    }
    shut_out(CHANGE_SHUT_OUT, "AGENCY/1");
    assert_true(directory_follow(&shelf, reader));
    assert_true(directory_use(&shelf, &mine));
    for (int i = 0; i < 100; i++) {
        char id[32];
        snprintf(id, sizeof id, "client-%d", i);
        const struct registry_client *client = directory_client(mine, bytes_str(id));
        assert_string_equal(client->id, id);
        assert_true(client_is_open(client, i % 2 ? TOKEN_ROLE_PARTNER : TOKEN_ROLE_SYSTEM, 0));
        assert_false(client_is_open(client, i % 2 ? TOKEN_ROLE_SYSTEM : TOKEN_ROLE_PARTNER, 0));
    }
    assert_null(directory_client(mine, BYTES("client-100")));
    assert_null(directory_client(mine, BYTES("")));
    assert_true(directory_shut_out(mine, TOKEN_ROLE_INSPECTOR, BYTES("AGENCY/1")));
    assert_false(directory_shut_out(mine, TOKEN_ROLE_HOLDER, BYTES("AGENCY/1")));
    assert_false(directory_shut_out(mine, TOKEN_ROLE_INSPECTOR, BYTES("AGENCY/11")));
    directory_release(&mine);
}

/* Broken: a client that was disabled would go on, or one that still works on the old picture would
 * lose it under its feet. */
static void a_change_is_felt_and_the_old_picture_stays_while_it_is_used(void **state)
{
    (void)state;
    struct directory *mine = NULL;
    add_client("one", TOKEN_ROLE_PARTNER);
    assert_true(directory_follow(&shelf, reader) && directory_use(&shelf, &mine));
    struct directory *kept = directory_take(mine);
    const struct registry_client *before = directory_client(kept, BYTES("one"));

    struct registry_change disable = {.kind = CHANGE_CLIENT_DISABLE, .text = BYTES("one")};
    assert_int_equal(registry_commit(registry, &disable), REGISTRY_OK);
    assert_true(directory_follow(&shelf, reader) && directory_use(&shelf, &mine));
    assert_ptr_not_equal(mine, kept);
    assert_false(client_is_open(directory_client(mine, BYTES("one")), TOKEN_ROLE_PARTNER, 0));
    assert_true(client_is_open(before, TOKEN_ROLE_PARTNER, 0));
    shut_out(CHANGE_SHUT_OUT, "AGENCY/1");
    shut_out(CHANGE_LET_IN, "AGENCY/1");
    assert_true(directory_follow(&shelf, reader) && directory_use(&shelf, &mine));
    assert_false(directory_shut_out(mine, TOKEN_ROLE_INSPECTOR, BYTES("AGENCY/1")));
    directory_release(&kept);
    directory_release(&mine);
}

/* Broken: a gateway cut off from its registry, or set on an old one, would let in who is shut out.
 */
static void what_could_not_be_found_out_is_not_believed(void **state)
{
    (void)state;
    struct directory *mine = NULL;
    add_client("one", TOKEN_ROLE_PARTNER);
    assert_true(directory_follow(&shelf, reader) && directory_use(&shelf, &mine));
    passed_s = DIRECTORY_AGE_MAX_S - 1;
    assert_true(directory_use(&shelf, &mine));
    passed_s = DIRECTORY_AGE_MAX_S + 1;
    assert_false(directory_use(&shelf, &mine));
    assert_true(directory_follow(&shelf, reader) && directory_use(&shelf, &mine));

    tamper("UPDATE access_version SET version = version - 1"); /* an old backup */
    assert_false(directory_follow(&shelf, reader));
    passed_s += DIRECTORY_AGE_MAX_S + 1;
    assert_false(directory_use(&shelf, &mine));
    struct registry_change restored = {.kind = CHANGE_RESTORED};
    assert_int_equal(registry_commit(registry, &restored), REGISTRY_OK);
    assert_true(directory_follow(&shelf, reader) && directory_use(&shelf, &mine));
    directory_release(&mine);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up_shelf, tear_down_shelf)
    const struct CMUnitTest tests[] = {
        T(the_newest_tells_who_is_in),
        T(a_change_is_felt_and_the_old_picture_stays_while_it_is_used),
        T(what_could_not_be_found_out_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
