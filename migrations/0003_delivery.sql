-- Delivery: what Telegram already has of our files, and quick looks at what went out lately.

CREATE TABLE sent_files (
  content_hash {key} NOT NULL PRIMARY KEY,
  file_id {text} NOT NULL,
  sent_ms BIGINT NOT NULL
){table};

CREATE INDEX outbox_finished ON outbox (finished_ms, state);

CREATE INDEX inbox_received ON inbox (received_ms);
