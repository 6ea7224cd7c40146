#include "gateway/accept.h"
#include "tests/support.h"

static const char *const types[] = {"application/json", "image/svg+xml", "image/png"};
enum { JSON, SVG, PNG, NONE = -1 };

static void test_chosen(void **state)
{
    /* If this fails, whoever asks for one form gets another, or is told that there is none. */
    (void)state;
    static const struct {
        const char *accept;
        int expected;
    } cases[] = {
        {"", JSON},
        {"image/png", PNG},
        {"IMAGE/Png", PNG},
        {"image/png2", NONE},
        {"ximage/png", NONE},
        {"image/pn", NONE},
        {"text/html", NONE},
        {",", NONE},
        {"image/png, application/json", PNG}, /* the first of those that weigh the same */
        {" ,, \timage/png , application/json", PNG},
        {"*/*", JSON},
        {"image/*", SVG},
        {"IMAGE/*", SVG},
        {"image/*, image/png", SVG},
        {"imag/*", NONE},
        {"*", NONE},
        {"*/png", NONE},
        {"image/png;q=0", NONE},
        {"image/png; Q=0.000", NONE},
        {"image/png;q=0, */*", JSON},
        {"application/json;q=0, image/svg+xml;q=0, */*", PNG}, /* the closest range has the say */
        {"image/*;q=0, image/png", PNG},
        {"application/json;q=0.5, image/png", PNG},
        {"application/json;q=0.5, image/png;q=0.499", JSON},
        {"application/json ; q=0.001 , image/png;q=0.01", PNG},
        {"*/*;q=0.1, image/*;q=0.2, application/json;q=0.15", SVG},
        {"image/png;q=1.000, application/json", PNG},
        {"image/png;profile=x;q=0.2, application/json;q=0.1", PNG}, /* other parameters: ignored */
        {"image/png;q=", NONE},
        {"image/png;q=2", NONE},
        {"image/png;q=1.1", NONE},
        {"image/png;q=0.1234", NONE},
        {"image/png;q=0,5", NONE},
        {"image/png;q=.5", NONE},
        {"image/png;q=-1", NONE},
        {"image/png;", PNG},
        {";q=1", NONE},
        {"text/html,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", JSON}, /* a browser */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int chosen = accept_choose(guarded(0, bytes_str(cases[i].accept)), types, 3);
        if (chosen != cases[i].expected)
            fail_msg("%s: %d", cases[i].accept, chosen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_chosen)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
