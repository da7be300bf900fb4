-- What can be bought; prices in cents.
CREATE TABLE products (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	sku text NOT NULL UNIQUE CHECK (sku ~ '^[A-Z]{3}-[0-9]{4}$'),
	title text NOT NULL,
	price_cents integer NOT NULL CHECK (price_cents >= 0)
);
