/* A private redis-server for a test: its own folder and Unix socket, no persistence but what the
 * test asks for. It dies with the test program. Only in one file of a program, hence all inline. */
#ifndef TESTS_REDIS_SERVER_H
#define TESTS_REDIS_SERVER_H

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#include "base/check.h"
#include "tests/support.h"

struct redis_server {
    const char *folder;
    char socket_path[100];
    const char *policy; /* maxmemory-policy; NULL: noeviction */
    pid_t pid;
};

/* A connection of the test's own, for a look behind the scenes; redisFree it. NULL: not there. */
static inline redisContext *redis_server_connect(const struct redis_server *server)
{
    redisContext *redis = redisConnectUnix(server->socket_path);
    if (redis && redis->err) {
        redisFree(redis);
        return NULL;
    }
    return redis;
}

static inline bool redis_server_answers(const struct redis_server *server)
{
    redisContext *redis = redis_server_connect(server);
    if (!redis)
        return false;
    redisReply *reply = redisCommand(redis, "PING");
    bool pong = reply && reply->type == REDIS_REPLY_STATUS; /* not while it loads a dump */
    freeReplyObject(reply);
    redisFree(redis);
    return pong;
}

/* Starts it with what is in its folder (dump.rdb, if any) and waits until it answers. */
static inline void redis_server_resume(struct redis_server *server)
{
    server->pid = fork();
    CHECK(server->pid >= 0);
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", server->socket_path,
               "--dir", server->folder, "--save", "", "--appendonly", "no", "--logfile",
               "redis.log", "--maxmemory-policy", server->policy ? server->policy : "noeviction",
               (char *)NULL);
        _exit(127);
    }
    for (unsigned waited_ms = 0; !redis_server_answers(server); waited_ms++) {
        CHECK(waited_ms < 20000 && waitpid(server->pid, NULL, WNOHANG) == 0);
        usleep(1000);
    }
}

static inline void redis_server_start(struct redis_server *server, const char *policy)
{
    server->folder = temp_folder();
    server->policy = policy;
    snprintf(server->socket_path, sizeof server->socket_path, "%s/redis", server->folder);
    redis_server_resume(server);
}

/* As a crash: nothing is saved. */
static inline void redis_server_stop(struct redis_server *server)
{
    if (server->pid == 0)
        return;
    CHECK(kill(server->pid, SIGKILL) == 0);
    CHECK(waitpid(server->pid, NULL, 0) == server->pid);
    server->pid = 0;
}

static inline void redis_server_freeze(struct redis_server *server)
{
    int status;
    CHECK(kill(server->pid, SIGSTOP) == 0);
    CHECK(waitpid(server->pid, &status, WUNTRACED) == server->pid && WIFSTOPPED(status));
}

static inline void redis_server_thaw(struct redis_server *server)
{
    CHECK(kill(server->pid, SIGCONT) == 0);
}

/* One command of redisCommand's format; the reply is the caller's to free by freeReplyObject. */
static inline redisReply *redis_server_command(const struct redis_server *server,
                                               const char *format, ...)
{
    redisContext *redis = redis_server_connect(server);
    CHECK(redis);
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(redis, format, arguments);
    va_end(arguments);
    CHECK(reply);
    redisFree(redis);
    return reply;
}

/* The same where the reply's kind alone matters: its integer, or its type's length, or 0. */
static inline long long redis_server_number(const struct redis_server *server, const char *format,
                                            ...)
{
    redisContext *redis = redis_server_connect(server);
    CHECK(redis);
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(redis, format, arguments);
    va_end(arguments);
    CHECK(reply && reply->type != REDIS_REPLY_ERROR);
    long long number = reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
    freeReplyObject(reply);
    redisFree(redis);
    return number;
}

/* Writes dump.rdb: what a restart from an old dump begins with. */
static inline void redis_server_dump(const struct redis_server *server)
{
    redis_server_number(server, "SAVE");
}

static inline void redis_server_restart_from_dump(struct redis_server *server)
{
    redis_server_stop(server);
    redis_server_resume(server);
}

static inline void redis_server_restart_empty(struct redis_server *server)
{
    redis_server_stop(server);
    CHECK(unlink(path_in(server->folder, "dump.rdb")) == 0 || errno == ENOENT);
    redis_server_resume(server);
}

#endif
