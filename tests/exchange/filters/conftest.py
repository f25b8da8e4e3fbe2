"""Makes the model and the generators that stand beside these tests importable from them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
