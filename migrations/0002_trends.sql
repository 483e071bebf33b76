-- What terms did on each day, hour by hour; and what was found to rise.
-- `day` counts days since 1970 (UTC); the row with the empty term holds the sums of all terms of its day and kind.
-- `voices` are touches: an author says a term once an hour, however often; h00 … h23 are the touches of each hour (UTC).

CREATE TABLE term_days (
  day INTEGER NOT NULL,
  kind {word} NOT NULL,
  term {key} NOT NULL,
  posts INTEGER NOT NULL,
  voices INTEGER NOT NULL,
  positive INTEGER NOT NULL,
  negative INTEGER NOT NULL,
  h00 INTEGER NOT NULL DEFAULT 0,
  h01 INTEGER NOT NULL DEFAULT 0,
  h02 INTEGER NOT NULL DEFAULT 0,
  h03 INTEGER NOT NULL DEFAULT 0,
  h04 INTEGER NOT NULL DEFAULT 0,
  h05 INTEGER NOT NULL DEFAULT 0,
  h06 INTEGER NOT NULL DEFAULT 0,
  h07 INTEGER NOT NULL DEFAULT 0,
  h08 INTEGER NOT NULL DEFAULT 0,
  h09 INTEGER NOT NULL DEFAULT 0,
  h10 INTEGER NOT NULL DEFAULT 0,
  h11 INTEGER NOT NULL DEFAULT 0,
  h12 INTEGER NOT NULL DEFAULT 0,
  h13 INTEGER NOT NULL DEFAULT 0,
  h14 INTEGER NOT NULL DEFAULT 0,
  h15 INTEGER NOT NULL DEFAULT 0,
  h16 INTEGER NOT NULL DEFAULT 0,
  h17 INTEGER NOT NULL DEFAULT 0,
  h18 INTEGER NOT NULL DEFAULT 0,
  h19 INTEGER NOT NULL DEFAULT 0,
  h20 INTEGER NOT NULL DEFAULT 0,
  h21 INTEGER NOT NULL DEFAULT 0,
  h22 INTEGER NOT NULL DEFAULT 0,
  h23 INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (day, kind, term)
){table};

-- A term's past is read through this one; the primary key keeps a day's writes together.
CREATE INDEX term_days_term ON term_days (term, day);

-- Days whose terms of a single post are still to be thrown away.
CREATE TABLE term_sweeps (
  day INTEGER NOT NULL PRIMARY KEY
){table};

-- The last result for each window: /trends reads one row.
CREATE TABLE trend_snapshots (
  span {word} NOT NULL PRIMARY KEY,
  at_ms BIGINT NOT NULL,
  body {text} NOT NULL
){table};

-- One row each time a term rose: from its first snapshot to its last.
CREATE TABLE trend_episodes (
  id {id},
  span {word} NOT NULL,
  trend_key {key} NOT NULL,
  first_ms BIGINT NOT NULL,
  last_ms BIGINT NOT NULL,
  best_score {real} NOT NULL,
  body {text} NOT NULL,
  CONSTRAINT trend_episodes_one UNIQUE (span, trend_key, first_ms)
){table};

CREATE INDEX trend_episodes_last ON trend_episodes (span, last_ms);

-- The copies of a post: they are not counted, only weighed.
CREATE INDEX posts_copies ON posts (duplicate_of);
