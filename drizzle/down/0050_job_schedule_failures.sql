ALTER TABLE job_schedules DROP COLUMN failures_in_a_row;
