-- What several processes, on one machine or many, need to share one database.
-- (The table of leases is older than the first migration: the migrations themselves run under a lease.)

-- Who is at work, by the name each process gives itself; `seen_ms` is renewed every few seconds.
CREATE TABLE workers (
  name {key} NOT NULL PRIMARY KEY,
  host {key} NOT NULL,
  pid INTEGER NOT NULL,
  roles {key} NOT NULL,
  started_ms BIGINT NOT NULL,
  seen_ms BIGINT NOT NULL
){table};

-- A source that is being asked belongs to the holder of the token until then.
ALTER TABLE sources ADD COLUMN claim_token BIGINT NOT NULL DEFAULT 0;

ALTER TABLE sources ADD COLUMN claim_until_ms BIGINT NOT NULL DEFAULT 0;

-- Pictures of waiting messages, by the hash of their bytes: the sender may be another machine.
CREATE TABLE attachments (
  content_hash {key} NOT NULL PRIMARY KEY,
  body {blob} NOT NULL,
  used_ms BIGINT NOT NULL
){table};

CREATE INDEX attachments_used ON attachments (used_ms);

-- The last id given out, by what it numbers. Who adds posts moves it in the same transaction, so ids are taken one batch
-- after the other and become visible in their order: nobody who follows the posts by id can pass one by.
CREATE TABLE heads (
  name {key} NOT NULL PRIMARY KEY,
  value BIGINT NOT NULL
){table};

INSERT INTO heads (name, value) SELECT 'posts', COALESCE(MAX(id), 0) FROM posts;
