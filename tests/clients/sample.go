// The example of InstaMarket's documentation, as it stands there but for base URL and key.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	body, _ := json.Marshal(map[string]any{
		"product_id": 12345, "quantity": 1, "payment_method": "balance",
	})
	req, _ := http.NewRequest("POST", os.Getenv("BASE_URL")+"/orders", bytes.NewReader(body))
	req.Header.Set("X-API-Key", os.Getenv("API_KEY"))
	req.Header.Set("Content-Type", "application/json")
	resp, _ := http.DefaultClient.Do(req)
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	fmt.Println(string(b))
}
