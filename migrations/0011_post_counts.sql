-- What would otherwise be counted or looked for row by row, kept beside the posts.

-- How many posts of five minutes there are by kind, fate ('' is kept, else why it was dropped) and mood.
CREATE TABLE post_counts (
  slot_ms BIGINT NOT NULL,
  kind {word} NOT NULL,
  fate {word} NOT NULL,
  mood {word} NOT NULL,
  posts BIGINT NOT NULL,
  PRIMARY KEY (slot_ms, kind, fate, mood)
){keyed};

INSERT INTO post_counts (slot_ms, kind, fate, mood, posts)
SELECT created_ms - created_ms % 300000, kind, drop_reason, mood, COUNT(*) FROM posts GROUP BY 1, 2, 3, 4;

INSERT INTO heads (name, value) SELECT 'stored', COUNT(*) FROM posts;

-- Names of posts without a date of their own that were forgotten with their month: offered again, they would look new.
CREATE TABLE past_origins (
  source_id BIGINT NOT NULL,
  external_id {key} NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (source_id, external_id)
){keyed};

CREATE INDEX past_origins_at ON past_origins (at_ms);
