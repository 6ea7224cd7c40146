/* POST /oauth2/token: access tokens (RFC 6749). A registered client gets one for itself by an
 * assertion (RFC 7523), a terminal one that is for its own errands alone; the app's identity token
 * becomes a citizen's, or, together with the assertion of a registered terminal, an inspector's
 * (token exchange, RFC 8693). */
#include "gateway/oauth.h"
#include "base/check.h"
#include "base/clock.h"
#include "gateway/assertion.h"
#include "gateway/form.h"
#include "gateway/home.h"
#include "gateway/log.h"

#define TOKEN_STEPS(S)                                                                             \
    S(read_request)  /* form -> grant                                    */                        \
    S(check_client)  /* whose assertion it is, if there is one           */                        \
    S(check_person)  /* whose identity token it is; keys may be fetched  */                        \
    S(settle)        /* may they have a token, whose, with which scopes? */                        \
    S(use_assertion) /* Redis: now it is used                            */                        \
    S(use_identity)  /* the same for the identity token                  */                        \
    S(vouch)         /* does Redis remember all there may have been?     */                        \
    S(make)                                                                                        \
    S(record) /* evidence before answer, of refusals too */                                        \
    S(answer)

#define ANSWER_BYTES_MAX 1024
#define TERMINALS_OWN    ((unsigned)TOKEN_SCOPE_SYNC) /* what it does without an officer */

/* RFC 6749 section 5.2, RFC 8693 section 2.2.2; the last two are nobody's fault over there. */
#define OAUTH_ERRORS(E)                                                                            \
    E(NONE, 200, "")                                                                               \
    E(INVALID_REQUEST, 400, "invalid_request")                                                     \
    E(INVALID_CLIENT, 401, "invalid_client")                                                       \
    E(UNAUTHORIZED_CLIENT, 400, "unauthorized_client")                                             \
    E(UNSUPPORTED_GRANT_TYPE, 400, "unsupported_grant_type")                                       \
    E(INVALID_SCOPE, 400, "invalid_scope")                                                         \
    E(INVALID_TARGET, 400, "invalid_target")                                                       \
    E(NOT_NOW, 503, "temporarily_unavailable")                                                     \
    E(OURS, 500, "server_error")
enum oauth_error {
#define E(name, status, word) OAUTH_##name,
    OAUTH_ERRORS(E)
#undef E
};
static const struct {
    unsigned status;
    const char *word;
} oauth_errors[] = {
#define E(name, status, word) {status, word},
    OAUTH_ERRORS(E)
#undef E
};

struct token {
    struct operation op;
    struct form form;
    bool exchange;
    enum oauth_error error; /* once it is set, the steps up to `record` pass */
    const char *description;
    struct assertion assertion; /* `client` NULL: none was given */
    struct identity_ask person;
    struct cache_once once;
    struct cache_list_call list;
    int64_t once_from; /* before this moment, nothing that is used here can have been used */
    char subject[TOKEN_SUBJECT_BYTES_MAX + 1];
    unsigned scopes;
    int64_t issued_at, expires_at;
    uint8_t text[TOKEN_TEXT_BYTES_MAX];
    struct buf access_token;
};

static enum step_result refuse(struct token *t, enum oauth_error error, const char *description)
{
    t->error = error;
    t->description = description;
    return STEP_NEXT;
}

static const struct config *config_of(const struct token *t)
{
    return t->op.home->settings->config;
}

static struct bytes parameter(const struct token *t, const char *name)
{
    return form_value(&t->form, name);
}

/* ---- read_request ---- */

static enum step_result read_request(struct token *t)
{
    struct bytes body = http_body(t->op.http);
    struct buf storage;
    buf_init(&storage, http_room(t->op.http, body.len + 1), body.len);
    if (!operation_body_is(&t->op, "application/x-www-form-urlencoded") ||
        !form_read(body, &storage, &t->form))
        return refuse(t, OAUTH_INVALID_REQUEST,
                      "the body is no application/x-www-form-urlencoded, or repeats a parameter");
    struct bytes grant = parameter(t, "grant_type");
    if (grant.len == 0)
        return refuse(t, OAUTH_INVALID_REQUEST, "grant_type is missing");
    t->exchange = bytes_equal(grant, BYTES(GRANT_EXCHANGE)) && *config_of(t)->identity_issuer;
    if (!t->exchange && !bytes_equal(grant, BYTES(GRANT_CLIENT)))
        return refuse(t, OAUTH_UNSUPPORTED_GRANT_TYPE, "this grant_type is not served here");
    return STEP_NEXT;
}

/* ---- check_client ---- */

static bool use_directory(struct token *t)
{
    struct gateway_loop *home = t->op.home;
    return directory_use(&home->gateway->directories, &home->directory);
}

/* What was wrong is for the log and the counters; whoever is not the client learns nothing. */
static enum step_result refuse_assertion(struct token *t, enum jwt_error error)
{
    const struct registry_client *client = t->assertion.client;
    count(&t->op.home->counters.assertions[error]);
    log_event(LOG_INFO, "assertion refused", LOG_ID("request", t->op.id),
              LOG_TEXT("client", client ? client->id : ""),
              LOG_TEXT("reason", jwt_error_text(error)));
    return error == JWT_OURS
               ? refuse(t, OAUTH_OURS, "the assertion could not be checked")
               : refuse(t, OAUTH_INVALID_CLIENT, "the client assertion is not accepted");
}

static enum jwt_error read_assertion(struct token *t)
{
    const struct config *config = config_of(t);
    const size_t room = strlen(config->public_origin) + sizeof OAUTH_TOKEN_PATH;
    struct buf endpoint;
    buf_init(&endpoint, http_room(t->op.http, room), room);
    buf_put_str(&endpoint, config->public_origin);
    buf_put_str(&endpoint, OAUTH_TOKEN_PATH);
    const struct jwt_expected expected = {
        .audiences = {config->public_origin, buf_cstr(&endpoint)},
        .now = clock_wall_s(),
        .skew_s = (unsigned)config->tokens_skew_s,
        .life_s_max = (unsigned)config->tokens_assertion_life_s,
    };
    return assertion_check(t->op.home->directory, parameter(t, "client_assertion"), &expected,
                           &t->assertion);
}

static enum step_result check_client(struct token *t)
{
    struct bytes assertion = parameter(t, "client_assertion"),
                 type = parameter(t, "client_assertion_type"), id = parameter(t, "client_id");
    if (t->error)
        return STEP_NEXT;
    if (assertion.len == 0 && type.len == 0)
        return t->exchange ? STEP_NEXT
                           : refuse(t, OAUTH_INVALID_CLIENT, "client_assertion is missing");
    if (assertion.len == 0 || !bytes_equal(type, BYTES(ASSERTION_TYPE)))
        return refuse(t, OAUTH_INVALID_REQUEST,
                      "client_assertion comes with client_assertion_type " ASSERTION_TYPE);
    if (!use_directory(t))
        return refuse(t, OAUTH_NOT_NOW, "the clients can't be looked up now");
    enum jwt_error error = read_assertion(t);
    if (!error && id.len && !bytes_equal(id, bytes_str(t->assertion.client->id)))
        error = JWT_SUBJECT;
    if (error)
        return refuse_assertion(t, error);
    t->op.directory = directory_take(t->op.home->directory);
    t->op.client = t->assertion.client;
    t->op.asker.role = t->op.client->role;
    t->op.asker.client = bytes_str(t->op.client->id);
    return t->exchange && t->op.client->role != TOKEN_ROLE_INSPECTOR
               ? refuse(t, OAUTH_UNAUTHORIZED_CLIENT,
                        "only an inspector's terminal exchanges tokens")
               : STEP_NEXT;
}

/* ---- check_person ---- */

static const char *wrong_exchange(const struct token *t)
{
    struct bytes type = parameter(t, "subject_token_type"),
                 wanted = parameter(t, "requested_token_type");
    if (parameter(t, "subject_token").len == 0)
        return "subject_token is missing";
    if (!bytes_equal(type, BYTES(TYPE_JWT)) && !bytes_equal(type, BYTES(TYPE_ID_TOKEN)))
        return "subject_token_type is " TYPE_JWT " or " TYPE_ID_TOKEN;
    if (wanted.len && !bytes_equal(wanted, BYTES(TYPE_ACCESS_TOKEN)))
        return "requested_token_type is " TYPE_ACCESS_TOKEN;
    if (parameter(t, "actor_token").len)
        return "actor_token is not taken: the terminal's client assertion says who acts";
    return NULL;
}

/* RFC 8693 section 2.1: where the token is to be used. */
static bool is_here(const struct token *t, const char *name)
{
    struct bytes where = parameter(t, name);
    return where.len == 0 || bytes_equal(where, bytes_str(config_of(t)->public_origin));
}

static void person_checked(struct identity_ask *ask)
{
    struct token *t = (struct token *)((char *)ask - offsetof(struct token, person));
    operation_resume(&t->op);
}

static enum step_result check_person(struct token *t)
{
    if (t->error || !t->exchange)
        return STEP_NEXT;
    const char *wrong = wrong_exchange(t);
    if (wrong)
        return refuse(t, OAUTH_INVALID_REQUEST, wrong);
    if (!is_here(t, "audience") || !is_here(t, "resource"))
        return refuse(t, OAUTH_INVALID_TARGET, "tokens are for this gateway alone");
    t->person.token = parameter(t, "subject_token");
    t->person.done = person_checked;
    return identity_check(t->op.home->gateway->identity, t->op.home->loop, &t->person) ==
                   IDENTITY_NOW
               ? STEP_NEXT
               : STEP_WAIT;
}

/* ---- settle ---- */

static enum step_result settle_citizen(struct token *t)
{
    struct gateway_loop *home = t->op.home;
    uint8_t id[REGISTRY_ID_BYTES];
    struct buf subject = BUF_OVER(t->subject);
    if (t->op.client)
        return refuse(t, OAUTH_INVALID_REQUEST, "a citizen's token is exchanged without a client");
    enum registry_error error = registry_holder_id(home->reader, bytes_str(t->person.number), id);
    if (atomic_load(&home->gateway->registry_behind) ||
        (error != REGISTRY_OK && error != REGISTRY_ERR_NOT_FOUND))
        return refuse(t, OAUTH_NOT_NOW, "the registry can't be asked now");
    if (error == REGISTRY_ERR_NOT_FOUND)
        return refuse(t, OAUTH_INVALID_REQUEST, "this person holds no licence here");
    buf_put_hex(&subject, bytes_of(id, sizeof id));
    t->op.asker.role = TOKEN_ROLE_HOLDER;
    t->op.asker.subject = buf_bytes(&subject);
    t->scopes = token_role_scopes(TOKEN_ROLE_HOLDER);
    return STEP_NEXT;
}

static enum step_result settle_inspector(struct token *t)
{
    const struct identity_ask *person = &t->person;
    struct buf subject = BUF_OVER(t->subject);
    if (!t->op.client)
        return refuse(t, OAUTH_INVALID_CLIENT, "an inspector needs a registered terminal");
    if (!bytes_equal(bytes_str(person->agency), bytes_str(t->op.client->organisation)))
        return refuse(t, OAUTH_INVALID_REQUEST, "the terminal is another agency's");
    buf_printf(&subject, "%s/%s", person->agency, person->officer);
    CHECK(buf_ok(&subject)); /* identity.c saw to it */
    t->op.asker.subject = buf_bytes(&subject);
    t->scopes = token_role_scopes(TOKEN_ROLE_INSPECTOR) & t->op.client->scopes & ~TERMINALS_OWN;
    return STEP_NEXT;
}

static enum step_result refuse_identity(struct token *t, enum jwt_error error)
{
    log_event(LOG_INFO, "identity token refused", LOG_ID("request", t->op.id),
              LOG_TEXT("reason", jwt_error_text(error)));
    return refuse(t, OAUTH_INVALID_REQUEST, "the subject_token is not accepted");
}

static enum step_result settle_person(struct token *t)
{
    if (t->person.error == JWT_OURS)
        return refuse(t, OAUTH_NOT_NOW, "the identity provider's keys can't be had now");
    if (t->person.error)
        return refuse_identity(t, t->person.error);
    if (!use_directory(t))
        return refuse(t, OAUTH_NOT_NOW, "who is shut out can't be looked up now");
    if (t->person.kind == PERSON_CITIZEN)
        settle_citizen(t);
    else
        settle_inspector(t);
    if (!t->error &&
        directory_shut_out(t->op.home->directory, t->op.asker.role, t->op.asker.subject))
        refuse(t, OAUTH_INVALID_REQUEST, "this person is shut out");
    return STEP_NEXT;
}

/* Without an officer a terminal may do nothing that is an officer's. */
static enum step_result settle_client(struct token *t)
{
    const bool terminal = t->op.client->role == TOKEN_ROLE_INSPECTOR;
    t->scopes = t->op.client->scopes & (terminal ? TERMINALS_OWN : TOKEN_SCOPES_ALL);
    return t->scopes ? STEP_NEXT
                     : refuse(t, OAUTH_UNAUTHORIZED_CLIENT,
                              "this client has no scopes of its own: exchange an officer's token");
}

static enum step_result settle(struct token *t)
{
    struct bytes scope = parameter(t, "scope");
    unsigned asked;
    if (t->error)
        return STEP_NEXT;
    if (t->exchange)
        settle_person(t);
    else
        settle_client(t);
    crypto_wipe(t->person.number, sizeof t->person.number);
    if (t->error || scope.len == 0)
        return STEP_NEXT;
    if (!token_scopes_read(scope, &asked) || (asked & ~t->scopes))
        return refuse(t, OAUTH_INVALID_SCOPE, "scope has words that you can't have");
    t->scopes = asked;
    return STEP_NEXT;
}

/* ---- use_assertion, use_identity ---- */

static enum step_result refuse_unvouched(struct token *t)
{
    return refuse(t, OAUTH_NOT_NOW, "single use can't be vouched for now");
}

static void assertion_used(struct cache_once *once)
{
    struct token *t = (struct token *)((char *)once - offsetof(struct token, once));
    if (!once->answered)
        refuse_unvouched(t);
    else if (once->first)
        count(&t->op.home->counters.assertions[JWT_OK]);
    else
        refuse_assertion(t, JWT_REPLAYED);
    operation_resume(&t->op);
}

static void identity_used(struct cache_once *once)
{
    struct token *t = (struct token *)((char *)once - offsetof(struct token, once));
    if (!once->answered) {
        refuse_unvouched(t);
    } else if (!once->first) {
        count(&t->op.home->counters.identity_replays);
        refuse_identity(t, JWT_REPLAYED);
    }
    operation_resume(&t->op);
}

static enum step_result use(struct token *t, const uint8_t name[CACHE_ONCE_BYTES],
                            int64_t expires_at, uint64_t life_s_max,
                            void (*done)(struct cache_once *once))
{
    const int64_t skew_s = (int64_t)config_of(t)->tokens_skew_s;
    /* Longer than any gateway, whose clocks may differ as well, would take it. */
    const int64_t ttl_s = expires_at - clock_wall_s() + 2 * skew_s + 1;
    const int64_t from = expires_at - (int64_t)life_s_max - skew_s;
    if (from < t->once_from)
        t->once_from = from;
    t->once = (struct cache_once){.ttl_s = ttl_s > 1 ? (unsigned)ttl_s : 1, .done = done};
    memcpy(t->once.name, name, sizeof t->once.name);
    return cache_once(t->op.home->cache, &t->once) ? STEP_WAIT : refuse_unvouched(t);
}

static enum step_result use_assertion(struct token *t)
{
    t->once_from = INT64_MAX;
    return t->error || !t->op.client ? STEP_NEXT
                                     : use(t, t->assertion.once, t->assertion.expires_at,
                                           config_of(t)->tokens_assertion_life_s, assertion_used);
}

static enum step_result use_identity(struct token *t)
{
    return t->error || !t->exchange ? STEP_NEXT
                                    : use(t, t->person.once, t->person.expires_at,
                                          config_of(t)->identity_token_life_s, identity_used);
}

/* ---- vouch ----
 *
 * Redis called these uses the first. Are they? Only if it remembers all the time in which there may
 * have been others. The registry says since when the present Redis does (relay.c); and one that was
 * emptied lacks its lists, which come back after the registry was told: so they are looked for
 * after the uses, and the registry is read after that. */

static enum step_result check_run(struct token *t)
{
    struct gateway_loop *home = t->op.home;
    char run_id[REGISTRY_RUN_ID_BYTES];
    int64_t since;
    if (registry_redis_run(home->reader, run_id, &since) != REGISTRY_OK ||
        !bytes_equal(cache_run_id(home->cache), bytes_of(run_id, sizeof run_id)))
        return refuse_unvouched(t);
    if (since < t->once_from)
        return STEP_NEXT;
    t->op.retry_after_s = (unsigned)(since - t->once_from) + 1; /* a new one, as long, will do */
    return refuse(t, OAUTH_NOT_NOW, "single use can't be vouched for yet");
}

static void list_seen(struct cache_list_call *call)
{
    struct token *t = (struct token *)((char *)call - offsetof(struct token, list));
    if (call->result == CACHE_LIST_DONE)
        check_run(t);
    else
        refuse_unvouched(t);
    operation_resume(&t->op);
}

static enum step_result vouch(struct token *t)
{
    struct gateway_loop *home = t->op.home;
    struct registry_list lists[REGISTRY_LISTS_MAX];
    size_t n = REGISTRY_LISTS_MAX;
    if (t->error)
        return STEP_NEXT;
    if (registry_lists(home->reader, lists, &n) != REGISTRY_OK)
        return refuse_unvouched(t);
    if (n == 0) /* before the first import */
        return check_run(t);
    t->list = (struct cache_list_call){
        .list = lists[0].list, .generation = lists[0].generation, .done = list_seen};
    return cache_list_state(home->cache, &t->list) ? STEP_WAIT : refuse_unvouched(t);
}

/* ---- make, record, answer ---- */

static enum step_result make(struct token *t)
{
    const struct registry_client *client = t->op.client;
    if (t->error)
        return STEP_NEXT;
    t->issued_at = clock_wall_s();
    t->expires_at = t->issued_at + (int64_t)config_of(t)->tokens_life_s;
    if (client && client->expires_at && client->expires_at < t->expires_at)
        t->expires_at = client->expires_at;
    const struct token_claims claims = {
        .role = t->op.asker.role,
        .subject = t->op.asker.subject,
        .client = t->op.asker.client,
        .scopes = t->scopes,
        .issued_at = t->issued_at,
        .expires_at = t->expires_at,
    };
    t->access_token = (struct buf)BUF_OVER(t->text);
    if (token_write(&claims, &crypto_openssl, t->op.home->token_mac, &t->access_token) != TOKEN_OK)
        return refuse(t, OAUTH_OURS, "the token could not be made");
    return STEP_NEXT;
}

static enum step_result record(struct token *t)
{
    struct journal_record record = {
        .kind = JOURNAL_TOKEN,
        .result = t->error == OAUTH_NONE                                ? RESULT_VALID
                  : t->error == OAUTH_NOT_NOW || t->error == OAUTH_OURS ? RESULT_INDETERMINATE
                                                                        : RESULT_INVALID,
        .reason = REASON_NONE,
        .acting = JOURNAL_ACTING_NONE,
        .reference = bytes_str(oauth_errors[t->error].word),
    };
    return operation_record(&t->op, &record);
}

static enum step_result answer_error(struct token *t)
{
    struct buf body, seconds;
    struct http_answer_header headers[2] = {{"pragma", BYTES("no-cache")}};
    size_t header_count = 1;
    const unsigned status = oauth_errors[t->error].status;
    buf_init(&body, http_room(t->op.http, ANSWER_BYTES_MAX), ANSWER_BYTES_MAX);
    buf_printf(&body, "{\"error\":\"%s\",\"error_description\":\"%s\"}",
               oauth_errors[t->error].word, t->description);
    buf_init(&seconds, http_room(t->op.http, 16), 16);
    buf_printf(&seconds, "%u", t->op.retry_after_s ? t->op.retry_after_s : PROBLEM_RETRY_AFTER_S);
    if (status == 503)
        headers[header_count++] = (struct http_answer_header){"retry-after", buf_bytes(&seconds)};
    if (status == 401) /* RFC 9110 section 15.5.2 wants one, and there is no name for what is */
        headers[header_count++] = (struct http_answer_header){"www-authenticate", BYTES("Bearer")};
    CHECK(buf_ok(&body));
    count(&t->op.home->counters.tokens_refused);
    return operation_answer(&t->op, status, "application/json", buf_bytes(&body), headers,
                            header_count);
}

static enum step_result answer(struct token *t)
{
    const struct http_answer_header pragma = {"pragma", BYTES("no-cache")};
    struct buf body;
    if (!t->op.recorded)
        refuse(t, OAUTH_NOT_NOW, "the evidence can't be written now");
    if (t->error)
        return answer_error(t);
    buf_init(&body, http_room(t->op.http, ANSWER_BYTES_MAX), ANSWER_BYTES_MAX);
    buf_put_str(&body, "{\"access_token\":");
    buf_put_json(&body, buf_bytes(&t->access_token));
    if (t->exchange)
        buf_put_str(&body, ",\"issued_token_type\":\"" TYPE_ACCESS_TOKEN "\"");
    buf_printf(&body, ",\"token_type\":\"Bearer\",\"expires_in\":%lld,\"scope\":\"",
               (long long)(t->expires_at - t->issued_at));
    token_scopes_write(&body, t->scopes);
    buf_put_str(&body, "\"}");
    CHECK(buf_ok(&body));
    count(&t->op.home->counters.tokens_given);
    operation_is_known(&t->op); /* an app's backend has one address, and a city of citizens */
    return operation_answer(&t->op, 200, "application/json", buf_bytes(&body), &pragma, 1);
}

FLOW_DEFINE(token, TOKEN_STEPS);
