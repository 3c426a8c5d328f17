-- 2 statements

-- Query.products
SELECT product.id, product.title
FROM product
WHERE product.organization_id = ? AND product.deleted_at IS NULL ORDER BY product.id ASC
 LIMIT ? OFFSET ?

-- Product.variants
SELECT variant.product_id, variant.id, variant.title, variant.sku, variant.stock, variant.price, variant.currency
FROM variant
WHERE variant.organization_id = ? AND variant.deleted_at IS NULL AND variant.product_id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1) ORDER BY variant.product_id, variant.position, variant.id

-- Product.variants, of a single parent
SELECT variant.product_id, variant.id, variant.title, variant.sku, variant.stock, variant.price, variant.currency
FROM variant
WHERE variant.organization_id = ? AND variant.deleted_at IS NULL AND variant.product_id = ? ORDER BY variant.product_id, variant.position, variant.id
