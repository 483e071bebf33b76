-- Who wrote a tweet, by number, and which tweet it answers, quotes or passes on.
ALTER TABLE posts ADD COLUMN author_id BIGINT NOT NULL DEFAULT 0;

ALTER TABLE posts ADD COLUMN parent_kind {word} NOT NULL DEFAULT '';

ALTER TABLE posts ADD COLUMN parent_id {word} NOT NULL DEFAULT '';
