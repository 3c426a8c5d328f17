-- 6 statements

-- Query.orders
SELECT orders.created_at, orders.id, orders.ref, orders.created_at AS created_at__1, orders.payment_status, orders.fulfillment_status, orders.total, orders.currency, orders.customer_id
FROM orders
WHERE orders.organization_id = $1::BIGINT AND orders.created_at >= $2::TIMESTAMP WITH TIME ZONE AND (orders.created_at > $2::TIMESTAMP WITH TIME ZONE OR orders.id > $3::BIGINT) ORDER BY orders.created_at ASC, orders.id ASC
 LIMIT $4::INTEGER

-- Query.orders
SELECT count(*) AS count_1
FROM orders
WHERE orders.organization_id = $1::BIGINT

-- Order.customer
SELECT customer.id, customer.first_name, customer.last_name, customer.email
FROM customer
WHERE customer.organization_id = $1::BIGINT AND customer.deleted_at IS NULL AND customer.id = ANY ($2::BIGINT[])

-- Order.customer, of a single parent
SELECT customer.id, customer.first_name, customer.last_name, customer.email
FROM customer
WHERE customer.organization_id = $1::BIGINT AND customer.deleted_at IS NULL AND customer.id = $2::BIGINT

-- Order.lines
SELECT order_line.order_id, order_line.id, order_line.title, order_line.quantity, order_line.total, order_line.currency, order_line.variant_id, order_line.product_id
FROM order_line
WHERE order_line.organization_id = $1::BIGINT AND order_line.order_id = ANY ($2::BIGINT[]) ORDER BY order_line.order_id, order_line.id

-- Order.lines, of a single parent
SELECT order_line.order_id, order_line.id, order_line.title, order_line.quantity, order_line.total, order_line.currency, order_line.variant_id, order_line.product_id
FROM order_line
WHERE order_line.organization_id = $1::BIGINT AND order_line.order_id = $2::BIGINT ORDER BY order_line.order_id, order_line.id

-- OrderLine.variant
SELECT variant.id, variant.title, variant.sku
FROM variant
WHERE variant.organization_id = $1::BIGINT AND variant.deleted_at IS NULL AND variant.id = ANY ($2::BIGINT[])

-- OrderLine.variant, of a single parent
SELECT variant.id, variant.title, variant.sku
FROM variant
WHERE variant.organization_id = $1::BIGINT AND variant.deleted_at IS NULL AND variant.id = $2::BIGINT

-- OrderLine.product
SELECT product.id, product.title
FROM product
WHERE product.organization_id = $1::BIGINT AND product.deleted_at IS NULL AND product.id = ANY ($2::BIGINT[])

-- OrderLine.product, of a single parent
SELECT product.id, product.title
FROM product
WHERE product.organization_id = $1::BIGINT AND product.deleted_at IS NULL AND product.id = $2::BIGINT
