/* What the endpoints of issuing authorities (发证机关) have in common: an authority is its client's
 * organisation, delivers its own licences alone, and names them by our id or by one of its own. */
#ifndef GATEWAY_ISSUER_H
#define GATEWAY_ISSUER_H

#include "gateway/operation.h"
#include "registry/import_record.h"
#include "registry/issuing.h"

/* The authority's code. */
struct bytes issuer_code(const struct operation *op);
const char *issuer_outcome_text(enum registry_outcome outcome); /* "added", "new_version", ... */

/* Why a record is not taken; texts are static and tell nothing of what stands in it. */
struct issuer_fault {
    enum problem problem;
    const char *text;
    const char *field; /* the column's name, or NULL */
};
/* The fields of one record -> a record, whose views point into `storage`. One without an issuer's
 * code is the asker's. False: malformed, another authority's, or of a type that is not the
 * client's. *warnings as import_record_make has it. Any thread. */
bool issuer_record_make(const struct operation *op, struct import_fields *fields,
                        uint8_t storage[IMPORT_RECORD_BYTES_MAX], struct registry_record *record,
                        unsigned *warnings, struct issuer_fault *fault);

/* A licence that the path names. */
struct issuer_named {
    struct operation *op;
    const char *what;            /* the authority wants to do with it: issuer_refuse's */
    struct bytes record_id;      /* the authority's own; empty: the path has ours */
    struct registry_query query; /* REGISTRY_OK or NOT_FOUND when all steps are done */
};
/* Steps, in this order, each STEP_NEXT, or STEP_WAIT and the flow goes on, or it answers:
 * issuer_find looks for our id; issuer_find_record for the authority's own, also one that looks
 * like ours and is none; issuer_found answers 404 for another authority's licence, 403 for one of a
 * type that is not the client's, 422 for what can't be an id, 503 when that can't be found out. One
 * that is not there is the caller's to answer. `what` is static. */
enum step_result issuer_find(struct issuer_named *named, struct operation *op, const char *what);
enum step_result issuer_find_record(struct issuer_named *named);
enum step_result issuer_found(const struct issuer_named *named);

/* Answers what an authority is not let do, when evidence has it: JOURNAL_REFUSAL, with `what` it
 * wanted (delivery, status, decision, objection) and the problem's code; of `licence`, or NULL.
 * `detail` is static or from the request's pool. As operation_refuse_recorded. */
enum step_result issuer_refuse(struct operation *op, const char *what,
                               const struct registry_licence *licence, enum problem problem,
                               const char *detail);

/* "all=true", "after=ID", or both with a '&' between them. False: something else. */
bool issuer_read_page(const struct operation *op, size_t max, struct registry_page *page);
#define ISSUER_PAGE_SHAPE "?all=true&after=<id of the last one told>, either, or nothing"

/* Evidence that an authority read what is its own: JOURNAL_PULL. As operation_record. */
enum step_result issuer_record_pull(struct operation *op, const char *what);

/* May this Authorization send a large body? What it is then good for is asked when the body is
 * there. Context: a struct gateway_loop. */
bool issuer_admits(void *context, struct bytes authorization);

#endif
