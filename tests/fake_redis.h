/* A server on the test's own loop that answers a cache as Redis would, or with what a test puts in
 * place of it. Only in one file of a program, hence all inline. */
#ifndef TESTS_FAKE_REDIS_H
#define TESTS_FAKE_REDIS_H

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/cache_world.h"

#define RUN_ID "0123456789abcdef0123456789abcdef01234567"
#define SERVER "# Server\r\nredis_version:7\r\nrun_id:" RUN_ID "\r\nport:0\r\n"
#define MEMORY "# Memory\r\nused_memory:1\r\nmaxmemory_policy:noeviction\r\nx:1\r\n"

/* The commands that a cache sends, by what it asks. */
enum asks {
    INFO_SERVER,
    INFO_MEMORY,
    SCRIPT_LOAD,
    SCAN,
    POSITION,
    LENGTH,
    OCTET,
    PLACE,
    FACE,
    ONCE,
    TAKE,
    OTHER
};

struct garbage {
    enum asks instead_of;
    const char *text; /* \1: the key asked for, as a bulk string */
    bool close;       /* and then hangs up */
};

static struct fake {
    int listener, peer;
    struct loop_watch *listening, *reading;
    const struct garbage *garbage; /* NULL: answers honestly */
    const char *postscript;        /* after an honest face */
    struct seeded seed;            /* unless 0: one octet of each trip is altered, or its end cut */
    unsigned accepted, scripts;
    size_t in_len, in_max;
    uint8_t in[1 << 16];
} fake;

static inline void put_bulk(struct buf *out, struct bytes text)
{
    buf_printf(out, "$%zu\r\n", text.len);
    buf_put(out, text);
    buf_put(out, BYTES("\r\n"));
}

static inline enum asks what_is_asked(const struct bytes *argv)
{
    if (bytes_equal(argv[0], BYTES("INFO")))
        return bytes_equal(argv[1], BYTES("server")) ? INFO_SERVER : INFO_MEMORY;
    if (bytes_equal(argv[0], BYTES("SCRIPT")))
        return SCRIPT_LOAD;
    if (bytes_equal(argv[0], BYTES("GET")))
        return bytes_start_with(argv[1], BYTES("status:")) ? POSITION : FACE;
    if (bytes_equal(argv[0], BYTES("STRLEN")))
        return LENGTH;
    if (bytes_equal(argv[0], BYTES("GETRANGE")))
        return OCTET;
    if (bytes_equal(argv[0], BYTES("ECHO")))
        return PLACE;
    if (!bytes_equal(argv[0], BYTES("EVALSHA")))
        return OTHER;
    return argv[1].data[0] == 'a' ? SCAN : argv[1].data[0] == 'e' ? ONCE : TAKE;
}

static inline void answer_honestly(struct buf *out, enum asks asks, const struct bytes *argv)
{
    char sha[41];
    if (asks == INFO_SERVER) {
        put_bulk(out, BYTES(SERVER));
    } else if (asks == INFO_MEMORY) {
        put_bulk(out, BYTES(MEMORY));
    } else if (asks == SCRIPT_LOAD) {
        memset(sha, 'a' + (int)(fake.scripts++ % 6), 40);
        put_bulk(out, bytes_of(sha, 40));
    } else if (asks == SCAN) {
        buf_put_str(out, "*4\r\n");
        put_bulk(out, argv[3]);
        buf_put_str(out, ":1\r\n:0\r\n$-1\r\n");
    } else if (asks == ONCE) {
        buf_put_str(out, "*2\r\n");
        put_bulk(out, argv[3]);
        buf_put_str(out, "+OK\r\n");
    } else if (asks == TAKE) {
        buf_put_str(out, "*4\r\n");
        put_bulk(out, argv[3]);
        buf_put_str(out, ":1\r\n:4\r\n:0\r\n");
    } else if (asks == POSITION) {
        put_bulk(out, BYTES("5 7"));
    } else if (asks == LENGTH) {
        buf_put_str(out, ":262144\r\n");
    } else if (asks == OCTET) {
        put_bulk(out, BYTES("\x02"));
    } else if (asks == PLACE) {
        put_bulk(out, argv[1]);
    } else {
        put_bulk(out, BYTES("face"));
        if (fake.postscript)
            buf_put_str(out, fake.postscript);
    }
}

/* True: hang up. */
static inline bool answer(struct buf *out, const struct bytes *argv)
{
    enum asks asks = what_is_asked(argv);
    if (!fake.garbage || fake.garbage->instead_of != asks) {
        answer_honestly(out, asks, argv);
        return false;
    }
    for (const char *c = fake.garbage->text; *c; c++)
        if (*c == '\1')
            put_bulk(out, argv[3]);
        else
            buf_put_u8(out, (uint8_t)*c);
    return fake.garbage->close;
}

/* "*2\r\n" and the like; returns the octets read, 0 when incomplete. */
static inline size_t read_head(struct bytes in, size_t *number)
{
    const uint8_t *end = memchr(in.data, '\n', in.len);
    if (!end)
        return 0;
    *number = strtoul((const char *)in.data + 1, NULL, 10);
    return (size_t)(end - in.data) + 1;
}

static inline size_t read_command(struct bytes in, struct bytes *argv)
{
    size_t argc, len, at = read_head(in, &argc);
    for (size_t i = 0; at && i < argc; i++) {
        size_t head = at < in.len ? read_head(bytes_from(in, at), &len) : 0;
        if (head == 0 || in.len - at - head < len + 2)
            return 0;
        argv[i] = bytes_of(in.data + at + head, len);
        at += head + len + 2;
    }
    return at;
}

static inline void hang_up(void)
{
    if (fake.peer < 0)
        return;
    loop_watch_destroy(&fake.reading);
    close(fake.peer);
    fake.peer = -1;
}

static inline void send_text(struct bytes text)
{
    /* the cache may have hung up meanwhile */
    CHECK(send(fake.peer, text.data, text.len, MSG_NOSIGNAL) >= 0 || errno == EPIPE);
}

static inline void on_readable(void *owner)
{
    (void)owner;
    uint8_t storage[32768];
    struct buf out = BUF_OVER(storage);
    struct bytes argv[16];
    bool over = false, trip = false;
    ssize_t n = read(fake.peer, fake.in + fake.in_len, sizeof fake.in - fake.in_len);
    if (n <= 0) {
        hang_up();
        return;
    }
    struct bytes in = bytes_of(fake.in, fake.in_len + (size_t)n);
    for (size_t used; !over && in.len && (used = read_command(in, argv));
         in = bytes_from(in, used)) {
        trip = what_is_asked(argv) >= SCAN;
        over = answer(&out, argv);
    }
    memmove(fake.in, in.data, in.len);
    fake.in_len = in.len;
    CHECK(buf_ok(&out));
    if (fake.seed.state && trip) {
        size_t at = seeded_next(&fake.seed) % out.len;
        if (seeded_next(&fake.seed) % 4)
            out.data[at] = (uint8_t)seeded_next(&fake.seed);
        else
            out.len = at;
    }
    send_text(buf_bytes(&out));
    if (over)
        hang_up();
}

static inline void on_accept(void *owner)
{
    static const struct loop_watch_handlers handlers = {.readable = on_readable};
    (void)owner;
    hang_up();
    fake.peer = accept4(fake.listener, NULL, NULL, SOCK_NONBLOCK);
    CHECK(fake.peer >= 0);
    fake.accepted++;
    fake.scripts = 0;
    fake.in_len = 0;
    fake.reading = loop_watch_create(world.loop, fake.peer, &handlers, NULL);
    loop_watch_readable(fake.reading, true);
}

static inline int open_fake(void **state)
{
    static const struct loop_watch_handlers handlers = {.readable = on_accept};
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    open_loop();
    memset(&fake, 0, sizeof fake);
    fake.peer = -1;
    snprintf(world.server.socket_path, sizeof world.server.socket_path, "%s",
             path_in(temp_folder(), "fake"));
    memcpy(address.sun_path, world.server.socket_path, strlen(world.server.socket_path));
    fake.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(bind(fake.listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(fake.listener, 8) == 0);
    fake.listening = loop_watch_create(world.loop, fake.listener, &handlers, NULL);
    loop_watch_readable(fake.listening, true);
    return 0;
}

static inline int close_fake(void **state)
{
    hang_up();
    loop_watch_destroy(&fake.listening);
    close(fake.listener);
    return close_world(state);
}

#define WITH_FAKE(test) cmocka_unit_test_setup_teardown(test, open_fake, close_fake)

#endif
