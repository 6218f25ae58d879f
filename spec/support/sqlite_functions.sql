-- SQLite's functions of JSON for specs that run on PostgreSQL (on_postgres.lua), in a schema of their
-- own: the store does not see them. The order of members and the bytes of what is not changed stay.

CREATE EXTENSION amcheck;
CREATE SCHEMA sqlite;

CREATE FUNCTION sqlite.path(text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
  SELECT string_to_array(replace(replace(substr($1, 3), '[', '.'), ']', ''), '.')
$$;

CREATE FUNCTION sqlite.json_extract(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CAST($1 AS json) #>> sqlite.path($2)
$$;

CREATE FUNCTION sqlite.json_array_length(text, text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
  SELECT json_array_length(CAST($1 AS json) #> sqlite.path($2))
$$;

CREATE FUNCTION sqlite.json_each(text) RETURNS TABLE (key text, value text) LANGUAGE sql IMMUTABLE
AS $$
  SELECT key, value FROM json_each_text(CAST($1 AS json))
$$;

-- A text with the value at a path changed, or removed if it is NULL.
CREATE FUNCTION sqlite.changed(old text, path text[], new text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  name text := path[1];
  parts text;
  found boolean;
BEGIN
  IF array_length(path, 1) IS NULL THEN
    RETURN new;
  ELSIF json_typeof(CAST(old AS json)) = 'array' THEN
    SELECT string_agg(part, ',' ORDER BY place) INTO parts FROM (
      SELECT place, CASE WHEN place - 1 = CAST(name AS integer)
        THEN sqlite.changed(CAST(value AS text), path[2:], new) ELSE CAST(value AS text) END AS part
      FROM json_array_elements(CAST(old AS json)) WITH ORDINALITY AS e (value, place)) AS all_parts;
    RETURN '[' || coalesce(parts, '') || ']';
  END IF;
  SELECT string_agg(CAST(to_json(key) AS text) || ':' || part, ',' ORDER BY place),
    bool_or(key = name) INTO parts, found FROM (
    SELECT place, key, CASE WHEN key = name THEN sqlite.changed(CAST(value AS text), path[2:], new)
      ELSE CAST(value AS text) END AS part
    FROM json_each(CAST(old AS json)) WITH ORDINALITY AS e (key, value, place)) AS all_parts;
  IF new IS NOT NULL AND array_length(path, 1) = 1 AND found IS NOT TRUE THEN
    parts := concat_ws(',', parts, CAST(to_json(name) AS text) || ':' || new);
  END IF;
  RETURN '{' || coalesce(parts, '') || '}';
END
$$;

CREATE FUNCTION sqlite.json_remove(data text, VARIADIC paths text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE each text;
BEGIN
  FOREACH each IN ARRAY paths LOOP
    data := sqlite.changed(data, sqlite.path(each), NULL);
  END LOOP;
  RETURN data;
END
$$;

CREATE FUNCTION sqlite.json_set(text, text, json) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT sqlite.changed($1, sqlite.path($2), CAST($3 AS text))
$$;
CREATE FUNCTION sqlite.json_set(text, text, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT sqlite.json_set($1, $2, to_json($3))
$$;
CREATE FUNCTION sqlite.json_set(text, text, bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT sqlite.json_set($1, $2, to_json($3))
$$;
CREATE FUNCTION sqlite.json_set(text, text, text, text, text) RETURNS text LANGUAGE sql IMMUTABLE
AS $$
  SELECT sqlite.json_set(sqlite.json_set($1, $2, $3), $4, $5)
$$;
CREATE FUNCTION sqlite.json_set(text, text, bigint, text, bigint) RETURNS text LANGUAGE sql
IMMUTABLE AS $$
  SELECT sqlite.json_set(sqlite.json_set($1, $2, $3), $4, $5)
$$;

-- PRAGMA integrity_check: every index against its table.
CREATE FUNCTION sqlite.integrity_check() RETURNS text LANGUAGE plpgsql AS $$
DECLARE each record;
BEGIN
  FOR each IN SELECT i.indexrelid AS id FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am a ON a.oid = c.relam
    WHERE n.nspname = 'public' AND a.amname = 'btree' LOOP
    PERFORM bt_index_check(each.id, true);
  END LOOP;
  RETURN 'ok';
END
$$;

CREATE FUNCTION sqlite.printf(text, numeric) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CAST(round($2, CAST(substr($1, 3, 1) AS integer)) AS text) -- "%.2f"
$$;
