-- One customer for an address, however it is spelled.
ALTER TABLE customers ADD COLUMN phone text;
-- The first of several keeps the orders of all.
UPDATE orders o SET customer_id = f.first_id
FROM (SELECT id, min(id) OVER (PARTITION BY lower(email)) AS first_id FROM customers) f
WHERE f.id = o.customer_id;
DELETE FROM customers c USING customers f
WHERE lower(c.email) = lower(f.email) AND c.id > f.id;
CREATE UNIQUE INDEX customers_email_key ON customers (lower(email));
