/* The vectors, as tables. What is expected stands here: nothing is asked of a reader. */
#include "cli/vectors.h"

#define DAY VECTORS_DAY

/* ---- bundles ---- */

static struct keyring_key *key_at(struct trust_bundle *bundle, enum vectors_key key)
{
    return &bundle->ring.keys[key == ROOT ? 0 : key - CODE + 1];
}
static void code_key_begins(struct trust_bundle *bundle)
{
    key_at(bundle, CODE)->use_from = VECTORS_NOW + 1;
}
static void code_key_published(struct trust_bundle *bundle)
{
    key_at(bundle, CODE)->publish_at = VECTORS_NOW + 1;
}
static void code_key_ends(struct trust_bundle *bundle)
{
    key_at(bundle, CODE)->retire_at = VECTORS_NOW;
}
static void status_key_begins(struct trust_bundle *bundle)
{
    key_at(bundle, STATUS)->use_from = VECTORS_NOW - 3599;
}
static void root_ended(struct trust_bundle *bundle)
{
    key_at(bundle, ROOT)->retire_at = bundle->not_before;
}
static void kid_of_another(struct trust_bundle *bundle)
{
    key_at(bundle, CODE)->kid[3] ^= 1;
}
static void evidence_key(struct trust_bundle *bundle)
{
    key_at(bundle, CODE)->use = KEY_USE_EVIDENCE;
}
static void revoked_and_there(struct trust_bundle *bundle)
{
    memcpy(bundle->revoked[bundle->revoked_count++], key_at(bundle, CODE)->kid, KID_BYTES);
}
static void short_life(struct trust_bundle *bundle)
{
    bundle->life_max_s = 30;
}
static void long_life(struct trust_bundle *bundle)
{
    bundle->life_max_s = 301;
}
static void no_tolerance(struct trust_bundle *bundle)
{
    bundle->future_s = bundle->past_s = 0;
}
static void lists_unsorted(struct trust_bundle *bundle)
{
    bundle->lists[1].list = 0;
}
static void other_uri(struct trust_bundle *bundle)
{
    bundle->lists[0].uri = BYTES(VECTORS_ORIGIN "/v1/status-lists/zero");
}
static void no_lists(struct trust_bundle *bundle)
{
    bundle->list_count = 0;
}
static void never_good(struct trust_bundle *bundle)
{
    bundle->expires = bundle->not_before;
}
static void version_0(struct trust_bundle *bundle)
{
    bundle->version = 0;
}

/* clang-format off */
const struct vectors_bundle vectors_bundles[] = {
    {.name = "typical"},
    {"older", .version = -1},
    {"newer", .version = 1},
    {"third", .version = 2},
    {"revokes_code_key", .version = 1, .revokes = CODE},
    {"revokes_second_code_key", .version = 1, .revokes = SECOND_CODE},
    {"revokes_status_key", .version = 1, .revokes = STATUS},
    {"revokes_its_root", .version = 1, .revokes = ROOT},
    {"says_its_root_ended", .version = 1, .change = root_ended},
    {"names_next_root", .version = 1, .names = NEXT_ROOT},
    {"by_next_root", .version = 2, .signer = NEXT_ROOT, .names = NEXT_ROOT},
    {"next_root_revokes_first", .version = 3, .signer = NEXT_ROOT, .names = NEXT_ROOT, .revokes = ROOT},
    {"fourth", .version = 4},
    {"by_stranger", .version = 1, .signer = STRANGER},
    {"by_code_key", .version = 1, .signer = CODE},
    {"forged", .version = 1, .oddity = FORGED},
    {"strangers_signature", .version = 1, .oddity = BY_STRANGER},
    {"begins_in_60_s", .version = 1, .begins = DAY + 60},
    {"begins_in_61_s", .version = 1, .begins = DAY + 61},
    {"begins_now", .version = 1, .begins = DAY},
    {"over", .version = 1, .ends = -6 * DAY},
    {"over_in_10_s", .version = 1, .ends = 10 - 6 * DAY},
    {"code_key_begins", .change = code_key_begins},
    {"code_key_published", .change = code_key_published},
    {"code_key_ends", .change = code_key_ends},
    {"status_key_begins", .change = status_key_begins},
    {"short_life", .change = short_life},
    {"no_tolerance", .change = no_tolerance},
    {"other_uri", .version = 1, .change = other_uri},
    {"no_lists", .version = 1, .change = no_lists},
    {"kid_of_another", .change = kid_of_another},
    {"evidence_key", .change = evidence_key},
    {"revoked_and_there", .change = revoked_and_there},
    {"long_life", .change = long_life},
    {"lists_unsorted", .change = lists_unsorted},
    {"never_good", .change = never_good},
    {"version_0", .change = version_0},
    {"other_type", .oddity = OTHER_TYPE},
    {"untagged", .oddity = UNTAGGED},
    {"cwt_tag", .oddity = CWT_TAG},
    {"cut_off", .oddity = CUT_OFF},
    {"trailing", .oddity = TRAILING},
};
const size_t vectors_bundle_count = sizeof vectors_bundles / sizeof *vectors_bundles;

/* ---- lists ---- */

const struct vectors_list vectors_lists[] = {
    {.name = "typical"},
    {"list_1", .list = 1},
    {"list_1_over", .list = 1, .ends = -23 * 3600},
    {"second_before", .issued = -1},
    {"second_after", .issued = 1},
    {"invalid", .bits = 1},
    {"seized", .bits = 2},
    {"not_in_force", .bits = 3},
    {"over", .ends = -23 * 3600},
    {"over_in_1_s", .ends = 1 - 23 * 3600},
    {"seized_over", .bits = 2, .ends = -23 * 3600},
    {"issued_in_60_s", .issued = 3660},
    {"issued_in_61_s", .issued = 3661},
    {"revokes_code_key", .revokes = CODE},
    {"revokes_status_key", .revokes = STATUS, .signer = SECOND_STATUS},
    {"by_second_key", .signer = SECOND_STATUS},
    {"by_code_key", .signer = CODE},
    {"by_root", .signer = ROOT},
    {"by_stranger", .signer = STRANGER},
    {"forged", .oddity = FORGED},
    {"strangers_signature", .oddity = BY_STRANGER},
    {"untagged", .oddity = UNTAGGED, .bits = 2},
    {"cwt_tag", .oddity = CWT_TAG, .bits = 2},
    {"reversed", .oddity = REVERSED, .bits = 2},
    {"other_type", .oddity = OTHER_TYPE},
    {"cut_off", .oddity = CUT_OFF},
    {"trailing", .oddity = TRAILING},
    {"no_end", .oddity = NO_END},
    {"ends_as_it_begins", .ends = -24 * 3600},
    {"four_bits", .oddity = FOUR_BITS},
    {"short_list", .oddity = SHORT_LIST},
    {"octet_behind_stream", .oddity = LONG_STREAM},
};
const size_t vectors_list_count = sizeof vectors_lists / sizeof *vectors_lists;

/* ---- codes ---- */

const struct vectors_code vectors_codes[] = {
    {.name = "typical"},
    {"digits", .text = DIGITS},
    {"spaced", .text = SPACED},
    {"a_digit_more", .text = A_DIGIT_MORE},
    {"other_text", .text = OTHER_TEXT},
    {"trailing", .oddity = TRAILING},
    {"cut_off", .oddity = CUT_OFF},
    {"forged", .oddity = FORGED},
    {"strangers_signature", .oddity = BY_STRANGER},
    {"other_alg", .oddity = OTHER_ALG},
    {"by_second_key", .signer = SECOND_CODE},
    {"by_stranger", .signer = STRANGER},
    {"by_status_key", .signer = STATUS},
    {"by_root", .signer = ROOT},
    {"of_other_algorithm", .of_other_city = true},
    {"from_60_ahead", .issued = 60},
    {"from_61_ahead", .issued = 61},
    {"long_lived", .life = 240},
    {"last_day", .until = TODAY},
    {"day_after", .until = YESTERDAY},
    {"long_term", .until = LONG_TERM},
    {"in_list_1", .list = 1},
    {"in_list_2", .list = 2},
    {"unknown_type", .type = 1},
    {"unknown_issuer", .issuer = 1},
};
const size_t vectors_code_count = sizeof vectors_codes / sizeof *vectors_codes;

/* ---- cases ---- */

#define BUNDLE(name, word)     {TAKE_BUNDLE, name, 0, 0, word, NULL}
#define LIST(as, name, word)   {TAKE_LIST, name, as, 0, word, NULL}
#define VALID(name, after)     {SCAN, name, 0, after, "valid", "none"}
#define INVALID(name, after, reason) {SCAN, name, 0, after, "invalid", reason}
#define UNSURE(name, after, reason)  {SCAN, name, 0, after, "indeterminate", reason}
#define READY                  BUNDLE("typical", "ok"), LIST(0, "typical", "ok")
#define HELD(list)             BUNDLE("typical", "ok"), LIST(0, list, "ok")

const struct vectors_case vectors_cases[] = {
    {"valid", "nothing is wrong", false, {READY, VALID("typical", 0)}},
    {"digits", "without the link", false, {READY, VALID("digits", 0)}},
    {"spaced", "white space around it", false, {READY, VALID("spaced", 0)}},
    {"long_term", "a licence without an end", false, {READY, VALID("long_term", 0)}},
    {"second_key", "the bundle has two keys for codes", false, {READY, VALID("by_second_key", 0)}},
    {"both_algorithms", "a key of the other algorithm in the same bundle", false, {READY, VALID("of_other_algorithm", 0)}},
    {"other_text", "no code at all", false, {READY, INVALID("other_text", 0, "malformed")}},
    {"a_digit_more", "of no group", false, {READY, INVALID("a_digit_more", 0, "malformed")}},
    {"trailing", "an octet behind the message", false, {READY, INVALID("trailing", 0, "malformed")}},
    {"cut_off", "an octet less", false, {READY, INVALID("cut_off", 0, "malformed")}},
    {"malformed_first", "with nothing held, too", false, {INVALID("other_text", 0, "malformed")}},

    {"clock_60_behind_bundle", "as far as is tolerated", false,
     {BUNDLE("begins_in_60_s", "ok"), LIST(0, "typical", "ok"), VALID("typical", 0)}},
    {"clock_61_behind_bundle", "the bundle's time has begun", false,
     {BUNDLE("begins_now", "ok"), LIST(0, "typical", "ok"), UNSURE("typical", -61, "clock_untrusted")}},
    {"clock_61_behind_list", "the list was issued", false, {HELD("issued_in_60_s"), UNSURE("typical", -1, "clock_untrusted")}},
    {"clock_60_behind_list", "the same, a second later", false, {HELD("issued_in_60_s"), VALID("typical", 0)}},
    {"clock_61_behind_scan", "the clock at an earlier scan", false,
     {READY, INVALID("typical", 90, "code_expired"), UNSURE("typical", 29, "clock_untrusted")}},
    {"clock_60_behind_scan", "the same, as far as is tolerated", false,
     {READY, VALID("from_60_ahead", 0), VALID("typical", -60)}},
    {"clock_first", "the clock is looked at before the bundle's end", false,
     {BUNDLE("over_in_10_s", "ok"), UNSURE("typical", 90, "trust_stale"), UNSURE("typical", 29, "clock_untrusted")}},
    {"nothing_held", "no bundle", false, {UNSURE("typical", 0, "trust_stale")}},
    {"bundle_last_second", "before the bundle's end", false, {BUNDLE("over_in_10_s", "ok"), LIST(0, "typical", "ok"), VALID("typical", 9)}},
    {"bundle_over", "at the bundle's end", false,
     {BUNDLE("over_in_10_s", "ok"), LIST(0, "typical", "ok"), UNSURE("typical", 10, "trust_stale")}},
    {"bundle_over_forged", "then nothing is told of a forged one", false,
     {BUNDLE("over_in_10_s", "ok"), UNSURE("forged", 10, "trust_stale")}},

    {"revoked", "by a newer bundle", false, {READY, BUNDLE("revokes_code_key", "ok"), INVALID("typical", 0, "key_revoked")}},
    {"revoked_other", "of the other key nothing was said", false, {READY, BUNDLE("revokes_code_key", "ok"), VALID("by_second_key", 0)}},
    {"revoked_for_ever", "the next bundle has the key again", false,
     {READY, BUNDLE("revokes_code_key", "ok"), BUNDLE("third", "ok"), INVALID("typical", 0, "key_revoked")}},
    {"revoked_by_list", "by a list", false, {HELD("revokes_code_key"), INVALID("typical", 0, "key_revoked")}},
    {"revoked_by_list_for_ever", "the next list does not name it", false,
     {HELD("revokes_code_key"), LIST(0, "second_after", "ok"), INVALID("typical", 0, "key_revoked")}},
    {"revoked_and_forged", "revoked comes first", false, {HELD("revokes_code_key"), INVALID("forged", 0, "key_revoked")}},
    {"revoked_and_dead", "before the life's end", false, {HELD("revokes_code_key"), INVALID("typical", 90, "key_revoked")}},
    {"list_revokes_no_status_key", "lists revoke keys for codes alone", false,
     {HELD("revokes_status_key"), LIST(0, "second_after", "ok"), VALID("typical", 0)}},
    {"unknown_key", "of no bundle", false, {READY, UNSURE("by_stranger", 0, "unknown_key")}},
    {"status_key", "a key for status lists", false, {READY, UNSURE("by_status_key", 0, "unknown_key")}},
    {"root_key", "a root key", false, {READY, UNSURE("by_root", 0, "unknown_key")}},
    {"other_alg", "the message names another algorithm than the key's", false, {READY, UNSURE("other_alg", 0, "unknown_key")}},
    {"key_not_begun", "a second before use_from", false, {BUNDLE("code_key_begins", "ok"), UNSURE("typical", 0, "unknown_key")}},
    {"key_not_published", "a second before publish", false, {BUNDLE("code_key_published", "ok"), UNSURE("typical", 0, "unknown_key")}},
    {"key_ended", "at retire_at", false, {BUNDLE("code_key_ends", "ok"), UNSURE("typical", 0, "unknown_key")}},

    {"ahead_60", "displayed 60 s from now", false, {READY, VALID("from_60_ahead", 0)}},
    {"ahead_61", "displayed 61 s from now", false, {READY, UNSURE("from_61_ahead", 0, "not_yet_valid")}},
    {"no_tolerance", "the bundle allows none", false, {BUNDLE("no_tolerance", "ok"), UNSURE("typical", -1, "not_yet_valid")}},
    {"dead_29", "29 s after its end", false, {READY, VALID("typical", 89)}},
    {"dead_30", "30 s after its end", false, {READY, INVALID("typical", 90, "code_expired")}},
    {"dead_at_once", "without tolerance", false, {BUNDLE("no_tolerance", "ok"), INVALID("typical", 60, "code_expired")}},
    {"long_lived", "of 240 s", false, {READY, VALID("long_lived", 269)}},
    {"long_lived_dead", "of 240 s", false, {READY, INVALID("long_lived", 270, "code_expired")}},
    {"short_life", "longer than the bundle allows, before that is over", false,
     {BUNDLE("short_life", "ok"), LIST(0, "typical", "ok"), VALID("long_lived", 59)}},
    {"short_life_over", "longer than the bundle allows", false,
     {BUNDLE("short_life", "ok"), LIST(0, "typical", "ok"), INVALID("long_lived", 60, "code_expired")}},
    {"dead_and_forged", "the life is looked at first", false, {READY, INVALID("forged", 90, "code_expired")}},
    {"forged", "a bit of the signature", false, {READY, INVALID("forged", 0, "bad_signature")}},
    {"strangers_signature", "another's signature", false, {READY, INVALID("strangers_signature", 0, "bad_signature")}},
    {"forged_seized", "its status is not looked at", false, {HELD("seized"), INVALID("forged", 0, "bad_signature")}},

    {"last_day", "until its end in UTC+8", false, {READY, VALID("last_day", 0)}},
    {"day_after", "over since midnight", false, {READY, INVALID("day_after", 0, "licence_expired")}},
    {"day_after_seized", "before the status", false, {HELD("seized"), INVALID("day_after", 0, "licence_expired")}},
    {"no_list", "none held", false, {BUNDLE("typical", "ok"), UNSURE("typical", 0, "status_unavailable")}},
    {"other_list", "another held", false, {READY, UNSURE("in_list_1", 0, "status_unavailable")}},
    {"two_lists", "each code in its own", false, {HELD("seized"), LIST(1, "list_1", "ok"), VALID("in_list_1", 0)}},
    {"unheard_list", "that no bundle names", false, {READY, UNSURE("in_list_2", 0, "status_unavailable")}},
    {"invalid", "bits 1", false, {HELD("invalid"), INVALID("typical", 0, "licence_invalid")}},
    {"seized", "bits 2", false, {HELD("seized"), INVALID("typical", 0, "licence_seized")}},
    {"not_in_force", "bits 3", false, {HELD("not_in_force"), INVALID("typical", 0, "licence_not_in_force")}},
    {"given_back", "a later list", false, {HELD("seized"), LIST(0, "second_after", "ok"), VALID("typical", 0)}},
    {"list_over", "at its end", false, {HELD("over"), UNSURE("typical", 0, "status_stale")}},
    {"list_last_second", "before its end", false, {HELD("over_in_1_s"), VALID("typical", 0)}},
    {"seized_in_list_over", "negative stays negative", false, {HELD("seized_over"), INVALID("typical", 0, "licence_seized")}},
    {"list_key_revoked", "the list goes with its key", false,
     {READY, BUNDLE("revokes_status_key", "ok"), UNSURE("typical", 0, "status_unavailable")}},
    {"list_moved", "the newer bundle names it otherwise", false, {READY, BUNDLE("other_uri", "ok"), UNSURE("typical", 0, "status_unavailable")}},
    {"list_dropped", "the newer bundle names none", false, {READY, BUNDLE("no_lists", "ok"), UNSURE("typical", 0, "status_unavailable")}},
    {"list_stays", "a newer bundle that still names it", false, {READY, BUNDLE("newer", "ok"), VALID("typical", 0)}},

    {"used", "a partner's second scan", true, {READY, VALID("typical", 0), INVALID("typical", 1, "code_already_used")}},
    {"used_twice_by_inspector", "an inspector's second scan", false, {READY, VALID("typical", 0), VALID("typical", 1)}},
    {"used_seized", "seized between a partner's scans", true,
     {HELD("second_before"), VALID("typical", 0), LIST(0, "seized", "ok"), INVALID("typical", 1, "licence_seized")}},
    {"used_untold", "the first scan could not tell", true,
     {BUNDLE("typical", "ok"), UNSURE("typical", 0, "status_unavailable"), LIST(0, "typical", "ok"), VALID("typical", 1)}},
    {"used_forged", "a forged one of the same display came first", true, {READY, INVALID("forged", 0, "bad_signature"), VALID("typical", 1)}},
    {"unknown_type", "not in the catalogue", false, {READY, UNSURE("unknown_type", 0, "catalogue_unknown")}},
    {"unknown_issuer", "not in the catalogue", false, {READY, UNSURE("unknown_issuer", 0, "catalogue_unknown")}},
    {"unknown_type_seized", "the status comes first", false, {HELD("seized"), INVALID("unknown_type", 0, "licence_seized")}},
    {"unknown_type_list_over", "the list's end, too", false, {HELD("over"), UNSURE("unknown_type", 0, "status_stale")}},

    {"many_answers", "one for each code, to be mutated", false,
     {BUNDLE("revokes_second_code_key", "ok"), LIST(0, "typical", "ok"), LIST(1, "list_1_over", "ok"),
      INVALID("by_second_key", 0, "key_revoked"), UNSURE("in_list_1", 0, "status_stale"), VALID("typical", 0)}},

    /* what is refused changes nothing */
    {"take_older", "a bundle of a lower version, and one of the same", false,
     {READY, BUNDLE("older", "older"), BUNDLE("typical", "older"), VALID("typical", 0)}},
    {"take_older_revoked", "the older one had the key", false,
     {BUNDLE("revokes_code_key", "ok"), BUNDLE("typical", "older"), INVALID("typical", 0, "key_revoked")}},
    {"take_not_yet", "a bundle from 61 s ahead", false, {READY, BUNDLE("begins_in_61_s", "not_yet"), VALID("typical", 0)}},
    {"take_over", "a bundle at its end", false, {BUNDLE("over", "expired"), UNSURE("typical", 0, "trust_stale")}},
    {"take_unsigned", "bundles of others", false,
     {READY, BUNDLE("by_stranger", "untrusted"), BUNDLE("by_code_key", "untrusted"), BUNDLE("forged", "untrusted"), VALID("typical", 0)}},
    {"take_strangers_signature", "under the root's kid", false, {BUNDLE("strangers_signature", "untrusted"), UNSURE("typical", 0, "trust_stale")}},
    {"take_root_revokes_itself", "it is not believed about itself", false,
     {READY, BUNDLE("revokes_its_root", "untrusted"), BUNDLE("says_its_root_ended", "untrusted"), VALID("typical", 0)}},
    {"take_next_root_unheard", "that no bundle named", false, {READY, BUNDLE("by_next_root", "untrusted"), VALID("typical", 0)}},
    {"take_next_root", "that a bundle named", false,
     {READY, BUNDLE("names_next_root", "ok"), BUNDLE("by_next_root", "ok"), VALID("typical", 0)}},
    {"take_root_revoked", "the first root, revoked by the next", false,
     {BUNDLE("names_next_root", "ok"), BUNDLE("next_root_revokes_first", "ok"), BUNDLE("fourth", "untrusted"),
      LIST(0, "typical", "ok"), VALID("typical", 0)}},
    {"take_malformed_keys", "keys that are none", false,
     {BUNDLE("kid_of_another", "malformed"), BUNDLE("evidence_key", "malformed"), BUNDLE("revoked_and_there", "malformed"),
      UNSURE("typical", 0, "trust_stale")}},
    {"take_malformed_values", "out of range or order", false,
     {BUNDLE("long_life", "malformed"), BUNDLE("lists_unsorted", "malformed"), BUNDLE("never_good", "malformed"),
      BUNDLE("version_0", "malformed"), UNSURE("typical", 0, "trust_stale")}},
    {"take_malformed_messages", "in other wrapping", false,
     {BUNDLE("other_type", "malformed"), BUNDLE("untagged", "malformed"), BUNDLE("cwt_tag", "malformed"),
      BUNDLE("cut_off", "malformed"), BUNDLE("trailing", "malformed"), UNSURE("typical", 0, "trust_stale")}},

    {"take_list_older", "a list from before, and the same", false,
     {HELD("seized"), LIST(0, "second_before", "older"), LIST(0, "typical", "older"), INVALID("typical", 0, "licence_seized")}},
    {"take_list_not_yet", "a list from 61 s ahead", false,
     {BUNDLE("typical", "ok"), LIST(0, "issued_in_61_s", "not_yet"), UNSURE("typical", 0, "status_unavailable")}},
    {"take_list_unheard", "under no number, and another's", false,
     {BUNDLE("typical", "ok"), LIST(2, "typical", "unknown_list"), LIST(0, "list_1", "unknown_list"), LIST(1, "typical", "unknown_list"),
      UNSURE("typical", 0, "status_unavailable")}},
    {"take_list_no_bundle", "no bundle names it", false, {LIST(0, "typical", "unknown_list"), UNSURE("typical", 0, "trust_stale")}},
    {"take_list_by_others", "by keys for something else", false,
     {BUNDLE("typical", "ok"), LIST(0, "by_code_key", "untrusted"), LIST(0, "by_root", "untrusted"), LIST(0, "by_stranger", "untrusted"),
      UNSURE("typical", 0, "status_unavailable")}},
    {"take_list_forged", "forged, and another's signature", false,
     {BUNDLE("typical", "ok"), LIST(0, "forged", "untrusted"), LIST(0, "strangers_signature", "untrusted"),
      UNSURE("typical", 0, "status_unavailable")}},
    {"take_list_by_revoked", "its key was revoked before", false,
     {BUNDLE("revokes_status_key", "ok"), LIST(0, "typical", "untrusted"), LIST(0, "by_second_key", "ok"), VALID("by_second_key", 0)}},
    {"take_list_key_not_begun", "a second before use_from", false,
     {BUNDLE("status_key_begins", "ok"), LIST(0, "typical", "untrusted"), LIST(0, "second_after", "ok"), VALID("typical", 0)}},
    {"take_list_untagged", "as the draft allows", false, {HELD("untagged"), INVALID("typical", 0, "licence_seized")}},
    {"take_list_cwt_tag", "as the draft allows", false, {HELD("cwt_tag"), INVALID("typical", 0, "licence_seized")}},
    {"take_list_reversed", "as the draft allows", false, {HELD("reversed"), INVALID("typical", 0, "licence_seized")}},
    {"take_list_malformed_messages", "in other wrapping", false,
     {BUNDLE("typical", "ok"), LIST(0, "other_type", "malformed"), LIST(0, "cut_off", "malformed"), LIST(0, "trailing", "malformed"),
      UNSURE("typical", 0, "status_unavailable")}},
    {"take_list_malformed_times", "no end, and one before its beginning", false,
     {BUNDLE("typical", "ok"), LIST(0, "no_end", "malformed"), LIST(0, "ends_as_it_begins", "malformed"),
      UNSURE("typical", 0, "status_unavailable")}},
    {"take_list_malformed_array", "not of 2^20 places of 2 bits", false,
     {BUNDLE("typical", "ok"), LIST(0, "four_bits", "malformed"), LIST(0, "short_list", "malformed"), LIST(0, "octet_behind_stream", "malformed"),
      UNSURE("typical", 0, "status_unavailable")}},
};
const size_t vectors_case_count = sizeof vectors_cases / sizeof *vectors_cases;
/* clang-format on */
