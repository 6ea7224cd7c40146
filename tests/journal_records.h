/* Reproducible records for the tests of the journal. */
#ifndef TESTS_JOURNAL_RECORDS_H
#define TESTS_JOURNAL_RECORDS_H

#include "evidence/journal.h"
#include "tests/support.h"

/* Record n of a sequence; texts of all lengths. */
static inline struct journal_record record_of(unsigned n)
{
    static const uint8_t texts[JOURNAL_TEXT_BYTES_MAX] = "inspector-0417@fictional-agency.example";
    struct seeded seed = {n};
    struct journal_record record = {
        .kind = (enum journal_kind)(1 + n % JOURNAL_ANOMALY),
        .request_id = seeded_next(&seed),
        .at_us = (int64_t)seeded_next(&seed),
        .role = (uint8_t)seeded_next(&seed),
        .result = (uint8_t)seeded_next(&seed),
        .reason = (uint8_t)seeded_next(&seed),
        .place_known = n % 3 != 0,
        .licence_known = n % 5 != 0,
        .type = JOURNAL_TYPE_NONE,
        .number = n % 4 ? 0 : n + 1,
        .status = JOURNAL_CODE_NONE,
        .detail = JOURNAL_CODE_NONE,
        .acting = (uint8_t)seeded_next(&seed),
        .fields = (uint32_t)seeded_next(&seed),
        .subject = bytes_of(texts, n % (JOURNAL_TEXT_BYTES_MAX + 1)),
        .client = bytes_of(texts, n * 31 % (JOURNAL_TEXT_BYTES_MAX + 1)),
        .purpose = bytes_of(texts, n * 17 % (JOURNAL_TEXT_BYTES_MAX + 1)),
        .reference = bytes_of(texts, n * 7 % (JOURNAL_TEXT_BYTES_MAX + 1)),
        .agency = bytes_of(texts, n * 13 % (JOURNAL_TEXT_BYTES_MAX + 1)),
    };
    if (record.place_known) {
        record.list = (uint16_t)seeded_next(&seed);
        record.index = (uint32_t)seeded_next(&seed);
    }
    for (size_t i = 0; i < sizeof record.cti; i++)
        record.cti[i] = (uint8_t)seeded_next(&seed);
    for (size_t i = 0; record.licence_known && i < sizeof record.licence; i++)
        record.licence[i] = (uint8_t)seeded_next(&seed);
    if (record.place_known || record.licence_known)
        record.type = (uint16_t)seeded_next(&seed);
    if (record.number) {
        record.status = (uint8_t)seeded_next(&seed);
        record.detail = (uint8_t)seeded_next(&seed);
    }
    return record;
}

static inline void assert_same(const struct journal_record *actual,
                               const struct journal_record *expected)
{
    assert_int_equal(actual->kind, expected->kind);
    assert_true(actual->request_id == expected->request_id && actual->at_us == expected->at_us);
    assert_int_equal(actual->role, expected->role);
    assert_int_equal(actual->result, expected->result);
    assert_int_equal(actual->reason, expected->reason);
    assert_int_equal(actual->place_known, expected->place_known);
    assert_int_equal(actual->list, expected->list);
    assert_int_equal(actual->index, expected->index);
    assert_int_equal(actual->acting, expected->acting);
    assert_int_equal(actual->fields, expected->fields);
    assert_memory_equal(actual->cti, expected->cti, sizeof expected->cti);
    assert_true(bytes_equal(actual->subject, expected->subject));
    assert_true(bytes_equal(actual->client, expected->client));
    assert_true(bytes_equal(actual->purpose, expected->purpose));
    assert_true(bytes_equal(actual->reference, expected->reference));
    assert_true(bytes_equal(actual->agency, expected->agency));
    assert_int_equal(actual->licence_known, expected->licence_known);
    assert_memory_equal(actual->licence, expected->licence, sizeof expected->licence);
    assert_int_equal(actual->type, expected->type);
    assert_int_equal(actual->status, expected->status);
    assert_int_equal(actual->detail, expected->detail);
    assert_int_equal(actual->number, expected->number);
}

static inline void assert_record(const struct journal_record *actual, unsigned n)
{
    struct journal_record expected = record_of(n);
    assert_same(actual, &expected);
}

#endif
