/* agree VECTORS CASE PROVIDER: answers to codes, for agree_test.mjs, which compares. The terminal
 * holds what the case takes (VECTORS has cases as tests/vectors/offline.json has), with ES256 as
 * its city's algorithm; PROVIDER is mbedtls or openssl. Each line of standard input is a clock, a
 * space and a code's text; each of standard output its result and reason. No scan is remembered. */
#include <stdio.h>

#include "tests/offline_world.h"

static const json_t *find_case(const json_t *file, const char *name)
{
    const json_t *row;
    size_t i;
    json_array_foreach(json_object_get(file, "cases"), i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0)
            return row;
    }
    return NULL;
}

static void take_all(struct world *world, const json_t *row)
{
    static uint8_t storage[WORLD_OCTETS_MAX];
    const json_t *step;
    size_t i;
    json_array_foreach(json_object_get(row, "steps"), i, step)
    {
        if (!json_object_get(step, "scan"))
            CHECK(strcmp(world_take(world, step, world_octets(world, step, storage)), "ok") == 0);
    }
}

static void answer_line(const struct world *world, struct bytes line)
{
    struct offline_answer answer;
    char *text;
    const int64_t now = strtoll((const char *)line.data, &text, 10);
    CHECK(*text == ' ');
    const size_t from = (size_t)(text + 1 - (const char *)line.data);
    world_answer(world, bytes_from(line, from), now, &answer);
    printf("%s %s\n", verdict_result_text(answer.result), verdict_reason_text(answer.reason));
}

int main(int argc, char **argv)
{
    static struct world world;
    CHECK(argc == 4);
    json_t *file = json_load_file(argv[1], 0, NULL);
    const json_t *row = find_case(file, argv[2]);
    const bool openssl = strcmp(argv[3], "openssl") == 0;
    CHECK(row && (openssl || strcmp(argv[3], "mbedtls") == 0));
    world_init(&world, json_array_get(json_object_get(file, "cities"), 0),
               openssl ? &crypto_openssl : &crypto_mbedtls, false);
    take_all(&world, row);
    char *line = NULL;
    size_t cap = 0;
    for (ssize_t len; (len = getline(&line, &cap, stdin)) > 0;)
        answer_line(&world, bytes_of(line, (size_t)len - (line[len - 1] == '\n')));
    free(line);
    world_fini(&world);
    json_decref(file);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
