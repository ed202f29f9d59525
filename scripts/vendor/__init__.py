"""A vendor on loopback that plays Kimi, mistakes included: for tests, the demo and the bench.

Nothing in the product knows of it. `behaviour` reads what is asked of it, `families` and the tables beside
it hold what it may say, `answer` turns that into bytes, `connection` and `server` put them on the wire.
"""
