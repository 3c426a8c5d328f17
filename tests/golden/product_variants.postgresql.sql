-- 2 statements

-- Query.products
SELECT product.id, product.title
FROM product
WHERE product.organization_id = $1::BIGINT AND product.deleted_at IS NULL ORDER BY product.id ASC
 LIMIT $2::INTEGER

-- Product.variants
SELECT variant.product_id, variant.id, variant.title, variant.sku, variant.stock, variant.price, variant.currency
FROM variant
WHERE variant.organization_id = $1::BIGINT AND variant.deleted_at IS NULL AND variant.product_id = ANY ($2::BIGINT[]) ORDER BY variant.product_id, variant.position, variant.id

-- Product.variants, of a single parent
SELECT variant.product_id, variant.id, variant.title, variant.sku, variant.stock, variant.price, variant.currency
FROM variant
WHERE variant.organization_id = $1::BIGINT AND variant.deleted_at IS NULL AND variant.product_id = $2::BIGINT ORDER BY variant.product_id, variant.position, variant.id
