/* Verdicts, told to people: one big line that can't be mistaken, what it means, what to compare. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/utf8.h"
#include "protocol/status.h"
#include "terminal/tool/verdict.h"

struct words {
    const char *chinese, *english;
};

static const struct words REASONS[] = {
    [REASON_NONE] = {"", ""},
    [REASON_MALFORMED] = {"这不是亮证码。", "This is no licence code."},
    [REASON_BAD_SIGNATURE] = {"此码不是本市签发，或被改动过。",
                              "This code was not issued by the city, or was altered."},
    [REASON_CODE_EXPIRED] = {"此码已过期，请对方重新亮证；仍过期则请核对本机时钟。",
                             "This code has run out: have the licence displayed again. If a new "
                             "one has run out, too, check this device's clock."},
    [REASON_NOT_YET_VALID] = {"此码的时间在未来，请核对时钟，再扫新码。",
                              "This code is from the future: check the clock, scan a new one."},
    [REASON_UNKNOWN_KEY] = {"签发此码的密钥不明，请同步后再扫。",
                            "The key that signed this code is not known: sync, and scan again."},
    [REASON_KEY_REVOKED] = {"签发此码的密钥已作废。", "The key that signed this code was revoked."},
    [REASON_LICENCE_EXPIRED] = {"证照已过有效期。", "The licence has expired."},
    [REASON_LICENCE_SEIZED] = {"证照已被暂扣。", "The licence is seized."},
    [REASON_LICENCE_WITHDRAWN] = {"证照已被收回。", "The licence was withdrawn."},
    [REASON_LICENCE_REVOKED] = {"证照已被撤销。", "The licence was revoked."},
    [REASON_LICENCE_CANCELLED] = {"证照已注销。", "The licence was cancelled."},
    [REASON_LICENCE_RESCINDED] = {"证照已被吊销。", "The licence was rescinded."},
    [REASON_LICENCE_LAPSED] = {"证照已失效。", "The licence has lapsed."},
    [REASON_LICENCE_TRANSFERRED] = {"证照已转出。", "The licence was transferred elsewhere."},
    [REASON_LICENCE_SUPERSEDED] = {"证照已有新版本，请对方重新亮证。",
                                   "There is a newer version: have it displayed again."},
    [REASON_LICENCE_NOT_IN_FORCE] = {"证照目前不具效力。", "The licence is not in force."},
    [REASON_CODE_ALREADY_USED] = {"此码已使用过。", "This code was used before."},
    [REASON_LICENCE_UNKNOWN] = {"查不到此证照。", "This licence is not found."},
    [REASON_STATUS_UNAVAILABLE] = {"暂时无法查明证照状态。",
                                   "The licence's status could not be found out."},
    [REASON_CATALOGUE_UNKNOWN] = {"本机不认识此证照的类型或颁发机构，请同步。",
                                  "The licence's type or issuer is not known here: sync."},
    [REASON_LICENCE_INVALID] = {"证照已不再有效。", "The licence is no longer valid."},
    [REASON_STATUS_STALE] = {"本机的状态清单已过期，请同步。",
                             "What is known here of its status is too old: sync."},
    [REASON_CLOCK_UNTRUSTED] = {"本机时钟不可信，请校准。",
                                "This device's clock is wrong: set it."},
    [REASON_TRUST_STALE] = {"本机没有信任数据，或已过期，请同步。",
                            "This device has no trust bundle in force: sync."},
};
_Static_assert(sizeof REASONS / sizeof *REASONS == REASON_COUNT, "every reason has its words");

static const struct {
    const char *result, *sign;
    struct words words;
    int colour; /* of the background, ECMA-48: green, red, yellow */
} BANNERS[] = {
    {"valid", "✔", {"有效", "VALID"}, 42},
    {"invalid", "✘", {"无效", "INVALID"}, 41},
    {"indeterminate", "?", {"无法确认", "CAN'T TELL"}, 43},
};

static const struct {
    const char *because;
    struct words words;
} OFFLINE[] = {
    {"asked", {"按要求", "as asked"}},
    {"not_logged_in", {"未登录", "nobody is logged in"}},
    {"not_a_code", {"不必联网", "no need to ask"}},
    {"unreachable", {"无网络", "no network"}},
    {"no_answer", {"网关未给出答复", "the gateway gave no answer"}},
    {"untrusted", {"对方不是网关", "what answered is not the gateway"}},
    {"status_unavailable", {"网关也无法确认", "the gateway could not find out"}},
};

/* ---- words ---- */

bool verdict_in_chinese(void)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"}; /* POSIX's order */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *locale = getenv(names[i]);
        if (locale && *locale)
            return strncmp(locale, "zh", 2) == 0;
    }
    return false;
}

static const char *say(struct words words)
{
    return verdict_in_chinese() ? words.chinese : words.english;
}

static const char *member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* Nothing that moves a cursor or turns the direction of writing reaches the screen. */
static const char *plain(const char *text)
{
    return text && utf8_plain(bytes_str(text)) ? text : NULL;
}

static void print_line(struct words label, const char *value)
{
    if (plain(value) && *value)
        printf("  %s%s%s\n", say(label), verdict_in_chinese() ? "：" : ": ", value);
}

/* 2026-11-23T10:00:00+08:00 as 2026-11-23 10:00:00 */
static void print_time(struct words label, const char *rfc3339)
{
    char text[32];
    if (!plain(rfc3339) || strlen(rfc3339) < 19)
        return;
    snprintf(text, sizeof text, "%.10s %.8s", rfc3339, rfc3339 + 11);
    print_line(label, text);
}

/* ---- the parts of a verdict ---- */

static void print_banner(const char *result)
{
    for (size_t i = 0; i < sizeof BANNERS / sizeof *BANNERS; i++) {
        if (strcmp(BANNERS[i].result, result) != 0)
            continue;
        const char *sign = BANNERS[i].sign, *word = say(BANNERS[i].words);
        if (isatty(STDOUT_FILENO))
            for (int line = 0; line < 3; line++)
                printf("\033[1;30;%dm  %s  %s\033[K\033[0m\n", BANNERS[i].colour,
                       line == 1 ? sign : " ", line == 1 ? word : "");
        else
            printf("%s %s\n", sign, word);
    }
}

static void print_reason(const json_t *verdict)
{
    const char *reason = member(verdict, "reason");
    for (int i = 0; reason && i < REASON_COUNT; i++)
        if (strcmp(verdict_reason_text((enum verdict_reason)i), reason) == 0) {
            printf("  %s (%s)\n", say(REASONS[i]), reason);
            return;
        }
    print_line((struct words){"原因", "reason"}, reason); /* of a newer gateway */
}

static const char *name_of(const json_t *entry)
{
    const char *english = member(entry, "name_en");
    return !verdict_in_chinese() && english && *english ? english : member(entry, "name");
}

static void print_licence(const json_t *licence)
{
    const char *until = member(licence, "valid_until");
    if (!licence)
        return;
    puts(say((struct words){"请与本人核对：", "Compare with the person:"}));
    print_line((struct words){"持证人", "holder"}, member(licence, "holder_name"));
    print_line((struct words){"证照号码", "number"}, member(licence, "number"));
    print_line((struct words){"证照类型", "type"}, name_of(json_object_get(licence, "type")));
    print_line((struct words){"颁发机构", "issued by"},
               name_of(json_object_get(licence, "issuer")));
    if (json_object_get(licence, "valid_until"))
        print_line((struct words){"有效期至", "valid until"},
                   until ? until : say((struct words){"长期", "long-term"}));
}

static const char *because_text(const char *because)
{
    for (size_t i = 0; because && i < sizeof OFFLINE / sizeof *OFFLINE; i++)
        if (strcmp(OFFLINE[i].because, because) == 0)
            return say(OFFLINE[i].words);
    return because;
}

/* Who says so, and as of when. */
static void print_source(const json_t *verdict)
{
    const char *because = member(verdict, "offline_because");
    if (because)
        print_line((struct words){"离线核验", "offline"}, because_text(because));
    else
        printf("  %s\n", say((struct words){"在线核验", "online"}));
    print_time((struct words){"状态截至", "status as of"}, member(verdict, "as_of"));
    print_time((struct words){"状态可用至", "good until"}, member(verdict, "status_good_until"));
}

static void print_history(const json_t *verdict)
{
    const json_t *first = json_object_get(verdict, "first_scan"),
                 *list = json_object_get(verdict, "list");
    const char *acting = member(verdict, "displayed_by"), *reason = member(verdict, "reason");
    if (json_is_false(json_object_get(first, "this"))) {
        print_time((struct words){"此码首次被扫", "this code was first scanned"},
                   member(first, "at"));
        print_line((struct words){"首次扫码单位", "by"}, member(first, "agency"));
    }
    print_time((struct words){"本机曾扫过此码", "scanned here before"}, member(verdict, "seen_at"));
    if (acting && strcmp(acting, "holder") != 0)
        print_line((struct words){"亮证人身份", "displayed by"}, acting);
    if (json_is_object(list)) {
        print_line((struct words){"本机清单（不作数）", "by the list here, which does not count"},
                   member(list, "result"));
        print_time((struct words){"清单截至", "list as of"}, member(list, "as_of"));
    }
    if (json_is_false(json_object_get(verdict, "kept")) &&
        !(reason && strcmp(reason, "malformed") == 0))
        puts(say((struct words){"  本次扫码未能保存。", "  This scan is not kept."}));
}

void verdict_tell(const json_t *verdict)
{
    print_banner(member(verdict, "result"));
    print_reason(verdict);
    print_licence(json_object_get(verdict, "licence"));
    print_source(verdict);
    print_history(verdict);
}

void verdict_tell_unread(const char *input, const char *sentence)
{
    print_banner("indeterminate");
    printf("  %s: %s\n", plain(input) ? input : "?", sentence);
}
