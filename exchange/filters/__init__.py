"""Filters on bindings and on consumers: SQL92 selectors and RocketMQ tags.

    text -> grammar -> nodes -> folding -> compiler -> Filter        one filter, one message
    access -> attribute, ranges -> FilterIndex                       many filters, one message

The names below are the public ones; docs/filters.md is the language, docs/adr/0004 the reasons.
Nothing here does I/O or knows a broker, and pyparsing is loaded with the first selector,
or by `prepare_selectors` before it.
"""

from warrener.exchange.filters.errors import FilterSyntaxError
from warrener.exchange.filters.explain import Step, explain, steps_text
from warrener.exchange.filters.fields import MessageProperties
from warrener.exchange.filters.filter import Filter, compile_filter, prepare_selectors
from warrener.exchange.filters.index import FilterIndex, IndexStatistics
from warrener.exchange.filters.trial import SampleProperties, Trial, TrialError, sample, try_filter

__all__ = [
    "Filter",
    "FilterIndex",
    "FilterSyntaxError",
    "IndexStatistics",
    "MessageProperties",
    "SampleProperties",
    "Step",
    "Trial",
    "TrialError",
    "compile_filter",
    "explain",
    "prepare_selectors",
    "sample",
    "steps_text",
    "try_filter",
]
