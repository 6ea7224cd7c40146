/* Taking a licence code apart, from what a scanner reads to its claims. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/diagnostic.h"
#include "cli/print.h"
#include "protocol/code.h"
#include "protocol/cose_any.h"

#define TEXT_BYTES_MAX       4096 /* room for white space around a code */
#define DIAGNOSTIC_BYTES_MAX (DIAGNOSTIC_GROWTH * (CODE_COSE_BYTES_MAX + 1))

static void print_hex(const char *label, struct bytes octets)
{
    uint8_t storage[2 * CODE_COSE_BYTES_MAX];
    struct buf hex = BUF_OVER(storage);
    buf_put_hex(&hex, octets);
    printf("%-13s", label);
    print_text(buf_bytes(&hex));
    putchar('\n');
}

static void print_cbor(const char *label, struct bytes cbor)
{
    uint8_t storage[DIAGNOSTIC_BYTES_MAX];
    struct buf text = BUF_OVER(storage);
    diagnostic_put(&text, cbor);
    printf("%-13s", label);
    print_text(buf_bytes(&text));
    putchar('\n');
}

/* ---- the layers ---- */

static void print_text_layer(struct bytes text, struct bytes octets)
{
    size_t prefix = text.len;
    while (prefix > 0 && text.data[prefix - 1] >= '0' && text.data[prefix - 1] <= '9')
        prefix--;
    printf("%-13s", "prefix");
    print_text(prefix ? bytes_of(text.data, prefix) : BYTES("none"));
    printf("\n%-13s%zu, for %zu octets\n", "digits", text.len - prefix, octets.len);
    print_hex("octets", octets);
}

/* As far as it is a COSE_Sign1 of any kind. */
static void print_cose_layer(struct bytes octets)
{
    struct cose_any message;
    print_cbor("CBOR", octets);
    if (!cose_any_read(octets, &message))
        return;
    print_cbor("  protected", message.protected_);
    print_cbor("  payload", message.payload.data ? message.payload : BYTES("\xF6"));
    print_hex("  signature", message.signature);
}

static void print_claims(const struct code *code)
{
    const struct code_claims *c = &code->claims;
    printf("%-13s%s\n", "alg", key_alg_text(code->alg));
    print_hex("kid", bytes_of(code->kid, sizeof code->kid));
    print_time("exp (4)      ", c->expires_at);
    print_time("\niat (6)      ", c->issued_at);
    printf(", alive for %lld s\n", (long long)(c->expires_at - c->issued_at));
    print_hex("cti (7)", bytes_of(c->cti, sizeof c->cti));
    printf("licence (%d): profile 1\n", CODE_CLAIM_LICENCE);
    printf("  kind       %d, %s\n", c->kind, c->kind == CODE_KIND_LICENCE ? "licence" : "material");
    printf("  type       %u of the catalogue\n", c->type);
    printf("  issuer     %u of the catalogue\n", c->issuer);
    printf("  version    %u\n", c->version);
    printf("  holder     ");
    print_text(c->holder_name);
    printf("\n  number     ");
    print_text(c->number_tail.len ? c->number_tail : BYTES("not shown"));
    print_date("\n  until      ", c->valid_until, "long-term");
    printf("\n  place      [%u, %u]: list %u, index %u\n", c->list, c->index, c->list, c->index);
}

/* ---- the command ---- */

int command_code_inspect(const struct command *command, int argc, char **argv)
{
    const char *argument = "-";
    const struct command_option options[] = {{NULL, NULL, NULL}};
    char storage[TEXT_BYTES_MAX];
    uint8_t cose_storage[CODE_COSE_BYTES_MAX];
    struct buf text = BUF_OVER(storage), cose = BUF_OVER(cose_storage);
    struct code code;
    if (!command_read(command, argc, argv, options, &argument, 0, 1))
        return EXIT_USAGE;
    if (!command_text(argument, "the code", &text))
        return EXIT_FAILURE;
    if (code_read_text(buf_bytes(&text), &cose))
        return command_failed("the code is malformed: its text is not a prefix and digits that "
                              "stand for octets");
    print_text_layer(buf_bytes(&text), buf_bytes(&cose));
    print_cose_layer(buf_bytes(&cose));
    if (code_parse(buf_bytes(&cose), &code))
        return command_failed("the code is malformed: these octets are not the one form of "
                              "docs/PROTOCOL.md");
    print_claims(&code);
    puts("Nothing of this was checked: neither signature nor lifetime nor status.");
    return EXIT_SUCCESS;
}
