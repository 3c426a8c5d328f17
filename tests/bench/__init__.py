"""``make bench``: load figures, each beside a bare aiohttp handler."""
