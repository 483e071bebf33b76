-- Which process runs a job, by its name in `workers`: a run whose process is gone is closed as interrupted.
ALTER TABLE job_runs ADD COLUMN worker {key} NOT NULL DEFAULT '';
