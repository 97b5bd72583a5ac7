"""What takes the pictures of the documentation."""
