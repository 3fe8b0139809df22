"""Built-in activations, one family a file; they come in through the entry points, as anyone's do."""
