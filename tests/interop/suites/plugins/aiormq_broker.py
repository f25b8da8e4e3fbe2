"""A pytest plugin: the fixtures that aiormq's tests expect and its source distribution lacks."""

import os
from types import SimpleNamespace

import pytest
from yarl import URL

BROKER = URL(os.environ["SUITE_BROKER_URL"])


@pytest.fixture(scope="session")
def rabbitmq_container():
    # The variants with TLS, which are excluded, are collected all the same and look up this port.
    return SimpleNamespace(host=BROKER.host, ports={"5672/tcp": BROKER.port, "5671/tcp": 5671})


@pytest.fixture(scope="session")
def amqp_direct_url():
    return BROKER
