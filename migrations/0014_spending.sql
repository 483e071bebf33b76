-- What TwitterAPI.io costs. Amounts are credits: 100,000 are one US dollar.
-- One row a request: held before it is sent, settled when its answer is known.
CREATE TABLE x_calls (
  id {id},
  day {word} NOT NULL,
  endpoint {word} NOT NULL,
  query_id BIGINT NOT NULL DEFAULT 0,
  state {word} NOT NULL,
  held INTEGER NOT NULL,
  credits INTEGER NOT NULL DEFAULT 0,
  items INTEGER NOT NULL DEFAULT 0,
  status INTEGER NOT NULL DEFAULT 0,
  begun_ms BIGINT NOT NULL,
  ended_ms BIGINT NOT NULL DEFAULT 0,
  until_ms BIGINT NOT NULL
){table};

CREATE INDEX x_calls_state ON x_calls (state, until_ms);

CREATE INDEX x_calls_day ON x_calls (day, endpoint);

-- The totals of each day, kept for ever; the row is what concurrent requests wait for.
CREATE TABLE x_days (
  day {word} NOT NULL PRIMARY KEY,
  spent BIGINT NOT NULL DEFAULT 0,
  held BIGINT NOT NULL DEFAULT 0,
  calls INTEGER NOT NULL DEFAULT 0,
  items BIGINT NOT NULL DEFAULT 0,
  settled_ms BIGINT NOT NULL DEFAULT 0
){table};

-- Single facts: the budget set by an admin, the last balance, until when to keep quiet, …
CREATE TABLE x_facts (
  name {key} NOT NULL PRIMARY KEY,
  number BIGINT NOT NULL DEFAULT 0,
  text {text} NOT NULL,
  at_ms BIGINT NOT NULL DEFAULT 0
){table};
