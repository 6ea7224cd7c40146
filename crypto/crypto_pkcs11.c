/* Over p11-kit: its loader, which initialises a module once per process with the system's locks,
 * its reader of RFC 7512, and PKCS#11's own functions. */
#include "crypto/crypto_pkcs11.h"

#include <pthread.h>
#include <stdlib.h>

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

#include "base/check.h"
#include "crypto/crypto_openssl.h"

#define SLOTS_MAX       64
#define TOKEN_LABEL_MAX sizeof((CK_TOKEN_INFO *)0)->label

/* An OID of ANSI X9.62 and an OCTET STRING around a point, as PKCS#11 has them. */
static const uint8_t PRIME256V1[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
#define POINT_HEAD_BYTES 2
static const uint8_t POINT_HEAD[POINT_HEAD_BYTES] = {0x04, CRYPTO_PUBLIC_BYTES};

struct crypto_hsm {
    CK_FUNCTION_LIST *module;
    char *token, *pin;
    pthread_mutex_t lock; /* around what follows, and logging in */
    bool pin_refused;
};

struct hsm_key {
    struct crypto_hsm *hsm; /* borrowed */
    P11KitUri *uri;
    CK_SESSION_HANDLE session; /* CK_INVALID_HANDLE: to be opened */
    CK_OBJECT_HANDLE private_key;
};

/* ---- the token ---- */

static bool label_equals(const CK_TOKEN_INFO *info, const char *label)
{
    const size_t len = strlen(label);
    return p11_kit_space_strlen(info->label, sizeof info->label) == len &&
           memcmp(info->label, label, len) == 0;
}

/* CKR_TOKEN_NOT_PRESENT: none of this label. CKR_SLOT_ID_INVALID: several. Slots are looked through
 * anew each time: a token that came back may be in another one. */
static CK_RV find_slot(struct crypto_hsm *hsm, CK_SLOT_ID *slot)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = SLOTS_MAX;
    bool found = false;
    CK_RV rv = hsm->module->C_GetSlotList(CK_TRUE, slots, &count);
    for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++) {
        CK_TOKEN_INFO info;
        if (hsm->module->C_GetTokenInfo(slots[i], &info) != CKR_OK ||
            !label_equals(&info, hsm->token))
            continue;
        if (found)
            return CKR_SLOT_ID_INVALID;
        found = true;
        *slot = slots[i];
    }
    return rv != CKR_OK ? rv : found ? CKR_OK : CKR_TOKEN_NOT_PRESENT;
}

/* A login is the whole process's with this token, for as long as it has a session there. */
static CK_RV log_in(struct crypto_hsm *hsm, CK_SESSION_HANDLE session)
{
    if (hsm->pin_refused)
        return CKR_PIN_INCORRECT;
    CK_RV rv = hsm->module->C_Login(session, CKU_USER, (CK_UTF8CHAR *)hsm->pin, strlen(hsm->pin));
    hsm->pin_refused = rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED || rv == CKR_PIN_LEN_RANGE;
    return rv == CKR_USER_ALREADY_LOGGED_IN ? CKR_OK : rv;
}

/* Under the lock. */
static CK_RV open_session(struct crypto_hsm *hsm, CK_FLAGS flags, CK_SESSION_HANDLE *session)
{
    CK_SLOT_ID slot;
    CK_RV rv = find_slot(hsm, &slot);
    if (rv == CKR_OK)
        rv = hsm->module->C_OpenSession(slot, CKF_SERIAL_SESSION | flags, NULL, NULL, session);
    if (rv != CKR_OK)
        return rv;
    rv = log_in(hsm, *session);
    if (rv != CKR_OK)
        hsm->module->C_CloseSession(*session);
    return rv;
}

static void explain(struct buf *why, const char *what, CK_RV rv)
{
    buf_printf(why, "%s: %s", what, p11_kit_strerror(rv));
}

static bool token_check(struct crypto_hsm *hsm, struct buf *why)
{
    CK_SESSION_HANDLE session;
    CK_RV rv = open_session(hsm, 0, &session);
    if (rv == CKR_OK)
        hsm->module->C_CloseSession(session);
    else if (rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_SLOT_ID_INVALID)
        buf_printf(why, "the module has %s token labelled '%s'",
                   rv == CKR_SLOT_ID_INVALID ? "more than one" : "no", hsm->token);
    else
        explain(why, "the token can't be logged in to", rv);
    return rv == CKR_OK;
}

static CK_FUNCTION_LIST *module_load(const char *path, struct buf *why)
{
    p11_kit_be_quiet(); /* it would write to standard error */
    CK_FUNCTION_LIST *module = p11_kit_module_load(path, 0);
    if (!module) {
        const char *text = p11_kit_message();
        buf_put_str(why, text ? text : "the PKCS#11 module can't be loaded");
        return NULL;
    }
    CK_RV rv = p11_kit_module_initialize(module);
    if (rv == CKR_OK)
        return module;
    explain(why, path, rv);
    p11_kit_module_release(module);
    return NULL;
}

struct crypto_hsm *crypto_hsm_open(const struct crypto_hsm_options *options, struct buf *why)
{
    if (!*options->token || strlen(options->token) > TOKEN_LABEL_MAX) {
        buf_printf(why, "a token's label has 1 to %zu octets", TOKEN_LABEL_MAX);
        return NULL;
    }
    struct crypto_hsm *hsm = check_alloc(sizeof *hsm);
    CHECK(pthread_mutex_init(&hsm->lock, NULL) == 0);
    hsm->token = check_strdup(options->token);
    hsm->pin = check_strdup(options->pin);
    hsm->module = module_load(options->module, why);
    if (!hsm->module || !token_check(hsm, why))
        crypto_hsm_close(&hsm);
    return hsm;
}

void crypto_hsm_close(struct crypto_hsm **at)
{
    struct crypto_hsm *hsm = *at;
    *at = NULL;
    if (!hsm)
        return;
    if (hsm->module) {
        p11_kit_module_finalize(hsm->module); /* logs out */
        p11_kit_module_release(hsm->module);
    }
    crypto_wipe(hsm->pin, strlen(hsm->pin));
    free(hsm->pin);
    free(hsm->token);
    pthread_mutex_destroy(&hsm->lock);
    free(hsm);
}

/* ---- finding a key ---- */

/* The token of the URI must be the opened one; of the object its label or id must be said. */
static bool uri_read(const struct crypto_hsm *hsm, struct bytes text, P11KitUri **uri)
{
    char line[CRYPTO_HSM_URI_BYTES_MAX + 1];
    struct buf copy = BUF_OVER(line);
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    *uri = p11_kit_uri_new();
    buf_put(&copy, text);
    if (!*uri || memchr(text.data, 0, text.len) || !*buf_cstr(&copy) || !buf_ok(&copy) ||
        p11_kit_uri_parse(line, P11_KIT_URI_FOR_OBJECT_ON_TOKEN, *uri) != P11_KIT_URI_OK ||
        p11_kit_uri_any_unrecognized(*uri))
        return false;
    const CK_ATTRIBUTE *said = p11_kit_uri_get_attribute(*uri, CKA_CLASS);
    CK_ATTRIBUTE private_key = {CKA_CLASS, &class, sizeof class};
    if (said && (said->ulValueLen != sizeof class || memcmp(said->pValue, &class, sizeof class)))
        return false;
    return label_equals(p11_kit_uri_get_token_info(*uri), hsm->token) &&
           !p11_kit_uri_get_pin_value(*uri) && !p11_kit_uri_get_pin_source(*uri) &&
           (p11_kit_uri_get_attribute(*uri, CKA_LABEL) ||
            p11_kit_uri_get_attribute(*uri, CKA_ID)) &&
           p11_kit_uri_set_attribute(*uri, &private_key) == P11_KIT_URI_OK;
}

/* How many have these attributes: 0, 1, or 2 for several; and the first of them. */
static CK_RV find_objects(struct crypto_hsm *hsm, CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted,
                          CK_ULONG wanted_count, CK_OBJECT_HANDLE *first, CK_ULONG *found)
{
    CK_OBJECT_HANDLE objects[2] = {CK_INVALID_HANDLE};
    CK_RV rv = hsm->module->C_FindObjectsInit(session, wanted, wanted_count);
    if (rv != CKR_OK)
        return rv;
    rv = hsm->module->C_FindObjects(session, objects, 2, found);
    hsm->module->C_FindObjectsFinal(session);
    *first = objects[0];
    return rv;
}

/* CKR_OBJECT_HANDLE_INVALID: none, or several. */
static CK_RV key_connect(struct hsm_key *key)
{
    struct crypto_hsm *hsm = key->hsm;
    CK_ULONG count, found = 0;
    CK_ATTRIBUTE *wanted = p11_kit_uri_get_attributes(key->uri, &count);
    pthread_mutex_lock(&hsm->lock);
    CK_RV rv = open_session(hsm, 0, &key->session);
    pthread_mutex_unlock(&hsm->lock);
    if (rv != CKR_OK) {
        key->session = CK_INVALID_HANDLE;
        return rv;
    }
    rv = find_objects(hsm, key->session, wanted, count, &key->private_key, &found);
    return rv != CKR_OK ? rv : found == 1 ? CKR_OK : CKR_OBJECT_HANDLE_INVALID;
}

static void key_disconnect(struct hsm_key *key)
{
    if (key->session != CK_INVALID_HANDLE)
        key->hsm->module->C_CloseSession(key->session);
    key->session = CK_INVALID_HANDLE;
}

/* ---- signing ---- */

static enum crypto_result hsm_sign(void *opaque, const uint8_t hash[CRYPTO_HASH_BYTES],
                                   uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    struct hsm_key *key = opaque;
    CK_FUNCTION_LIST *module = key->hsm->module;
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0}; /* over a hash; gives r||s */
    CK_ULONG len = CRYPTO_SIGNATURE_BYTES;
    CK_RV rv = CKR_OK;
    if (key->session == CK_INVALID_HANDLE)
        rv = key_connect(key);
    if (rv == CKR_OK)
        rv = module->C_SignInit(key->session, &ecdsa, key->private_key);
    if (rv == CKR_OK)
        rv = module->C_Sign(key->session, (CK_BYTE *)hash, CRYPTO_HASH_BYTES, signature, &len);
    if (rv == CKR_OK && len == CRYPTO_SIGNATURE_BYTES)
        return CRYPTO_OK;
    if (rv == CKR_SESSION_HANDLE_INVALID)
        key->session = CK_INVALID_HANDLE; /* the number may be another's by now */
    key_disconnect(key);                  /* the next call looks for all of it anew */
    return CRYPTO_FAILED;
}

static void hsm_key_destroy(void *opaque)
{
    struct hsm_key *key = opaque;
    key_disconnect(key);
    p11_kit_uri_free(key->uri);
    free(key);
}

static const struct openssl_remote_key HSM_KEY = {hsm_sign, hsm_key_destroy};

/* Does what it signs verify under the public key? */
static bool is_pair(struct crypto_signer *signer, const uint8_t public_key[CRYPTO_PUBLIC_BYTES],
                    struct buf *why)
{
    const struct bytes message = BYTES("jwb-key-check-1");
    uint8_t signature[CRYPTO_SIGNATURE_BYTES];
    enum crypto_result result = crypto_openssl.sign(signer, &message, 1, signature);
    struct crypto_verifier *verifier = crypto_openssl.verifier_create(CRYPTO_ES256, public_key);
    if (result == CRYPTO_OK)
        result = verifier ? crypto_openssl.verify(verifier, &message, 1, signature) : CRYPTO_FAILED;
    crypto_openssl.verifier_destroy(&verifier);
    if (result != CRYPTO_OK)
        buf_put_str(why, result == CRYPTO_MISMATCH
                             ? "the key in the token is not the public key's other half"
                             : "the key in the token does not sign with ECDSA on P-256");
    return result == CRYPTO_OK;
}

static bool key_find(struct hsm_key *key, struct bytes uri, struct buf *why)
{
    if (!uri_read(key->hsm, uri, &key->uri)) {
        buf_printf(why, "not the PKCS#11 URI of a key in the token '%s'", key->hsm->token);
        return false;
    }
    CK_RV rv = key_connect(key);
    if (rv == CKR_OBJECT_HANDLE_INVALID)
        buf_put_str(why, "the token has no private key, or several, of this URI");
    else if (rv != CKR_OK)
        explain(why, "the token can't be asked for the key", rv);
    return rv == CKR_OK;
}

struct crypto_signer *crypto_hsm_signer_create(struct crypto_hsm *hsm, struct bytes uri,
                                               const uint8_t public_key[CRYPTO_PUBLIC_BYTES],
                                               struct buf *why)
{
    struct hsm_key *key = check_alloc(sizeof *key);
    *key = (struct hsm_key){.hsm = hsm, .session = CK_INVALID_HANDLE};
    if (!key_find(key, uri, why)) {
        hsm_key_destroy(key);
        return NULL;
    }
    struct crypto_signer *signer = openssl_signer_create_remote(&HSM_KEY, key);
    if (!signer)
        buf_put_str(why, "no memory");
    else if (!is_pair(signer, public_key, why))
        openssl_signer_destroy(&signer);
    return signer;
}

/* ---- generating ---- */

static bool is_label(struct bytes label)
{
    if (label.len < 1 || label.len > CRYPTO_HSM_LABEL_BYTES_MAX)
        return false;
    for (size_t i = 0; i < label.len; i++)
        if (label.data[i] < 0x20 || label.data[i] > 0x7e)
            return false;
    return true;
}

/* RFC 7512 section 2.3: everything but unreserved characters percent-encoded. */
static void put_encoded(struct buf *uri, const char *name, struct bytes value)
{
    buf_put_str(uri, name);
    for (size_t i = 0; i < value.len; i++) {
        const uint8_t c = value.data[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            (c && strchr("-._~", c)))
            buf_put_u8(uri, c);
        else
            buf_printf(uri, "%%%02X", c);
    }
}

static CK_RV generate(struct crypto_hsm *hsm, CK_SESSION_HANDLE session, struct bytes label,
                      CK_OBJECT_HANDLE *public_key)
{
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_OBJECT_HANDLE private_key;
    CK_ATTRIBUTE public_template[] = {
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_VERIFY, &yes, sizeof yes},
        {CKA_LABEL, (void *)label.data, label.len},
        {CKA_EC_PARAMS, (void *)PRIME256V1, sizeof PRIME256V1},
    };
    CK_ATTRIBUTE private_template[] = {
        {CKA_TOKEN, &yes, sizeof yes},     {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SIGN, &yes, sizeof yes},      {CKA_SENSITIVE, &yes, sizeof yes},
        {CKA_EXTRACTABLE, &no, sizeof no}, {CKA_LABEL, (void *)label.data, label.len},
    };
    return hsm->module->C_GenerateKeyPair(
        session, &mechanism, public_template, sizeof public_template / sizeof *public_template,
        private_template, sizeof private_template / sizeof *private_template, public_key,
        &private_key);
}

static CK_RV point_read(struct crypto_hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                        uint8_t public_key[CRYPTO_PUBLIC_BYTES])
{
    uint8_t point[POINT_HEAD_BYTES + CRYPTO_PUBLIC_BYTES];
    CK_ATTRIBUTE wanted = {CKA_EC_POINT, point, sizeof point};
    CK_RV rv = hsm->module->C_GetAttributeValue(session, key, &wanted, 1);
    if (rv != CKR_OK)
        return rv;
    if (wanted.ulValueLen != sizeof point || memcmp(point, POINT_HEAD, POINT_HEAD_BYTES) != 0)
        return CKR_DATA_INVALID;
    memcpy(public_key, point + POINT_HEAD_BYTES, CRYPTO_PUBLIC_BYTES);
    return CKR_OK;
}

/* CKR_OBJECT_HANDLE_INVALID: the label is in use. */
static CK_RV generate_new(struct crypto_hsm *hsm, struct bytes label,
                          uint8_t public_key[CRYPTO_PUBLIC_BYTES])
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    CK_ATTRIBUTE same_label = {CKA_LABEL, (void *)label.data, label.len};
    CK_ULONG used = 0;
    CK_RV rv = open_session(hsm, CKF_RW_SESSION, &session);
    if (rv != CKR_OK)
        return rv;
    rv = find_objects(hsm, session, &same_label, 1, &object, &used);
    if (rv == CKR_OK && used)
        rv = CKR_OBJECT_HANDLE_INVALID;
    if (rv == CKR_OK)
        rv = generate(hsm, session, label, &object);
    if (rv == CKR_OK)
        rv = point_read(hsm, session, object, public_key);
    hsm->module->C_CloseSession(session);
    return rv;
}

enum crypto_result crypto_hsm_key_generate(struct crypto_hsm *hsm, struct bytes label,
                                           uint8_t public_key[CRYPTO_PUBLIC_BYTES], struct buf *uri,
                                           struct buf *why)
{
    if (!is_label(label)) {
        buf_printf(why, "a key's label has 1 to %d printable ASCII characters",
                   CRYPTO_HSM_LABEL_BYTES_MAX);
        return CRYPTO_BAD_KEY;
    }
    pthread_mutex_lock(&hsm->lock); /* two of one label at once */
    CK_RV rv = generate_new(hsm, label, public_key);
    pthread_mutex_unlock(&hsm->lock);
    if (rv == CKR_OBJECT_HANDLE_INVALID) {
        buf_put_str(why, "the token has something of this label");
        return CRYPTO_BAD_KEY;
    }
    if (rv != CKR_OK) {
        explain(why, "the token made no key", rv);
        return CRYPTO_FAILED;
    }
    put_encoded(uri, "pkcs11:token=", bytes_str(hsm->token));
    put_encoded(uri, ";object=", label);
    buf_put_str(uri, ";type=private");
    return CRYPTO_OK;
}
