/* The schema: one text per version, run in turn by whoever opens an older database. */
#include "registry/sqlite.h"

/* What was published is never edited: a change is a further text. Dates are civil days, other times
 * Unix seconds; statuses are the issuers' codes; blobs of 16 octets are ids or keyed hashes. */
const char *const sqlite_migrations[] = {
    "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, since INTEGER NOT NULL) STRICT;"
    "CREATE TABLE key_check (id BLOB PRIMARY KEY, sealed BLOB NOT NULL) STRICT;"

    "CREATE TABLE licence_type (type INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE,"
    "  name TEXT NOT NULL) STRICT;"
    "CREATE TABLE issuer (issuer INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE,"
    "  name TEXT NOT NULL) STRICT;"

    "CREATE TABLE holder (holder INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
    "  kind INTEGER NOT NULL, number_key BLOB NOT NULL UNIQUE, sealed BLOB NOT NULL) STRICT;"

    /* until 0: open; ended NULL: not ended by anybody */
    "CREATE TABLE agent (holder INTEGER NOT NULL REFERENCES holder,"
    "  agent INTEGER NOT NULL REFERENCES holder, kind INTEGER NOT NULL, since INTEGER NOT NULL,"
    "  until INTEGER NOT NULL, ended INTEGER) STRICT;"
    "CREATE UNIQUE INDEX agent_open ON agent (agent, holder, kind) WHERE ended IS NULL;"
    "CREATE INDEX agent_of_holder ON agent (holder, kind) WHERE ended IS NULL;"

    /* the present version; list and place are where its bits are; delivered_status is what the
     * last record said, issuer_status what the issuer said last by record or otherwise */
    "CREATE TABLE licence (licence INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
    "  holder INTEGER NOT NULL REFERENCES holder, type INTEGER NOT NULL REFERENCES licence_type,"
    "  issuer INTEGER NOT NULL REFERENCES issuer, number_key BLOB NOT NULL, identifier_key BLOB,"
    "  sealed BLOB NOT NULL, issued_on INTEGER NOT NULL, valid_from INTEGER NOT NULL,"
    "  valid_until INTEGER NOT NULL, version INTEGER NOT NULL, list INTEGER NOT NULL,"
    "  place INTEGER NOT NULL, issuer_status INTEGER NOT NULL,"
    "  delivered_status INTEGER NOT NULL, status INTEGER NOT NULL, status_since INTEGER NOT NULL, "
    "source TEXT NOT NULL, source_version INTEGER NOT NULL,"
    "  received_at INTEGER NOT NULL, UNIQUE (number_key, type, issuer)) STRICT;"
    "CREATE INDEX licence_identifier ON licence (identifier_key) WHERE identifier_key IS NOT NULL;"
    "CREATE INDEX licence_holder ON licence (holder);"

    /* lifted NULL: open */
    "CREATE TABLE hold (hold INTEGER PRIMARY KEY, licence INTEGER NOT NULL REFERENCES licence,"
    "  kind INTEGER NOT NULL, agency TEXT NOT NULL, case_number TEXT NOT NULL,"
    "  since INTEGER NOT NULL, lifted INTEGER) STRICT;"
    "CREATE UNIQUE INDEX hold_open ON hold (licence, agency, case_number) WHERE lifted IS NULL;"

    /* relayed: every change up to it is known to Redis; those above are the outbox */
    "CREATE TABLE list (list INTEGER PRIMARY KEY, generation INTEGER NOT NULL,"
    "  seq INTEGER NOT NULL, relayed INTEGER NOT NULL, used INTEGER NOT NULL) STRICT;"
    /* superseded_at NULL: the licence's present place */
    "CREATE TABLE place (list INTEGER NOT NULL REFERENCES list, place INTEGER NOT NULL,"
    "  licence INTEGER NOT NULL REFERENCES licence, version INTEGER NOT NULL,"
    "  bits INTEGER NOT NULL, superseded_at INTEGER, PRIMARY KEY (list, place))"
    "  WITHOUT ROWID, STRICT;"
    "CREATE INDEX place_bits ON place (list, place, bits) WHERE bits <> 0;"
    "CREATE TABLE change (list INTEGER NOT NULL REFERENCES list, seq INTEGER NOT NULL,"
    "  place INTEGER NOT NULL, bits INTEGER NOT NULL, at INTEGER NOT NULL,"
    "  PRIMARY KEY (list, seq)) WITHOUT ROWID, STRICT;"

    "CREATE TABLE redis_run (only_row INTEGER PRIMARY KEY CHECK (only_row = 1),"
    "  run_id BLOB NOT NULL, since INTEGER NOT NULL) STRICT;"
    "CREATE TABLE import_progress (file BLOB PRIMARY KEY, line INTEGER NOT NULL,"
    "  at INTEGER NOT NULL) WITHOUT ROWID, STRICT;",

    /* Who may act for whom. kind is enum registry_acting; licence NULL: for all of the giver's.
     * What was granted before gets its id from SQLite: an id is told apart by it, not kept secret.
     */
    "CREATE TABLE mandate (mandate INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
    "  giver INTEGER NOT NULL REFERENCES holder, agent INTEGER NOT NULL REFERENCES holder,"
    "  kind INTEGER NOT NULL, licence INTEGER REFERENCES licence, since INTEGER NOT NULL,"
    "  until INTEGER NOT NULL, ended INTEGER) STRICT;"
    "INSERT INTO mandate SELECT NULL, randomblob(16), holder, agent, kind + 1, NULL, since, until,"
    "  ended FROM agent WHERE holder <> agent;"
    "DROP TABLE agent;"
    "CREATE UNIQUE INDEX mandate_open ON mandate (agent, giver, kind, coalesce(licence, 0))"
    "  WHERE ended IS NULL;"
    "CREATE INDEX mandate_of_giver ON mandate (giver, kind) WHERE ended IS NULL;"
    /* of a superseded place: whose the licence was; NULL: superseded before this was kept */
    "ALTER TABLE place ADD COLUMN holder INTEGER REFERENCES holder;"
    "CREATE INDEX place_of_holder ON place (holder) WHERE holder IS NOT NULL;"

    /* types and purposes: words with a space between; disabled NULL: it is not */
    "CREATE TABLE client (client INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    "  organisation TEXT NOT NULL, role INTEGER NOT NULL, scopes INTEGER NOT NULL,"
    "  types TEXT NOT NULL, purposes TEXT NOT NULL, quota INTEGER NOT NULL,"
    "  since INTEGER NOT NULL, expires_at INTEGER NOT NULL, disabled INTEGER) STRICT;"
    "CREATE TABLE client_key (key INTEGER PRIMARY KEY, client INTEGER NOT NULL REFERENCES client,"
    "  public_key BLOB NOT NULL, retire_at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX client_key_of ON client_key (client);"
    "CREATE TABLE shut_out (role INTEGER NOT NULL, subject TEXT NOT NULL, since INTEGER NOT NULL,"
    "  PRIMARY KEY (role, subject)) WITHOUT ROWID, STRICT;"
    "CREATE TABLE access_version (only_row INTEGER PRIMARY KEY CHECK (only_row = 1),"
    "  version INTEGER NOT NULL) STRICT;"
    "INSERT INTO access_version VALUES (1, 1);"

    /* holder: whose the licence was then; withdrawn NULL: it was not */
    "CREATE TABLE consent (consent INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
    "  licence INTEGER NOT NULL REFERENCES licence, holder INTEGER NOT NULL REFERENCES holder,"
    "  client INTEGER NOT NULL REFERENCES client, purpose TEXT NOT NULL,"
    "  fields INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,"
    "  withdrawn INTEGER) STRICT;"
    "CREATE INDEX consent_for ON consent (licence, client, purpose);"
    "CREATE INDEX consent_of_holder ON consent (holder);"

    /* decided_at 0: not yet */
    "CREATE TABLE access_request (request INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
    "  client INTEGER NOT NULL REFERENCES client, matter TEXT NOT NULL, types TEXT NOT NULL,"
    "  fields INTEGER NOT NULL, purpose TEXT NOT NULL, legal_basis TEXT NOT NULL,"
    "  state INTEGER NOT NULL, submitted_at INTEGER NOT NULL, due_on INTEGER NOT NULL,"
    "  decided_at INTEGER NOT NULL, decided_by TEXT NOT NULL, reason TEXT NOT NULL,"
    "  expires_at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX access_request_for ON access_request (client, matter);"
    "CREATE INDEX access_request_waiting ON access_request (due_on) WHERE state = 0;",

    /* What evidence needs. Columns of an event as in registry/event.h; texts may be empty; licence,
     * list and place are NULL for what is no licence's. */
    "CREATE TABLE event (number INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
    "  at_us INTEGER NOT NULL, role INTEGER NOT NULL, request_id INTEGER NOT NULL,"
    "  subject TEXT NOT NULL, client TEXT NOT NULL, purpose TEXT NOT NULL,"
    "  reference TEXT NOT NULL, agency TEXT NOT NULL, fields INTEGER NOT NULL,"
    "  acting INTEGER NOT NULL, licence INTEGER REFERENCES licence, version INTEGER,"
    "  list INTEGER, place INTEGER, status INTEGER NOT NULL, detail INTEGER NOT NULL,"
    "  result INTEGER NOT NULL) STRICT;"
    "CREATE INDEX event_of_licence ON event (licence) WHERE licence IS NOT NULL;"
    /* salt: of the licence's reference; in_doubt 1: its present version was lost */
    "ALTER TABLE licence ADD COLUMN salt BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE licence ADD COLUMN in_doubt INTEGER NOT NULL DEFAULT 0;"
    "UPDATE licence SET salt = randomblob(32);"
    /* closed 1: it takes no new places, because nobody knows which of them were given out */
    "ALTER TABLE list ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX place_of_licence ON place (licence) WHERE superseded_at IS NOT NULL;"
    /* of licences that a restored registry has not: bits 3 for ever */
    "CREATE TABLE lost_place (list INTEGER NOT NULL REFERENCES list, place INTEGER NOT NULL,"
    "  PRIMARY KEY (list, place)) WITHOUT ROWID, STRICT;"

    /* Enforcement: one case may seize, withdraw and ask to cancel. hold NULL: a restore, which ends
     * holds; event: a number; reasons are sealed. */
    "DROP INDEX hold_open;"
    "CREATE UNIQUE INDEX hold_open ON hold (licence, agency, case_number, kind)"
    "  WHERE lifted IS NULL;"
    "CREATE TABLE action (action INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
    "  licence INTEGER NOT NULL REFERENCES licence, issuer INTEGER NOT NULL REFERENCES issuer,"
    "  hold INTEGER UNIQUE REFERENCES hold, kind INTEGER NOT NULL, agency TEXT NOT NULL,"
    "  case_number TEXT NOT NULL, officer TEXT NOT NULL, terminal TEXT NOT NULL,"
    "  reason BLOB NOT NULL, evidence_hash BLOB, due_at INTEGER NOT NULL,"
    "  key BLOB NOT NULL UNIQUE, body BLOB NOT NULL, at INTEGER NOT NULL,"
    "  state INTEGER NOT NULL, decided_at INTEGER NOT NULL, decided_by TEXT NOT NULL,"
    "  decision_reason BLOB NOT NULL, effective INTEGER NOT NULL, event INTEGER NOT NULL) STRICT;"
    "CREATE INDEX action_of_issuer ON action (issuer);"
    "CREATE INDEX action_of_licence ON action (licence);"
    "CREATE INDEX action_open ON action (issuer) WHERE state <= 1;"
    "CREATE INDEX action_due ON action (state, due_at) WHERE kind = 2 AND state <= 1;"

    /* What issuing authorities have with the registry (registry/issuing.h): deliveries, webhooks,
     * objections, records' own ids, quality. */
    "CREATE TABLE webhook (client INTEGER PRIMARY KEY REFERENCES client,"
    "  url TEXT NOT NULL) STRICT;"
    "CREATE TABLE delivery (delivery INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
    "  event INTEGER NOT NULL REFERENCES event ON UPDATE CASCADE,"
    "  licence INTEGER NOT NULL REFERENCES licence,"
    "  client INTEGER NOT NULL REFERENCES client, state INTEGER NOT NULL,"
    "  attempts INTEGER NOT NULL, made_at INTEGER NOT NULL, next_at INTEGER NOT NULL,"
    "  error TEXT NOT NULL) STRICT;"
    "CREATE INDEX delivery_of_event ON delivery (event);"
    "CREATE INDEX delivery_due ON delivery (next_at) WHERE state = 0;"
    "CREATE INDEX delivery_waiting ON delivery (client, licence, event) WHERE state = 0;"
    "CREATE INDEX delivery_dead ON delivery (client) WHERE state = 2;"

    /* version: the licence's when it was objected to; attachment NULL: none; decided_at 0: not
     * yet; reason NULL: none. claimed and reason are sealed. */
    "CREATE TABLE objection (objection INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
    "  licence INTEGER NOT NULL REFERENCES licence,"
    "  issuer INTEGER NOT NULL REFERENCES issuer, version INTEGER NOT NULL,"
    "  role INTEGER NOT NULL, subject TEXT NOT NULL, field INTEGER NOT NULL,"
    "  claimed BLOB NOT NULL, attachment BLOB, due_on INTEGER NOT NULL,"
    "  state INTEGER NOT NULL, at INTEGER NOT NULL, decided_at INTEGER NOT NULL,"
    "  reason BLOB) STRICT;"
    "CREATE INDEX objection_by ON objection (role, subject);"
    "CREATE INDEX objection_to ON objection (issuer);"
    "CREATE INDEX objection_waiting ON objection (due_on) WHERE state < 2;"

    "CREATE TABLE issuer_record (issuer INTEGER NOT NULL REFERENCES issuer,"
    "  record_id TEXT NOT NULL, licence INTEGER NOT NULL REFERENCES licence,"
    "  PRIMARY KEY (issuer, record_id)) WITHOUT ROWID, STRICT;"
    /* by the code: an authority all of whose lines were rejected is in no catalogue */
    "CREATE TABLE quality (issuer_code TEXT NOT NULL, day INTEGER NOT NULL,"
    "  records INTEGER NOT NULL, rejected INTEGER NOT NULL, warnings INTEGER NOT NULL,"
    "  missing INTEGER NOT NULL, delay_days INTEGER NOT NULL, delayed INTEGER NOT NULL,"
    "  delay_days_max INTEGER NOT NULL, objections INTEGER NOT NULL,"
    "  corrected INTEGER NOT NULL, PRIMARY KEY (issuer_code, day)) WITHOUT ROWID, STRICT;",

    /* Which scans a terminal has delivered; kept for ever, about 40 octets each. */
    "CREATE TABLE offline_scan (client INTEGER NOT NULL REFERENCES client, id BLOB NOT NULL,"
    "  PRIMARY KEY (client, id)) WITHOUT ROWID, STRICT;"
    /* enum crypto_cipher, of everything sealed */
    "ALTER TABLE key_check ADD COLUMN cipher INTEGER NOT NULL DEFAULT 0;",

    /* Of whose licences a mandate is, where a record or a representative made it; NULL: of all.
     * What was for all of an enterprise's is for those of each issuer that it has one of. */
    "ALTER TABLE mandate ADD COLUMN issuer INTEGER REFERENCES issuer;"
    "DROP INDEX mandate_open;"
    "CREATE UNIQUE INDEX mandate_open ON mandate"
    "  (agent, giver, kind, coalesce(licence, 0), coalesce(issuer, -1)) WHERE ended IS NULL;"
    "INSERT INTO mandate SELECT NULL, randomblob(16), m.giver, m.agent, m.kind, NULL, m.since,"
    "  m.until, NULL, i.issuer FROM mandate m JOIN holder h ON h.holder = m.giver AND h.kind = 1"
    "  JOIN (SELECT DISTINCT holder, issuer FROM licence) i ON i.holder = m.giver"
    "  WHERE m.kind IN (1, 2) AND m.ended IS NULL;"
    "UPDATE mandate SET ended = unixepoch() WHERE kind IN (1, 2) AND issuer IS NULL"
    "  AND ended IS NULL;",

    /* What is due is looked for client by client, and what is open in the order of its day. */
    "DROP INDEX delivery_due;"
    "CREATE INDEX delivery_due ON delivery (client, next_at, event) WHERE state = 0;"
    "DROP INDEX action_open;"
    "CREATE INDEX action_open ON action (issuer, due_at = 0, due_at, action DESC)"
    "  WHERE state <= 1;"
    "CREATE INDEX objection_open ON objection (issuer, due_on) WHERE state < 2;",

    /* lost: the reference of the event's licence, while the registry does not have that one again
     */
    "ALTER TABLE event ADD COLUMN lost BLOB;"
    "CREATE INDEX event_lost ON event (lost) WHERE lost IS NOT NULL;",
};
const int64_t sqlite_schema_version = sizeof sqlite_migrations / sizeof sqlite_migrations[0];

_Static_assert(ACTING_REPRESENTATIVE == 1 && ACTING_AGENT == 2, "the kinds of version 1, plus 1");
_Static_assert(HOLDER_ENTERPRISE == 1, "the kind of whom a mandate of version 5 is");
_Static_assert(CRYPTO_AES_256_GCM == 0, "the cipher before there was a choice");
