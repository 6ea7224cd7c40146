/* A registry in a temporary folder and fictional records for it. */
#ifndef TESTS_REGISTRY_FIXTURE_H
#define TESTS_REGISTRY_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "registry/registry.h"
#include "tests/support.h"

#define FIXTURE_NOW 1700000000 /* 2023-11-14 */

static const uint8_t fixture_secret[CRYPTO_SECRET_BYTES] = "a secret of thirty-two octets...";

static inline struct registry_options fixture_options(const char *path)
{
    return (struct registry_options){
        .path = path,
        .secret = fixture_secret,
        .crypto = &crypto_openssl,
        .create = true,
        .queue_max = 1000,
        .busy_timeout_ms = 20000,
        .checkpoint_ms = 20,
    };
}

static inline struct registry *fixture_open(const char *path)
{
    char text[256];
    struct buf why = BUF_OVER(text);
    struct registry_options options = fixture_options(path);
    struct registry *registry;
    enum registry_error error = registry_open(&options, &registry, &why);
    if (error)
        fprintf(stderr, "%s\n", buf_cstr(&why));
    CHECK(error == REGISTRY_OK);
    return registry;
}

static inline struct registry_reader *fixture_reader(struct registry *registry)
{
    struct registry_reader *reader = registry_reader_create(registry);
    CHECK(reader);
    return reader;
}

/* Where the texts of one record are. */
struct fixture_texts {
    char number[64], identifier[64], holder_name[64], holder_number[64];
};

/* The n-th record: a driving licence of the n-th person. */
static inline struct registry_record fixture_record(int n, struct fixture_texts *t)
{
    snprintf(t->number, sizeof t->number, "NO-%06d", n);
    snprintf(t->identifier, sizeof t->identifier, "1.2.156.3005.2.ID-%06d", n);
    snprintf(t->holder_name, sizeof t->holder_name, "虚构者%06d", n);
    snprintf(t->holder_number, sizeof t->holder_number, "410800199001%06d", n);
    return (struct registry_record){
        .type_code = BYTES("11100000000013338W011"),
        .type_name = BYTES("机动车驾驶证"),
        .name = BYTES("中华人民共和国机动车驾驶证"),
        .number = bytes_str(t->number),
        .identifier = bytes_str(t->identifier),
        .issuer_code = BYTES("11410800005709876X"),
        .issuer_name = BYTES("焦作市公安局交通警察支队"),
        .holder_name = bytes_str(t->holder_name),
        .holder_number = bytes_str(t->holder_number),
        .issued_on = 19000,
        .valid_from = 19000,
        .valid_until = 21000,
        .issuer_status = LICENCE_STATUS_VALID,
        .source_version = 1,
    };
}

/* A business licence of the n-th enterprise, represented by the n-th person. */
static inline struct registry_record fixture_enterprise(int n, struct fixture_texts *t,
                                                        struct fixture_texts *person)
{
    struct registry_record r = fixture_record(n, person), e = fixture_record(n, t);
    snprintf(t->number, sizeof t->number, "BL-%06d", n);
    e.number = bytes_str(t->number);
    e.identifier = bytes_of("", 0);
    snprintf(t->holder_number, sizeof t->holder_number, "91410800MA%08d", n);
    e.holder_number = bytes_str(t->holder_number);
    e.type_code = BYTES("11100000MB0143028R032");
    e.type_name = BYTES("营业执照");
    e.holder_kind = HOLDER_ENTERPRISE;
    e.representative_name = r.holder_name;
    e.representative_number = r.holder_number;
    return e;
}

static inline enum registry_error fixture_import(struct registry *registry,
                                                 const struct registry_record *records,
                                                 enum registry_outcome *outcomes, size_t count)
{
    struct registry_change change = {.kind = CHANGE_IMPORT,
                                     .records = records,
                                     .outcomes = outcomes,
                                     .record_count = count,
                                     .source = BYTES("test"),
                                     .now = FIXTURE_NOW};
    return registry_commit(registry, &change);
}

static inline enum registry_outcome fixture_import_one(struct registry *registry,
                                                       struct registry_record record)
{
    enum registry_outcome outcome = OUTCOME_COUNT;
    CHECK(fixture_import(registry, &record, &outcome, 1) == REGISTRY_OK);
    return outcome;
}

/* `count` records from the first on. */
static inline void fixture_import_many(struct registry *registry, int first, int count)
{
    static struct fixture_texts texts[REGISTRY_BATCH_MAX];
    static struct registry_record records[REGISTRY_BATCH_MAX];
    static enum registry_outcome outcomes[REGISTRY_BATCH_MAX];
    for (int n; count > 0; first += n, count -= n) {
        n = count < REGISTRY_BATCH_MAX ? count : REGISTRY_BATCH_MAX;
        for (int i = 0; i < n; i++)
            records[i] = fixture_record(first + i, &texts[i]);
        CHECK(fixture_import(registry, records, outcomes, (size_t)n) == REGISTRY_OK);
    }
}

static inline enum registry_error fixture_find_text(struct registry_reader *reader,
                                                    struct bytes text, struct registry_query *query)
{
    *query = (struct registry_query){.by = REGISTRY_BY_NUMBER, .text = text};
    CHECK(registry_find(reader, query) == REGISTRY_NOW);
    return query->error;
}

/* The n-th person's licence, which must be there. */
static inline struct registry_licence *fixture_find(struct registry_reader *reader, int n,
                                                    struct registry_query *query)
{
    struct fixture_texts texts;
    enum registry_error error = fixture_find_text(reader, fixture_record(n, &texts).number, query);
    CHECK(error == REGISTRY_OK);
    return &query->licence;
}

static inline struct registry_change fixture_hold(enum registry_change_kind kind,
                                                  const uint8_t licence[REGISTRY_ID_BYTES],
                                                  enum hold_kind hold, const char *agency,
                                                  const char *case_number)
{
    struct registry_change change = {.kind = kind,
                                     .hold_kind = hold,
                                     .agency = bytes_str(agency),
                                     .case_number = bytes_str(case_number),
                                     .now = FIXTURE_NOW + 100};
    memcpy(change.licence, licence, REGISTRY_ID_BYTES);
    return change;
}

static inline struct registry_change fixture_status(const uint8_t licence[REGISTRY_ID_BYTES],
                                                    enum licence_status status)
{
    struct registry_change change = {
        .kind = CHANGE_ISSUER_STATUS, .status = status, .now = FIXTURE_NOW + 200};
    memcpy(change.licence, licence, REGISTRY_ID_BYTES);
    return change;
}

/* Every list: numbers gapless from 1, and the changes replayed are the array. Returns how many
 * changes there are in all. */
static inline uint64_t fixture_check_lists(struct registry_reader *reader)
{
    static uint8_t array[STATUS_LIST_BYTES], replayed[STATUS_LIST_BYTES];
    static struct registry_list_change changes[1000];
    struct registry_list lists[REGISTRY_LISTS_MAX];
    size_t list_count = REGISTRY_LISTS_MAX;
    uint64_t total = 0;
    assert_int_equal(registry_lists(reader, lists, &list_count), REGISTRY_OK);
    for (size_t i = 0; i < list_count; i++) {
        struct registry_list position;
        uint64_t seq = 0;
        size_t count;
        assert_true(lists[i].generation != 0);
        assert_int_equal(registry_list_array(reader, lists[i].list, array, &position), REGISTRY_OK);
        memset(replayed, 0, sizeof replayed);
        do {
            count = sizeof changes / sizeof changes[0];
            assert_int_equal(registry_list_changes(reader, lists[i].list, seq + 1, changes, &count),
                             REGISTRY_OK);
            for (size_t k = 0; k < count; k++) {
                assert_int_equal(changes[k].seq, ++seq);
                status_list_set(replayed, changes[k].index, changes[k].bits);
            }
        } while (count);
        assert_int_equal(position.seq, seq);
        assert_memory_equal(array, replayed, STATUS_LIST_BYTES);
        total += seq;
    }
    return total;
}

#endif
