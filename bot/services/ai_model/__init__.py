"""Language models: one interface, and what every model shares."""
