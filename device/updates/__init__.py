"""What this laptop can be given later than the program itself: policy bundles under the office's signatures.

The only place on the device that knows The Update Framework. `client` verifies, `shelf` keeps, `refresher` asks.
"""
