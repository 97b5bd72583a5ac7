"""The only SQL of the product: tables and queries, a file an area, giving the engines' input types."""
