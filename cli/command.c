#include "cli/command.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"

#define OPTIONS_MAX 16

bool command_repeated; /* its address alone is of use */
const char *command_words = "jwb";

const struct command *command_find(int argc, char **argv)
{
    for (size_t i = 0; argc >= 1 && i < command_count; i++) {
        const char *space = strchr(commands[i].words, ' ');
        size_t first = space ? (size_t)(space - commands[i].words) : strlen(commands[i].words);
        if (bytes_equal(bytes_str(argv[0]), bytes_of(commands[i].words, first)) &&
            (!space || (argc >= 2 && strcmp(argv[1], space + 1) == 0)))
            return &commands[i];
    }
    return NULL;
}

int command_word_count(const struct command *command)
{
    return strchr(command->words, ' ') ? 2 : 1;
}

/* ---- complaints ---- */

int command_misused(const struct command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "jwb %s: ", command->words);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\nusage: jwb %s %s\nSee 'jwb help %s'.\n", command->words, command->usage,
            command->words);
    va_end(arguments);
    return EXIT_USAGE;
}

int command_failed(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("jwb: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return EXIT_FAILURE;
}

int command_failed_why(struct buf *why)
{
    return command_failed("%s", buf_cstr(why));
}

/* ---- options and arguments ---- */

/* What getopt_long found wrong with the argument it looked at last. */
static bool complain(const struct command *command, int found, int option_count,
                     const struct command_option *options, char **argv)
{
    if (found == ':')
        command_misused(command, "option --%s needs a value", options[optopt - 1].name);
    else if (optopt > 0 && optopt <= option_count)
        command_misused(command, "option --%s takes no value", options[optopt - 1].name);
    else if (optopt)
        command_misused(command, "unknown option -%c", optopt);
    else
        command_misused(command, "unknown option %s", argv[optind - 1]);
    return false;
}

/* A complaint: the option was repeated too often. */
static bool take_value(const struct command *command, const struct command_option *option)
{
    const char **value = option->value;
    if (option->flag == COMMAND_REPEATED)
        while (*value)
            value++;
    if (value - option->value == COMMAND_REPEATS_MAX) {
        command_misused(command, "option --%s is given more than %d times", option->name,
                        COMMAND_REPEATS_MAX);
        return false;
    }
    *value = optarg;
    return true;
}

bool command_read(const struct command *command, int argc, char **argv,
                  const struct command_option *options, const char **arguments, int least, int most)
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
        if (found == '?' || found == ':')
            return complain(command, found, count, options, argv);
        if (!options[found - 1].value)
            *options[found - 1].flag = true;
        else if (!take_value(command, &options[found - 1]))
            return false;
    }
    int given = argc - optind;
    if (given < least || given > most) {
        command_misused(command, given < least ? "an argument is missing" : "too many arguments");
        return false;
    }
    for (int i = 0; i < given; i++)
        arguments[i] = argv[optind + i];
    return true;
}

static bool read_decimal(struct bytes text, uint64_t *value)
{
    if (text.len == 0 || text.len > 18) /* fits without a look at overflows */
        return false;
    *value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *value = *value * 10 + (text.data[i] - '0');
    }
    return true;
}

bool command_number(const struct command *command, const char *name, const char *text,
                    uint64_t least, uint64_t most, uint64_t *value)
{
    uint64_t number;
    if (!text)
        return true;
    if (!read_decimal(bytes_str(text), &number) || number < least || number > most) {
        command_misused(command, "%s is a number from %llu to %llu", name,
                        (unsigned long long)least, (unsigned long long)most);
        return false;
    }
    *value = number;
    return true;
}

bool command_time(const struct command *command, const char *name, const char *text,
                  int64_t *unix_s)
{
    int32_t day;
    uint64_t number;
    struct bytes time = bytes_str(text ? text : "");
    if (!text)
        return true;
    if (read_decimal(time, &number))
        *unix_s = (int64_t)number;
    else if (civil_read_date(time, &day))
        *unix_s = civil_day_begins(day);
    else if (!civil_read_timestamp(time, unix_s)) {
        command_misused(
            command, "%s is a time: 2027-01-01, 2027-01-01T08:00:00+08:00 or Unix seconds", name);
        return false;
    }
    return true;
}

bool command_last_day(const struct command *command, const char *name, const char *text,
                      int64_t *until)
{
    int32_t last_day;
    if (!text)
        return true;
    if (!civil_read_date(bytes_str(text), &last_day)) {
        command_misused(command, "%s is a date: 2027-12-31", name);
        return false;
    }
    int64_t end = civil_day_begins(last_day + 1);
    if (end <= clock_wall_s()) {
        command_misused(command, "%s %s has passed", name, text);
        return false;
    }
    *until = end;
    return true;
}

/* ---- what is read ---- */

/* Appends all of it; false when it can't be read or does not fit. */
static bool read_all(FILE *file, struct buf *content)
{
    content->len += fread(content->data + content->len, 1, content->cap - content->len, file);
    content->overflow = content->len == content->cap && fgetc(file) != EOF;
    return !ferror(file) && buf_ok(content);
}

bool command_text(const char *argument, const char *what, struct buf *text)
{
    size_t from = text->len;
    if (strcmp(argument, "-") != 0)
        buf_put_str(text, argument);
    else if (!read_all(stdin, text) && buf_ok(text)) {
        command_failed("standard input: %s", strerror(errno));
        return false;
    }
    struct bytes trimmed = bytes_trim(bytes_from(buf_bytes(text), from));
    memmove(text->data + from, trimmed.data, trimmed.len);
    text->len = from + trimmed.len;
    if (!buf_ok(text))
        command_failed("%s is too long", what);
    else if (!trimmed.len)
        command_failed("%s is empty", what);
    return buf_ok(text) && trimmed.len;
}

bool command_file(const char *path, struct buf *content)
{
    FILE *file = fopen(path, "rb");
    bool read = file && read_all(file, content);
    if (!read)
        command_failed("%s: %s", path, content->overflow ? "too long" : strerror(errno));
    if (file)
        fclose(file);
    return read;
}
