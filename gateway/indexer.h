/* A thread that keeps the indices of this gateway's journals up to date (evidence/index.h), so that
 * telling a citizen who looked does not read all of them. What it can't do is logged, and costs
 * time alone. */
#ifndef GATEWAY_INDEXER_H
#define GATEWAY_INDEXER_H

struct indexer;

/* The folder's name is borrowed until indexer_stop. Checks every octet of the indices first, then
 * looks for new journal every so many milliseconds. NULL: no thread. */
struct indexer *indexer_start(const char *folder, unsigned every_ms);
/* Joins the thread, within about 100 ms; NULL in it is fine. */
void indexer_stop(struct indexer **indexer);

#endif
