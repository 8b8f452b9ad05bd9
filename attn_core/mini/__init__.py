"""The bundled model `mini`: a small GPT-2 trained on a grammar, so that a clone works with no network.

`README.md` beside this file is its model card. Importing this package loads neither torch nor transformers.
"""

from attn_core.models.loading import BUNDLED

FOLDER = BUNDLED["mini"]
"""Where the trained model lies, in the layout that `from_pretrained` reads."""
