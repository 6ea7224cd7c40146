/* Any octets, as what a log asks of a witness. What is read of it lies within it, and what a
 * witness signs is the checkpoint's text, whole. */
#include "base/check.h"
#include "gateway/witness_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(struct bytes whole, struct bytes part)
{
    CHECK(part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct witness_request request;
    const struct bytes body = bytes_of(data, size);
    if (!witness_request_read(body, &request))
        return 0;
    check_within(body, request.note);
    check_within(request.note, request.text);
    check_within(request.text, request.checkpoint.origin);
    CHECK(request.note.data + request.note.len == data + size);
    CHECK(request.text.data == request.note.data);
    CHECK(request.text.data[request.text.len - 1] == '\n');
    CHECK(request.proof_count <= WITNESS_PROOF_LINES_MAX);
    CHECK(request.old_size <= request.checkpoint.size);
    return 0;
}
