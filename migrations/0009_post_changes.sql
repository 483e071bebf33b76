-- Posts that were dropped or restored after they were stored, for those who keep something made of posts in a process or
-- a file of their own. Ids come from the head in the same transaction, so they become visible in their order.

CREATE TABLE post_changes (
  id BIGINT NOT NULL PRIMARY KEY,
  post_id BIGINT NOT NULL,
  at_ms BIGINT NOT NULL
){table};

INSERT INTO heads (name, value) VALUES ('post_changes', 0);
