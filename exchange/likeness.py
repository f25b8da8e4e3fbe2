"""What this broker is like, for programs that decide by it what they may ask for."""

RABBITMQ = "RabbitMQ"
RABBITMQ_VERSION = "3.13.7"
"""The version whose API and AMQP this is most like."""
