/* An action receipt on paper: one page of A4 as PDF, Chinese with English beneath, and a QR code
 * that holds the signed receipt, so that what is printed can be checked. It takes some ten
 * milliseconds: a worker's, never on a loop. Any thread; nothing is kept. */
#ifndef GATEWAY_ACTION_PDF_H
#define GATEWAY_ACTION_PDF_H

#include "base/buf.h"
#include "protocol/action_receipt.h"

#define ACTION_PDF_BYTES_MAX (256 * 1024) /* with its subset of a font it is about 50 KiB */

enum action_pdf_error {
    ACTION_PDF_OK = 0,
    ACTION_PDF_ERR_FONT,  /* ours: no font of this machine has Chinese (deps.txt names one) */
    ACTION_PDF_ERR_QR,    /* ours: the code could not be drawn */
    ACTION_PDF_ERR_CAIRO, /* ours: no memory */
    ACTION_PDF_ERR_SPACE, /* the caller's: it does not fit `out` */
};
const char *action_pdf_error_text(enum action_pdf_error error);

/* Appends the page. `type_name`: the licence type's, in Chinese; `message`: the receipt, signed.
 * After an error what stands behind the buffer's former end is unspecified. */
enum action_pdf_error action_pdf_draw(const struct action_receipt_claims *receipt,
                                      struct bytes type_name, struct bytes message,
                                      struct buf *out);

#endif
