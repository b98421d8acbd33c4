"""Put slices of a version at the provider: `requests` notes what is wanted, `carry` does it, `status` sums it up."""
