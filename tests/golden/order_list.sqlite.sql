-- 6 statements

-- Query.orders
SELECT orders.created_at, orders.id, orders.ref, orders.created_at AS created_at__1, orders.payment_status, orders.fulfillment_status, orders.total, orders.currency, orders.customer_id
FROM orders
WHERE orders.organization_id = ? AND orders.created_at >= ? AND (orders.created_at > ? OR orders.id > ?) ORDER BY orders.created_at ASC, orders.id ASC
 LIMIT ? OFFSET ?

-- Query.orders
SELECT count(*) AS count_1
FROM orders
WHERE orders.organization_id = ?

-- Order.customer
SELECT customer.id, customer.first_name, customer.last_name, customer.email
FROM customer
WHERE customer.organization_id = ? AND customer.deleted_at IS NULL AND customer.id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1)

-- Order.customer, of a single parent
SELECT customer.id, customer.first_name, customer.last_name, customer.email
FROM customer
WHERE customer.organization_id = ? AND customer.deleted_at IS NULL AND customer.id = ?

-- Order.lines
SELECT order_line.order_id, order_line.id, order_line.title, order_line.quantity, order_line.total, order_line.currency, order_line.variant_id, order_line.product_id
FROM order_line
WHERE order_line.organization_id = ? AND order_line.order_id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1) ORDER BY order_line.order_id, order_line.id

-- Order.lines, of a single parent
SELECT order_line.order_id, order_line.id, order_line.title, order_line.quantity, order_line.total, order_line.currency, order_line.variant_id, order_line.product_id
FROM order_line
WHERE order_line.organization_id = ? AND order_line.order_id = ? ORDER BY order_line.order_id, order_line.id

-- OrderLine.variant
SELECT variant.id, variant.title, variant.sku
FROM variant
WHERE variant.organization_id = ? AND variant.deleted_at IS NULL AND variant.id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1)

-- OrderLine.variant, of a single parent
SELECT variant.id, variant.title, variant.sku
FROM variant
WHERE variant.organization_id = ? AND variant.deleted_at IS NULL AND variant.id = ?

-- OrderLine.product
SELECT product.id, product.title
FROM product
WHERE product.organization_id = ? AND product.deleted_at IS NULL AND product.id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1)

-- OrderLine.product, of a single parent
SELECT product.id, product.title
FROM product
WHERE product.organization_id = ? AND product.deleted_at IS NULL AND product.id = ?
