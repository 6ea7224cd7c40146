/* The commands of jwb, and what they share: options and arguments, complaints, reading what they
 * were given. A command answers on stdout and complains on stderr. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/buf.h"

#define EXIT_USAGE                                                                                 \
    2 /* beside EXIT_SUCCESS and EXIT_FAILURE: the call was wrong, nothing was done */

struct command {
    const char *words;   /* "licence import"; one or two */
    const char *usage;   /* its arguments */
    const char *summary; /* for the list of commands */
    const char *help;    /* what else is to know, with an example */
    int (*run)(const struct command *command, int argc, char **argv); /* argv[0]: the last word */
};
extern const struct command commands[]; /* commands.c */
extern const size_t command_count;

/* The words of the command that runs: what evidence says of an operator. */
extern const char *command_words;

/* The command whose words these arguments begin with, or NULL. */
const struct command *command_find(int argc, char **argv);
int command_word_count(const struct command *command);

/* An option takes a value or is a flag: one of both pointers is set. One that may be repeated has
 * COMMAND_REPEATED for its flag, and `value` is the first of COMMAND_REPEATS_MAX + 1, zeroed. */
struct command_option {
    const char *name; /* without dashes; NULL ends a list */
    const char **value;
    bool *flag;
};
#define COMMAND_REPEATS_MAX 16
#define COMMAND_REPEATED    (&command_repeated)
extern bool command_repeated;
/* Reads options, which may stand anywhere, and from `least` to `most` arguments. What is not given
 * stays as it was. False after a complaint: the command returns EXIT_USAGE. */
bool command_read(const struct command *command, int argc, char **argv,
                  const struct command_option *options, const char **arguments, int least,
                  int most);

/* Complains, shows the usage and where the help is. Returns EXIT_USAGE. */
int command_misused(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Complains. Returns EXIT_FAILURE. */
int command_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* These return false after a complaint as of command_misused. `text` is the value of option `name`;
 * NULL, the option that was not given, leaves *value. */
bool command_number(const struct command *command, const char *name, const char *text,
                    uint64_t least, uint64_t most, uint64_t *value);
/* Unix seconds, 2027-01-01 (its midnight in UTC+8) or 2027-01-01T08:00:00+08:00. */
bool command_time(const struct command *command, const char *name, const char *text,
                  int64_t *unix_s);
/* 2027-12-31, a day that has not passed: until its end in UTC+8. */
bool command_last_day(const struct command *command, const char *name, const char *text,
                      int64_t *until);

/* These return false after a complaint as of command_failed. */
/* Appends the argument; for "-" standard input, without white space around it: what stands on a
 * command line can be seen by others on the machine. Empty or too long is refused. */
bool command_text(const char *argument, const char *what, struct buf *text);
/* Appends a file's whole content. */
bool command_file(const char *path, struct buf *content);
/* Takes what was written into `why` as the complaint. */
int command_failed_why(struct buf *why);

/* The commands, by file. */
int command_licence_import(const struct command *, int, char **);   /* import.c */
int command_licence_generate(const struct command *, int, char **); /* licence.c */
int command_licence_show(const struct command *, int, char **);
int command_licence_status(const struct command *, int, char **); /* change.c */
int command_hold_place(const struct command *, int, char **);
int command_hold_lift(const struct command *, int, char **);
int command_agent_grant(const struct command *, int, char **); /* agent.c */
int command_agent_end(const struct command *, int, char **);
int command_agent_list(const struct command *, int, char **);
int command_client_add(const struct command *, int, char **); /* client.c */
int command_client_list(const struct command *, int, char **);
int command_client_show(const struct command *, int, char **);
int command_client_disable(const struct command *, int, char **);
int command_client_rotate_key(const struct command *, int, char **);
int command_client_ticket(const struct command *, int, char **);
int command_client_webhook(const struct command *, int, char **);
int command_person_shut_out(const struct command *, int, char **); /* person.c */
int command_person_let_in(const struct command *, int, char **);
int command_person_list(const struct command *, int, char **);
int command_access_list(const struct command *, int, char **); /* access.c */
int command_access_show(const struct command *, int, char **);
int command_access_approve(const struct command *, int, char **);
int command_access_refuse(const struct command *, int, char **);
int command_policy_explain(const struct command *, int, char **); /* policy.c */
int command_registry_count(const struct command *, int, char **); /* registry.c */
int command_registry_restored(const struct command *, int, char **);
int command_reconcile(const struct command *, int, char **);   /* reconcile.c */
int command_outbox_list(const struct command *, int, char **); /* outbox.c */
int command_outbox_retry(const struct command *, int, char **);
int command_key_create(const struct command *, int, char **); /* key.c */
int command_key_list(const struct command *, int, char **);
int command_secret_create(const struct command *, int, char **);
int command_key_publish(const struct command *, int, char **); /* key_change.c */
int command_key_retire(const struct command *, int, char **);
int command_key_revoke(const struct command *, int, char **);
int command_key_prune(const struct command *, int, char **);
int command_token_mint(const struct command *, int, char **);       /* token.c */
int command_code_verify(const struct command *, int, char **);      /* code.c */
int command_code_inspect(const struct command *, int, char **);     /* code_inspect.c */
int command_cose_verify(const struct command *, int, char **);      /* cose.c */
int command_status_list_show(const struct command *, int, char **); /* status_list.c */
int command_status_list_get(const struct command *, int, char **);
int command_bundle_make(const struct command *, int, char **); /* bundle.c */
int command_bundle_draft(const struct command *, int, char **);
int command_bundle_sign(const struct command *, int, char **);
int command_bundle_show(const struct command *, int, char **);   /* bundle_show.c */
int command_receipt_check(const struct command *, int, char **); /* receipt.c */
int command_qr_write(const struct command *, int, char **);      /* qr.c */
int command_qr_read(const struct command *, int, char **);
int command_vectors(const struct command *, int, char **);         /* vectors.c */
int command_evidence_list(const struct command *, int, char **);   /* evidence.c */
int command_evidence_verify(const struct command *, int, char **); /* evidence_log.c */
int command_evidence_prove(const struct command *, int, char **);
int command_evidence_check(const struct command *, int, char **);
int command_evidence_consistency(const struct command *, int, char **);
int command_evidence_key(const struct command *, int, char **);
int command_archive_export(const struct command *, int, char **); /* archive.c */
int command_archive_check(const struct command *, int, char **);

#endif
