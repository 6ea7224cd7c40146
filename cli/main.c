/* jwb: the operator's tool. Finds the command and runs it; the table is in commands.c. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"

static void print_command(const struct command *command)
{
    printf("usage: jwb %s %s\n\n%s.\n\n%s", command->words, command->usage, command->summary,
           command->help);
}

/* The commands whose first word is this; all of them for NULL. How many there are. */
static size_t print_list(FILE *out, const char *first_word)
{
    size_t printed = 0, len = first_word ? strlen(first_word) : 0;
    for (size_t i = 0; i < command_count; i++) {
        const char *words = commands[i].words;
        if (first_word && (strncmp(words, first_word, len) != 0 || words[len] != ' '))
            continue;
        if (printed++ == 0)
            fputs("usage: jwb COMMAND ...\n\n", out);
        fprintf(out, "  %-21s %s\n", words, commands[i].summary);
    }
    return printed;
}

static void print_all(FILE *out)
{
    print_list(out, NULL);
    fputs("\n  help [COMMAND]        explain a command\n"
          "  --version             print the version\n"
          "\n"
          "Commands that need the gateway's configuration find it by --config FILE, else by\n"
          "$JWB_CONFIG, else in /etc/jwb/gateway.yaml.\n"
          "Exit status: 0 done, 1 failed, 2 the call was wrong and nothing was done.\n",
          out);
}

/* No command has these words. */
static int unknown(int argc, char **argv)
{
    if (argc == 0)
        print_all(stderr);
    else if (print_list(stderr, argv[0])) {
        if (argc > 1)
            fprintf(stderr, "\njwb: '%s %s' is none of them. See 'jwb help'.\n", argv[0], argv[1]);
    } else
        fprintf(stderr, "jwb: there is no command '%s'. See 'jwb help'.\n", argv[0]);
    return EXIT_USAGE;
}

static int help(int argc, char **argv)
{
    const struct command *command = command_find(argc, argv);
    if (argc == 0)
        print_all(stdout);
    else if (command)
        print_command(command);
    else if (argc > 1 || !print_list(stdout, argv[0]))
        return unknown(argc, argv);
    return EXIT_SUCCESS;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int run(int argc, char **argv)
{
    if (argc && (strcmp(argv[0], "help") == 0 || strcmp(argv[0], "--help") == 0 ||
                 strcmp(argv[0], "-h") == 0))
        return help(argc - 1, argv + 1);
    if (argc == 1 && strcmp(argv[0], "--version") == 0) {
        puts("jwb " JWB_VERSION);
        return EXIT_SUCCESS;
    }
    const struct command *command = command_find(argc, argv);
    if (!command)
        return unknown(argc, argv);
    int words = command_word_count(command);
    if (asks_for_help(argc - words, argv + words)) {
        print_command(command);
        return EXIT_SUCCESS;
    }
    command_words = command->words;
    return command->run(command, argc - words + 1, argv + words - 1);
}

int main(int argc, char **argv)
{
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error to tell, as a full disk is */
    int status = run(argc - 1, argv + 1);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == EXIT_SUCCESS)
        status = command_failed("standard output can't be written");
    return status;
}
