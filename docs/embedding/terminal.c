/* A terminal in forty lines:  terminal FOLDER ROOTS BUNDLE LIST CODE
 * The folder must exist. ROOTS, BUNDLE and LIST (list 0) are files, as `jwb key publish --use
 * root`, GET /v1/trust-bundle and GET /v1/status-lists/0 give them. What it took before it knows
 * still. */
#include <jwbterminal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static unsigned char octets[512 * 1024];

static size_t load(const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t len = file ? fread(octets, 1, sizeof octets, file) : 0;
    if (file)
        fclose(file);
    return len;
}

static void tell(const char *what, enum jwbt_error error)
{
    if (error)
        fprintf(stderr, "%s: %s\n", what, jwbt_error_text(error));
}

int main(int count, char **arguments)
{
    struct jwbt *terminal;
    struct jwbt_answer answer;
    if (count != 6)
        return 3;
    const struct jwbt_options options = {.storage = jwbt_storage_folder(arguments[1])};
    const int64_t now = time(NULL);
    tell("open", jwbt_open(&options, &terminal));
    if (!terminal)
        return 2;
    tell("roots", jwbt_enroll(terminal, octets, load(arguments[2]), false));
    tell("bundle", jwbt_take_bundle(terminal, octets, load(arguments[3]), now));
    tell("list", jwbt_take_list(terminal, 0, octets, load(arguments[4]), now));
    jwbt_verify(terminal, arguments[5], strlen(arguments[5]), now, &answer);
    printf("%s\n%s %s, %s\n", answer.reason, answer.holder_name, answer.number_tail,
           answer.type_name);
    jwbt_close(&terminal);
    return (int)answer.result; /* 0 valid, 1 invalid, 2 indeterminate */
}
