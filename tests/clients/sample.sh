# The example of InstaMarket's documentation, as it stands there but for base URL and key.
# Full flow in 4 curls
KEY=$API_KEY
BASE=$BASE_URL
curl -H "X-API-Key: $KEY" "$BASE/products?min_price=1&page_size=5"
curl -H "X-API-Key: $KEY" "$BASE/balance"
curl -X POST -H "X-API-Key: $KEY" -H "Content-Type: application/json" \
-d '{"product_id":12345,"quantity":1,"payment_method":"balance"}' \
"$BASE/orders"
curl -H "X-API-Key: $KEY" "$BASE/orders/789"
