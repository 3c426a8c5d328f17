"""Webhooks of stores, in the dialect's words."""
