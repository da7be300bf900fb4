-- Taken over from the old shop, with its duplicates.
INSERT INTO customers (email, full_name) VALUES
	('ada@example.com', 'Ada Lovelace'),
	('grace@example.com', 'Grace Hopper'),
	('Ada@example.com', 'Ada King');
INSERT INTO products (sku, title, price_cents) VALUES
	('TEA-0001', 'Assam, second flush', 890),
	('TEA-0002', 'Sencha', 1240),
	('CUP-0001', 'Cup; holds "half a pint"', 450);
INSERT INTO orders (customer_id, status)
	SELECT id, 'paid' FROM customers;
INSERT INTO order_lines (order_id, product_id, quantity, price_cents)
	SELECT o.id, p.id, 2, p.price_cents FROM orders o, products p;
