-- The append function of an event store on PostgreSQL. It leans on the unique index and locks nothing
-- else, so that positions may become visible out of order: the faster form.
CREATE TABLE events (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream text NOT NULL,
    version bigint NOT NULL,
    id uuid NOT NULL,
    type text NOT NULL,
    data jsonb NOT NULL,
    meta jsonb,
    created timestamptz NOT NULL DEFAULT now(),
    UNIQUE (stream, version)
);
CREATE FUNCTION append_event(to_stream text, expected bigint, event_id uuid, event_type text,
                             event_data jsonb, event_meta jsonb) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    last_version bigint;
    at bigint;
BEGIN
    SELECT coalesce(max(version), -1) INTO last_version FROM events WHERE stream = to_stream;
    IF last_version <> expected THEN
        RAISE EXCEPTION '% is at version %, not %', to_stream, last_version, expected;
    END IF;
    INSERT INTO events (stream, version, id, type, data, meta)
        VALUES (to_stream, expected + 1, event_id, event_type, event_data, event_meta)
        RETURNING position INTO at;
    RETURN at;
END $$;
CREATE FUNCTION notify_append(to_stream text, expected bigint, event_id uuid, event_type text,
                              event_data jsonb, event_meta jsonb) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    at bigint := append_event(to_stream, expected, event_id, event_type, event_data, event_meta);
BEGIN
    PERFORM pg_notify('events', at::text);
    RETURN at;
END $$;
