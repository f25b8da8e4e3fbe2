"""What can go wrong with stored bytes, grouped by when it happens.

StorageError
|-- DirectoryInUse      opening: another broker has the directory
|-- UnknownVersion      opening: the log was written by a later Warrener
|-- JournalFailed       running: a write or a sync failed, the journal has stopped for good
|-- DamagedRecord       reading: the bytes on disk are not those that were written
`-- UnknownPosition     reading, holding: there is no such record (a mistake of the caller)
"""


class StorageError(Exception):
    """Anything the store refuses or has lost."""


class DirectoryInUse(StorageError):
    """A second broker tried to open a directory; the text says what to do about it."""


class UnknownVersion(StorageError):
    """A segment's header is sound but its format version is not one we can read."""


class JournalFailed(StorageError):
    """A write or a sync has failed: what it was is the cause. Only a restart helps.

    It is never retried: after a failed sync the kernel calls the pages clean, and a second
    sync would succeed without having written them.
    """


class DamagedRecord(StorageError):
    """A record cannot be read back; other records are not affected."""

    def __init__(self, position: int, file: str, offset: int) -> None:
        super().__init__(f"record {position} is damaged: {file}, offset {offset}")
        self.position = position
        self.file = file
        self.offset = offset


class UnknownPosition(StorageError, LookupError):
    """No record has this position: not appended yet, or gone with a trimmed segment."""
