/* Identifiers of persons, enterprises and licences, with their check characters. */
#ifndef PROTOCOL_IDENTIFIER_H
#define PROTOCOL_IDENTIFIER_H

#include "base/buf.h"

#define IDENTIFIER_BYTES_MAX 128 /* GB/T 36904 sets no length of the serial; this is ours */
#define CITIZEN_NUMBER_BYTES 18  /* GB 11643-1999 */
#define CREDIT_CODE_BYTES    18  /* GB 32100-2015 */

enum identifier_error {
    IDENTIFIER_OK = 0,
    IDENTIFIER_ERR_LENGTH,
    IDENTIFIER_ERR_CHARACTER,
    IDENTIFIER_ERR_ROOT,    /* a licence identifier that does not begin 1.2.156.3005.2. */
    IDENTIFIER_ERR_SEGMENT, /* a missing, empty or surplus segment */
    IDENTIFIER_ERR_DATE,    /* a citizen number's birthday that does not exist */
    IDENTIFIER_ERR_CHECK,   /* the check character is not the computed one */
};

/* GB/T 36904-2018: 1.2.156.3005.2.<type>.<issuer>.<serial>.<version>.<check>. The segments are
 * views into the text. check = ISO 7064 MOD 37,36 over the segments before it, without dots and
 * root. */
struct licence_identifier {
    struct bytes type;    /* 1 to 30 of 0-9 A-Z */
    struct bytes issuer;  /* 18 (GB 32100) or 6 (GB/T 2260) of 0-9 A-Z */
    struct bytes serial;  /* 1 or more of 0-9 A-Z */
    struct bytes version; /* 1 to 3 of 0-9 A-Z */
    char check;
};
enum identifier_error licence_identifier_read(struct bytes text, struct licence_identifier *out);
/* Writes the whole identifier and computes the check character; `check` in `id` is ignored. The
 * segments must hold 0-9 A-Z only. */
void licence_identifier_write(struct buf *out, const struct licence_identifier *id);

/* A citizen number of 18 characters (GB 11643-1999), or of 15 (the former form, which is turned
 * into 18: century 19, check character by MOD 11-2). A lowercase x is read as X. Writes the 18
 * characters into `out` also when only the check character is wrong. */
enum identifier_error citizen_number_read(struct bytes text, char out[CITIZEN_NUMBER_BYTES]);

/* A unified social credit code. Some lawful early codes fail the check character: callers warn on
 * IDENTIFIER_ERR_CHECK and go on. */
enum identifier_error credit_code_check(struct bytes text);

/* Check characters alone, for those who make numbers: over the first 17 characters. */
char citizen_number_check(const char seventeen[17]);
char credit_code_check_character(const char seventeen[17]);

#endif
