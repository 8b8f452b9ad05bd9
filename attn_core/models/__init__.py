"""Get a language model and look inside it: tokens in; logits, attention and residual stream out."""
