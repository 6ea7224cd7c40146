/* Files that are written together and become durable together; private to this room. One thread.
 *
 * A batch of few files syncs these and the folders of new names one by one, so that no other writer
 * of the disk holds it up; one of more files, or with new folders, syncs the file system, which
 * takes as long for a hundred files as for one (docs/decisions/0012-log-durability.md). */
#ifndef EVIDENCE_TLOG_BATCH_H
#define EVIDENCE_TLOG_BATCH_H

#include "base/bytes.h"

#define TLOG_BATCH_ALONE_MAX 24

struct tlog_batch {
    int folder; /* the log's; paths are relative to it */
    int files[TLOG_BATCH_ALONE_MAX];
    size_t count;
    bool whole; /* the file system is to be synced */
};
/* A file, made when it is missing, with the folders on its way; -1: errno says why. It is the
 * batch's: not to be closed. `named`: its name is to be durable, too. */
int tlog_batch_open(struct tlog_batch *batch, const char *path, int flags, bool named);
/* Writes a file anew, in two parts, either of which may be empty. False: errno says why, and what
 * is there does not count. */
bool tlog_batch_put(struct tlog_batch *batch, const char *path, bool named, struct bytes head,
                    struct bytes rest);
/* Ends the batch. False: not durable; errno says why. */
bool tlog_batch_sync(struct tlog_batch *batch);
/* Ends it without. errno is kept. */
void tlog_batch_drop(struct tlog_batch *batch);

#endif
