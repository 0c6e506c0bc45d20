"""One network per subdomain, joined by interface conditions."""
