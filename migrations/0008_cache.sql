-- What was costly to find and may be found again; and vectors, a signed byte a dimension.

CREATE TABLE cache (
  name {key} NOT NULL PRIMARY KEY,
  body {blob} NOT NULL,
  size INTEGER NOT NULL,
  expires_ms BIGINT NOT NULL,
  used_ms BIGINT NOT NULL
){table};

CREATE INDEX cache_expires ON cache (expires_ms);

CREATE INDEX cache_used ON cache (used_ms);

CREATE TABLE vectors (
  kind {word} NOT NULL,
  owner_id BIGINT NOT NULL,
  model {key} NOT NULL,
  scale {real} NOT NULL,
  body {blob} NOT NULL,
  PRIMARY KEY (kind, model, owner_id)
){table};
