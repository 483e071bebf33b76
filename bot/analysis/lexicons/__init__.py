"""Word lists as data; README.md beside them names their origins and licences."""
