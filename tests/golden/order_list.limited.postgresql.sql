-- 6 statements

-- Query.orders
SELECT orders.created_at, orders.id, orders.ref, orders.created_at AS created_at__1, orders.payment_status, orders.fulfillment_status, orders.total, orders.currency, orders.customer_id
FROM orders
WHERE orders.organization_id = $1::BIGINT AND orders.store_id IN (SELECT unnest($2::BIGINT[]) AS unnest_1) AND (orders.store_id NOT IN (SELECT store.id
FROM store
WHERE store.organization_id = $1::BIGINT AND store.deleted_at IS NOT NULL)) AND orders.api_key_id = $3::BIGINT AND orders.created_at >= $4::TIMESTAMP WITH TIME ZONE AND (orders.created_at > $4::TIMESTAMP WITH TIME ZONE OR orders.id > $5::BIGINT) ORDER BY orders.created_at ASC, orders.id ASC
 LIMIT $6::INTEGER

-- Query.orders
SELECT count(*) AS count_1
FROM orders
WHERE orders.organization_id = $1::BIGINT AND orders.store_id IN (SELECT unnest($2::BIGINT[]) AS unnest_1) AND (orders.store_id NOT IN (SELECT store.id
FROM store
WHERE store.organization_id = $1::BIGINT AND store.deleted_at IS NOT NULL)) AND orders.api_key_id = $3::BIGINT

-- Order.customer
SELECT customer.id, customer.first_name, customer.last_name, customer.email
FROM customer
WHERE false

-- Order.customer, of a single parent
SELECT customer.id, customer.first_name, customer.last_name, customer.email
FROM customer
WHERE false

-- Order.lines
SELECT order_line.order_id, order_line.id, order_line.title, order_line.quantity, order_line.total, order_line.currency, order_line.variant_id, order_line.product_id
FROM order_line
WHERE order_line.organization_id = $1::BIGINT AND order_line.store_id IN (SELECT unnest($2::BIGINT[]) AS unnest_1) AND (order_line.store_id NOT IN (SELECT store.id
FROM store
WHERE store.organization_id = $1::BIGINT AND store.deleted_at IS NOT NULL)) AND order_line.order_id IN (SELECT orders.id
FROM orders
WHERE orders.organization_id = $1::BIGINT AND orders.store_id IN (SELECT unnest($2::BIGINT[]) AS unnest_1) AND (orders.store_id NOT IN (SELECT store.id
FROM store
WHERE store.organization_id = $1::BIGINT AND store.deleted_at IS NOT NULL)) AND orders.api_key_id = $3::BIGINT) AND order_line.order_id = ANY ($4::BIGINT[]) ORDER BY order_line.order_id, order_line.id

-- Order.lines, of a single parent
SELECT order_line.order_id, order_line.id, order_line.title, order_line.quantity, order_line.total, order_line.currency, order_line.variant_id, order_line.product_id
FROM order_line
WHERE order_line.organization_id = $1::BIGINT AND order_line.store_id IN (SELECT unnest($2::BIGINT[]) AS unnest_1) AND (order_line.store_id NOT IN (SELECT store.id
FROM store
WHERE store.organization_id = $1::BIGINT AND store.deleted_at IS NOT NULL)) AND order_line.order_id IN (SELECT orders.id
FROM orders
WHERE orders.organization_id = $1::BIGINT AND orders.store_id IN (SELECT unnest($2::BIGINT[]) AS unnest_1) AND (orders.store_id NOT IN (SELECT store.id
FROM store
WHERE store.organization_id = $1::BIGINT AND store.deleted_at IS NOT NULL)) AND orders.api_key_id = $3::BIGINT) AND order_line.order_id = $4::BIGINT ORDER BY order_line.order_id, order_line.id

-- OrderLine.variant
SELECT variant.id, variant.title, variant.sku
FROM variant
WHERE variant.organization_id = $1::BIGINT AND variant.deleted_at IS NULL AND variant.store_id IN (SELECT unnest($2::BIGINT[]) AS unnest_1) AND (variant.store_id NOT IN (SELECT store.id
FROM store
WHERE store.organization_id = $1::BIGINT AND store.deleted_at IS NOT NULL)) AND variant.id = ANY ($3::BIGINT[])

-- OrderLine.variant, of a single parent
SELECT variant.id, variant.title, variant.sku
FROM variant
WHERE variant.organization_id = $1::BIGINT AND variant.deleted_at IS NULL AND variant.store_id IN (SELECT unnest($2::BIGINT[]) AS unnest_1) AND (variant.store_id NOT IN (SELECT store.id
FROM store
WHERE store.organization_id = $1::BIGINT AND store.deleted_at IS NOT NULL)) AND variant.id = $3::BIGINT

-- OrderLine.product
SELECT product.id, product.title
FROM product
WHERE product.organization_id = $1::BIGINT AND product.deleted_at IS NULL AND product.store_id IN (SELECT unnest($2::BIGINT[]) AS unnest_1) AND (product.store_id NOT IN (SELECT store.id
FROM store
WHERE store.organization_id = $1::BIGINT AND store.deleted_at IS NOT NULL)) AND product.id = ANY ($3::BIGINT[])

-- OrderLine.product, of a single parent
SELECT product.id, product.title
FROM product
WHERE product.organization_id = $1::BIGINT AND product.deleted_at IS NULL AND product.store_id IN (SELECT unnest($2::BIGINT[]) AS unnest_1) AND (product.store_id NOT IN (SELECT store.id
FROM store
WHERE store.organization_id = $1::BIGINT AND store.deleted_at IS NOT NULL)) AND product.id = $3::BIGINT
