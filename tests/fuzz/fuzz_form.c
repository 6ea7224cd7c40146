/* Any octets, as a form. What is read, written again as the standard has it, is read alike. */
#include <stdlib.h>

#include "base/check.h"
#include "base/utf8.h"
#include "gateway/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode(struct bytes text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++)
        buf_printf(out, "%%%02X", text.data[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct form form, again;
    struct buf storage, text, storage_again;
    const size_t room = 3 * size + 2 * FORM_PARAMETERS_MAX + 1;
    buf_init(&storage, check_alloc(size + 1), size);
    buf_init(&text, check_alloc(room), room);
    buf_init(&storage_again, check_alloc(room), room);
    if (form_read(bytes_of(data, size), &storage, &form)) {
        CHECK(form.count <= FORM_PARAMETERS_MAX);
        for (size_t i = 0; i < form.count; i++) {
            const struct form_parameter *p = &form.parameters[i];
            CHECK(p->name.len && utf8_printable(p->name) && utf8_printable(p->value));
            buf_put_str(&text, i ? "&" : "");
            encode(p->name, &text);
            buf_put_u8(&text, '=');
            encode(p->value, &text);
        }
        CHECK(form_read(buf_bytes(&text), &storage_again, &again) && again.count == form.count);
        for (size_t i = 0; i < form.count; i++)
            CHECK(bytes_equal(again.parameters[i].name, form.parameters[i].name) &&
                  bytes_equal(again.parameters[i].value, form.parameters[i].value));
    }
    free(storage.data);
    free(text.data);
    free(storage_again.data);
    return 0;
}
