-- The roles that schema.sql names: they belong to a server, so both have them before anything is copied.

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['fidelity_owner', 'fidelity_reader', E'fidelity "odd"\n%s \\ rôle'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I', name);
        END IF;
    END LOOP;
END $$;
