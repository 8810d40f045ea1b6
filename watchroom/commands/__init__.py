"""One module a command, or a family of them; ``watchroom.cli`` lists them."""
