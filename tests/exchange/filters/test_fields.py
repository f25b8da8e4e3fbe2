"""What the names in a selector stand for; the values are in vectors.json."""

import dataclasses

import pytest

from warrener.exchange.filters import SampleProperties
from warrener.exchange.filters.fields import field_of, names_in, section_named
from warrener.exchange.filters.nodes import Identifier


def test_every_property_has_a_name_in_the_section_p():
    properties = {field.name for field in dataclasses.fields(SampleProperties)} - {"headers"}
    assert properties <= names_in("p")


def test_a_name_in_a_section_reads_the_property_that_it_names():
    for name in names_in("p") - {"subject", "creation_time"}:
        message = SampleProperties(**{name: f"the {name}"}), False, None
        field = field_of(Identifier(name, "p"))
        assert (field.source, field.read(message)) == (name, f"the {name}")


@pytest.mark.parametrize("name", ["color", "TAGS", "KEYS", "JMSXGroupID", "jmspriority"])
def test_any_other_name_is_a_header(name):
    assert field_of(Identifier(name)) is None


@pytest.mark.parametrize("name", ["JMSPriority", "priority", "anything at all"])
def test_a_name_in_the_section_a_is_always_a_header(name):
    assert field_of(Identifier(name, "a")) is None


def test_sections_have_a_long_and_a_short_name():
    assert section_named("properties") == section_named("p") == "p"
    assert section_named("footer") is None


@pytest.mark.parametrize("expiration", ["", "soon", "-1", "1.5", "٣", " 5"])
def test_an_expiration_that_is_no_number_is_null(expiration):
    message = SampleProperties(expiration=expiration), False, None
    assert field_of(Identifier("JMSExpiration")).read(message) is None
