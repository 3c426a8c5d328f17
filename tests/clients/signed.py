# The example of InstaMarket's documentation, as it stands there but for base URL, key and secret.
# ruff: noqa: E401, E702, I001, INP001, S113, T201
# fmt: off
import os

import hmac, hashlib, time, json, requests

KEY = os.environ["API_KEY"]; SECRET = os.environ["API_SECRET"]
BASE = os.environ["BASE_URL"]
body = json.dumps({"product_id": 12345, "quantity": 1, "payment_method": "balance"})
ts = str(int(time.time()))
sig = hmac.new(SECRET.encode(), f"{ts}\n{body}".encode(), hashlib.sha256).hexdigest()
r = requests.post(f"{BASE}/orders", data=body, headers={
    "X-API-Key": KEY,
    "Content-Type": "application/json",
    "X-Timestamp": ts,
    "X-Signature": sig,
})
print(r.status_code, r.json())
