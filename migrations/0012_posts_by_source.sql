-- The newest posts of an outlet, without reading all that it ever wrote.
CREATE INDEX posts_source ON posts (source_id, created_ms);
