"""What is stored: frozen documents that can be read without any registered name."""
