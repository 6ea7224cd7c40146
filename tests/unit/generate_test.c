#include "tests/support.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/generate.h"
#include "protocol/identifier.h"
#include "registry/import_record.h"

#define TODAY 20000 /* 2024-10-04 */

static const char *generate(const struct generate_options *options)
{
    const char *path = path_in(temp_folder(), "licences");
    char storage[256];
    struct buf why = BUF_OVER(storage);
    FILE *file = fopen(path, "wb");
    assert_true(generate_licences(options, file, &why));
    fclose(file);
    return path;
}

static struct bytes read_all(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    uint8_t *data = malloc((size_t)size);
    assert_int_equal(fread(data, 1, (size_t)size, file), size);
    fclose(file);
    return bytes_of(data, (size_t)size);
}

/* What an import would find in a file. */
struct found {
    size_t lines, bad, invalid, long_term, expired, several, enterprises, represented, dots, former;
    size_t reasons[IMPORT_REASON_COUNT];
    size_t types;
    char type_names[32][64];
    uint64_t *keys; /* hashes of type, issuer and number */
    struct registry_record first;
    char first_type[64];
};

static uint64_t hash_of(const struct registry_record *r)
{
    uint64_t hash = 1469598103934665603u; /* FNV-1a */
    const struct bytes parts[] = {r->type_code, r->issuer_code, r->number};
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < parts[i].len; k++)
            hash = (hash ^ parts[i].data[k]) * 1099511628211u;
    return hash;
}

static void count_record(struct found *f, const struct registry_record *r,
                         const struct import_fields *fields, char last_holder[18])
{
    size_t type = 0;
    while (type < f->types && !bytes_equal(bytes_str(f->type_names[type]), r->type_name))
        type++;
    if (type == f->types) {
        CHECK(type < 32 && r->type_name.len < 64);
        memcpy(f->type_names[f->types++], r->type_name.data, r->type_name.len);
    }
    f->keys[f->lines - f->bad - 1] = hash_of(r);
    f->invalid += r->issuer_status != LICENCE_STATUS_VALID;
    f->long_term += r->valid_until < 0;
    f->expired += r->valid_until >= 0 && r->valid_until < TODAY;
    f->several += memcmp(last_holder, r->holder_number.data, 18) == 0;
    f->enterprises += r->holder_kind == HOLDER_ENTERPRISE;
    f->represented += r->representative_number.len == 18;
    f->former += fields->value[IMPORT_COLUMN_HOLDER_NUMBER].len == 15;
    f->dots += memmem(r->holder_name.data, r->holder_name.len, "·", 2) != NULL;
    memcpy(last_holder, r->holder_number.data, 18);
}

static void find(struct found *f, const char *path)
{
    char storage[256], last_holder[18] = {0};
    struct buf why = BUF_OVER(storage);
    enum import_error error;
    struct import_line line;
    enum import_read read;
    *f = (struct found){.keys = calloc(200000, sizeof *f->keys)};
    int fd = open(path, O_RDONLY);
    struct import_reader *reader = import_reader_create(fd, &error, &why);
    assert_non_null(reader);
    while ((read = import_reader_next(reader, &line)) != IMPORT_READ_END) {
        static uint8_t first_storage[IMPORT_RECORD_BYTES_MAX];
        uint8_t record_storage[IMPORT_RECORD_BYTES_MAX];
        struct registry_record record;
        unsigned warnings = 0;
        assert_int_not_equal(read, IMPORT_READ_FAILED);
        bool first = ++f->lines == 1;
        if (read == IMPORT_READ_RECORD &&
            import_record_make(&line.fields, 0, first ? first_storage : record_storage,
                               first ? &f->first : &record, &warnings, &line.fault)) {
            count_record(f, first ? &f->first : &record, &line.fields, last_holder);
        } else {
            f->bad++;
            f->reasons[line.fault.reason]++;
        }
        assert_int_equal(warnings, 0);
    }
    import_reader_destroy(&reader);
    close(fd);
}

/* If this failed, the demo's report would not show the bad lines it asked for, in some format. */
static void test_exactly_the_bad_lines_are_rejected(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        struct found f;
        const struct generate_options options = {.count = 10000,
                                                 .bad_lines = 20,
                                                 .seed = 7,
                                                 .ndjson = kind & 1,
                                                 .gb18030 = kind & 2,
                                                 .today = TODAY};
        find(&f, generate(&options));
        assert_int_equal(f.lines, 10000);
        assert_int_equal(f.bad, 20);
        size_t kinds = 0;
        for (size_t i = 0; i < IMPORT_REASON_COUNT; i++)
            kinds += f.reasons[i] != 0;
        assert_true(kinds >= 12);
        free(f.keys);
    }
}

/* If this failed, a demo or a measurement could not be repeated. */
static void test_same_seed_same_bytes(void **state)
{
    (void)state;
    struct generate_options options = {.count = 500, .bad_lines = 5, .seed = 1, .today = TODAY};
    struct bytes one = read_all(generate(&options)), two = read_all(generate(&options));
    options.seed = 2;
    struct bytes three = read_all(generate(&options));
    assert_true(bytes_equal(one, two));
    assert_false(bytes_equal(one, three));
    free((void *)one.data);
    free((void *)two.data);
    free((void *)three.data);
}

/* If this failed, the demo would have nothing to display. */
static void test_first_is_a_valid_driving_licence(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct found f;
        const struct generate_options options = {.count = 2, .bad_lines = 1, .seed = seed};
        find(&f, generate(&options));
        assert_int_equal(f.lines - f.bad, 1);
        assert_bytes(f.first.type_name, "机动车驾驶证");
        assert_int_equal(f.first.issuer_status, LICENCE_STATUS_VALID);
        assert_int_equal(f.first.holder_kind, HOLDER_PERSON);
        assert_true(f.first.valid_until > civil_day_at(clock_wall_s()) + 4 * 365);
        assert_int_not_equal(f.first.identifier.len, 0);
        free(f.keys);
    }
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* If this failed, the files would not be like real ones: variety is what they are for. */
static void test_the_mix_is_plausible(void **state)
{
    (void)state;
    struct found f;
    const struct generate_options options = {.count = 100000, .seed = 3, .today = TODAY};
    find(&f, generate(&options));
    assert_int_equal(f.bad, 0);
    assert_true(f.types >= 8);
    assert_in_range(f.invalid, 2000, 8000);
    assert_in_range(f.long_term, 10000, 60000);
    assert_in_range(f.expired, 500, 10000);
    assert_in_range(f.several, 10000, 50000);
    assert_in_range(f.enterprises, 20000, 45000);
    assert_int_equal(f.represented, f.enterprises);
    assert_in_range(f.dots, 500, 4000);
    assert_in_range(f.former, 500, 4000);
    qsort(f.keys, f.lines, sizeof *f.keys, compare); /* every line is a licence of its own */
    for (size_t i = 1; i < f.lines; i++)
        assert_true(f.keys[i - 1] != f.keys[i]);
    free(f.keys);
}

/* If this failed, a wrong option would make a file other than asked for. */
static void test_options_are_bounded(void **state)
{
    (void)state;
    static const struct generate_options bad[] = {
        {.count = 0},
        {.count = GENERATE_COUNT_MAX + 1},
        {.count = 5, .bad_lines = 5},
        {.count = 5, .today = -1},
    };
    char storage[256];
    FILE *file = fopen("/dev/null", "wb");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct buf why = BUF_OVER(storage);
        assert_false(generate_licences(&bad[i], file, &why));
        assert_int_not_equal(why.len, 0);
    }
    fclose(file);
    file = fopen("/dev/full", "wb");
    struct buf why = BUF_OVER(storage);
    const struct generate_options good = {.count = 5};
    assert_false(generate_licences(&good, file, &why));
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exactly_the_bad_lines_are_rejected),
        cmocka_unit_test(test_same_seed_same_bytes),
        cmocka_unit_test(test_first_is_a_valid_driving_licence),
        cmocka_unit_test(test_the_mix_is_plausible),
        cmocka_unit_test(test_options_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
