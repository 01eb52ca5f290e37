-- A pause of all work is a setting, and workers in other processes hear of it at once.
CREATE TRIGGER setting_changed AFTER INSERT OR UPDATE OR DELETE ON setting
    FOR EACH STATEMENT EXECUTE FUNCTION notify_musonym();
