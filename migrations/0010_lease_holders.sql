-- Who holds a lease: the number under which a process has its lock on this database, so that others see when it is gone.
-- Null when it could not be had; means nothing without `lease_until`.
ALTER TABLE connections ADD COLUMN lease_holder BIGINT;
