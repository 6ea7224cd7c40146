#include "evidence/audit.h"

#include <inttypes.h>

#include "evidence/entry.h"
#include "evidence/note_text.h"
#include "evidence/sequencer.h"
#include "evidence/tlog_reader.h"

struct auditing {
    struct audit *audit;
    const struct note_verifier *verifier;
    struct buf *why;
    bool unsure; /* what this version can't read may be an event */
};

/* Events are in the log of every gateway of their registry, an archive's too: it accounts for what
 * was removed from the log whose key's id it names. */
static uint64_t archived_here(const struct auditing *a, struct bytes purpose)
{
    char text[2 * NOTE_ID_BYTES];
    struct buf id = BUF_OVER(text);
    const uint8_t *space = purpose.len ? memchr(purpose.data, ' ', purpose.len) : NULL;
    const size_t digits = space ? (size_t)(space - purpose.data) : 0;
    uint64_t count;
    buf_put_hex(&id, bytes_of(a->verifier->id, sizeof a->verifier->id));
    return space && bytes_equal(bytes_from(purpose, digits + 1), buf_bytes(&id)) &&
                   note_number_read(bytes_of(purpose.data, digits), &count)
               ? count
               : 0;
}

static bool take_event(struct auditing *a, uint64_t index, const struct journal_record *event)
{
    if (!a->unsure && event->number != a->audit->event + 1) {
        buf_printf(a->why,
                   "index %" PRIu64 ": event %" PRIu64 " follows event %" PRIu64
                   "; those between were taken out, which no archive does",
                   index, event->number, a->audit->event);
        return false;
    }
    a->unsure = false;
    a->audit->event = event->number;
    if (event->kind == JOURNAL_ARCHIVED)
        a->audit->archived += archived_here(a, event->purpose);
    return true;
}

static bool take_entry(void *context, uint64_t index, struct bytes entry)
{
    struct auditing *a = context;
    struct journal_record record;
    a->audit->removed += entry.len == 0;
    if (entry.len == 0)
        return true;
    if (!entry_read(entry, &record))
        a->unsure = true;
    else if (record.number)
        return take_event(a, index, &record);
    return true;
}

/* The state, which the log's key signed, says which event comes next. */
static bool ends_with_last_event(const struct auditing *a, const struct tlog_state *state)
{
    for (size_t i = 0; i < state->cursor_count && !a->unsure; i++)
        if (strcmp(state->cursors[i].source, SEQUENCER_REGISTRY) == 0 &&
            state->cursors[i].position != a->audit->event + 1) {
            buf_printf(a->why,
                       "the log has taken events up to %" PRIu64
                       ", and the last one in it is %" PRIu64
                       "; the others were taken out, which no archive does",
                       state->cursors[i].position - 1, a->audit->event);
            return false;
        }
    return true;
}

static enum tlog_error look_through(struct tlog_reader *reader,
                                    const struct note_verifier *verifier, struct bytes older,
                                    struct audit *audit, struct buf *why)
{
    struct auditing a = {.audit = audit, .verifier = verifier, .why = why};
    *audit = (struct audit){0};
    enum tlog_error error = tlog_verify(reader, verifier, older, take_entry, &a, &audit->size, why);
    return !error && !ends_with_last_event(&a, &reader->state) ? TLOG_ERR_DAMAGED : error;
}

static bool has_grown(struct tlog_reader *reader, uint64_t size)
{
    struct merkle_hash root;
    uint64_t now;
    return tlog_read_state(reader, &now, &root, NULL, NULL) == TLOG_OK && now > size;
}

enum tlog_error audit_log(struct tlog_reader *reader, const struct note_verifier *verifier,
                          struct bytes older, struct audit *audit, struct buf *why)
{
    enum tlog_error error = look_through(reader, verifier, older, audit, why);
    /* The event of what was removed meanwhile may lie behind what was looked through. */
    if (!error && audit->removed > audit->archived && has_grown(reader, audit->size))
        error = look_through(reader, verifier, older, audit, why);
    if (error || audit->removed <= audit->archived)
        return error;
    buf_printf(why,
               "%" PRIu64 " entries were removed, and archives account for %" PRIu64
               ": somebody else emptied the others",
               audit->removed, audit->archived);
    return TLOG_ERR_DAMAGED;
}
