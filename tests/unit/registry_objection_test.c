/* Objections to what a licence says: made, decided, read, and what follows from them. */
#include "registry/issuing.h"
#include "tests/registry_access.h"

#define AUTHORITY "11410800005709876X" /* the fixture's issuer */
#define ANOTHER   "11410000005709876Y"
#define OFFICER   "AGENCY/OFFICER"

/* A holder's or an inspector's, to the n-th licence. */
static struct registry_objection make_objection(int n, const char *subject)
{
    struct registry_objection objection = {
        .role = strchr(subject, '/') ? TOKEN_ROLE_INSPECTOR : TOKEN_ROLE_HOLDER,
        .subject = bytes_str(subject),
        .field = 7,
        .claimed = BYTES("虚构者改名"),
        .due_on = 19690,
    };
    memcpy(objection.licence, find(n)->id, REGISTRY_ID_BYTES);
    return objection;
}

static struct registry_change object_at(const struct registry_objection *objection, int64_t now,
                                        enum registry_error expected)
{
    struct registry_change change = {.kind = CHANGE_OBJECT, .objection = objection, .now = now};
    return commit(change, expected);
}

/* Makes one and keeps its id. */
static void object(int n, const char *subject, uint8_t id[REGISTRY_ID_BYTES])
{
    struct registry_objection objection = make_objection(n, subject);
    memcpy(id, object_at(&objection, FIXTURE_NOW, REGISTRY_OK).id, REGISTRY_ID_BYTES);
}

static struct registry_change decision(const uint8_t id[REGISTRY_ID_BYTES],
                                       enum objection_state state)
{
    struct registry_change change = {.kind = CHANGE_OBJECTION_STATE,
                                     .objection_state = state,
                                     .text = BYTES("档案无误"),
                                     .issuer = BYTES(AUTHORITY),
                                     .now = FIXTURE_NOW + 100};
    memcpy(change.id, id, sizeof change.id);
    return change;
}

/* The n-th licence, delivered anew with another day of its end. */
static void deliver_anew(int n)
{
    struct fixture_texts texts;
    struct registry_record record = fixture_record(n, &texts);
    record.valid_until = find(n)->valid_until + 1;
    record.source_version = find(n)->source_version + 1;
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_NEW_VERSION);
}

static struct heard {
    struct registry_objection objection;
    uint8_t licence[REGISTRY_ID_BYTES];
    char claimed[OBJECTION_VALUE_BYTES_MAX + 1], reason[OBJECTION_REASON_BYTES_MAX + 1];
    char subject[TOKEN_SUBJECT_BYTES_MAX + 1], number[64];
} heard[32];
static size_t heard_count;

static void copy(char *to, size_t size, struct bytes text)
{
    struct buf out;
    buf_init(&out, to, size);
    buf_put(&out, text);
    buf_cstr(&out);
    assert_true(buf_ok(&out));
}

static void hear(void *context, const struct registry_objection *objection,
                 const struct registry_licence *licence)
{
    assert_ptr_equal(context, heard);
    assert_in_range(heard_count, 0, 31);
    struct heard *h = &heard[heard_count++];
    h->objection = *objection;
    memcpy(h->licence, licence->id, sizeof h->licence);
    copy(h->claimed, sizeof h->claimed, objection->claimed);
    copy(h->reason, sizeof h->reason, objection->reason);
    copy(h->subject, sizeof h->subject, objection->subject);
    copy(h->number, sizeof h->number, licence->number);
}

/* One's own, or all to the authority of a client. */
static enum registry_error try_list(unsigned role, const char *subject, const char *client,
                                    size_t max)
{
    const struct registry_page page = {.client = bytes_str(client), .all = true, .max = max};
    heard_count = 0;
    return *client ? registry_objections_to(reader, &page, hear, heard)
                   : registry_objections(reader, role, bytes_str(subject), max, hear, heard);
}

static size_t list(unsigned role, const char *subject, const char *client)
{
    assert_int_equal(try_list(role, subject, client, 32), REGISTRY_OK);
    return heard_count;
}

/* Authorities' clients have their codes for ids. */
static int set_up_authorities(void **state)
{
    static const char *const codes[] = {AUTHORITY, ANOTHER};
    int error = set_up(state);
    for (int i = 0; i < 2 && !error; i++)
        add_client_of(codes[i], TOKEN_ROLE_ISSUER, codes[i], NULL);
    return error;
}

static enum objection_state state_of(const uint8_t id[REGISTRY_ID_BYTES])
{
    list(0, "", AUTHORITY);
    for (size_t i = 0; i < heard_count; i++)
        if (memcmp(heard[i].objection.id, id, REGISTRY_ID_BYTES) == 0)
            return heard[i].objection.state;
    fail();
    return OBJECTION_STATE_COUNT;
}

static void test_received(void **state)
{
    /* If this fails, an objection reaches its authority changed, or without its licence. */
    (void)state;
    fixture_import_many(registry, 1, 2);
    deliver_anew(2);
    struct registry_objection objection = make_objection(2, OFFICER);
    objection.has_attachment = true;
    memset(objection.attachment, 0xa7, sizeof objection.attachment);
    struct registry_change made = object_at(&objection, FIXTURE_NOW + 5, REGISTRY_OK);
    assert_int_equal(list(TOKEN_ROLE_INSPECTOR, OFFICER, ""), 1);
    for (int turn = 0; turn < 2; turn++) {
        const struct registry_objection *read = &heard[0].objection;
        assert_memory_equal(read->id, made.id, sizeof made.id);
        assert_memory_equal(read->licence, find(2)->id, REGISTRY_ID_BYTES);
        assert_memory_equal(heard[0].licence, find(2)->id, REGISTRY_ID_BYTES);
        assert_string_equal(heard[0].number, "NO-000002");
        assert_string_equal(heard[0].subject, OFFICER);
        assert_string_equal(heard[0].claimed, "虚构者改名");
        assert_string_equal(heard[0].reason, "");
        assert_int_equal(read->role, TOKEN_ROLE_INSPECTOR);
        assert_int_equal(read->field, 7);
        assert_true(read->has_attachment);
        assert_memory_equal(read->attachment, objection.attachment, sizeof read->attachment);
        assert_int_equal(read->due_on, 19690);
        assert_int_equal(read->state, OBJECTION_STATE_RECEIVED);
        assert_int_equal(read->at, FIXTURE_NOW + 5);
        assert_int_equal(read->version, 2);
        assert_int_equal(read->decided_at, 0);
        assert_int_equal(list(0, "", AUTHORITY), 1);
    }
}

static void test_refused_to_take(void **state)
{
    /* If this fails, an objection is kept that nobody can have meant. */
    (void)state;
    static char long_text[OBJECTION_VALUE_BYTES_MAX + 1];
    memset(long_text, 'x', sizeof long_text);
    fixture_import_many(registry, 1, 1);
    struct registry_objection wrong = make_objection(1, OFFICER);
    wrong.role = TOKEN_ROLE_PARTNER;
    object_at(&wrong, FIXTURE_NOW, REGISTRY_ERR_REFUSED);
    wrong = make_objection(1, OFFICER);
    wrong.subject = BYTES("");
    object_at(&wrong, FIXTURE_NOW, REGISTRY_ERR_REFUSED);
    wrong = make_objection(1, OFFICER);
    wrong.claimed = BYTES("");
    object_at(&wrong, FIXTURE_NOW, REGISTRY_ERR_REFUSED);
    wrong.claimed = bytes_of(long_text, sizeof long_text);
    object_at(&wrong, FIXTURE_NOW, REGISTRY_ERR_REFUSED);
    wrong.claimed.len--;
    wrong.licence[0] ^= 1;
    object_at(&wrong, FIXTURE_NOW, REGISTRY_ERR_NOT_FOUND);
    wrong.licence[0] ^= 1;
    object_at(&wrong, FIXTURE_NOW, REGISTRY_OK);
    assert_int_equal(list(0, "", AUTHORITY), 1);
}

static void test_transitions(void **state)
{
    /* If this fails, a decided objection is opened again, or decided twice. */
    (void)state;
    static const bool allowed[OBJECTION_STATE_COUNT][OBJECTION_STATE_COUNT] = {
        [OBJECTION_STATE_RECEIVED] = {[OBJECTION_STATE_CHECKING] = true,
                                      [OBJECTION_STATE_CORRECTED] = true,
                                      [OBJECTION_STATE_REFUSED] = true},
        [OBJECTION_STATE_CHECKING] =
            {[OBJECTION_STATE_CORRECTED] = true, [OBJECTION_STATE_REFUSED] = true},
    };
    fixture_import_many(registry, 1, 1);
    for (int from = 0; from < OBJECTION_STATE_COUNT; from++)
        for (int to = 0; to < OBJECTION_STATE_COUNT; to++) {
            uint8_t id[REGISTRY_ID_BYTES];
            char subject[32];
            snprintf(subject, sizeof subject, "AGENCY/%d-%d", from, to);
            object(1, subject, id);
            deliver_anew(1);
            if (from != OBJECTION_STATE_RECEIVED)
                commit(decision(id, (enum objection_state)from), REGISTRY_OK);
            commit(decision(id, (enum objection_state)to),
                   allowed[from][to] ? REGISTRY_OK : REGISTRY_ERR_REFUSED);
            assert_int_equal(state_of(id), allowed[from][to] ? to : from);
        }
}

static void test_corrected(void **state)
{
    /* If this fails, an authority says that it corrected what it did not change. */
    (void)state;
    uint8_t id[REGISTRY_ID_BYTES];
    fixture_import_many(registry, 1, 2);
    object(1, OFFICER, id);
    struct registry_change change =
        commit(decision(id, OBJECTION_STATE_CORRECTED), REGISTRY_ERR_REFUSED);
    assert_non_null(strstr(change.refusal, "no newer version"));
    deliver_anew(2); /* another licence */
    set_status(1, LICENCE_STATUS_LAPSED);
    commit(decision(id, OBJECTION_STATE_CORRECTED), REGISTRY_ERR_REFUSED);
    deliver_anew(1);
    commit(decision(id, OBJECTION_STATE_CORRECTED), REGISTRY_OK);
    assert_int_equal(state_of(id), OBJECTION_STATE_CORRECTED);
    assert_int_equal(heard[0].objection.decided_at, FIXTURE_NOW + 100);
    assert_string_equal(heard[0].reason, "");
}

static void test_decided(void **state)
{
    /* If this fails, an objection is refused without a reason, or by another authority. */
    (void)state;
    static char long_text[OBJECTION_REASON_BYTES_MAX + 1];
    uint8_t id[REGISTRY_ID_BYTES];
    memset(long_text, 'x', sizeof long_text);
    fixture_import_many(registry, 1, 1);
    object(1, OFFICER, id);
    struct registry_change refuse = decision(id, OBJECTION_STATE_REFUSED);
    refuse.issuer = BYTES(ANOTHER);
    commit(refuse, REGISTRY_ERR_NOT_FOUND);
    refuse = decision(id, OBJECTION_STATE_REFUSED);
    refuse.id[0] ^= 1;
    commit(refuse, REGISTRY_ERR_NOT_FOUND);
    refuse = decision(id, OBJECTION_STATE_REFUSED);
    refuse.text = BYTES("");
    commit(refuse, REGISTRY_ERR_REFUSED);
    refuse.text = bytes_of(long_text, sizeof long_text);
    commit(refuse, REGISTRY_ERR_REFUSED);
    assert_int_equal(state_of(id), OBJECTION_STATE_RECEIVED);
    commit(decision(id, OBJECTION_STATE_CHECKING), REGISTRY_OK);
    assert_int_equal(state_of(id), OBJECTION_STATE_CHECKING);
    assert_int_equal(heard[0].objection.decided_at, 0);
    assert_string_equal(heard[0].reason, "");
    commit(decision(id, OBJECTION_STATE_REFUSED), REGISTRY_OK);
    assert_int_equal(state_of(id), OBJECTION_STATE_REFUSED);
    assert_int_equal(heard[0].objection.decided_at, FIXTURE_NOW + 100);
    assert_string_equal(heard[0].reason, "档案无误");
    assert_string_equal(heard[0].claimed, "虚构者改名");
}

static void test_open_ones_are_limited(void **state)
{
    /* If this fails, one person keeps an authority busy for ever, or is shut out for good. */
    (void)state;
    uint8_t ids[REGISTRY_OBJECTIONS_OPEN_MAX][REGISTRY_ID_BYTES], id[REGISTRY_ID_BYTES];
    fixture_import_many(registry, 1, 2);
    for (int i = 0; i < REGISTRY_OBJECTIONS_OPEN_MAX; i++)
        object(1 + i % 2, OFFICER, ids[i]);
    struct registry_objection one_more = make_objection(1, OFFICER);
    object_at(&one_more, FIXTURE_NOW, REGISTRY_ERR_REFUSED);
    object(1, "AGENCY/OTHER", id);
    commit(decision(ids[3], OBJECTION_STATE_CHECKING), REGISTRY_OK);
    object_at(&one_more, FIXTURE_NOW, REGISTRY_ERR_REFUSED); /* that one is open still */
    commit(decision(ids[3], OBJECTION_STATE_REFUSED), REGISTRY_OK);
    object_at(&one_more, FIXTURE_NOW, REGISTRY_OK);
    object_at(&one_more, FIXTURE_NOW, REGISTRY_ERR_REFUSED);
}

static void test_lists(void **state)
{
    /* If this fails, somebody reads what others object to, or an authority what another's is. */
    (void)state;
    static const char holder[] = "00112233445566778899aabbccddeeff";
    struct fixture_texts texts;
    uint8_t ids[4][REGISTRY_ID_BYTES];
    struct registry_record record = fixture_record(2, &texts);
    record.issuer_code = BYTES(ANOTHER);
    fixture_import_many(registry, 1, 1);
    fixture_import_one(registry, record);
    object(1, holder, ids[0]);
    object(1, OFFICER, ids[1]);
    object(2, holder, ids[2]);
    object(1, holder, ids[3]);

    assert_int_equal(list(TOKEN_ROLE_HOLDER, holder, ""), 3);
    assert_memory_equal(heard[0].objection.id, ids[3], REGISTRY_ID_BYTES); /* the newest first */
    assert_memory_equal(heard[1].objection.id, ids[2], REGISTRY_ID_BYTES);
    assert_memory_equal(heard[2].objection.id, ids[0], REGISTRY_ID_BYTES);
    assert_int_equal(list(TOKEN_ROLE_INSPECTOR, holder, ""), 0);
    assert_int_equal(list(0, "", AUTHORITY), 3);
    assert_memory_equal(heard[1].objection.id, ids[1], REGISTRY_ID_BYTES);
    assert_int_equal(list(0, "", ANOTHER), 1);
    assert_int_equal(list(0, "", "NOBODY"), 0);
    assert_int_equal(try_list(TOKEN_ROLE_HOLDER, holder, "", 2), REGISTRY_OK);
    assert_int_equal(heard_count, 2);
}

/* A page, as indices into ids. */
static void list_page(struct registry_page page, const uint8_t ids[][REGISTRY_ID_BYTES],
                      const char *expected)
{
    heard_count = 0;
    assert_int_equal(registry_objections_to(reader, &page, hear, heard), REGISTRY_OK);
    assert_int_equal(heard_count, strlen(expected));
    for (size_t i = 0; i < heard_count; i++)
        assert_memory_equal(heard[i].objection.id, ids[expected[i] - '0'], REGISTRY_ID_BYTES);
}

static void test_pages(void **state)
{
    /* If this fails, an authority can't find what waits for it among what it has decided. */
    (void)state;
    static const int32_t due[] = {19690, 19700, 19680, 19690};
    struct registry_page page = {.client = BYTES(AUTHORITY), .max = 32};
    uint8_t ids[5][REGISTRY_ID_BYTES];
    struct fixture_texts texts;
    fixture_import_many(registry, 1, 1);
    for (int i = 0; i < 4; i++) {
        struct registry_objection objection = make_objection(1, OFFICER);
        objection.due_on = due[i];
        memcpy(ids[i], object_at(&objection, FIXTURE_NOW, REGISTRY_OK).id, REGISTRY_ID_BYTES);
    }
    commit(decision(ids[0], OBJECTION_STATE_CHECKING), REGISTRY_OK);
    list_page(page, ids, "2031");
    commit(decision(ids[2], OBJECTION_STATE_REFUSED), REGISTRY_OK);
    list_page(page, ids, "031");
    page.has_after = true;
    memcpy(page.after, ids[0], REGISTRY_ID_BYTES);
    page.max = 1;
    list_page(page, ids, "3");
    memcpy(page.after, ids[2], REGISTRY_ID_BYTES); /* decided since it was told */
    page.max = 32;
    list_page(page, ids, "031");
    page.all = true;
    list_page(page, ids, "10");
    page.client = BYTES(ANOTHER);
    assert_int_equal(registry_objections_to(reader, &page, hear, heard), REGISTRY_ERR_NOT_FOUND);

    struct registry_record other = fixture_record(2, &texts);
    other.type_code = BYTES("OTHER");
    fixture_import_one(registry, other);
    object(2, OFFICER, ids[4]);
    add_client_of("narrow", TOKEN_ROLE_ISSUER, AUTHORITY, "OTHER");
    list_page((struct registry_page){.client = BYTES("narrow"), .max = 1}, ids, "4");
}

static void test_waiting(void **state)
{
    /* If this fails, nobody is warned of an objection whose day has passed. */
    (void)state;
    uint8_t ids[3][REGISTRY_ID_BYTES];
    uint64_t waiting, overdue;
    fixture_import_many(registry, 1, 1);
    for (int i = 0; i < 3; i++)
        object(1, OFFICER, ids[i]);
    commit(decision(ids[0], OBJECTION_STATE_CHECKING), REGISTRY_OK);
    commit(decision(ids[1], OBJECTION_STATE_REFUSED), REGISTRY_OK);
    assert_int_equal(registry_objections_waiting(reader, 19690, &waiting, &overdue), REGISTRY_OK);
    assert_int_equal(waiting, 2);
    assert_int_equal(overdue, 0);
    assert_int_equal(registry_objections_waiting(reader, 19691, &waiting, &overdue), REGISTRY_OK);
    assert_int_equal(waiting, 2);
    assert_int_equal(overdue, 2);
}

struct told {
    char purpose[EVENT_TEXT_BYTES_MAX + 1], reference[EVENT_TEXT_BYTES_MAX + 1];
    enum registry_event_kind kind;
    uint8_t licence[REGISTRY_ID_BYTES];
};

static void keep_event(void *context, const struct registry_event *event)
{
    struct told *told = context;
    told->kind = event->kind;
    assert_true(event->has_licence);
    memcpy(told->licence, event->licence, sizeof told->licence);
    copy(told->purpose, sizeof told->purpose, event->purpose);
    copy(told->reference, sizeof told->reference, event->reference);
}

static void keep_delivery(void *context, const struct registry_delivery *delivery)
{
    assert_int_equal(*(uint64_t *)context, 0);
    *(uint64_t *)context = delivery->event;
}

static void test_events(void **state)
{
    /* If this fails, what became of an objection can't be proved, or its authority never hears. */
    (void)state;
    static const enum objection_state order[] = {OBJECTION_STATE_RECEIVED, OBJECTION_STATE_CHECKING,
                                                 OBJECTION_STATE_REFUSED};
    struct told told;
    uint64_t owed = 0, first = 0;
    fixture_import_many(registry, 1, 1);
    struct registry_change webhook = {.kind = CHANGE_WEBHOOK,
                                      .text = BYTES(AUTHORITY),
                                      .url = BYTES("https://authority.example/")};
    commit(webhook, REGISTRY_OK);
    struct registry_objection objection = make_objection(1, OFFICER);
    struct registry_change change = object_at(&objection, FIXTURE_NOW, REGISTRY_OK);
    for (size_t i = 0; i < 3; i++) {
        char id[2 * REGISTRY_ID_BYTES + 1];
        struct buf hex = BUF_OVER(id);
        if (i)
            change = commit(decision(change.id, order[i]), REGISTRY_OK);
        else
            first = change.event;
        assert_int_equal(registry_event_of(reader, change.event, keep_event, &told), REGISTRY_OK);
        buf_put_hex(&hex, bytes_of(change.id, sizeof change.id));
        assert_int_equal(told.kind, EVENT_OBJECTION);
        assert_string_equal(told.purpose, objection_state_text(order[i]));
        assert_string_equal(told.reference, buf_cstr(&hex));
        assert_memory_equal(told.licence, objection.licence, REGISTRY_ID_BYTES);
    }
    /* the authority is told that there is one, not of what it said itself */
    assert_int_equal(registry_deliveries(reader, true, DELIVERY_WAITING, 9, keep_delivery, &owed),
                     REGISTRY_OK);
    assert_int_equal(owed, first);
}

static void test_sealed(void **state)
{
    /* If this fails, who has the disk reads what citizens claim, or moves it to others. */
    (void)state;
    static char content[8 << 20];
    char wal[600];
    uint8_t ids[2][REGISTRY_ID_BYTES];
    fixture_import_many(registry, 1, 1);
    object(1, OFFICER, ids[0]);
    object(1, OFFICER, ids[1]);
    commit(decision(ids[0], OBJECTION_STATE_REFUSED), REGISTRY_OK);
    snprintf(wal, sizeof wal, "%s-wal", path);
    const char *const files[] = {path, wal};
    for (size_t f = 0; f < 2; f++) {
        FILE *file = fopen(files[f], "rb");
        assert_non_null(file);
        size_t len = fread(content, 1, sizeof content, file);
        assert_true(len > 0 && feof(file));
        fclose(file);
        assert_null(memmem(content, len, "虚构者改名", strlen("虚构者改名")));
        assert_null(memmem(content, len, "档案无误", strlen("档案无误")));
    }
    assert_int_equal(list(0, "", AUTHORITY), 2);
    tamper("UPDATE objection SET claimed = reason WHERE reason IS NOT NULL");
    assert_int_equal(try_list(0, "", AUTHORITY, 32), REGISTRY_ERR_SEALED);
    tamper("UPDATE objection SET claimed = (SELECT claimed FROM objection WHERE state = 0)");
    assert_int_equal(try_list(0, "", AUTHORITY, 32), REGISTRY_ERR_SEALED);
}

static void test_words(void **state)
{
    /* If this fails, a state is told by another's name. */
    (void)state;
    enum objection_state read;
    for (int i = 0; i < OBJECTION_STATE_COUNT; i++) {
        assert_true(
            objection_state_read(bytes_str(objection_state_text((enum objection_state)i)), &read));
        assert_int_equal(read, i);
    }
    assert_string_equal(objection_state_text(OBJECTION_STATE_CORRECTED), "corrected");
    assert_false(objection_state_read(BYTES("receive"), &read));
    assert_false(objection_state_read(BYTES(""), &read));
}

#define HEARD(name) cmocka_unit_test_setup_teardown(name, set_up_authorities, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HEARD(test_received),  HEARD(test_refused_to_take), HEARD(test_transitions),
        HEARD(test_corrected), HEARD(test_decided),         HEARD(test_open_ones_are_limited),
        HEARD(test_lists),     HEARD(test_pages),           HEARD(test_waiting),
        HEARD(test_events),    HEARD(test_sealed),          cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
