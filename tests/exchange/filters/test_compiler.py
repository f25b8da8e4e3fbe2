"""The compiled form of a selector means what the model says it means."""

from hypothesis import given, settings
from selector_model import evaluate
from selector_strategies import bindings, messages, selectors

from warrener.exchange.filters import nodes
from warrener.exchange.filters.compiler import Compiler
from warrener.exchange.filters.folding import fold

NOW = 1_700_000_000_000
