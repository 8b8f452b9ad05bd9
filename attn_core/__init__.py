"""See how GPT-2 chooses its words: attention captured, generated with, compared and drawn.

Names are loaded when they are first used, so that importing the package brings neither torch nor transformers nor
pandas: charts and saved traces work without a model. `__init__.pyi` lists the names.
"""

import lazy_loader

__version__ = "0.9.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
