/* Makes this device a terminal of a city: root keys are pinned, a key of its own is registered. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "protocol/keyring.h"
#include "terminal/tool/credentials.h"
#include "terminal/tool/sync.h"

#define ROOTS_BYTES_MAX 65536
#define CONNECT_MS      10000
#define WAIT_MS         20000

struct enrolment {
    const char *folder, *gateway, *roots_file, *ticket, *id, *ca_file;
    bool again;
    struct device before; /* as which it was enrolled, if it was */
    uint8_t roots_storage[ROOTS_BYTES_MAX], ca_storage[FOLDER_FILE_BYTES_MAX];
    struct buf roots, ca;
    struct keyring ring;
    struct device device;
};

/* Appends a file of the user's; false after a complaint. */
static bool read_given(const char *path, struct buf *content)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    bool read = file >= 0 && read_all(file, content);
    if (!read)
        complain("%s: %s", path, strerror(errno));
    if (file >= 0)
        close(file);
    return read;
}

/* ---- root keys ---- */

static unsigned root_count(const struct keyring *ring, enum crypto_alg alg)
{
    unsigned count = 0;
    for (size_t i = 0; i < ring->count; i++)
        count += ring->keys[i].use == KEY_USE_ROOT && ring->keys[i].alg == alg;
    return count;
}

static bool read_roots(struct enrolment *e)
{
    e->roots = (struct buf)BUF_OVER(e->roots_storage);
    if (!read_given(e->roots_file, &e->roots))
        return false;
    bool good = keyring_read_jwks(&e->ring, &crypto_mbedtls, buf_bytes(&e->roots)) &&
                root_count(&e->ring, CRYPTO_ES256) + root_count(&e->ring, CRYPTO_SM2) > 0;
    if (!good)
        complain("%s is no JSON Web Key Set with root keys, as 'jwb key publish --use root' makes",
                 e->roots_file);
    return good;
}

static void print_hex(const char *label, struct bytes octets)
{
    printf("%s", label);
    for (size_t i = 0; i < octets.len; i++)
        printf("%02x", octets.data[i]);
    putchar('\n');
}

/* Whoever enrols compares the hash with the file's where the root key lies: a kid is short enough
 * for somebody else's key to have it, too. */
static void show_roots(const struct enrolment *e)
{
    const struct bytes content = buf_bytes(&e->roots);
    uint8_t hash[CRYPTO_HASH_BYTES];
    for (size_t i = 0; i < e->ring.count; i++)
        if (e->ring.keys[i].use == KEY_USE_ROOT)
            print_hex("root key ", bytes_of(e->ring.keys[i].kid, KID_BYTES));
    if (crypto_mbedtls.sha256(&content, 1, hash) == CRYPTO_OK)
        print_hex("sha256   ", bytes_of(hash, sizeof hash));
    puts("Compare this with sha256sum of the file where the root key is kept.");
}

static bool is_commercial(const struct enrolment *e)
{
    return root_count(&e->ring, CRYPTO_ES256) == 0;
}

/* Scans that wait are delivered to this gateway, in this client's name, sealed as the root keys
 * say. What changes one of these has to wait for them. False after a complaint. */
static bool no_scans_wait(struct enrolment *e)
{
    struct jwbt_knowledge k;
    struct jwbt *terminal = device_use(&e->before);
    if (terminal)
        jwbt_knows(terminal, clock_wall_s(), &k);
    device_rest(&e->before);
    if (terminal && k.scans)
        complain("%u scans wait to be delivered by %s to %s: 'jwb-terminal sync' first, or enrol "
                 "in another --folder",
                 k.scans, e->before.client, e->before.gateway);
    return terminal && !k.scans;
}

static bool keeps_scans(struct enrolment *e)
{
    const struct device *before = &e->before, *device = &e->device;
    return !*before->gateway ||
           (strcmp(before->gateway, device->gateway) == 0 &&
            strcmp(before->client, device->client) == 0 &&
            before->commercial == is_commercial(e)) ||
           no_scans_wait(e);
}

static enum exit_status pin_roots(struct enrolment *e)
{
    e->device.commercial = is_commercial(e);
    struct jwbt *terminal = device_use(&e->device);
    if (!terminal || !sync_forget(&e->device))
        return STATUS_NOT_NOW;
    enum jwbt_error error = jwbt_enroll(terminal, e->roots.data, e->roots.len, e->again);
    device_rest(&e->device);
    if (error)
        complain("%s%s", jwbt_error_text(error),
                 error == JWBT_ERR_ENROLLED ? "; --again pins these instead" : "");
    return !error ? STATUS_DONE : error == JWBT_ERR_STORAGE ? STATUS_NOT_NOW : STATUS_REFUSED;
}

/* ---- its own key ---- */

static bool take_id(struct device *device, const struct uplink_answer *answer)
{
    json_t *told = json_loadb((const char *)answer->body.data, answer->body.len, 0, NULL);
    const char *id = json_string_value(json_object_get(told, "client_id"));
    bool good = id && *id && strlen(id) <= DEVICE_CLIENT_BYTES_MAX;
    if (good)
        memcpy(device->client, id, strlen(id) + 1);
    json_decref(told);
    return good;
}

static enum exit_status send_registration(struct device *device, const struct uplink_ask *ask)
{
    char storage[4096], text[512];
    struct uplink_answer answer = {.body = BUF_OVER(storage)};
    struct buf why = BUF_OVER(text);
    struct uplink *uplink = uplink_create(device);
    CHECK(uplink);
    enum uplink_result result = uplink_ask(uplink, ask, &answer);
    uplink_destroy(&uplink);
    if (result == UPLINK_ANSWERED && answer.status == 201 && take_id(device, &answer))
        return STATUS_DONE;
    if (result != UPLINK_ANSWERED)
        buf_put_str(&why, answer.why);
    else
        uplink_problem(&answer, &why);
    complain("not registered at %s: %s", device->gateway, buf_cstr(&why));
    return result == UPLINK_UNREACHABLE || answer.status == 429 || answer.status / 100 == 5
               ? STATUS_NOT_NOW
               : STATUS_REFUSED;
}

/* RFC 7591, with the ticket as the initial access token. */
static enum exit_status register_key(struct enrolment *e)
{
    char ticket_storage[CREDENTIALS_TOKEN_BYTES_MAX], storage[1024];
    struct buf ticket = BUF_OVER(ticket_storage), body = BUF_OVER(storage);
    if (strcmp(e->ticket, "-") != 0)
        buf_put_str(&ticket, e->ticket);
    else if (!read_input("the ticket", &ticket))
        return STATUS_USAGE;
    buf_put_str(&body, "{\"jwks\":{\"keys\":[");
    if (!credentials_public_key(&e->device, &body))
        return STATUS_NOT_NOW;
    buf_put_str(&body, "]}}");
    const struct uplink_ask ask = {
        .path = "/oauth2/register",
        .token = buf_cstr(&ticket),
        .content_type = "application/json",
        .body = buf_bytes(&body),
        .connect_ms = CONNECT_MS,
        .wait_ms = WAIT_MS,
    };
    enum exit_status status = send_registration(&e->device, &ask);
    crypto_wipe(ticket_storage, sizeof ticket_storage);
    return status;
}

static enum exit_status show_key(struct enrolment *e)
{
    char storage[1024];
    struct buf jwk = BUF_OVER(storage);
    if (!credentials_public_key(&e->device, &jwk))
        return STATUS_NOT_NOW;
    printf("its public key, for 'jwb client add --key', unless it is registered:\n%s\n",
           buf_cstr(&jwk));
    return STATUS_DONE;
}

/* ---- all of it ---- */

/* It registers with those that it will trust. */
static bool choose_ca(struct enrolment *e)
{
    struct buf path = BUF_OVER(e->device.ca);
    e->ca = (struct buf)BUF_OVER(e->ca_storage);
    if (e->ca_file && !read_given(e->ca_file, &e->ca))
        return false;
    buf_put_str(&path, e->ca_file ? e->ca_file : "");
    buf_cstr(&path);
    if (!buf_ok(&path))
        complain("%s: the name is too long", e->ca_file);
    return buf_ok(&path);
}

static bool keep_ca(const struct enrolment *e)
{
    return e->ca_file ? folder_write(&e->device.folder, DEVICE_CA_FILE, buf_bytes(&e->ca))
                      : folder_remove(&e->device.folder, DEVICE_CA_FILE);
}

/* Until the gateway has taken its key all is as it was. The settings come last: with them, the
 * terminal is enrolled. */
static enum exit_status enroll(struct enrolment *e)
{
    struct device *device = &e->device;
    if (*device->gateway && !e->again) {
        complain("%s is enrolled at %s; --again does it anew, and forgets what it knows",
                 device->folder.path, device->gateway);
        return STATUS_REFUSED;
    }
    e->before = *device;
    memcpy(device->gateway, e->gateway, strlen(e->gateway) + 1);
    if (e->id)
        memcpy(device->client, e->id, strlen(e->id) + 1);
    if (!keeps_scans(e) || !choose_ca(e) || !credentials_make_key(device))
        return STATUS_NOT_NOW;
    enum exit_status status = e->ticket ? register_key(e) : show_key(e);
    if (status == STATUS_DONE && !keeps_scans(e)) /* the ticket may have been another client's */
        status = STATUS_NOT_NOW;
    if (status == STATUS_DONE)
        status = pin_roots(e);
    if (status == STATUS_DONE &&
        (!keep_ca(e) || !credentials_logout(device) || !device_save(device)))
        status = STATUS_NOT_NOW;
    if (status == STATUS_DONE)
        printf("enrolled at %s as %s; 'jwb-terminal sync' fetches what it needs\n", device->gateway,
               device->client);
    return status;
}

int verb_enroll(const struct verb *verb, int argc, char **argv)
{
    static struct enrolment e;
    const struct verb_option options[] = {{"folder", &e.folder, NULL},
                                          {"gateway", &e.gateway, NULL},
                                          {"roots", &e.roots_file, NULL},
                                          {"ticket", &e.ticket, NULL},
                                          {"id", &e.id, NULL},
                                          {"ca", &e.ca_file, NULL},
                                          {"again", NULL, &e.again},
                                          {NULL, NULL, NULL}};
    if (verb_read(verb, argc, argv, options, 0, 0) < 0)
        return STATUS_USAGE;
    if (!e.gateway || !e.roots_file)
        return verb_misused(verb, "--gateway and --roots are needed");
    if (!device_gateway_valid(e.gateway))
        return verb_misused(verb, "--gateway is https:// and a host, with nothing behind");
    if (!e.ticket == !e.id)
        return verb_misused(verb, "either --ticket TICKET or --id CLIENT_ID");
    if (e.id && (!*e.id || strlen(e.id) > DEVICE_CLIENT_BYTES_MAX))
        return verb_misused(verb, "--id has 1 to %d characters", DEVICE_CLIENT_BYTES_MAX);
    if (!read_roots(&e) || !device_open(&e.device, e.folder, true))
        return STATUS_NOT_NOW;
    show_roots(&e);
    enum exit_status status = enroll(&e);
    device_close(&e.device);
    return status;
}
