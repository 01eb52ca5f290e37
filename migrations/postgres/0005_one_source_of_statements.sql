-- SQLite comes to PostgreSQL's way of saying things with this number; here nothing is left to do.
SELECT 1;
