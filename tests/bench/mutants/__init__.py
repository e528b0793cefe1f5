"""Changes the code at random, one place at a time, and says which changes no test noticed. See `docs/testing.md`."""
