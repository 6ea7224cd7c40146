/* A storage in memory for the tests of terminals, with a plan of what goes wrong. */
#ifndef TESTS_TERMINAL_MEDIUM_H
#define TESTS_TERMINAL_MEDIUM_H

#include "base/check.h"
#include "terminal/jwbterminal.h"
#include "tests/support.h"

enum { MEDIUM_FILES = 6, MEDIUM_FILE_BYTES = 16384 };

enum medium_fault {
    MEDIUM_SOUND,
    MEDIUM_CUT,        /* the power goes at the write, which has left `part` of itself; for good */
    MEDIUM_FULL,       /* this one write fails; an append leaves `part` of itself */
    MEDIUM_FULL_STAYS, /* and all after it */
};

struct medium {
    struct medium_file {
        char name[32];
        uint8_t data[MEDIUM_FILE_BYTES];
        size_t len;
    } files[MEDIUM_FILES];
    size_t count;

    enum medium_fault fault;
    unsigned at; /* the write at which it happens, from 1; 0: never */
    size_t part; /* octets; SIZE_MAX: all of them, and then it fails */
    unsigned writes, appends;
    bool happened;
    size_t happened_len; /* of the write at which it happened; 0: it was no append */
    bool unreadable;
};

static inline struct medium_file *medium_find(struct medium *m, const char *name)
{
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->files[i].name, name) == 0)
            return &m->files[i];
    return NULL;
}

static inline struct medium_file *medium_make(struct medium *m, const char *name)
{
    struct medium_file *file = medium_find(m, name);
    if (file)
        return file;
    CHECK(m->count < MEDIUM_FILES && strlen(name) < sizeof file->name);
    file = &m->files[m->count++];
    file->len = 0;
    strncpy(file->name, name, sizeof file->name);
    return file;
}

/* How much of this write reaches the medium: SIZE_MAX, all, and it succeeds. */
static inline size_t medium_takes(struct medium *m, size_t append_len)
{
    m->writes++;
    m->appends += append_len > 0;
    const bool now = m->at && m->writes == m->at;
    if (now) {
        m->happened = true;
        m->happened_len = append_len;
        return m->part;
    }
    const bool later = m->at && m->writes > m->at;
    return later && m->fault != MEDIUM_FULL ? 0 : SIZE_MAX;
}

static inline bool medium_succeeds(const struct medium *m)
{
    return !m->at || m->writes < m->at || (m->writes > m->at && m->fault == MEDIUM_FULL);
}

static inline enum jwbt_stored medium_read(void *context, const char *name, void *into, size_t cap,
                                           size_t *len)
{
    struct medium *m = context;
    const struct medium_file *file = medium_find(m, name);
    if (m->unreadable)
        return JWBT_STORAGE_FAILED;
    if (!file)
        return JWBT_ABSENT;
    if (file->len > cap)
        return JWBT_STORAGE_FAILED;
    memcpy(into, file->data, file->len);
    *len = file->len;
    return JWBT_STORED;
}

static inline enum jwbt_stored medium_replace(void *context, const char *name, const void *data,
                                              size_t len)
{
    struct medium *m = context;
    CHECK(len <= MEDIUM_FILE_BYTES);
    if (medium_takes(m, 0) == SIZE_MAX) { /* whole or not at all */
        struct medium_file *file = medium_make(m, name);
        memcpy(file->data, data, len);
        file->len = len;
    }
    return medium_succeeds(m) ? JWBT_STORED : JWBT_STORAGE_FAILED;
}

static inline enum jwbt_stored medium_append(void *context, const char *name, const void *data,
                                             size_t len)
{
    struct medium *m = context;
    size_t takes = medium_takes(m, len);
    if (takes > 0) {
        struct medium_file *file = medium_make(m, name);
        takes = takes < len ? takes : len;
        CHECK(file->len + takes <= MEDIUM_FILE_BYTES);
        memcpy(file->data + file->len, data, takes);
        file->len += takes;
    }
    return medium_succeeds(m) ? JWBT_STORED : JWBT_STORAGE_FAILED;
}

static inline struct jwbt_storage medium_storage(struct medium *m)
{
    return (struct jwbt_storage){m, medium_read, medium_replace, medium_append};
}

#endif
