-- PostgreSQL notifies of settings with this number; SQLite shows every write of another process by itself.
SELECT 1;
