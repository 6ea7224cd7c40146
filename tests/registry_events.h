/* Events as tests look at them: copied, with their texts. */
#ifndef TESTS_REGISTRY_EVENTS_H
#define TESTS_REGISTRY_EVENTS_H

#include "registry/event.h"
#include "tests/registry_access.h"

#define SEEN_MAX 4000

struct seen_event {
    struct registry_event event; /* its texts are those below */
    char subject[EVENT_TEXT_BYTES_MAX + 1], client[EVENT_TEXT_BYTES_MAX + 1];
    char purpose[EVENT_TEXT_BYTES_MAX + 1], reference[EVENT_TEXT_BYTES_MAX + 1];
    char agency[EVENT_TEXT_BYTES_MAX + 1];
};
struct seen {
    size_t count;
    struct seen_event events[SEEN_MAX];
};

static inline void keep_seen_text(struct bytes *text, char kept[EVENT_TEXT_BYTES_MAX + 1])
{
    CHECK(text->len <= EVENT_TEXT_BYTES_MAX);
    if (text->len)
        memcpy(kept, text->data, text->len);
    kept[text->len] = '\0';
    text->data = (const uint8_t *)kept;
}

static inline void see_event(void *context, const struct registry_event *event)
{
    struct seen *seen = context;
    CHECK(seen->count < SEEN_MAX);
    struct seen_event *e = &seen->events[seen->count++];
    e->event = *event;
    keep_seen_text(&e->event.subject, e->subject);
    keep_seen_text(&e->event.client, e->client);
    keep_seen_text(&e->event.purpose, e->purpose);
    keep_seen_text(&e->event.reference, e->reference);
    keep_seen_text(&e->event.agency, e->agency);
}

/* Those behind `after`, which are numbered without a gap. */
static inline void see_events(uint64_t after, struct seen *seen)
{
    seen->count = 0;
    assert_int_equal(registry_events(reader, after, SEEN_MAX, see_event, seen), REGISTRY_OK);
    for (size_t i = 0; i < seen->count; i++)
        assert_int_equal(seen->events[i].event.number, after + 1 + i);
}

static inline uint64_t last_event(void)
{
    uint64_t number;
    assert_int_equal(registry_last_event(reader, &number), REGISTRY_OK);
    return number;
}

#endif
