"""SQL, written once for SQLite and MariaDB; a store a subject, models in and out."""
