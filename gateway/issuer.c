#include "gateway/issuer.h"

#include <strings.h>

#include "base/clock.h"
#include "gateway/home.h"
#include "protocol/identifier.h"

struct bytes issuer_code(const struct operation *op)
{
    return bytes_str(op->client->organisation);
}

const char *issuer_outcome_text(enum registry_outcome outcome)
{
    static const char *const texts[OUTCOME_COUNT] = {
        [OUTCOME_ADDED] = "added",
        [OUTCOME_NEW_VERSION] = "new_version",
        [OUTCOME_STATUS_CHANGED] = "status_changed",
        [OUTCOME_UNCHANGED] = "unchanged",
        [OUTCOME_OLDER] = "older",
    };
    return texts[outcome];
}

bool issuer_record_make(const struct operation *op, struct import_fields *fields,
                        uint8_t storage[IMPORT_RECORD_BYTES_MAX], struct registry_record *record,
                        unsigned *warnings, struct issuer_fault *fault)
{
    struct import_fault malformed;
    if (fields->value[IMPORT_COLUMN_ISSUER_CODE].len == 0)
        fields->value[IMPORT_COLUMN_ISSUER_CODE] = issuer_code(op);
    if (!import_record_make(fields, 0, storage, record, warnings, &malformed)) {
        *fault = (struct issuer_fault){PROBLEM_RECORD_REFUSED, import_reason_text(malformed.reason),
                                       malformed.field};
        return false;
    }
    if (!bytes_equal(record->issuer_code, issuer_code(op))) {
        *fault = (struct issuer_fault){PROBLEM_ISSUER_NOT_YOURS, "another issuing authority's",
                                       import_column_name(IMPORT_COLUMN_ISSUER_CODE)};
        return false;
    }
    if (!client_has_type(op->client, record->type_code)) {
        *fault =
            (struct issuer_fault){PROBLEM_TYPE_NOT_ALLOWED, "of a type that is not this client's",
                                  import_column_name(IMPORT_COLUMN_TYPE_CODE)};
        return false;
    }
    return true;
}

/* ---- a licence that the path names ---- */

static void found_later(struct registry_query *query)
{
    operation_resume(query->context);
}

static enum step_result find_by_id(struct issuer_named *named)
{
    struct registry_query *query = &named->query;
    query->by = REGISTRY_BY_ID;
    query->done = found_later;
    query->context = named->op;
    return registry_find(named->op->home->reader, query) == REGISTRY_NOW ? STEP_NEXT : STEP_WAIT;
}

enum step_result issuer_find(struct issuer_named *named, struct operation *op, const char *what)
{
    struct buf id = BUF_OVER(named->query.id);
    named->op = op;
    named->what = what;
    named->query.error = REGISTRY_ERR_NOT_FOUND;
    bool is_ours = buf_put_from_hex(&id, op->rest) && id.len == sizeof named->query.id;
    return is_ours ? find_by_id(named) : STEP_NEXT;
}

enum step_result issuer_find_record(struct issuer_named *named)
{
    struct operation *op = named->op;
    if (named->query.error != REGISTRY_ERR_NOT_FOUND)
        return STEP_NEXT;
    named->record_id = op->rest;
    named->query.error = registry_record_licence(op->home->reader, issuer_code(op),
                                                 named->record_id, named->query.id);
    return named->query.error == REGISTRY_OK ? find_by_id(named) : STEP_NEXT;
}

/* As the registry takes them: addresses are logged on the way, and must not hold a person's number.
 */
static bool is_record_id(struct bytes id)
{
    char citizen[CITIZEN_NUMBER_BYTES];
    for (size_t i = 0; i < id.len; i++) {
        uint8_t c = id.data[i], letter = c | 0x20;
        if (!(c >= '0' && c <= '9') && !(letter >= 'a' && letter <= 'z') && !memchr("._-:", c, 4))
            return false;
    }
    return id.len >= 1 && id.len <= RECORD_ID_BYTES_MAX &&
           citizen_number_read(id, citizen) != IDENTIFIER_OK;
}

enum step_result issuer_found(const struct issuer_named *named)
{
    struct operation *op = named->op;
    const struct registry_licence *licence = &named->query.licence;
    const enum registry_error error = named->query.error;
    if (atomic_load(&op->home->gateway->registry_behind) ||
        (error != REGISTRY_OK && error != REGISTRY_ERR_NOT_FOUND))
        return operation_fail(op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    if (error == REGISTRY_ERR_NOT_FOUND)
        return is_record_id(op->rest)
                   ? STEP_NEXT
                   : issuer_refuse(op, named->what, NULL, PROBLEM_RECORD_REFUSED,
                                   "an id is the licence's, or 1 to 64 of A-Z a-z 0-9 . _ - : "
                                   "and no person's number");
    if (!bytes_equal(licence->issuer_code, issuer_code(op)))
        return issuer_refuse(op, named->what, licence, PROBLEM_NO_LICENCE, NULL);
    if (!client_has_type(op->client, licence->type_code))
        return issuer_refuse(op, named->what, licence, PROBLEM_TYPE_NOT_ALLOWED, NULL);
    return STEP_NEXT;
}

/* ---- pages, evidence, large bodies ---- */

static bool read_piece(struct bytes piece, struct registry_page *page)
{
    struct buf after = BUF_OVER(page->after);
    if (bytes_start_with(piece, BYTES("after="))) {
        page->has_after = true;
        return buf_put_from_hex(&after, bytes_from(piece, strlen("after="))) &&
               after.len == sizeof page->after;
    }
    page->all = bytes_equal(piece, BYTES("all=true"));
    return page->all || bytes_equal(piece, BYTES("all=false"));
}

bool issuer_read_page(const struct operation *op, size_t max, struct registry_page *page)
{
    struct bytes query = http_query(op->http);
    *page = (struct registry_page){.client = bytes_str(op->client->id), .max = max};
    while (query.len) {
        const uint8_t *end = memchr(query.data, '&', query.len);
        struct bytes piece = bytes_of(query.data, end ? (size_t)(end - query.data) : query.len);
        if (!read_piece(piece, page))
            return false;
        query = bytes_from(query, piece.len + (end != NULL));
    }
    return true;
}

enum step_result issuer_record_pull(struct operation *op, const char *what)
{
    struct journal_record record = {.kind = JOURNAL_PULL,
                                    .acting = JOURNAL_ACTING_NONE,
                                    .type = JOURNAL_TYPE_NONE,
                                    .status = JOURNAL_CODE_NONE,
                                    .detail = JOURNAL_CODE_NONE,
                                    .purpose = bytes_str(what)};
    return operation_record(op, &record);
}

enum step_result issuer_refuse(struct operation *op, const char *what,
                               const struct registry_licence *licence, enum problem problem,
                               const char *detail)
{
    struct journal_record record = {.kind = JOURNAL_REFUSAL,
                                    .result = RESULT_INVALID,
                                    .acting = JOURNAL_ACTING_NONE,
                                    .purpose = bytes_str(what),
                                    .reference = bytes_str(problem_code(problem))};
    if (licence)
        operation_about(&record, licence);
    return operation_refuse_recorded(op, &record, problem, NULL, detail);
}

bool issuer_admits(void *context, struct bytes authorization)
{
    struct gateway_loop *home = context;
    uint8_t room[TOKEN_TEXT_BYTES_MAX];
    struct buf storage = BUF_OVER(room);
    struct token_claims claims;
    if (authorization.len < 7 || strncasecmp((const char *)authorization.data, "Bearer ", 7))
        return false;
    return token_read(bytes_trim(bytes_from(authorization, 7)), clock_wall_s(), &crypto_openssl,
                      home->token_mac, &storage, &claims) == TOKEN_OK &&
           claims.role == TOKEN_ROLE_ISSUER && (claims.scopes & TOKEN_SCOPE_DELIVER);
}
