/* jwb-terminal: the program of an inspector's device. Finds the command and runs it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "terminal/tool/reader.h"
#include "terminal/tool/verb.h"

static const struct verb VERBS[] = {
    {"enroll",
     "--gateway URL --roots FILE (--ticket TICKET | --id CLIENT) [--ca FILE] [--again]\n"
     "       [--folder FOLDER]",
     "Make this device a terminal of a city",
     "Pins the root keys of FILE (as 'jwb key publish --use root' makes it), and shows them: "
     "compare\n"
     "what is shown. Makes the terminal's own key, and registers it with the ticket that\n"
     "'jwb client add --ticket' gave ('-': read from standard input). With --id, the key is\n"
     "registered by hand, or was already, and is shown. --ca names the authorities of the "
     "gateway's\n"
     "certificate, else they are the system's. --again forgets what the terminal knows, and "
     "begins\n"
     "anew; kept scans and its key stay, and while scans wait it is the same terminal's.\n"
     "\n"
     "  jwb-terminal enroll --gateway https://jwb.example --roots roots.jwks --ticket -\n",
     verb_enroll},
    {"sync", "[--force] [--folder FOLDER]", "Fetch what offline verifying needs, deliver scans",
     "Fetches the trust bundle, the status lists that it names and that are older than their time\n"
     "to live (--force: all), and the newest checkpoint of the evidence log; then delivers the "
     "kept\n"
     "scans. One that can't be had does not stop the others, and nothing older is ever taken.\n"
     "Exit status: 0 all of it, 1 something was refused as not to be trusted, 2 something could "
     "not\n"
     "be had, or nothing can be verified with it: the bundle is over, the clock is wrong.\n"
     "Whatever its time to live, a list is asked for again after an hour.\n",
     verb_sync},
    {"login", "[--folder FOLDER]", "Begin an officer's shift",
     "Reads the officer's identity token from standard input, and exchanges it for an access "
     "token,\n"
     "which is kept until it ends. With it, codes are verified online.\n",
     verb_login},
    {"logout", "[--folder FOLDER]", "End it", "Forgets the officer's access token.\n", verb_logout},
    {"verify",
     "(CODE | PICTURE | PICTURES | -)... [--offline] [--json] [--folder FOLDER]\n"
     "       jwb-terminal verify --frames WIDTHxHEIGHT <FRAMES ...\n"
     "       jwb-terminal verify --camera DEVICE ...",
     "What displayed codes are worth",
     "Takes a code's text, a PNG or JPEG, a folder of them, lines on standard input (-), frames "
     "of\n"
     "grey on standard input (one octet a pixel), or a camera (until Ctrl-C). Asks the gateway "
     "when\n"
     "an officer is logged in and there is a network, and finds out offline otherwise; it says\n"
     "which, and as of when. --json prints an object a line.\n"
     "Exit status: 0 valid, 1 invalid, 2 indeterminate, 3 the call was wrong; of several the "
     "worst,\n"
     "and invalid is the worst.\n"
     "\n"
     "  jwb-terminal verify photo.jpg\n"
     "  ffmpeg -i rtsp://... -f rawvideo -pix_fmt gray - | jwb-terminal verify --frames 1280x720\n",
     verb_verify},
    {"status", "[--json] [--folder FOLDER]", "What this terminal still knows",
     "Trust bundle, status lists and their ages, the clock, kept scans, damage.\n", verb_status},
    {"scans", "list [--folder FOLDER]", "Scans that are not delivered yet",
     "By id and time, without what stood in the codes.\n", verb_scans},
};
#define VERB_COUNT (sizeof VERBS / sizeof *VERBS)

static const struct verb *find(const char *word)
{
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (strcmp(VERBS[i].word, word) == 0)
            return &VERBS[i];
    return NULL;
}

static void print_all(FILE *out)
{
    fputs("usage: jwb-terminal COMMAND ...\n\n", out);
    for (size_t i = 0; i < VERB_COUNT; i++)
        fprintf(out, "  %-10s %s\n", VERBS[i].word, VERBS[i].summary);
    fputs("\n  help [COMMAND]  explain a command\n"
          "  --version       print the version\n"
          "\n"
          "The terminal's folder is found by --folder, else by $JWB_TERMINAL_FOLDER, else it is\n"
          "~/.local/share/jwb-terminal.\n"
          "Exit status: 0 done, 1 refused, 2 could not be had or done now, 3 the call was wrong.\n",
          out);
}

static void print_verb(const struct verb *verb)
{
    printf("usage: jwb-terminal %s %s\n\n%s.\n\n%s", verb->word, verb->usage, verb->summary,
           verb->help);
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
    const bool help = argc && (strcmp(argv[0], "help") == 0 || strcmp(argv[0], "--help") == 0 ||
                               strcmp(argv[0], "-h") == 0);
    const char *word = help ? argv[argc > 1] : argc ? argv[0] : NULL;
    const struct verb *verb = word ? find(word) : NULL;
    if (argc == 1 && strcmp(argv[0], "--version") == 0) {
        puts("jwb-terminal " JWB_VERSION);
        return STATUS_DONE;
    }
    if (help && argc == 1) {
        print_all(stdout);
        return STATUS_DONE;
    }
    if (!verb) {
        if (word)
            complain("there is no command '%s'. See 'jwb-terminal help'.", word);
        else
            print_all(stderr);
        return STATUS_USAGE;
    }
    if (help || asks_for_help(argc - 1, argv + 1)) {
        print_verb(verb);
        return STATUS_DONE;
    }
    return verb->run(verb, argc, argv);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], READER_WORD) == 0)
        reader_serve();
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error to tell, as a full disk is */
    signal(SIGPIPE, SIG_IGN);
    int status = run(argc - 1, argv + 1);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        complain("standard output can't be written");
        return status == STATUS_DONE ? STATUS_NOT_NOW : status;
    }
    return status;
}
