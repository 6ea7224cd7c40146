/* How records of evidence are told to those whom they concern: when, who, what for, with which
 * result; never which officer, nor the case. */
#ifndef GATEWAY_LOOKED_H
#define GATEWAY_LOOKED_H

#include "gateway/home.h"

#define LOOKED_FOLDERS_MAX 33 /* of journals: our own, and those of 32 other gateways */

/* A time of a query, which may be percent-encoded. A '+' is a plus: offsets from UTC have one. */
bool looked_read_time(struct bytes text, int64_t *time);
/* The folders of journals, our own first; they live as long as the request. Returns how many. */
size_t looked_folders(struct operation *op, const char *folders[LOOKED_FOLDERS_MAX]);

/* A member; null when it is empty, or what no version of ours can have written. */
void looked_put_text(struct buf *out, const char *name, struct bytes text);
/* An inspector's agency, without his number; another client's organisation, if it is known here;
 * else empty. */
struct bytes looked_organisation(const struct gateway_loop *home,
                                 const struct journal_record *record);
/* "you","role","organisation" */
void looked_put_asker(struct buf *out, const struct operation *op,
                      const struct journal_record *record);
/* "acting": as what a holder acted. */
void looked_put_acting(struct buf *out, const struct journal_record *record);
/* "purpose"; null of a terminal's offline scan, which has a text of its own there */
void looked_put_purpose(struct buf *out, const struct journal_record *record);
/* "scanned_at","status_as_of": of a terminal's offline scan, which is told when it is delivered;
 * else null. */
void looked_put_scan(struct buf *out, const struct journal_record *record);
/* "result","reason" */
void looked_put_result(struct buf *out, const struct journal_record *record);

#endif
