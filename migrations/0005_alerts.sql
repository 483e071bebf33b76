-- Stories found for a watch: each once, kept until the chat is told and for a while after.
CREATE TABLE alert_hits (
  id {id},
  watch_id BIGINT NOT NULL,
  post_id BIGINT NOT NULL,
  story BIGINT NOT NULL,
  found_ms BIGINT NOT NULL,
  told_ms BIGINT NOT NULL DEFAULT 0,
  CONSTRAINT alert_hits_once UNIQUE (watch_id, story)
){table};

CREATE INDEX alert_hits_told ON alert_hits (told_ms, id);
