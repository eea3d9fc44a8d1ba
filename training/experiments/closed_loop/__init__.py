"""Does the loop close? What a checkpoint fails is shown on the page, learned, and measured on unseen scenes."""
