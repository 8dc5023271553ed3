"""What goes to an authority: files, their proof, and what became of them."""
