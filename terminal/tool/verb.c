#include "terminal/tool/verb.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"

#define OPTIONS_MAX 16

enum exit_status status_worse(enum exit_status a, enum exit_status b)
{
    if (a == STATUS_REFUSED || b == STATUS_REFUSED)
        return STATUS_REFUSED;
    return a > b ? a : b;
}

int verb_misused(const struct verb *verb, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "jwb-terminal %s: ", verb->word);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\nusage: jwb-terminal %s %s\nSee 'jwb-terminal help %s'.\n", verb->word,
            verb->usage, verb->word);
    va_end(arguments);
    return STATUS_USAGE;
}

void complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("jwb-terminal: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

/* What getopt_long found wrong with the argument it looked at last. */
static void complain_of_option(const struct verb *verb, int found, int option_count,
                               const struct verb_option *options, char **argv)
{
    if (found == ':')
        verb_misused(verb, "option --%s needs a value", options[optopt - 1].name);
    else if (optopt > 0 && optopt <= option_count)
        verb_misused(verb, "option --%s takes no value", options[optopt - 1].name);
    else if (optopt)
        verb_misused(verb, "unknown option -%c", optopt);
    else
        verb_misused(verb, "unknown option %s", argv[optind - 1]);
}

int verb_read(const struct verb *verb, int argc, char **argv, const struct verb_option *options,
              int least, int most)
{
    struct option known[OPTIONS_MAX] = {{NULL, 0, NULL, 0}};
    int count = 0, found;
    for (; options[count].name; count++) {
        CHECK(count < OPTIONS_MAX - 1);
        known[count].name = options[count].name;
        known[count].has_arg = options[count].value ? required_argument : no_argument;
        known[count].val = count + 1;
    }
    opterr = 0;
    optind = 0; /* glibc: begin anew */
    while ((found = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        if (found == '?' || found == ':') {
            complain_of_option(verb, found, count, options, argv);
            return -1;
        }
        if (options[found - 1].value)
            *options[found - 1].value = optarg;
        else
            *options[found - 1].flag = true;
    }
    if (argc - optind < least || argc - optind > most) {
        verb_misused(verb, argc - optind < least ? "an argument is missing" : "too many arguments");
        return -1;
    }
    return optind;
}

bool read_all(int file, struct buf *content)
{
    for (;;) {
        uint8_t beyond[1], *into = content->data + content->len;
        size_t room = content->cap - content->len;
        ssize_t n = read(file, room ? into : beyond, room ? room : 1);
        if (n == 0)
            return true;
        if (n < 0 && errno == EINTR)
            continue;
        if (n > 0 && !room)
            errno = EFBIG;
        if (n < 0 || !room)
            return false;
        content->len += (size_t)n;
    }
}

bool read_input(const char *what, struct buf *text)
{
    bool read = read_all(STDIN_FILENO, text);
    struct bytes trimmed = bytes_trim(buf_bytes(text));
    memmove(text->data, trimmed.data, trimmed.len);
    text->len = trimmed.len;
    if (!read && errno == EFBIG)
        complain("%s is too long", what);
    else if (!read)
        complain("standard input: %s", strerror(errno));
    else if (!trimmed.len)
        complain("%s is empty", what);
    return read && trimmed.len;
}
