/* The sequencer: a thread that brings what the journals and the registry tell into the one order of
 * the log, commits, and signs a checkpoint. One per log: whoever has the log's lock. Others follow:
 * they read how far it has got, and take over when it is gone.
 *
 * It reads journals as they lie on disk (its own folder's and others'), so that nothing which was
 * answered is lost by a crash: the next one goes on where the log ended. Of a journal that a
 * gateway has open it takes what is synced, else all that is whole. The order in each journal and
 * of the events is kept; among them it is that of arrival.
 *
 * In the log a journal goes by the name in its files' headers, and its positions are those of
 * evidence/journal.h, so it does not matter by which path it is reached, or by how many.
 * Of a copy of a journal in another folder nothing is taken, which is trouble. */
#ifndef EVIDENCE_SEQUENCER_H
#define EVIDENCE_SEQUENCER_H

#include "evidence/entry.h"
#include "evidence/tlog.h"

struct sequencer;

#define SEQUENCER_FOLDERS_MAX 33
#define SEQUENCER_EVENTS_MAX  64
/* The events' source in the log. Their positions are their numbers; its cursor is therefore that of
 * the next event: the last one's number and 1. */
#define SEQUENCER_REGISTRY "registry"

/* What the registry tells, as records; given by the gateway, called on the sequencer's thread. */
struct sequencer_events {
    /* The records of the events with numbers above `after`, in order, at most SEQUENCER_EVENTS_MAX;
     * texts live until the next call. *count in: room. False: could not be read, tried again. The
     * last that the log has is read again each time: nothing is taken that does not follow it. */
    bool (*read)(void *context, uint64_t after, struct journal_record *records, size_t *count);
    void *context;
};

struct sequencer_options {
    const char *folder; /* the log's */
    /* Folders; borrowed for ever. The first is this process's own: when another that writes the log
     * takes nothing of it, this is trouble here. */
    const char *journals[SEQUENCER_FOLDERS_MAX];
    size_t journal_count;
    struct note_signer signer;
    unsigned poll_ms; /* between looks at the registry, and at the lock of another's log */
    /* Between looks at the journals; what they have is committed then. Events are at once. */
    unsigned checkpoint_ms;
    struct sequencer_events events; /* read NULL: there are none */
    /* On the thread, for each record after its commit, with its place as the journal has it; what
     * was committed right before a crash may be missed. May be NULL. */
    void (*seen)(void *context, const struct journal_record *record);
    /* On the thread, after each commit, and when it takes a log over that is not empty: the newest
     * checkpoint. May be NULL. */
    void (*committed)(void *context, struct bytes note);
    /* On the thread, once per change of what is wrong: "" when nothing is any more. Damage in a
     * journal is told once, because what follows it is taken. */
    void (*trouble)(void *context, const char *sentence);
    void *context;
};
/* NULL with a sentence in `why`: the folder, the lock or the thread. A log that is another's is
 * followed, which is no failure; a damaged one is trouble, told again and again, and nothing is
 * written to it. */
struct sequencer *sequencer_start(const struct sequencer_options *options, struct buf *why);
/* Commits what it can, ends the thread. */
void sequencer_stop(struct sequencer **sequencer);

/* Any thread. Up to which event all is committed in the log; as of the last look when it is
 * another's. UINT64_MAX never. */
uint64_t sequencer_events_logged(const struct sequencer *sequencer);
/* Which event that is: a registry that went back, or is another, has none like it. Number 0: there
 * is none, or the log can't tell, because it is damaged. Any thread. */
struct sequencer_event {
    uint64_t number, request_id;
    int64_t at_us;
    unsigned kind;
};
struct sequencer_event sequencer_last_event(struct sequencer *sequencer);
/* Is this process the one that writes the log? */
bool sequencer_leads(const struct sequencer *sequencer);
/* Wakes it: an event was committed. */
void sequencer_wake(struct sequencer *sequencer);
/* Publishes a cosigned checkpoint, on the sequencer's thread, later; the newest that is waiting.
 * Not at all when the log is another's. */
void sequencer_publish(struct sequencer *sequencer, struct bytes note, bool witnessed);

struct sequencer_counters {
    _Atomic uint64_t entries, commits, failures; /* this sequencer's */
    _Atomic uint64_t size;                       /* of the log, also when it is another's */
    _Atomic uint64_t checkpoint_us; /* monotonic time of the last commit; 0: none yet */
    /* age of the oldest record that was found and is not committed; of another's log: since it has
     * taken nothing of a journal of ours that has more */
    _Atomic uint64_t lag_us;
};
/* Any thread. lag_us is as of this call. */
const struct sequencer_counters *sequencer_counters(const struct sequencer *sequencer);

#endif
