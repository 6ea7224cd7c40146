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
#define LOG_OPTIONS                                                                                \
    "  --log FOLDER         the log, if not evidence.log of the configuration\n"                    \
    "  --key KEY            its verifier key, if not that of evidence.key\n"                        \
    CONFIG_OPTION
#define NOTED_READING                                                                              \
    "The reading of the configuration's own log and journals is noted in its registry, as\n"       \
    "evidence, before anything is shown; without the registry nothing is. Of a copy elsewhere,\n"  \
    "or on a machine without a configuration, it leaves no record.\n"
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
     WAITS
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
     "  --case C             its case number, which names nobody: it goes into evidence\n"
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
    {"agent grant", "HOLDER_NUMBER PERSON_NUMBER [--until DATE]",
     "Let a person act for an enterprise, or as a person's guardian",
     "Both must be holders of licences. A number may be -: it is read from standard input, where\n"
     "other users of the machine can't see it.\n"
     "\n"
     "  --until DATE         the last day; if not given, until it is ended\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb agent grant 914108990000000000 - --until 2027-12-31 < person.txt\n",
     command_agent_grant},
    {"agent end", "HOLDER_NUMBER PERSON_NUMBER", "End what 'agent grant' granted",
     "A number may be -: it is read from standard input, where other users of the machine can't\n"
     "see it. A legal representative stays one: the issuer's data decide that.\n"
     "\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb agent end 914108990000000000 - < person.txt\n",
     command_agent_end},
    {"agent list", "NUMBER [--full]", "List who acts for a holder, and for whom he acts",
     "Open ones alone, also those that a holder gave himself. NUMBER may be -: it is read from\n"
     "standard input.\n"
     "\n"
     "  --full               names of persons in full; else they are masked\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb agent list - < person.txt\n",
     command_agent_list},
    {"client add", "--id ID --role ROLE --organisation O\n"
     "                      (--key FILE | --new-key FILE | --ticket)\n"
     "                      [--scope LIST] [--type CODE]... [--purpose NAME]...\n"
     "                      [--quota N] [--expires DATE]",
     "Register a terminal, a partner, an authority, a business system or an auditor",
     "Nobody gets a token without. An id is never given twice, also not after 'client disable'.\n"
     "\n"
     "  --id ID              its client_id\n"
     "  --role ROLE          inspector (a terminal), partner, issuer, system or auditor\n"
     "  --organisation O     a terminal's agency, an authority's code, else its own name\n"
     "  --key FILE           its public key: a JSON Web Key, EC P-256\n"
     "  --new-key FILE       makes it a key pair, and this file (0600) with the private JSON Web\n"
     "                       Key, to be handed over\n"
     "  --ticket             it makes its key itself, and gives it to a gateway within 24 hours by\n"
     "                       this ticket, which is printed: whoever has it first is this client\n"
     "  --scope LIST         fewer scopes than the role has, with commas\n"
     "  --type CODE          a licence type it is competent for; may be repeated; all if not given\n"
     "  --purpose NAME       a purpose of the policy, for partners; may be repeated; the first is\n"
     "                       meant where it names none\n"
     "  --quota N            requests a minute; 0, without limit, if not given\n"
     "  --expires DATE       the last day; if not given, until it is disabled\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb client add --id rent-1 --role partner --organisation rent-a-car \\\n"
     "             --purpose car_rental --quota 600 --key rent-1.jwk\n",
     command_client_add},
    {"client list", "", "List the clients",
     CONFIG_OPTION
     "\n"
     "Example: jwb client list\n",
     command_client_list},
    {"client show", "ID", "Show a client",
     CONFIG_OPTION
     "\n"
     "Example: jwb client show rent-1\n",
     command_client_show},
    {"client ticket", "ID", "Print a fresh ticket for a client that has no key yet",
     "For 24 hours; those before stay good as long. See 'client add --ticket'.\n"
     "\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb client ticket terminal-9\n",
     command_client_ticket},
    {"client disable", "ID", "Disable a client for good, with the tokens it has",
     "Gateways know it within 5 seconds.\n"
     "\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb client disable rent-1\n",
     command_client_disable},
    {"client rotate-key", "ID (--key FILE | --new-key FILE) [--overlap SECONDS]",
     "Give a client another key",
     "  --key FILE           its new public key: a JSON Web Key, EC P-256\n"
     "  --new-key FILE       makes it a key pair, and this file (0600) with the private JSON Web\n"
     "                       Key, to be handed over\n"
     "  --overlap SECONDS    how long the key before stays good; 0, at once no longer, if not given\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb client rotate-key rent-1 --key rent-1-2027.jwk --overlap 86400\n",
     command_client_rotate_key},
    {"client webhook", "ID (--url URL | --none)", "Say where an issuing authority is told of actions",
     "Messages are signed; docs/PROTOCOL.md says how they are checked.\n"
     "\n"
     "  --url URL            https://, without secrets in it\n"
     "  --none               it is told nothing any more; it asks for itself\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb client webhook vehicles-1 --url https://hooks.vehicles.example.cn/jwb\n",
     command_client_webhook},
    {"person shut-out", "--officer AGENCY/OFFICER | --holder-number N",
     "Shut a person out, with the tokens he has",
     "Gateways know it within 5 seconds. His licences stay what they are.\n"
     "\n"
     "  --officer A/O        an inspector\n"
     "  --holder-number N    a holder, by citizen number; - reads it from standard input\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb person shut-out --officer traffic/0042\n",
     command_person_shut_out},
    {"person let-in", "--officer AGENCY/OFFICER | --holder-number N",
     "Let a person in again who was shut out",
     "  --officer A/O        an inspector\n"
     "  --holder-number N    a holder, by citizen number; - reads it from standard input\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb person let-in --officer traffic/0042\n",
     command_person_let_in},
    {"person list", "", "List the persons who are shut out",
     "A holder is told by the registry's id.\n"
     "\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb person list\n",
     command_person_list},
    {"access list", "[--overdue]", "List applications of business systems, newest first",
     "  --overdue            those alone that should have been decided before today\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb access list --overdue\n",
     command_access_list},
    {"access show", "ID", "Show an application: who asks for what, on which legal basis",
     CONFIG_OPTION
     "\n"
     "Example: jwb access show 6f1d0c9a3b5e47d28a90c1f2e3d4b5a6\n",
     command_access_show},
    {"access approve", "ID [--until DATE] [--by NAME]", "Approve an application",
     "The system may then retrieve what it asked for, until the approval ends.\n"
     "\n"
     "  --until DATE         its last day; if not given, access.life_days from today\n"
     "  --by NAME            who decided; if not given, who runs this\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb access approve 6f1d0c9a3b5e47d28a90c1f2e3d4b5a6 --by wang\n",
     command_access_approve},
    {"access refuse", "ID --reason TEXT [--by NAME]", "Refuse an application",
     "  --reason TEXT        which the system is told\n"
     "  --by NAME            who decided; if not given, who runs this\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb access refuse 6f1d0c9a3b5e47d28a90c1f2e3d4b5a6 --reason 'no legal basis'\n",
     command_access_refuse},
    {"policy explain", "TYPE ROLE [PURPOSE] [--file FILE]",
     "Explain what somebody sees of a licence, and by which rule",
     "TYPE is a licence type's code; ROLE anybody, holder, inspector, partner, issuer or system;\n"
     "PURPOSE one of the policy's, or overview, view (of a holder), inspection, lookup.\n"
     "\n"
     "  --file FILE          the policy, if not policy.file of the configuration; '' is the\n"
     "                       built-in one\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb policy explain 11100000000000001M001 partner car_rental\n",
     command_policy_explain},
    {"registry count", "", "Count what is in the registry",
     CONFIG_OPTION
     "\n"
     "Example: jwb registry count\n",
     command_registry_count},
    {"registry restored", "[--without-log]", "Put right a registry that was restored from a backup",
     "What the backup does not have is taken from the evidence log: holds and statuses are as they\n"
     "were; a licence whose last version was lost is in doubt until its issuer delivers it again.\n"
     "Then every status list gets a new generation, so that no gateway and no Redis goes on with\n"
     "changes of before. Until this is done no gateway believes the registry.\n"
     "\n"
     "  --without-log        the log is lost too: what was seized or revoked since the backup must\n"
     "                       be done again by hand\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb registry restored\n",
     command_registry_restored},
    {"reconcile", "--issuer CODE [FILE] [--source-version N] [--json]",
     "Compare what an authority holds with the registry",
     "FILE is all that the authority holds, CSV or NDJSON as for 'licence import'; counts and\n"
     "digests are compared by type and day of issue. Without FILE those of the registry are\n"
     "printed. Exit status 0 only when both hold the same.\n"
     "\n"
     "  --issuer CODE        the authority's code\n"
     "  --source-version N   of lines that bring none of their own, 0 if not given\n"
     "  --json               as JSON\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb reconcile --issuer 11410800000000000X all-2026-11.csv\n",
     command_reconcile},
    {"outbox list", "[--dead | --all]", "List what issuing authorities are still to be told",
     "  --dead               those that were given up\n"
     "  --all                delivered ones too\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb outbox list --dead\n",
     command_outbox_list},
    {"outbox retry", "(ID | --dead)", "Try again to tell an authority what was given up",
     "The message keeps its id, by which the authority knows it.\n"
     "\n"
     "  --dead               all that were given up\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb outbox retry --dead\n",
     command_outbox_retry},
    {"key create", "[--use USE] [--alg ALG] [--unpublished] [--from TIME] [--until TIME]\n"
     "                      [--pkcs11 LABEL] [--name NAME] [--file FILE]",
     "Make a key that signs codes, status lists, receipts, webhooks, trust bundles, evidence",
     "Adds it to the file, or makes the file. Its kid is none that a key has or had, revoked ones\n"
     "included. A log's, a witness's and the root keys have files of their own; of a log's or a\n"
     "witness's, which must not be there yet, what others check with is printed.\n"
     "\n"
     "  --use USE            code; status: lists for terminals; receipt: what partners and\n"
     "                       inspectors get; webhook: what authorities are told; root: trust\n"
     "                       bundles; evidence: the log; witness; code if not given\n"
     "  --alg ALG            ES256 or SM2; keys.algorithm if not given\n"
     "  --unpublished        nobody is told of it yet, and it does not sign: see 'key publish'\n"
     "  --from TIME          when it begins to sign, now if not given\n"
     "  --until TIME         when it retires, 365 days later if not given\n"
     "  --pkcs11 LABEL       in the HSM that hsm.* of the configuration names, under this label; the\n"
     "                       file says where it is\n"
     "  --name NAME          of a log (if not given, the host of public.origin and /evidence) or a\n"
     "                       witness\n"
     KEY_FILE_OPTION
     "\n"
     "TIME is 2027-01-01 (its midnight), 2027-01-01T08:00:00+08:00 or Unix seconds.\n"
     "Example: jwb key create --use receipt --from 2027-01-01\n",
     command_key_create},
    {"key list", "[--file FILE]", "List the keys of a file, with state and dates",
     "A key signs now, or later; is replaced by one that began to sign after it, or stands by\n"
     "because keys.algorithm is another; is unpublished, retired or revoked.\n"
     "\n"
     KEY_FILE_OPTION
     "\n"
     "Example: jwb key list\n",
     command_key_list},
    {"key publish", "(KID [--from TIME] | --use root --file FILE [--out FILE])",
     "Publish a key before it signs, or the set of root keys",
     "KID is one that was made --unpublished: gateways tell others of it from their next SIGHUP on,\n"
     "and sign with it from TIME on. Root keys are written as a set of public keys, which gateways\n"
     "have as trust.roots and verifiers pin.\n"
     "\n"
     "  --from TIME          a day from now if not given: terminals learn of it when they sync\n"
     "  --out FILE           where the root keys go, standard output if not given\n"
     KEY_FILE_OPTION
     "\n"
     "Example: jwb key publish 1a2b3c4d --from 2027-01-01\n",
     command_key_publish},
    {"key retire", "KID [--at TIME] [--file FILE]", "Let a key sign no more; what it signed stays good",
     "  --at TIME            from when on: a minute from now, which it is if not given, or later; never\n"
     "                       later than its end was said to be\n"
     KEY_FILE_OPTION
     "\n"
     "Example: jwb key retire 1a2b3c4d\n",
     command_key_retire},
    {"key revoke", "KID [--file FILE]", "Revoke a key for good: what it signed is good no more",
     "Codes that it signed are refused from the gateways' next SIGHUP on, status lists by terminals\n"
     "that learn it; receipts can no longer be verified with what gateways publish. Its kid stays\n"
     "taken.\n"
     "\n"
     KEY_FILE_OPTION
     "\n"
     "Example: jwb key revoke 1a2b3c4d\n",
     command_key_revoke},
    {"key prune", "", "Drop the keys that nothing needs any more",
     "Keys for codes, status lists and webhooks that ended so long ago that no code, scan or list of\n"
     "theirs is looked at any more: longer than scans.age_days, enforcement.code_age_s and\n"
     "status_lists.life_s together. Keys for receipts stay, and so do those that were revoked. A key\n"
     "in an HSM is dropped from the file, and stays in the HSM.\n"
     "\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb key prune\n",
     command_key_prune},
    {"secret create", "FILE", "Make a file with a random secret",
     "32 random bytes in hexadecimal, mode 0600: registry.secret or keys.secret of the\n"
     "configuration. A file that exists is not overwritten.\n"
     "\n"
     "Example: jwb secret create /etc/jwb/gateway.secret\n",
     command_secret_create},
    {"token mint", "--role ROLE [--holder-number N | --subject S] [--client C]\n"
     "                      [--scope LIST] [--life SECONDS]",
     "Make an access token for a gateway",
     "For tests and emergencies: nobody has proved who he is. All but holders need a registered\n"
     "client, which must be open and of this role, and get no more than its scopes.\n"
     "\n"
     "  --role ROLE          holder, inspector, partner, issuer, system or auditor\n"
     "  --holder-number N    a holder's citizen number or credit code; - reads it from standard\n"
     "                       input, where other users of the machine can't see it\n"
     "  --subject S          a holder's id; an inspector's AGENCY/OFFICER\n"
     "  --client C           the id of the inspector's terminal, the partner, issuer or system\n"
     "  --scope LIST         fewer than the role has, with commas: display, verify, status, check,\n"
     "                       retrieve, lookup, consent\n"
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
    {"code inspect", "[TEXT | -]", "Take a licence code apart, unchecked",
     "TEXT is what a scanner reads; without it standard input has it. Shows prefix, digits, octets,\n"
     "CBOR in diagnostic notation, and claims. Of a malformed code as far as it can be read; the\n"
     "exit status is 1 then.\n"
     "\n"
     "Example: jwb qr read code.png | jwb code inspect\n",
     command_code_inspect},
    {"cose verify", "FILE --key KEY [--detached PAYLOAD]", "Verify anybody's COSE_Sign1",
     "FILE has CBOR, as it is, in hexadecimal or in base64url; with tags 61 and 18, with 18, or\n"
     "with none. Tells its tags, headers, algorithm and payload. Exit status 0 when the signature\n"
     "is genuine, 1 when it is not, 2 when that could not be found out: the call, a file or a key\n"
     "is no good. That a signature is genuine is all: what is signed is for you to judge.\n"
     "\n"
     "  --key KEY            a public key: a JSON Web Key or a set of them, PEM (also a\n"
     "                       certificate's), or a COSE_Key; on P-256 or SM2's curve\n"
     "  --detached PAYLOAD   the file that was signed, if FILE does not have it within\n"
     "\n"
     "Example: jwb cose verify list.cwt --key jwks.json\n",
     command_cose_verify},
    {"status-list show", "FILE [--json]", "Show what stands in a status list, unchecked",
     "FILE is anybody's Status List Token: a CWT (as it is, in hexadecimal or base64url) or a JWT,\n"
     "with 1, 2, 4 or 8 bits a place.\n"
     "\n"
     "  --json               as JSON\n"
     "\n"
     "Example: jwb status-list show list.cwt\n",
     command_status_list_show},
    {"status-list get", "FILE INDEX", "Show the status of one place in a status list, unchecked",
     "FILE as in 'status-list show'. Prints the value and its word.\n"
     "\n"
     "Example: jwb status-list get list.cwt 412\n",
     command_status_list_get},
    {"bundle make", "--root FILE [--out FILE] [--life DAYS] [--force]",
     "Make the trust bundle that terminals verify with",
     "With the published keys of the gateway and of FILE, which of them are revoked, the\n"
     "registry's catalogues and its lists. Does nothing while the bundle that is there says the\n"
     "same, by the same root key, and is in the first half of its life: run it daily, and after\n"
     "every change of keys. A running gateway serves the new one within a second.\n"
     "\n"
     "  --root FILE          the root key's file; 'jwb key create --use root' makes it\n"
     "  --out FILE           if not trust.bundle of the configuration\n"
     "  --life DAYS          how long terminals may use it, 7 if not given\n"
     "  --force              a new one in any case\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb bundle make --root /media/root/root.jwks\n",
     command_bundle_make},
    {"bundle draft", "FILE [--life DAYS]", "Write all of a trust bundle but the root's part",
     "For a root key that lies elsewhere: carry FILE there, sign it with 'bundle sign', and put\n"
     "what comes back in the place of trust.bundle.\n"
     "\n"
     "  --life DAYS          how long terminals may use it, 7 if not given\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb bundle draft /media/stick/trust.draft\n",
     command_bundle_draft},
    {"bundle sign", "DRAFT --root FILE --out BUNDLE", "Show and sign what 'bundle draft' wrote",
     "Adds the published root keys, and which of them are revoked. Needs no configuration unless\n"
     "the root key is in a module.\n"
     "\n"
     "  --root FILE          the root key's file\n"
     "  --out BUNDLE         where to; overwritten\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb bundle sign trust.draft --root root.jwks --out trust.bundle\n",
     command_bundle_sign},
    {"bundle show", "FILE [--roots FILE] [--json]", "Show a trust bundle, or a draft of one",
     "With --roots the exit status is 0 only when one of these keys signed it.\n"
     "\n"
     "  --roots FILE         public root keys, as 'jwb key publish --use root' writes them\n"
     "  --json               as JSON\n"
     "\n"
     "Example: jwb bundle show trust.bundle --roots roots.jwks\n",
     command_bundle_show},
    {"receipt check", "[TEXT | FILE | -] [--keys FILE]",
     "Check the receipt of an enforcement action",
     "TEXT is what a scanner reads from a printed receipt (jwb-receipt:...); FILE has that, or the\n"
     "COSE message; without either standard input has it. Checks form, key and signature, in this\n"
     "order. Exit status 0 only when the receipt is genuine: then what stands in it is shown. It\n"
     "says what was done, not what became of it since.\n"
     "\n"
     "  --keys FILE          the gateway's /.well-known/jwks.json; without it the gateway's own key\n"
     "                       file\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb qr read receipt.png | jwb receipt check --keys jwks.json\n",
     command_receipt_check},
    {"qr write", "TEXT|- (--out FILE.png|FILE.svg | --terminal)", "Draw a text as a QR picture",
     "TEXT - is read from standard input.\n"
     "\n"
     "  --out FILE           .png or .svg; overwritten\n"
     "  --terminal           drawn with characters\n"
     "\n"
     "Example: jwb qr write https://example.cn --terminal\n",
     command_qr_write},
    {"qr read", "FILE", "Read the text of a QR picture",
     "FILE is a PNG or a JPEG.\n"
     "\n"
     "Example: jwb qr read code.png\n",
     command_qr_read},
    {"vectors", "--out FILE [--seed N]", "Write test vectors for verifiers without a network",
     "Trust bundles, status lists and codes, good and bad, with ES256 and with SM2, and what a\n"
     "verifier that takes and scans them must say: docs/PROTOCOL.md, Vectors. The private keys are\n"
     "in the file: nothing of it is worth anything.\n"
     "\n"
     "  --out FILE           where to; overwritten\n"
     "  --seed N             the same seed makes the same file, 1 if not given\n"
     "\n"
     "Example: jwb vectors --out offline.json\n",
     command_vectors},
    {"evidence list", "FILE|FOLDER...", "List a gateway's journals, or an evidence log by its folder",
     "One JSON object a line, oldest first in each. Evidence holds no name and no number of a\n"
     "person.\n"
     NOTED_READING
     "\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb evidence list /var/lib/jwb/evidence/journal-*.jwbj\n",
     command_evidence_list},
    {"evidence verify", "[--checkpoint FILE] [--witness KEY]... [--log FOLDER] [--key KEY]",
     "Check the evidence log from its first entry to its last",
     "Every entry, every hash, the signatures of state and newest checkpoint, and whether archives\n"
     "account for what was removed. Without an older checkpoint or a witness's cosignature it can't\n"
     "be told from a log that was rewritten as a whole by who has its key.\n"
     "\n"
     "  --checkpoint FILE    one that was kept: the log must have grown from it\n"
     "  --witness KEY        a witness's verifier key, which must have cosigned; may be repeated\n"
     LOG_OPTIONS
     "\n"
     "Example: jwb evidence verify --checkpoint kept-in-march.txt\n",
     command_evidence_verify},
    {"evidence prove", "REQUEST-ID [--out FOLDER] [--log FOLDER] [--key KEY]",
     "Write proofs that stand on their own for what a request left in the log",
     "REQUEST-ID is what the answer had in X-Request-Id. One file for each entry, with the entry,\n"
     "its path to the root and the signed checkpoint: REQUEST-ID-1.tlog-proof, ...\n"
     NOTED_READING
     "\n"
     "  --out FOLDER         where to, the present folder if not given\n"
     LOG_OPTIONS
     "\n"
     "Example: jwb evidence prove 0f3c9a5b7e1d2468\n",
     command_evidence_prove},
    {"evidence check", "PROOF --key KEY [--witness KEY]...", "Check such a proof, anywhere",
     "Prints the entry. Needs neither configuration nor network.\n"
     "\n"
     "  --key KEY            the log's verifier key, which you trust\n"
     "  --witness KEY        a witness's, which must have cosigned; may be repeated\n"
     "\n"
     "Example: jwb evidence check 0f3c9a5b7e1d2468-1.tlog-proof --key \"$(cat log.vkey)\"\n",
     command_evidence_check},
    {"evidence consistency", "OLD NEW [--log FOLDER] [--key KEY]",
     "Show that nothing was rewritten between two checkpoints",
     "OLD and NEW are files of checkpoints, which the log's key signed.\n"
     "\n"
     LOG_OPTIONS
     "\n"
     "Example: jwb evidence consistency january.txt june.txt\n",
     command_evidence_consistency},
    {"evidence key", "", "Print the verifier key of the evidence log",
     CONFIG_OPTION
     "\n"
     "Example: jwb evidence key > log.vkey\n",
     command_evidence_key},
    {"archive export", "--before DATE --out FOLDER [--remove]",
     "Take evidence whose time has passed out of the log, as a package that proves itself",
     "What is due is in the configuration's retention.*; of this what is older than DATE, in full\n"
     "bundles of 256. With nothing due no folder is made. Works on a running system.\n"
     "\n"
     "  --before DATE        2027-01-01, or a time\n"
     "  --out FOLDER         the package; must not be there yet\n"
     "  --remove             then, once it was read back and the log has the evidence of it, which\n"
     "                       takes a gateway that runs, remove from the log and the journals what\n"
     "                       is in it. If that is cut off, do it again with another folder\n"
     CONFIG_OPTION
     "\n"
     "Example: jwb archive export --before 2024-01-01 --out /srv/archive/2023 --remove\n",
     command_archive_export},
    {"archive check", "FOLDER [--key KEY]", "Check such a package, anywhere",
     "Each entry, hash and proof, to the last octet. Needs neither configuration nor network.\n"
     "\n"
     "  --key KEY            the log's verifier key, which you trust; without it the package's own\n"
     "                       is believed, and printed\n"
     "\n"
     "Example: jwb archive check /srv/archive/2023 --key \"$(cat log.vkey)\"\n",
     command_archive_check},
};
/* clang-format on */
const size_t command_count = sizeof commands / sizeof commands[0];
