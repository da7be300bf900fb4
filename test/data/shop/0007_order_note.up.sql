-- A word of the customer's with the order.
ALTER TABLE orders ADD COLUMN note text NOT NULL DEFAULT '';
