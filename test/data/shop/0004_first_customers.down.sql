DELETE FROM order_lines;
DELETE FROM orders;
DELETE FROM products;
DELETE FROM customers;
