/* Any octets, as the body that a terminal delivers scans with. What is read is within its limits.
 */
#include <stdlib.h>

#include "base/check.h"
#include "gateway/scan_report.h"
#include "protocol/code.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scan_report reports[REGISTRY_SCANS_MAX];
    struct buf texts;
    size_t count = 0;
    buf_init(&texts, check_alloc(size + 1), size);
    if (scan_reports_read(bytes_of(data, size), reports, &count, &texts)) {
        CHECK(count >= 1 && count <= REGISTRY_SCANS_MAX);
        for (size_t i = 0; i < count; i++) {
            const struct scan_report *r = &reports[i];
            CHECK(r->code.len >= 1 && r->code.len <= CODE_TEXT_BYTES_MAX);
            CHECK(r->scan.at > 0 && r->scan.status_as_of >= 0 && r->scan.reason < REASON_COUNT);
            CHECK(!r->scan.authentic && !r->scan.known);
        }
    }
    free(texts.data);
    return 0;
}
