/* Which flow serves a method and a path, and who may (routes.def). */
#ifndef GATEWAY_ROUTES_H
#define GATEWAY_ROUTES_H

#include "gateway/operation.h"

enum route_id {
#define ROUTE(id, method, path, listener, roles, scope, body_bytes_max, serves) ROUTE_##id,
#include "gateway/routes.def"
#undef ROUTE
    ROUTE_COUNT,
};

enum route_listener { ROUTE_LISTENER_PUBLIC, ROUTE_LISTENER_INTERNAL };

struct route {
    enum route_id id;
    const char *method, *path;
    enum route_listener listener;
    unsigned roles; /* bits by enum token_role; 0: anybody, with or without a token */
    unsigned scope; /* enum token_scope that a token must have; 0: none */
    size_t body_bytes_max;
    const struct flow *flow;
};

const struct route *route_at(enum route_id id);

/* The handlers of the two listeners; the context is a struct gateway_loop. */
http_handler routes_serve_public, routes_serve_internal;

#endif
