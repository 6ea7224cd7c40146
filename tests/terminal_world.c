/* terminal_world FOLDER: writes what a terminal is given, of a fictional city, as of now:
 * roots.json, bundle.cbor, four lists as list-0.cbor to list-3.cbor, and the texts valid.txt and
 * seized.txt of two codes. */
#include "base/clock.h"
#include "tests/unit/terminal_fixture.h"

enum { LISTS = 4 };

int main(int count, char **arguments)
{
    static const char *const uris[LISTS] = {LIST_URI, LIST1_URI,
                                            "https://city.example/v1/status-lists/2",
                                            "https://city.example/v1/status-lists/3"};
    static struct city_bundle b;
    const struct city *city = city_of(CRYPTO_ES256);
    const int64_t now = clock_wall_s();
    struct code_claims claims = claims_of(1);
    if (count != 2)
        return 2;
    const char *folder = arguments[1];
    bundle_init(&b, city);
    b.bundle.not_before = now;
    b.bundle.expires = now + 86400;
    b.bundle.list_count = LISTS;
    for (uint16_t i = 0; i < LISTS; i++) {
        struct city_list list = list_of(uris[i]);
        char name[16];
        b.bundle.lists[i] = (struct trust_list){i, bytes_str(uris[i])};
        list.issued_at = now;
        list.expires_at = now + 86400;
        list.bits = i == 0 ? 2 : 0;
        snprintf(name, sizeof name, "list-%u.cbor", (unsigned)i);
        write_file(path_in(folder, name), list_sign(&list, city));
    }
    write_file(path_in(folder, "roots.json"), root_set(city, ROOT_A));
    write_file(path_in(folder, "bundle.cbor"), bundle_sign(&b, city));
    claims.issued_at = now;
    claims.expires_at = now + 300;
    claims.valid_until = CODE_LONG_TERM;
    write_file(path_in(folder, "seized.txt"), code_text(&claims, city, CODE_A));
    claims.index--;
    write_file(path_in(folder, "valid.txt"), code_text(&claims, city, CODE_A));
    return 0;
}
