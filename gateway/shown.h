/* Licences that nobody displayed, looked for by a number: what of them the asker may see, as rows
 * of an answer, each with its record of evidence. What retrievals and lookups have in common. */
#ifndef GATEWAY_SHOWN_H
#define GATEWAY_SHOWN_H

#include "gateway/home.h"

#define SHOWN_MAX       REGISTRY_HOLDER_LICENCES_MAX
#define SHOWN_TYPES_MAX ACCESS_TYPES_MAX

struct shown {
    /* asked; views are the request's */
    bool any_type;                       /* that the client is competent for */
    struct bytes types[SHOWN_TYPES_MAX]; /* else these codes, as far as it is */
    size_t type_count;
    struct bytes purpose; /* the policy's rule is of it and the asker's role */
    uint32_t allowed;     /* fields, beside the rule */
    struct bytes text;    /* goes into evidence, and so must name none of them */

    /* answered */
    bool named; /* the text names a licence that was found, or the holder; shown or not */
    bool known; /* false: the registry can't be asked, or can't be believed; nothing is shown */
    bool more;  /* there are others, which were not looked at */
    size_t count;

    /* its own */
    struct operation *op;
    struct registry_licences_query query;
    struct journal_record about[SHOWN_MAX]; /* what evidence says of each */
    struct buf rows;
};

/* Steps: STEP_NEXT, or STEP_WAIT and the flow goes on; answered either way. A holder's own
 * licences, by citizen number or credit code in any form that a record may have it in; an unknown
 * holder has none. */
enum step_result shown_find_holder(struct shown *shown, struct operation *op, struct bytes number);
/* Those that have this number or identifier, whosever they are. */
enum step_result shown_find_number(struct shown *shown, struct operation *op, struct bytes number);

/* Evidence of all that is shown: `record` once for each licence, with its place, fields and result;
 * once without a place when there is none. As operation_record. */
enum step_result shown_record(struct shown *shown, struct journal_record *record);

/* Appends `"licences":[...],"more":...`; a row is {"result","reason","status","as_of","by",
 * "licence"}. */
void shown_write(const struct shown *shown, struct buf *out);
#define SHOWN_JSON_BYTES(shown) ((shown)->rows.len + 64)

#endif
