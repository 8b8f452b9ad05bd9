"""Run a model, and keep the results: attention, generated text, the residual stream, effects of ablation."""
