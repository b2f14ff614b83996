"""How the page bears up: latency by component, many clients at once, thousands of requests."""
