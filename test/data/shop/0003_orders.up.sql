-- Who bought what, and when.
CREATE TYPE order_status AS ENUM ('open', 'paid', 'shipped', 'cancelled');

CREATE TABLE orders (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	customer_id bigint NOT NULL REFERENCES customers,
	status order_status NOT NULL DEFAULT 'open',
	ordered_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE order_lines (
	order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
	product_id bigint NOT NULL REFERENCES products,
	quantity integer NOT NULL CHECK (quantity > 0),
	price_cents integer NOT NULL,
	PRIMARY KEY (order_id, product_id)
);
CREATE INDEX orders_customer_idx ON orders (customer_id);
