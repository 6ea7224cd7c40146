#include "gateway/routes.h"

#include "base/check.h"
#include "base/clock.h"
#include "gateway/home.h"

#define ROUTE(id, method, path, listener, roles, scope, body_bytes_max, serves)                    \
    extern const struct flow serves##_flow;
#include "gateway/routes.def"
#undef ROUTE

#define ANYBODY          0
#define ONLY(role)       (1u << TOKEN_ROLE_##role)
#define TOKEN_SCOPE_NONE 0

static const struct route routes[ROUTE_COUNT] = {
#define ROUTE(id, method, path, listener, roles, scope, body_bytes_max, serves)                    \
    {ROUTE_##id,          method,         path,          ROUTE_LISTENER_##listener, roles,         \
     TOKEN_SCOPE_##scope, body_bytes_max, &serves##_flow},
#include "gateway/routes.def"
#undef ROUTE
};

const struct route *route_at(enum route_id id)
{
    return &routes[id];
}

/* Does a path fit? `rest` becomes the segment that '*' stands for. */
static bool fits(const char *pattern, struct bytes path, struct bytes *rest)
{
    const char *star = strchr(pattern, '*');
    *rest = bytes_of(NULL, 0);
    if (!star)
        return bytes_equal(bytes_str(pattern), path);
    struct bytes before = bytes_of(pattern, (size_t)(star - pattern)), after = bytes_str(star + 1);
    if (path.len <= before.len + after.len || !bytes_start_with(path, before) ||
        !bytes_equal(bytes_from(path, path.len - after.len), after))
        return false;
    *rest = bytes_of(path.data + before.len, path.len - before.len - after.len);
    return !memchr(rest->data, '/', rest->len);
}

static void serve(struct gateway_loop *home, struct http_request *request,
                  enum route_listener listener)
{
    struct bytes method = http_method(request), path = http_path(request);
    const struct route *path_fits = NULL;
    struct bytes rest;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const struct route *route = &routes[i];
        if (route->listener != listener || !fits(route->path, path, &rest))
            continue;
        bool head = bytes_equal(method, BYTES("HEAD")) && !strcmp(route->method, "GET");
        if (head || bytes_equal(method, bytes_str(route->method))) {
            operation_begin(home, route, rest, request);
            return;
        }
        path_fits = route;
    }
    operation_refuse(home, path_fits, request);
}

void routes_serve_public(void *context, struct http_request *request)
{
    serve(context, request, ROUTE_LISTENER_PUBLIC);
}

void routes_serve_internal(void *context, struct http_request *request)
{
    serve(context, request, ROUTE_LISTENER_INTERNAL);
}
