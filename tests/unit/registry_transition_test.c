/* All transitions of a licence's status: the table of docs/TRANSITIONS.md, each cell of it on a
 * real registry, with a licence of its own. */
#include "registry/action.h"
#include "tests/registry_events.h"

#define DOCUMENT "docs/TRANSITIONS.md"
enum { STATES_MAX = 20, CELL_BYTES = 64, DUE_AFTER = 100 };

/* ---- the licence of a cell ---- */

static struct cell {
    int n; /* which licence */
    int64_t now;
    struct fixture_texts texts;
    struct registry_record record;   /* as delivered last */
    uint8_t last[REGISTRY_ID_BYTES]; /* A's last action in case 1; zeros: none */
    struct registry_change change;   /* what happened last */
    uint64_t events;                 /* that there were before it happened */
    bool in_doubt;                   /* until it is delivered */
} cell;

static enum registry_error happen(struct registry_change change)
{
    change.now = cell.now += 10;
    cell.change = change;
    return registry_commit(registry, &cell.change);
}

static enum registry_error import(const struct registry_record *record,
                                  enum registry_outcome *outcome)
{
    struct registry_change change = {.kind = CHANGE_IMPORT,
                                     .records = record,
                                     .outcomes = outcome,
                                     .record_count = 1,
                                     .source = BYTES("test")};
    return happen(change);
}

/* Another face is a version of its own at a place of its own, and so is whatever ends a doubt. */
static enum registry_error deliver(const struct registry_record *record, bool other_face)
{
    enum registry_outcome outcome;
    const struct registry_licence *licence = find(cell.n);
    uint16_t version = licence->version, list = licence->list;
    uint32_t index = licence->index;
    enum registry_error error = import(record, &outcome);
    bool renews = other_face || (cell.in_doubt && outcome != OUTCOME_OLDER);
    licence = find(cell.n);
    assert_int_equal(licence->version, version + renews);
    assert_int_equal(licence->index != index, renews);
    assert_true(!renews || bits_at(list, index) == 1);
    cell.in_doubt &= !renews;
    return error;
}

static enum registry_error act(enum action_kind kind, const char *agency, const char *case_number)
{
    static uint64_t calls;
    static struct registry_action action;
    action = (struct registry_action){.kind = kind, .officer = "A/1", .terminal = "PDA"};
    snprintf(action.agency, sizeof action.agency, "%s", agency);
    snprintf(action.case_number, sizeof action.case_number, "%s", case_number);
    memcpy(action.licence, find(cell.n)->id, REGISTRY_ID_BYTES);
    calls++;
    memcpy(action.key, &calls, sizeof calls);
    action.due_at = kind == ACTION_REQUEST_CANCEL ? cell.now + DUE_AFTER : 0;
    enum registry_error error =
        happen((struct registry_change){.kind = CHANGE_ACT, .action = &action});
    if (!error && kind != ACTION_RESTORE && *agency == 'A' && *case_number == '1')
        memcpy(cell.last, action.id, sizeof cell.last);
    return error;
}

static enum registry_error decide(enum action_decision decision, const char *issuer)
{
    struct registry_change change = {.kind = CHANGE_ACTION_DECIDE,
                                     .decision = decision,
                                     .issuer = bytes_str(issuer),
                                     .text = BYTES("because")};
    memcpy(change.id, cell.last, sizeof change.id);
    return happen(change);
}

static enum registry_error say(enum licence_status status)
{
    return happen(fixture_status(find(cell.n)->id, status));
}

static enum registry_error pass_day(void)
{
    cell.now += DUE_AFTER;
    return happen((struct registry_change){.kind = CHANGE_ESCALATE});
}

static enum registry_error operate(enum registry_change_kind kind)
{
    return happen(fixture_hold(kind, find(cell.n)->id, HOLD_SEIZED, "A", "1"));
}

/* ---- what can happen ---- */

static enum registry_error deliver_same(void)
{
    return deliver(&cell.record, false);
}
static enum registry_error deliver_older(void)
{
    struct registry_record record = cell.record;
    record.source_version--;
    record.valid_until++;
    record.issuer_status = LICENCE_STATUS_OTHER;
    return deliver(&record, false);
}
static enum registry_error deliver_face(void)
{
    cell.record.valid_until++;
    return deliver(&cell.record, true);
}
static enum registry_error deliver_newer_face(enum licence_status status)
{
    cell.record.source_version++;
    cell.record.issuer_status = status;
    return deliver_face();
}
/* As its last record has it. */
static enum registry_error deliver_newer_face_alone(void)
{
    return deliver_newer_face(cell.record.issuer_status);
}
/* Which of two records of one version was made first nobody knows. */
static enum registry_error deliver_both(enum licence_status one, enum licence_status other)
{
    cell.record.issuer_status = one;
    enum registry_error error = deliver(&cell.record, false);
    cell.record.issuer_status = other;
    return error ? error : deliver(&cell.record, false);
}
static enum registry_error deliver_status(enum licence_status status)
{
    cell.record.source_version++;
    cell.record.issuer_status = status;
    return deliver(&cell.record, false);
}

#define ISSUER "11410800005709876X"
#define HAPPENING(name, call)                                                                      \
    static enum registry_error name(void)                                                          \
    {                                                                                              \
        return call;                                                                               \
    }
HAPPENING(deliver_stale, deliver_both(LICENCE_STATUS_REVOKED, LICENCE_STATUS_VALID))
HAPPENING(deliver_face_revoked, deliver_newer_face(LICENCE_STATUS_REVOKED))
HAPPENING(deliver_revoked, deliver_status(LICENCE_STATUS_REVOKED))
HAPPENING(deliver_valid, deliver_status(LICENCE_STATUS_VALID))
HAPPENING(say_lapsed, say(LICENCE_STATUS_LAPSED))
HAPPENING(say_valid, say(LICENCE_STATUS_VALID))
HAPPENING(a_seizes, act(ACTION_SEIZE, "A", "1"))
HAPPENING(a_withdraws, act(ACTION_WITHDRAW, "A", "1"))
HAPPENING(a_asks, act(ACTION_REQUEST_CANCEL, "A", "1"))
HAPPENING(a_restores, act(ACTION_RESTORE, "A", "1"))
HAPPENING(other_case_seizes, act(ACTION_SEIZE, "A", "2"))
HAPPENING(other_case_restores, act(ACTION_RESTORE, "A", "2"))
HAPPENING(b_seizes, act(ACTION_SEIZE, "B", "1"))
HAPPENING(b_restores, act(ACTION_RESTORE, "B", "1"))
HAPPENING(confirm, decide(DECISION_CONFIRM, ISSUER))
HAPPENING(revert, decide(DECISION_REVERT, ISSUER))
HAPPENING(refuse, decide(DECISION_REFUSE, ISSUER))
HAPPENING(another_confirms, decide(DECISION_CONFIRM, "another"))
HAPPENING(another_reverts, decide(DECISION_REVERT, "another"))
HAPPENING(another_refuses, decide(DECISION_REFUSE, "another"))
HAPPENING(operator_holds, operate(CHANGE_HOLD_PLACE))
HAPPENING(operator_lifts, operate(CHANGE_HOLD_LIFT))

static const struct happening {
    const char *name;
    enum registry_error (*run)(void);
} happenings[] = {
    {"delivered: the same", deliver_same},
    {"delivered: older, other face and status", deliver_older},
    {"delivered: other face", deliver_face},
    {"delivered: revoked, then valid again, all of one version", deliver_stale},
    {"delivered: newer, other face", deliver_newer_face_alone},
    {"delivered: newer, other face, revoked", deliver_face_revoked},
    {"delivered: newer, revoked", deliver_revoked},
    {"delivered: newer, valid", deliver_valid},
    {"issuer: lapsed", say_lapsed},
    {"issuer: valid", say_valid},
    {"A: seize", a_seizes},
    {"A: withdraw", a_withdraws},
    {"A: request_cancel", a_asks},
    {"A: restore", a_restores},
    {"A, other case: seize", other_case_seizes},
    {"A, other case: restore", other_case_restores},
    {"B, same number: seize", b_seizes},
    {"B, same number: restore", b_restores},
    {"issuer: confirm", confirm},
    {"issuer: revert", revert},
    {"issuer: refuse", refuse},
    {"another issuer: confirm", another_confirms},
    {"another issuer: revert", another_reverts},
    {"another issuer: refuse", another_refuses},
    {"the day passes", pass_day},
    {"operator: hold for A", operator_holds},
    {"operator: lift for A", operator_lifts},
};
enum { HAPPENINGS = sizeof happenings / sizeof happenings[0] };

/* ---- a state, made and read ---- */

static const struct {
    char letter;
    enum licence_status status;
} letters[] = {{'V', LICENCE_STATUS_VALID},     {'S', LICENCE_STATUS_SEIZED},
               {'W', LICENCE_STATUS_WITHDRAWN}, {'L', LICENCE_STATUS_LAPSED},
               {'C', LICENCE_STATUS_CANCELLED}, {'R', LICENCE_STATUS_REVOKED},
               {'D', LICENCE_STATUS_IN_DOUBT}};

static char letter_of(enum licence_status status)
{
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if (letters[i].status == status)
            return letters[i].letter;
    return '?';
}

/* As after a restore: its issuer's status is known, its present version is lost. */
static void make_doubt(void)
{
    tamper("UPDATE licence SET in_doubt = 1 WHERE licence = (SELECT max(licence) FROM licence)");
    cell.in_doubt = true;
    assert_int_equal(say(LICENCE_STATUS_VALID), REGISTRY_OK);
}

/* A licence in the state that a column's head names. */
static void make_state(const char *head)
{
    static int n;
    cell = (struct cell){.n = n++, .now = FIXTURE_NOW + n * 10000};
    cell.record = fixture_record(cell.n, &cell.texts);
    cell.record.source_version = 5;
    enum registry_outcome outcome;
    assert_int_equal(import(&cell.record, &outcome), REGISTRY_OK);
    if (*head == 'D')
        make_doubt();
    for (size_t i = 1; *head != 'D' && i < sizeof letters / sizeof letters[0]; i++)
        if (*head == letters[i].letter)
            assert_int_equal(say(letters[i].status), REGISTRY_OK);
    for (const char *hold = head + 1; *hold; hold++) {
        enum action_kind kind = *hold == 's'   ? ACTION_SEIZE
                                : *hold == 'w' ? ACTION_WITHDRAW
                                               : ACTION_REQUEST_CANCEL;
        if (*hold == '+')
            assert_int_equal(confirm(), REGISTRY_OK);
        else if (*hold == '!')
            assert_int_equal(pass_day(), REGISTRY_OK);
        else if (strchr("swc", *hold))
            assert_int_equal(act(kind, hold[1] == 'B' ? "B" : "A", "1"), REGISTRY_OK);
    }
}

/* The state that the licence is in, as a cell says it. */
static void read_state(char text[CELL_BYTES])
{
    static const char *const holds =
        "SELECT h.kind, h.agency, h.case_number, a.state FROM hold h JOIN licence l ON l.licence ="
        " h.licence LEFT JOIN action a ON a.hold = h.hold WHERE l.id = ? AND h.lifted IS NULL"
        " ORDER BY h.agency, h.case_number, h.kind";
    struct buf out;
    buf_init(&out, text, CELL_BYTES);
    const struct registry_licence *licence = find(cell.n);
    buf_put_u8(&out, (uint8_t)letter_of(licence->status));
    assert_int_equal(bits_at(licence->list, licence->index), licence_status_bits(licence->status));
    sqlite3 *db;
    sqlite3_stmt *row;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, holds, -1, &row, NULL), SQLITE_OK);
    sqlite3_bind_blob(row, 1, licence->id, REGISTRY_ID_BYTES, SQLITE_STATIC);
    while (sqlite3_step(row) == SQLITE_ROW) {
        int state = sqlite3_column_type(row, 3) == SQLITE_NULL ? ACTION_STATE_OPEN
                                                               : sqlite3_column_int(row, 3);
        buf_printf(&out, " %c%s%s%s", "swc"[sqlite3_column_int(row, 0)],
                   state == ACTION_STATE_CONFIRMED   ? "+"
                   : state == ACTION_STATE_ESCALATED ? "!"
                                                     : "",
                   *sqlite3_column_text(row, 2) == '2' ? "2" : "",
                   *sqlite3_column_text(row, 1) == 'B' ? "B" : "");
        assert_true(state == ACTION_STATE_OPEN || state == ACTION_STATE_CONFIRMED ||
                    state == ACTION_STATE_ESCALATED); /* the others have no open hold */
    }
    sqlite3_finalize(row);
    sqlite3_close(db);
    assert_string_not_equal(buf_cstr(&out), "");
}

/* ---- a cell ---- */

/* What was answered says the same as what is there, and so does the last event of the licence. */
static void check_answer(enum registry_error error, bool changed)
{
    static struct seen seen;
    const struct registry_licence *licence = find(cell.n);
    enum registry_change_kind kind = cell.change.kind;
    assert_int_equal(cell.change.error, error);
    assert_int_equal(cell.change.refusal != NULL, error == REGISTRY_ERR_REFUSED);
    if (error) {
        assert_int_equal(cell.change.event, 0);
        return;
    }
    if (kind != CHANGE_IMPORT && kind != CHANGE_ESCALATE)
        assert_int_equal(cell.change.effective, licence->status);
    if (kind == CHANGE_ACT)
        assert_int_equal(cell.change.action->effective, licence_status_code(licence->status));
    if (!changed)
        return;
    see_events(cell.events, &seen);
    while (seen.count && !seen.events[seen.count - 1].event.has_licence)
        seen.count--; /* an import's own */
    assert_true(seen.count > 0);
    const struct registry_event *event = &seen.events[seen.count - 1].event;
    assert_memory_equal(event->licence, licence->id, REGISTRY_ID_BYTES);
    assert_int_equal(event->status, licence_status_code(licence->status));
}

static void check_cell(const struct happening *happening, const char *head, const char *expected)
{
    char before[CELL_BYTES], after[CELL_BYTES];
    make_state(head);
    read_state(before);
    cell.events = last_event();
    enum registry_error error = happening->run();
    read_state(after);
    const char *found = error == REGISTRY_ERR_REFUSED     ? "no"
                        : error == REGISTRY_ERR_NOT_FOUND ? "none"
                        : strcmp(before, after) == 0      ? "="
                                                          : after;
    if (strcmp(found, expected) != 0)
        fail_msg("%s, in %s: %s, not %s", happening->name, head, found, expected);
    if (error)
        assert_string_equal(before, after);
    check_answer(error, strcmp(before, after) != 0);
}

/* ---- the document ---- */

/* The next cell of a table's line, without spaces and quotes; false: no more. */
static bool next_cell(char **line, char text[CELL_BYTES])
{
    char *begin = strchr(*line, '|'), *end = begin ? strchr(begin + 1, '|') : NULL;
    if (!end)
        return false;
    struct bytes content = bytes_trim(bytes_of(begin + 1, (size_t)(end - begin - 1)));
    if (content.len >= 2 && content.data[0] == '`')
        content = bytes_of(content.data + 1, content.len - 2);
    assert_true(content.len < CELL_BYTES);
    memcpy(text, content.data, content.len);
    text[content.len] = '\0';
    *line = end;
    return true;
}

static int read_heads(char *line, char heads[STATES_MAX][CELL_BYTES])
{
    int count = 0;
    char first[CELL_BYTES];
    assert_true(next_cell(&line, first));
    while (count < STATES_MAX && next_cell(&line, heads[count]))
        count++;
    return count;
}

static void test_all(void **state)
{
    /* If this fails, something that happens to a licence makes it valid when it is not, or ends
     * somebody else's hold; or the document says what is not so. */
    (void)state;
    char heads[STATES_MAX][CELL_BYTES], name[CELL_BYTES], expected[CELL_BYTES];
    static char line[4096];
    int states = 0, rows = 0;
    FILE *document = fopen(DOCUMENT, "r");
    assert_non_null(document);
    while (fgets(line, sizeof line, document)) {
        char *rest = line;
        if (strncmp(line, "| what happens", 14) == 0)
            states = read_heads(line, heads);
        if (!states || !next_cell(&rest, name) || strncmp(name, "what", 4) == 0 || *name == '-')
            continue;
        assert_true(rows < HAPPENINGS);
        assert_string_equal(name, happenings[rows].name);
        for (int i = 0; i < states; i++) {
            assert_true(next_cell(&rest, expected));
            check_cell(&happenings[rows], heads[i], expected);
        }
        assert_false(next_cell(&rest, expected));
        rows++;
    }
    fclose(document);
    assert_int_equal(rows, HAPPENINGS);
    assert_int_equal(states, 16);
    fixture_check_lists(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
