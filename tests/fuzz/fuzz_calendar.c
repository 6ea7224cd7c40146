/* Any octets, as a file of holidays. What is refused is told; of an accepted one the next working
 * day is worked, and none before it is. */
#include "base/check.h"
#include "base/clock.h"
#include "gateway/config/calendar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char storage[256];
    struct buf why = BUF_OVER(storage);
    struct calendar *calendar = calendar_read(bytes_of(data, size), "holidays", &why);
    CHECK((calendar != NULL) == (why.len == 0));
    for (int32_t day = -3; calendar && day < 25000; day += 97) {
        int32_t next = calendar_add_working_days(calendar, day, 1);
        CHECK(next > day && calendar_is_worked(calendar, next));
        for (int32_t between = day + 1; between < next; between++)
            CHECK(!calendar_is_worked(calendar, between));
    }
    calendar_destroy(&calendar);
    return 0;
}
