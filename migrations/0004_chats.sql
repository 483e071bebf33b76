-- What talking with people needs: short names for buttons and links, mutes, awaited answers, feedback.

-- A button carries 64 bytes and a Persian phrase does not fit: it carries a ref, made of the name's hash.
CREATE TABLE refs (
  ref {word} NOT NULL PRIMARY KEY,
  kind {word} NOT NULL,
  name {text} NOT NULL,
  shown {text} NOT NULL,
  used_ms BIGINT NOT NULL DEFAULT 0
){table};

CREATE INDEX refs_used ON refs (used_ms);

-- Terms that a chat does not want to hear about in alerts and digests.
CREATE TABLE mutes (
  chat_id BIGINT NOT NULL,
  term_key {key} NOT NULL,
  term {key} NOT NULL,
  until_ms BIGINT NOT NULL,
  PRIMARY KEY (chat_id, term_key)
){table};

-- "Write the address": the next message of this person in this chat is the answer, until it expires.
CREATE TABLE awaited (
  chat_id BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  what {word} NOT NULL,
  detail {text} NOT NULL,
  until_ms BIGINT NOT NULL,
  PRIMARY KEY (chat_id, user_id)
){table};

CREATE TABLE feedback (
  id {id},
  user_id BIGINT NOT NULL,
  chat_id BIGINT NOT NULL,
  text {text} NOT NULL,
  created_ms BIGINT NOT NULL
){table};

CREATE INDEX feedback_user ON feedback (user_id, created_ms);
