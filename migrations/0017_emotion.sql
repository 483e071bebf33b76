-- The emotion that a post shows most; empty where nobody asked.
ALTER TABLE posts ADD COLUMN emotion {word} NOT NULL DEFAULT '';
