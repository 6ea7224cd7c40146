/* A request's head as it was received, for h2o tells handlers neither of Host and the two framing
 * fields nor how often they came. */
#ifndef GATEWAY_HTTP_HEAD_H
#define GATEWAY_HTTP_HEAD_H

#include "base/bytes.h"

struct http_head {
    size_t octets; /* with the empty line */
    struct http_field {
        struct bytes line;  /* with its end; data NULL: there is none */
        struct bytes value; /* trimmed */
    } length, encoding, expect, authorization;
};
#define HTTP_HEAD_INCOMPLETE 100 /* its end has not come */
/* Views into `input`. 0, or HTTP_HEAD_INCOMPLETE, or a status: 400, it is none, or ambiguous; 431,
 * it is longer than bytes_max. RFC 9112: bare LF (2.2), folded lines (5.2), Host (3.2),
 * Content-Length and Transfer-Encoding (6.3). The first line is only looked at for the version. */
unsigned http_head_read(struct bytes input, size_t bytes_max, struct http_head *head);

#endif
