-- People of X, by their number there. The sums are over their own posts that were stored, retweets
-- left out; `profile_ms` is 0 while only the name is known.
CREATE TABLE x_people (
  id BIGINT NOT NULL PRIMARY KEY,
  username {key} NOT NULL,
  username_key {key} NOT NULL,
  name {key} NOT NULL,
  description {text} NOT NULL,
  location {key} NOT NULL,
  verified {word} NOT NULL,
  followers BIGINT NOT NULL DEFAULT 0,
  following BIGINT NOT NULL DEFAULT 0,
  tweets BIGINT NOT NULL DEFAULT 0,
  created_ms BIGINT NOT NULL DEFAULT 0,
  is_protected INTEGER NOT NULL DEFAULT 0,
  is_automated INTEGER NOT NULL DEFAULT 0,
  seen_ms BIGINT NOT NULL DEFAULT 0,
  profile_ms BIGINT NOT NULL DEFAULT 0,
  stored INTEGER NOT NULL DEFAULT 0,
  likes BIGINT NOT NULL DEFAULT 0,
  retweets BIGINT NOT NULL DEFAULT 0,
  replies BIGINT NOT NULL DEFAULT 0,
  views BIGINT NOT NULL DEFAULT 0,
  influence {real} NOT NULL DEFAULT 0
){table};

CREATE INDEX x_people_name ON x_people (username_key);

CREATE INDEX x_people_influence ON x_people (influence);

-- Who speaks to, quotes, passes on or follows whom. `strength` is what it weighs at one moment that
-- is the same for all rows, so that rows compare as they are.
CREATE TABLE x_relations (
  from_id BIGINT NOT NULL,
  kind {word} NOT NULL,
  to_id BIGINT NOT NULL,
  strength {real} NOT NULL,
  times INTEGER NOT NULL,
  first_ms BIGINT NOT NULL,
  last_ms BIGINT NOT NULL,
  PRIMARY KEY (from_id, kind, to_id)
){keyed};

CREATE INDEX x_relations_to ON x_relations (to_id, strength);

-- The latest posts of somebody.
CREATE INDEX posts_author ON posts (author_id, created_ms);
