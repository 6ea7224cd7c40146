/* Has checkpoints cosigned by witnesses on other departments' machines (C2SP tlog-witness, as its
 * client): a thread of its own, which takes the newest checkpoint, proves to each witness that it
 * grew from what that one cosigned last, and gives the log what came back. Nothing that a witness
 * answers is believed but a good signature by its key; one that is away or answers nonsense is
 * asked again, ever more seldom, and in the end is late. */
#ifndef GATEWAY_WITNESSING_H
#define GATEWAY_WITNESSING_H

#include "evidence/note.h"

struct witnessing;

#define WITNESSES_MAX 8

struct witnessing_options {
    const char *file;   /* of witnesses: "verifier-key URL" lines, '#' comments */
    const char *folder; /* the log's */
    unsigned late_s;
    /* On its thread: a note with more signatures; `all`: every witness has cosigned it. */
    void (*cosigned)(void *context, struct bytes note, bool all);
    /* On its thread, once per change: a witness is late (or, late false, no longer). */
    void (*late)(void *context, const char *witness, bool late);
    void *context;
};
/* A witness's address is its submission prefix, https:// or http://: what is sent is public, and
 * signed in both directions. fetch_init first. NULL with a sentence in `why`: the file can't be
 * read or a line is none. */
struct witnessing *witnessing_start(const struct witnessing_options *options, struct buf *why);
/* Ends the thread: neither function is called any more; what is offered from now on is dropped. */
void witnessing_stop(struct witnessing *witnessing);
/* After that, when nobody offers any more. NULL in it is fine. */
void witnessing_destroy(struct witnessing **witnessing);
/* Any thread: a newer checkpoint. */
void witnessing_offer(struct witnessing *witnessing, struct bytes note);
/* How many there are, and are late now. Any thread. */
unsigned witnessing_count(const struct witnessing *witnessing);
unsigned witnessing_late(const struct witnessing *witnessing);

#endif
