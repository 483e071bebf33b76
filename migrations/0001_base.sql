-- The ground: sources, posts, people, chats, watches, digests, and the work that must survive a crash.
-- One file for both databases: {tokens} are replaced by bot/services/migrations.py. Times are milliseconds since 1970, UTC.
-- Statements end with ';' at the end of a line. No text column has a default (MySQL cannot), so every INSERT names them all.

CREATE TABLE meta (
  name {key} NOT NULL PRIMARY KEY,
  value {text} NOT NULL
){table};

CREATE TABLE sources (
  id {id},
  kind {word} NOT NULL,
  name {key} NOT NULL,
  url {url} NOT NULL,
  site_url {text} NOT NULL,
  topic {key} NOT NULL,
  lang {word} NOT NULL,
  state {word} NOT NULL,
  etag {text} NOT NULL,
  last_modified {text} NOT NULL,
  next_fetch_ms BIGINT NOT NULL DEFAULT 0,
  interval_s INTEGER NOT NULL DEFAULT 0,
  errors_in_row INTEGER NOT NULL DEFAULT 0,
  last_error {text} NOT NULL,
  last_ok_ms BIGINT NOT NULL DEFAULT 0,
  last_post_ms BIGINT NOT NULL DEFAULT 0,
  posts_per_day {real} NOT NULL DEFAULT 0,
  CONSTRAINT sources_url UNIQUE (url)
){table};

CREATE INDEX sources_due ON sources (state, next_fetch_ms);

INSERT INTO sources (id, kind, name, url, site_url, topic, lang, state, etag, last_modified, last_error)
VALUES (1, 'twitter', 'X', 'x:', 'https://x.com', '', '', 'active', '', '', '');

INSERT INTO sources (id, kind, name, url, site_url, topic, lang, state, etag, last_modified, last_error)
VALUES (2, 'import', 'import', 'import:news', '', '', '', 'active', '', '', '');

CREATE TABLE posts (
  id {id},
  kind {word} NOT NULL,
  source_id BIGINT NOT NULL,
  external_id {key} NOT NULL,
  created_ms BIGINT NOT NULL,
  collected_ms BIGINT NOT NULL,
  title {text} NOT NULL,
  text {text} NOT NULL,
  url {text} NOT NULL,
  author {key} NOT NULL,
  lang {word} NOT NULL,
  hashtags {text} NOT NULL,
  mentions {text} NOT NULL,
  likes BIGINT NOT NULL DEFAULT 0,
  retweets BIGINT NOT NULL DEFAULT 0,
  replies BIGINT NOT NULL DEFAULT 0,
  views BIGINT NOT NULL DEFAULT 0,
  content_key BIGINT NOT NULL DEFAULT 0,
  drop_reason {word} NOT NULL,
  drop_evidence {text} NOT NULL,
  duplicate_of BIGINT,
  mood {word} NOT NULL,
  mood_confidence {real} NOT NULL DEFAULT 0,
  CONSTRAINT posts_origin UNIQUE (source_id, external_id)
){table};

CREATE INDEX posts_created ON posts (created_ms, kind);

CREATE INDEX posts_content ON posts (content_key);

CREATE TABLE users (
  id BIGINT NOT NULL PRIMARY KEY,
  name {key} NOT NULL,
  username {key} NOT NULL,
  lang {word} NOT NULL,
  seen_ms BIGINT NOT NULL DEFAULT 0
){table};

CREATE TABLE chats (
  id BIGINT NOT NULL PRIMARY KEY,
  kind {word} NOT NULL,
  title {key} NOT NULL,
  username {key} NOT NULL,
  lang {word} NOT NULL,
  timezone {word} NOT NULL,
  reachable INTEGER NOT NULL DEFAULT 1,
  is_bot_admin INTEGER NOT NULL DEFAULT 0,
  owner_id BIGINT,
  quiet_from {word} NOT NULL,
  quiet_to {word} NOT NULL,
  created_ms BIGINT NOT NULL DEFAULT 0
){table};

CREATE TABLE watches (
  id {id},
  chat_id BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  term {key} NOT NULL,
  term_key {key} NOT NULL,
  muted_until_ms BIGINT NOT NULL DEFAULT 0,
  after_post_id BIGINT NOT NULL DEFAULT 0,
  created_ms BIGINT NOT NULL DEFAULT 0,
  CONSTRAINT watches_term UNIQUE (chat_id, term_key)
){table};

CREATE TABLE digest_plans (
  id {id},
  chat_id BIGINT NOT NULL,
  at_time {word} NOT NULL,
  topic {key} NOT NULL,
  days {word} NOT NULL,
  next_ms BIGINT NOT NULL DEFAULT 0,
  last_slot {word} NOT NULL,
  active INTEGER NOT NULL DEFAULT 1,
  created_by BIGINT NOT NULL DEFAULT 0,
  CONSTRAINT digest_plans_one UNIQUE (chat_id, at_time, topic)
){table};

CREATE INDEX digest_plans_due ON digest_plans (active, next_ms);

-- What each chat has already been told: novelty is judged by this, never by the last collection.
CREATE TABLE received (
  chat_id BIGINT NOT NULL,
  item {key} NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (chat_id, item)
){table};

CREATE TABLE inbox (
  update_id BIGINT NOT NULL PRIMARY KEY,
  body {text} NOT NULL,
  received_ms BIGINT NOT NULL,
  state {word} NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  error {text} NOT NULL
){table};

CREATE INDEX inbox_state ON inbox (state, update_id);

CREATE TABLE outbox (
  id {id},
  unique_key {key} NOT NULL,
  chat_id BIGINT NOT NULL,
  kind {word} NOT NULL,
  payload {text} NOT NULL,
  lane INTEGER NOT NULL,
  group_key {key} NOT NULL,
  part INTEGER NOT NULL DEFAULT 0,
  state {word} NOT NULL,
  not_before_ms BIGINT NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  message_id BIGINT,
  error {text} NOT NULL,
  created_ms BIGINT NOT NULL,
  finished_ms BIGINT NOT NULL DEFAULT 0,
  CONSTRAINT outbox_unique UNIQUE (unique_key)
){table};

CREATE INDEX outbox_due ON outbox (state, lane, not_before_ms, id);

CREATE INDEX outbox_chat ON outbox (chat_id, state, id);

CREATE TABLE job_states (
  job {key} NOT NULL PRIMARY KEY,
  next_run_ms BIGINT NOT NULL,
  last_run_ms BIGINT NOT NULL DEFAULT 0,
  paused INTEGER NOT NULL DEFAULT 0
){table};

CREATE TABLE job_runs (
  id {id},
  job {key} NOT NULL,
  started_ms BIGINT NOT NULL,
  finished_ms BIGINT NOT NULL DEFAULT 0,
  ok INTEGER,
  result {text} NOT NULL,
  error {text} NOT NULL
){table};

CREATE INDEX job_runs_recent ON job_runs (job, started_ms);
