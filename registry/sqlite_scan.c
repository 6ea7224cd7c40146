/* What terminals saw while they were offline, delivered when they are back: an event for each, and
 * its id kept, so that a delivery that is repeated changes nothing. */
#include "base/check.h"
#include "base/clock.h"
#include "registry/sqlite_replay.h"

#define REFERENCE_ID_CHARS (2 * REGISTRY_ID_BYTES) /* of an event's reference: then the time */

const char *const scan_change_texts[W_COUNT] = {
    [W_SCAN_ADD] = "INSERT INTO offline_scan VALUES (?, ?) ON CONFLICT DO NOTHING",
    [W_SCAN_PLACE] = "SELECT licence, version, superseded_at IS NOT NULL FROM place"
                     " WHERE list = ? AND place = ?",
};

static enum registry_error keep_id(struct sqlite_connection *c, int64_t client, struct bytes id)
{
    struct sqlite3_stmt *add = c->statements[W_SCAN_ADD];
    sqlite_bind_int(add, 1, client);
    sqlite_bind_blob(add, 2, id);
    return sqlite_run(add);
}

/* The licence as of the scanned code's place. NOT_FOUND: a restored registry may have lost it, and
 * have given the place to another. */
static enum registry_error find_scanned(struct sqlite_connection *c,
                                        const struct registry_scan *scan, struct licence_state *l)
{
    struct sqlite3_stmt *place = c->statements[W_SCAN_PLACE];
    sqlite_bind_int(place, 1, scan->list);
    sqlite_bind_int(place, 2, scan->index);
    enum registry_error error = sqlite_step(place);
    if (error)
        return error;
    int64_t licence = sqlite_column_int(place, 0), version = sqlite_column_int(place, 1);
    bool superseded = sqlite_column_int(place, 2);
    sqlite_reset(place);
    if (version != scan->version)
        return REGISTRY_ERR_NOT_FOUND;
    error = licence_find_row(c, licence, l);
    l->version = scan->version;
    l->list = scan->list;
    l->place = scan->index;
    if (superseded)
        l->status = LICENCE_STATUS_SUPERSEDED;
    return error;
}

static enum registry_error scan_event(struct sqlite_connection *c, struct registry_change *change,
                                      int64_t now, const struct registry_scan *scan)
{
    char reference_text[EVENT_TEXT_BYTES_MAX], purpose_text[EVENT_TEXT_BYTES_MAX];
    struct buf reference = BUF_OVER(reference_text), purpose = BUF_OVER(purpose_text);
    struct licence_state l;
    enum registry_error error =
        scan->authentic ? find_scanned(c, scan, &l) : REGISTRY_ERR_NOT_FOUND;
    if (error && error != REGISTRY_ERR_NOT_FOUND)
        return error;
    buf_put_hex(&reference, bytes_of(scan->id, sizeof scan->id));
    buf_put_u8(&reference, ' ');
    buf_put_timestamp(&reference, scan->at);
    if (scan->status_as_of)
        buf_put_timestamp(&purpose, scan->status_as_of);
    else
        buf_put_u8(&purpose, '-');
    buf_printf(&purpose, " %llu", (unsigned long long)scan->bundle_version);
    CHECK(buf_ok(&reference) && buf_ok(&purpose));
    return event_add(c, change, now,
                     &(struct event_new){.kind = EVENT_OFFLINE_SCAN,
                                         .licence = error ? NULL : &l,
                                         .purpose = buf_bytes(&purpose),
                                         .reference = buf_bytes(&reference),
                                         .agency = change->agency,
                                         .fields = scan->fields,
                                         .detail = (uint8_t)scan->reason,
                                         .ended = scan->reason != REASON_NONE});
}

enum registry_error change_scans(struct sqlite_connection *c, struct registry_change *change,
                                 int64_t now)
{
    int64_t client;
    enum token_role role;
    enum registry_error error = client_find(c, change->actor.client, &client, &role);
    CHECK(change->scan_count <= REGISTRY_SCANS_MAX);
    for (size_t i = 0; !error && i < change->scan_count; i++) {
        struct registry_scan *scan = &change->scans[i];
        error = keep_id(c, client, bytes_of(scan->id, sizeof scan->id));
        scan->known = !error && !sqlite_changed(c);
        if (!error && !scan->known)
            error = scan_event(c, change, now, scan);
    }
    /* A known one's event is that or before it: it is in the log too before its terminal forgets.
     */
    return error ? error : event_last(c, &change->event);
}

enum registry_error scan_note(struct sqlite_connection *c, struct bytes client,
                              struct bytes reference)
{
    uint8_t id[REGISTRY_ID_BYTES];
    struct buf read = BUF_OVER(id);
    int64_t row;
    enum token_role role;
    if (reference.len < REFERENCE_ID_CHARS ||
        !buf_put_from_hex(&read, bytes_of(reference.data, REFERENCE_ID_CHARS)))
        return REGISTRY_OK; /* a later version's */
    enum registry_error error = client_find(c, client, &row, &role);
    if (error == REGISTRY_ERR_NOT_FOUND)
        return REGISTRY_OK;
    return error ? error : keep_id(c, row, buf_bytes(&read));
}
