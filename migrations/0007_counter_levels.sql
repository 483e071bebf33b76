-- Two more levels of counters beside the hours of term_days: finer for the last two days, coarser for the far past.
-- `slot` counts five minutes since 1970; the row with the empty term holds the sums of all terms.

CREATE TABLE term_slots (
  slot INTEGER NOT NULL,
  kind {word} NOT NULL,
  term {key} NOT NULL,
  posts INTEGER NOT NULL,
  voices INTEGER NOT NULL,
  positive INTEGER NOT NULL,
  negative INTEGER NOT NULL,
  PRIMARY KEY (term, kind, slot)
){keyed};

CREATE INDEX term_slots_slot ON term_slots (slot);

CREATE TABLE term_totals (
  day INTEGER NOT NULL,
  kind {word} NOT NULL,
  term {key} NOT NULL,
  posts INTEGER NOT NULL,
  voices INTEGER NOT NULL,
  positive INTEGER NOT NULL,
  negative INTEGER NOT NULL,
  PRIMARY KEY (term, kind, day)
){keyed};

CREATE INDEX term_totals_day ON term_totals (day);
