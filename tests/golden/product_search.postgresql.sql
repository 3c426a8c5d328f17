-- 1 statements

-- Query.products
SELECT product.id, product.title, product.slug, product.price_min, product.currency
FROM product
WHERE product.organization_id = $1::BIGINT AND product.deleted_at IS NULL AND array_to_tsvector(string_to_array(product.search_text, ' ')) @@ CAST($2::VARCHAR AS tsquery) AND product.status IN ($4) ORDER BY product.created_at DESC, product.id DESC
 LIMIT $3::INTEGER
