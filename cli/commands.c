/* The table of jwb's commands. */
#include "cli/command.h"

/* clang-format off */
#define LICENCE_ARGUMENT                                                                           \
    "LICENCE is a licence's id, number or identifier; - reads it from standard input, because\n"   \
    "other users of the machine can see what stands on a command line.\n"
#define WAITS                                                                                      \
    "Works on a running system: returns when no gateway can still believe the old state, which\n"  \
    "takes a relay's few milliseconds, or two seconds while Redis can't be told.\n"
#define CONFIG_OPTION                                                                              \
    "  --config FILE        the gateway's configuration, if not $JWB_CONFIG or\n"                  \
    "                       /etc/jwb/gateway.yaml\n"
#define KEY_FILE_OPTION                                                                            \
    "  --file FILE          the key file, if not keys.codes of the configuration\n"                \
    CONFIG_OPTION

const struct command commands[] = {
    {"licence import", "FILE [--rejects FILE] [--source NAME] [--source-version N] [--json]",
     "Take in a file of licences as an authority delivers it",
     "FILE is CSV with a heading or NDJSON, in UTF-8 or GB18030, with the field names of\n"
     "GB/T 36903 (ZZMC, ZZLXDM, ZZBH, ...). Bad lines are reported and kept in a file of their\n"
     "own; good ones go in. The same file again changes nothing; an import that was cut off goes\n"
     "on where it was. Exit status 0 when the file was read to its end, bad lines or not.\n"
     "\n"
     "  --rejects FILE       where bad lines go, as they were; if not FILE.rejects\n"
     "  --source NAME        the delivering system, 'import' if not given\n"
     "  --source-version N   of lines that bring none of their own, 0 if not given\n"
     "  --json               the report as JSON on standard output, as text on standard error\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb licence import --source traffic-police 2026-05.csv\n",
     command_licence_import},
    {"licence generate", "N --out FILE [--seed S] [--bad N] [--format F] [--encoding E]",
     "Make a file of plausible, fictional licences",
     "  --out FILE           where to; overwritten\n"
     "  --seed S             the same seed makes the same file, 1 if not given\n"
     "  --bad N              how many of the lines are deliberately bad, 0 if not given\n"
     "  --format F           csv (if not given) or ndjson\n"
     "  --encoding E         utf-8 (if not given) or gb18030\n"
     "\n"
     "Example: jwb licence generate 10000 --bad 20 --encoding gb18030 --out licences.csv\n",
     command_licence_generate},
    {"licence show", "LICENCE [--full]", "Show a licence: its face, status, place and source",
     LICENCE_ARGUMENT
     "\n"
     "  --full               personal fields in full; else they are masked\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb licence show 6f1d0c9a3b5e47d28a90c1f2e3d4b5a6\n",
     command_licence_show},
    {"licence status", "LICENCE STATUS", "Set the issuer's status of a licence",
     LICENCE_ARGUMENT
     "STATUS is 01 valid, 02 seized, 03 revoked, 04 cancelled, 05 lapsed, 06 transferred,\n"
     "07 rescinded, 08 withdrawn or 99 other, by number or word. Open holds stay.\n"
     WAITS
     "\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb licence status 6f1d0c9a3b5e47d28a90c1f2e3d4b5a6 revoked\n",
     command_licence_status},
    {"hold place", "LICENCE --agency A --case C [--kind K]", "Seize or withdraw a licence",
     LICENCE_ARGUMENT
     WAITS
     "\n"
     "  --agency A           who places it\n"
     "  --case C             its case number\n"
     "  --kind K             seize (if not given), withdraw or cancel-requested\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb hold place 6f1d0c9a3b5e47d28a90c1f2e3d4b5a6 --agency traffic --case 2026-17\n",
     command_hold_place},
    {"hold lift", "LICENCE --agency A --case C", "End the hold of one case",
     LICENCE_ARGUMENT
     "Other cases' holds and the issuer's status stay.\n"
     WAITS
     "\n"
     "  --agency A           who placed it\n"
     "  --case C             its case number\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb hold lift 6f1d0c9a3b5e47d28a90c1f2e3d4b5a6 --agency traffic --case 2026-17\n",
     command_hold_lift},
    {"agent grant", "ENTERPRISE_NUMBER PERSON_NUMBER [--until DATE]",
     "Let a person act for an enterprise",
     "Both must be holders of licences. A number may be -: it is read from standard input, where\n"
     "other users of the machine can't see it.\n"
     "\n"
     "  --until DATE         the last day; if not given, until it is ended\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb agent grant 914108990000000000 - --until 2027-12-31 < person.txt\n",
     command_agent_grant},
    {"agent end", "ENTERPRISE_NUMBER PERSON_NUMBER", "End what 'agent grant' granted",
     "A number may be -: it is read from standard input, where other users of the machine can't\n"
     "see it. A legal representative stays one: the issuer's data decide that.\n"
     "\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb agent end 914108990000000000 - < person.txt\n",
     command_agent_end},
    {"registry count", "", "Count what is in the registry",
     CONFIG_OPTION
     "\n"
     "Example: jwb registry count\n",
     command_registry_count},
    {"registry restored", "", "Say that the registry was restored from a backup",
     "Every status list gets a new generation, so that no gateway and no Redis goes on with\n"
     "changes that the backup does not have.\n"
     "\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb registry restored\n",
     command_registry_restored},
    {"key create", "[--file FILE] [--from TIME] [--until TIME]", "Make a key that signs codes",
     "Adds it to the file, or makes the file. It is published at once.\n"
     "\n"
     "  --from TIME          when it begins to sign, now if not given\n"
     "  --until TIME         when it retires, 365 days later if not given\n"
     KEY_FILE_OPTION
     "\n"
     "TIME is 2027-01-01 (its midnight), 2027-01-01T08:00:00+08:00 or Unix seconds.\n"
     "Example: jwb key create --from 2027-01-01\n",
     command_key_create},
    {"key list", "[--file FILE]", "List the keys that sign codes",
     KEY_FILE_OPTION
     "\n"
     "Example: jwb key list\n",
     command_key_list},
    {"key revoke", "KID [--file FILE]", "Revoke a key that signs codes, for good",
     "Codes that it signed are refused from the gateways' next SIGHUP on. Its kid stays taken.\n"
     "\n"
     KEY_FILE_OPTION
     "\n"
     "Example: jwb key revoke 1a2b3c4d\n",
     command_key_revoke},
    {"secret create", "FILE", "Make a file with a random secret",
     "32 random bytes in hexadecimal, mode 0600: registry.secret or keys.secret of the\n"
     "configuration. A file that exists is not overwritten.\n"
     "\n"
     "Example: jwb secret create /etc/jwb/gateway.secret\n",
     command_secret_create},
    {"token mint", "--role ROLE [--holder-number N | --subject S] [--client C]\n"
     "                      [--scope LIST] [--life SECONDS]",
     "Make an access token for a gateway",
     "  --role ROLE          holder, inspector, partner or issuer\n"
     "  --holder-number N    a holder's citizen number or credit code; - reads it from standard\n"
     "                       input, where other users of the machine can't see it\n"
     "  --subject S          a holder's id; an inspector's AGENCY/OFFICER\n"
     "  --client C           the inspector's terminal, the partner's name, the issuer's code\n"
     "  --scope LIST         fewer than the role has, of display,verify,status\n"
     "  --life SECONDS       3600 if not given\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb token mint --role inspector --subject traffic/0042 --client terminal-7\n",
     command_token_mint},
    {"code verify", "[TEXT | -] --jwks FILE [--now TIME] [--json]",
     "Verify a licence code offline, as a device would",
     "TEXT is what a scanner reads; without it standard input has it. Checks form, key, lifetime,\n"
     "signature and the licence's last day, in this order, with mbedTLS alone. Exit status 0 only\n"
     "when the code is authentic and alive. Whether the licence was seized or revoked is not\n"
     "known offline.\n"
     "\n"
     "  --jwks FILE          the gateway's /.well-known/jwks.json\n"
     "  --now TIME           as if it were this Unix second\n"
     "  --json               the answer as JSON\n"
     "\n"
     "Example: jwb qr read code.png | jwb code verify --jwks jwks.json\n",
     command_code_verify},
    {"code show", "[TEXT | -]", "Show what stands in a licence code, unchecked",
     "TEXT is what a scanner reads; without it standard input has it.\n"
     "\n"
     "Example: jwb qr read code.png | jwb code show\n",
     command_code_show},
    {"qr write", "TEXT|- (--out FILE.png|FILE.svg | --terminal)", "Draw a text as a QR picture",
     "TEXT - is read from standard input.\n"
     "\n"
     "  --out FILE           .png or .svg; overwritten\n"
     "  --terminal           drawn with characters\n"
     "\n"
     "Example: jwb qr write https://example.cn --terminal\n",
     command_qr_write},
    {"qr read", "FILE.png", "Read the text of a QR picture",
     "Example: jwb qr read code.png\n",
     command_qr_read},
    {"evidence list", "FILE...", "List a gateway's journals of displays and verifies",
     "One JSON object a line, oldest first in each file. Journals hold no name and no number of a\n"
     "person.\n"
     "\n"
     "Example: jwb evidence list /var/lib/jwb/evidence/journal-*.jwbj\n",
     command_evidence_list},
};
/* clang-format on */
const size_t command_count = sizeof commands / sizeof commands[0];
