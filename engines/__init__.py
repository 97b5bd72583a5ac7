"""Pure go-to-market engines: typed data in, typed results out; no SQL, no HTTP, no clock."""
