-- 10 statements

-- Query.store
SELECT store.id, store.name, store.currency
FROM store
WHERE store.organization_id = ? AND store.deleted_at IS NULL AND store.id = ?

-- Store.categoryTree
SELECT category.store_id, category.id, category.name
FROM category
WHERE category.organization_id = ? AND category.deleted_at IS NULL AND category.parent_id IS NULL AND category.store_id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1) ORDER BY category.store_id, category.position, category.id

-- Store.categoryTree, of a single parent
SELECT category.store_id, category.id, category.name
FROM category
WHERE category.organization_id = ? AND category.deleted_at IS NULL AND category.parent_id IS NULL AND category.store_id = ? ORDER BY category.store_id, category.position, category.id

-- Category.productCount
SELECT product.category_id, count(*) AS count_1
FROM product
WHERE product.organization_id = ? AND product.deleted_at IS NULL AND product.category_id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1) GROUP BY product.category_id

-- Category.children
SELECT category.parent_id, category.id, category.name
FROM category
WHERE category.organization_id = ? AND category.deleted_at IS NULL AND category.parent_id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1) ORDER BY category.parent_id, category.position, category.id

-- Category.children, of a single parent
SELECT category.parent_id, category.id, category.name
FROM category
WHERE category.organization_id = ? AND category.deleted_at IS NULL AND category.parent_id = ? ORDER BY category.parent_id, category.position, category.id

-- Category.productCount
SELECT product.category_id, count(*) AS count_1
FROM product
WHERE product.organization_id = ? AND product.deleted_at IS NULL AND product.category_id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1) GROUP BY product.category_id

-- Store.brands
SELECT brand.store_id, brand.id, brand.name
FROM json_each(?) AS parent JOIN brand ON brand.id IN (SELECT brand.id
FROM brand
WHERE brand.organization_id = ? AND brand.deleted_at IS NULL AND brand.store_id = parent.value ORDER BY brand.name ASC, brand.id ASC
 LIMIT ? OFFSET ?) ORDER BY brand.name ASC, brand.id ASC

-- Store.brands, of a single parent
SELECT brand.store_id, brand.id, brand.name
FROM brand
WHERE brand.organization_id = ? AND brand.deleted_at IS NULL AND brand.store_id = ? ORDER BY brand.name ASC, brand.id ASC
 LIMIT ? OFFSET ?

-- Brand.productCount
SELECT product.brand_id, count(*) AS count_1
FROM product
WHERE product.organization_id = ? AND product.deleted_at IS NULL AND product.brand_id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1) GROUP BY product.brand_id

-- Store.products
SELECT product.store_id, product.price_min, product.id, product.title, product.slug, product.stock, product.rating_average, product.review_count, product.price_min AS price_min__1, product.currency, product.price_max, product.brand_id
FROM json_each(?) AS parent JOIN product ON product.id IN (SELECT product.id
FROM product
WHERE product.organization_id = ? AND product.deleted_at IS NULL AND product.status IN (?, ?) AND product.stock > ? AND product.price_max >= ? AND product.store_id = parent.value ORDER BY product.price_min ASC, product.id ASC
 LIMIT ? OFFSET ?) ORDER BY product.price_min ASC, product.id ASC

-- Store.products
SELECT product.store_id, count(*) AS count_1
FROM product
WHERE product.organization_id = ? AND product.deleted_at IS NULL AND product.status IN (?, ?) AND product.stock > ? AND product.price_max >= ? AND product.store_id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1) GROUP BY product.store_id

-- Store.products, of a single parent
SELECT product.store_id, product.price_min, product.id, product.title, product.slug, product.stock, product.rating_average, product.review_count, product.price_min AS price_min__1, product.currency, product.price_max, product.brand_id
FROM product
WHERE product.organization_id = ? AND product.deleted_at IS NULL AND product.status IN (?, ?) AND product.stock > ? AND product.price_max >= ? AND product.store_id = ? ORDER BY product.price_min ASC, product.id ASC
 LIMIT ? OFFSET ?

-- Product.brand
SELECT brand.id, brand.name
FROM brand
WHERE brand.organization_id = ? AND brand.deleted_at IS NULL AND brand.id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1)

-- Product.brand, of a single parent
SELECT brand.id, brand.name
FROM brand
WHERE brand.organization_id = ? AND brand.deleted_at IS NULL AND brand.id = ?
