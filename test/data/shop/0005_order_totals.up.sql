-- What an order comes to, for the office.
CREATE FUNCTION order_total(bigint) RETURNS bigint
	LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT coalesce(sum(quantity * price_cents), 0)
	FROM order_lines WHERE order_id = $1;
END;

CREATE VIEW order_totals AS
	SELECT o.id, c.email, o.status, order_total(o.id) AS total_cents
	FROM orders o JOIN customers c ON c.id = o.customer_id;
