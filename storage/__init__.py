"""The only SQL of the product: tables and queries, a file an area; queries return the engines' input types."""
