/* terminal ROUNDS VERIFIES: what an offline verify takes beside one bare signature check by the
 * same provider, in turn. Prints JSON; loadtest/terminal.mjs makes a table of it. */
#include <stdlib.h>
#include <time.h>

#include "terminal/offline.h"
#include "tests/unit/terminal_fixture.h"
#include "tests/unit/terminal_medium.h"

#define IN_TURN 4 /* so many of ours, so many of theirs */

/* The process's own CPU time: the machine may be busy. */
static double cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static struct knowledge knowledge;
static struct scans scans;
static struct medium medium;

struct pair {
    const struct crypto_provider *crypto;
    enum crypto_alg alg;
    struct bytes text;
    struct code code;
    uint8_t octets[CODE_COSE_BYTES_MAX];
    struct crypto_verifier *verifier;
};

/* All that jwbt_verify does but writing to the medium, which is the device's. */
static double offline_us(const struct pair *p)
{
    static struct offline_answer answer;
    const struct offline_state state = {&knowledge, &scans, false};
    const double begin = cpu_us();
    for (unsigned i = 0; i < IN_TURN; i++) {
        offline_verify(&state, p->text, NOW, &answer);
        CHECK(answer.reason == REASON_NONE);
        struct scans_record record = {.kind = SCANS_SCAN, .mark = NOW, .authentic = true};
        memcpy(record.cose, answer.octets, sizeof record.cose);
        scans_add(&scans, &record, true);
    }
    return cpu_us() - begin;
}

static double bare_us(const struct pair *p)
{
    const double begin = cpu_us();
    for (unsigned i = 0; i < IN_TURN; i++)
        CHECK(code_check_signature(&p->code, p->crypto, p->verifier) == CODE_OK);
    return cpu_us() - begin;
}

static void know(const struct crypto_provider *crypto, enum crypto_alg alg)
{
    static struct city_bundle b;
    const struct city *city = city_of(alg);
    const struct city_list list = list_of(LIST_URI);
    bool revokes;
    bundle_init(&b, city);
    CHECK(!knowledge_init(&knowledge, crypto, 1) &&
          !knowledge_pin(&knowledge, root_set(city, ROOT_A)) &&
          !knowledge_take_bundle(&knowledge, bundle_sign(&b, city), 0, NOW) &&
          !knowledge_take_list(&knowledge, 0, list_sign(&list, city), -1, NOW, &revokes));
}

static void compare(struct pair *p, unsigned rounds, unsigned verifies, const char *between)
{
    static const uint8_t secret[CRYPTO_SECRET_BYTES] = {1};
    const struct code_claims claims = claims_of(1);
    const struct jwbt_storage storage = medium_storage(&medium);
    struct buf cose = BUF_OVER(p->octets);
    p->text = code_text(&claims, city_of(p->alg), CODE_A);
    CHECK(code_read_text(p->text, &cose) == CODE_OK &&
          code_parse(buf_bytes(&cose), &p->code) == CODE_OK);
    p->verifier = p->crypto->verifier_create(p->alg, city_of(p->alg)->keys[CODE_A].key.public_key);
    struct crypto_aead *aead = p->crypto->aead_create(CRYPTO_AES_256_GCM, secret);
    know(p->crypto, p->alg);
    CHECK(!scans_init(&scans, p->crypto, aead, &storage, 4096));
    scans.readable = false; /* nothing goes to the medium */
    printf("%s{\"provider\":\"%s\",\"alg\":\"%s\",\"ours\":[", between, p->crypto->name,
           p->alg == CRYPTO_SM2 ? "SM2" : "ES256");
    double theirs[64] = {0};
    offline_us(p); /* warm */
    for (unsigned i = 0; i < rounds; i++) {
        double ours = 0;
        for (unsigned done = 0; done < verifies; done += IN_TURN) {
            ours += offline_us(p);
            theirs[i] += bare_us(p);
        }
        printf("%s%.3f", i ? "," : "", ours / verifies);
        theirs[i] /= verifies;
    }
    printf("],\"theirs\":[");
    for (unsigned i = 0; i < rounds; i++)
        printf("%s%.3f", i ? "," : "", theirs[i]);
    printf("]}");
    scans_fini(&scans);
    knowledge_fini(&knowledge);
    p->crypto->aead_destroy(&aead);
    p->crypto->verifier_destroy(&p->verifier);
}

int main(int count, char **arguments)
{
    struct pair pairs[] = {
        {.crypto = &crypto_mbedtls, .alg = CRYPTO_ES256},
        {.crypto = &crypto_mbedtls, .alg = CRYPTO_SM2},
        {.crypto = &crypto_openssl, .alg = CRYPTO_ES256},
        {.crypto = &crypto_openssl, .alg = CRYPTO_SM2},
    };
    CHECK(count == 3);
    const unsigned rounds = (unsigned)strtoul(arguments[1], NULL, 10);
    const unsigned verifies = (unsigned)strtoul(arguments[2], NULL, 10);
    CHECK(rounds >= 1 && rounds <= 64 && verifies > 0 && verifies % IN_TURN == 0);
    printf("[");
    for (int i = 0; i < 4; i++)
        compare(&pairs[i], rounds, i < 2 ? verifies : 10 * verifies, i ? "," : "");
    printf("]\n");
    return 0;
}
