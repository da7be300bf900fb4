-- zoo_cases.sql: the zoo, and the changes of inventory_cases.sql that this server knows.
CREATE ROLE zoo_owner;
CREATE ROLE zoo_reader;
CREATE ROLE "zoo Röle";
\ir zoo.sql
SET client_min_messages = error;
SELECT current_setting('server_version_num')::int / 10000 AS major \gset
CREATE TEMP TABLE cases (id serial, since integer, until integer, object text, keys text, change text, back text, others text[]);
\ir inventory_cases.sql
DELETE FROM cases WHERE NOT :'icu'::boolean AND (object || change) ~ 'german|unaccented|ruled';
DELETE FROM cases WHERE :major NOT BETWEEN since AND until;
UPDATE cases SET change = replace(change, ':db', quote_ident(current_database())), back = replace(back, ':db', quote_ident(current_database()));
