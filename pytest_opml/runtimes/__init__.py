"""What opens an artifact and answers for images, the same for every kind of file."""
