-- What is searched for on X, and how far each search has come.
CREATE TABLE x_queries (
  id {id},
  text {url} NOT NULL,
  priority INTEGER NOT NULL,
  result_type {word} NOT NULL,
  interval_s INTEGER NOT NULL,
  active INTEGER NOT NULL DEFAULT 1,
  created_by BIGINT NOT NULL DEFAULT 0,
  created_ms BIGINT NOT NULL,
  next_ms BIGINT NOT NULL DEFAULT 0,
  covered_ms BIGINT NOT NULL DEFAULT 0,
  rate {real} NOT NULL DEFAULT 0,
  empty_in_row INTEGER NOT NULL DEFAULT 0,
  errors_in_row INTEGER NOT NULL DEFAULT 0,
  last_error {text} NOT NULL,
  last_run_ms BIGINT NOT NULL DEFAULT 0,
  rule_id {word} NOT NULL,
  claim_token BIGINT NOT NULL DEFAULT 0,
  claim_until_ms BIGINT NOT NULL DEFAULT 0,
  CONSTRAINT x_queries_text UNIQUE (text)
){table};

CREATE INDEX x_queries_due ON x_queries (active, priority, next_ms);

-- What a query brought, day by day: requests, credits, tweets bought, tweets that were new, kept.
CREATE TABLE x_query_days (
  query_id BIGINT NOT NULL,
  day {word} NOT NULL,
  calls INTEGER NOT NULL DEFAULT 0,
  credits BIGINT NOT NULL DEFAULT 0,
  tweets BIGINT NOT NULL DEFAULT 0,
  fresh BIGINT NOT NULL DEFAULT 0,
  kept BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (query_id, day)
){table};
