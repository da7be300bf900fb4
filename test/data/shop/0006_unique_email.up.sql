-- One customer for an address, however it is spelled.
ALTER TABLE customers ADD COLUMN phone text;
CREATE UNIQUE INDEX customers_email_key ON customers (lower(email));
