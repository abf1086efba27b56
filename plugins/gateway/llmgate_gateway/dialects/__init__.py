"""Wire formats that clients speak: each owns its routes, its decoding and encoding, and the shape of its errors."""
