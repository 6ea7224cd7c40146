#include "gateway/form.h"

#include "base/utf8.h"

/* The first part of *rest up to `separator`, which is taken away as well; false: it is not there,
 * and the part is all. */
static bool take_until(struct bytes *rest, uint8_t separator, struct bytes *part)
{
    const uint8_t *end = rest->len ? memchr(rest->data, separator, rest->len) : NULL;
    *part = bytes_of(rest->data, end ? (size_t)(end - rest->data) : rest->len);
    *rest = bytes_from(*rest, part->len + (end != NULL));
    return end != NULL;
}

bool form_decode(struct bytes text, uint8_t plus, struct buf *storage, struct bytes *decoded)
{
    const size_t start = storage->len;
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t octet = text.data[i];
        if (octet == '%') {
            if (text.len - i < 3 || !buf_put_from_hex(storage, bytes_of(text.data + i + 1, 2)))
                return false;
            i += 2;
        } else if (octet == '+') {
            buf_put_u8(storage, plus);
        } else if (octet > 0x20 && octet < 0x7F) {
            buf_put_u8(storage, octet);
        } else {
            return false;
        }
    }
    *decoded = bytes_from(buf_bytes(storage), start);
    return buf_ok(storage) && utf8_printable(*decoded);
}

static const struct form_parameter *find(const struct form *form, struct bytes name)
{
    for (size_t i = 0; i < form->count; i++)
        if (bytes_equal(form->parameters[i].name, name))
            return &form->parameters[i];
    return NULL;
}

bool form_read(struct bytes text, struct buf *storage, struct form *form)
{
    form->count = 0;
    for (bool more = text.len > 0; more;) {
        struct bytes piece, name, value;
        struct form_parameter parameter;
        more = take_until(&text, '&', &piece);
        value = piece;
        take_until(&value, '=', &name);
        if (!form_decode(name, ' ', storage, &parameter.name) ||
            !form_decode(value, ' ', storage, &parameter.value) || parameter.name.len == 0 ||
            find(form, parameter.name) || form->count == FORM_PARAMETERS_MAX)
            return false;
        form->parameters[form->count++] = parameter;
    }
    return true;
}

struct bytes form_value(const struct form *form, const char *name)
{
    const struct form_parameter *parameter = find(form, bytes_str(name));
    return parameter && parameter->value.len ? parameter->value : (struct bytes){0};
}
