-- 1 statements

-- Query.products
SELECT product.id, product.title, product.slug, product.price_min, product.currency
FROM product
WHERE product.organization_id = ? AND product.deleted_at IS NULL AND product.id IN (SELECT rowid FROM product_search WHERE product_search MATCH ?) AND product.status IN (?) ORDER BY product.created_at DESC, product.id DESC
 LIMIT ? OFFSET ?
