/* The commands of jwb-terminal, and what they share: options, arguments, complaints. A command
 * answers on stdout and complains on stderr. */
#ifndef TERMINAL_TOOL_VERB_H
#define TERMINAL_TOOL_VERB_H

#include "base/buf.h"

/* Exit status. `verify` says 0 valid, 1 invalid, 2 indeterminate; the others 0 done, 1 refused,
 * 2 could not be had or done now. */
enum exit_status {
    STATUS_DONE = 0,
    STATUS_REFUSED = 1,
    STATUS_NOT_NOW = 2,
    STATUS_USAGE = 3, /* the call was wrong, nothing was done */
};
/* The worse of two: refused, then not now, then done. */
enum exit_status status_worse(enum exit_status a, enum exit_status b);

struct verb {
    const char *word;
    const char *usage;   /* its arguments */
    const char *summary; /* for the list of commands */
    const char *help;    /* what else is to know, with an example */
    int (*run)(const struct verb *verb, int argc, char **argv); /* argv[0]: the word */
};

/* An option takes a value or is a flag: one of both pointers is set. */
struct verb_option {
    const char *name; /* without dashes; NULL ends a list */
    const char **value;
    bool *flag;
};
/* Reads options, which may stand anywhere before "--". The arguments are left in argv, from the
 * returned place on: at least `least`, at most `most`. -1 after a complaint: return STATUS_USAGE.
 */
int verb_read(const struct verb *verb, int argc, char **argv, const struct verb_option *options,
              int least, int most);

/* Complains, and shows the usage. Returns STATUS_USAGE. */
int verb_misused(const struct verb *verb, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Complains; "jwb-terminal: ..." on stderr. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Appends all of a descriptor. False with errno when it can't be read, EFBIG when it does not fit.
 */
bool read_all(int file, struct buf *content);
/* Appends standard input, without white space around it; false after a complaint, also when it is
 * empty. */
bool read_input(const char *what, struct buf *text);

/* The commands, by file. */
int verb_enroll(const struct verb *, int, char **);
int verb_sync(const struct verb *, int, char **);
int verb_login(const struct verb *, int, char **); /* login.c */
int verb_logout(const struct verb *, int, char **);
int verb_verify(const struct verb *, int, char **);
int verb_status(const struct verb *, int, char **);
int verb_scans(const struct verb *, int, char **); /* deliver.c */

#endif
